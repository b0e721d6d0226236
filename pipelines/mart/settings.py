"""Settings of the mart process: read once from the environment and checked at start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MART_"


class Settings(BaseSettings):
    """What `python -m pipelines.mart` needs to know; each field is the environment variable named as its alias."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    data: Path = Field(alias="MART_DATA", description="folder of mart.duckdb; made when absent, mode 0700")
    port: int = Field(alias="MART_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: Path = Field(alias="MART_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    ris_url: str = Field(alias="RIS_URL", description="http://127.0.0.1:<port>/services/ris")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")
    service_name: str = Field(alias="SERVICE_NAME", min_length=1, description="name under which this process asks for service tickets")
    service_secret_file: Path = Field(alias="SERVICE_SECRET_FILE", description="file with this service's secret")
    timezone: str = Field(default="Asia/Shanghai", alias="MART_TIMEZONE", description="time zone of the calendar days in all figures")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"时区名称不存在 / unknown time zone {value!r}: use an IANA name such as Asia/Shanghai") from error
        return value

    @field_validator("ticket_key", "service_secret_file")
    @classmethod
    def _readable(cls, value: Path) -> Path:
        if not value.is_file():
            raise ValueError(f"文件不存在 / no such file: {value}")
        return value

    @classmethod
    def from_environment(cls) -> Settings:
        """Read and check everything."""
        return cls(**dict[str, Any]())

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which a moment belongs to a calendar day."""
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> Path:
        """The one DuckDB file; this process is its only owner."""
        return self.data / "mart.duckdb"


def unknown_names(environment: dict[str, str] | None = None) -> list[str]:
    """Environment names that begin like ours but are no setting: most likely a typing error, so the start is refused."""
    known = {field.alias for field in Settings.model_fields.values()}
    names = os.environ if environment is None else environment
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known)
