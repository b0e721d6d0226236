"""The program of a service: settings refused in words, logs as JSON, one server on this machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


def _readable(value: Path) -> Path:
    if not value.is_file():
        raise ValueError(f"文件不存在 / no such file: {value}")
    return value


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"时区名称不存在 / unknown time zone {value!r}: use an IANA name such as Asia/Shanghai") from error
    return value


ReadableFile = Annotated[Path, AfterValidator(_readable)]
ZoneName = Annotated[str, AfterValidator(_known_zone)]


class ServiceSettings(BaseSettings):
    """Settings of a service: each field is the environment variable named as its alias; read once and checked at start."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @classmethod
    def from_environment(cls) -> Self:
        """Read and check everything."""
        return cls(**dict[str, Any]())

    @classmethod
    def unknown_names(cls, prefix: str, environment: Mapping[str, str] | None = None) -> list[str]:
        """Environment names that begin like ours but are no setting: most likely a typing error, so the start is refused."""
        known = {field.alias for field in cls.model_fields.values()}
        names = os.environ if environment is None else environment
        return sorted(name for name in names if name.startswith(prefix) and name not in known)


Own = TypeVar("Own", bound=ServiceSettings)


def settings_or_words(kind: type[Own], prefix: str) -> Own | None:
    """The settings of the environment; None after saying on stderr what is wrong with them."""
    if unknown := kind.unknown_names(prefix):
        sys.stderr.write(f"未知设置 / unknown settings: {', '.join(unknown)}. 请改正或删除 / correct or remove them.\n")
        return None
    try:
        return kind.from_environment()
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"设置不完整或不正确 / settings are missing or wrong:\n{faults}\n")
        return None


def log_as_json() -> None:
    """One JSON object a line on stdout; libraries speak from warnings on. Access lines are left out: they repeat every query."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "library.warning"}'
    )


KEEP_ALIVE = 3600
"""Seconds an idle connection stands. The Hub's proxy uses them again; one that closes just then is a 503 for whoever asked."""


def server_of(app: FastAPI, port: int) -> uvicorn.Server:
    """A server for 127.0.0.1; `run` answers until SIGTERM or SIGINT, `started` says whether it ever did."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=3, timeout_keep_alive=KEEP_ALIVE
    )
    return uvicorn.Server(config)
