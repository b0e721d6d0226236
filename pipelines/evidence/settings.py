"""Settings of the evidence process: read once from the environment and checked at start."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What `python -m pipelines.evidence` needs to know; each field is the environment variable named as its alias."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    port: int = Field(alias="EVIDENCE_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: Path = Field(alias="EVIDENCE_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    ris_url: str = Field(alias="RIS_URL", description="http://127.0.0.1:<port>/services/ris")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")

    timezone: str = Field(default="Asia/Shanghai", alias="EVIDENCE_TIMEZONE", description="time zone of the times in exported objects")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"时区名称不存在 / unknown time zone {value!r}: use an IANA name such as Asia/Shanghai") from error
        return value

    @field_validator("ticket_key")
    @classmethod
    def _readable(cls, value: Path) -> Path:
        if not value.is_file():
            raise ValueError(f"文件不存在 / no such file: {value}")
        return value

    @classmethod
    def from_environment(cls) -> Settings:
        """Read and check everything."""
        return cls(**dict[str, Any]())
