"""Settings of the records service: environment variables `RIS_*`, checked at start; an unknown one is an error."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ELSEWHERE = frozenset({"RIS_URL"})
"""Names with our prefix that are settings of *other* programs (clients of ris)."""


class UnknownSettingError(ValueError):
    """A variable `RIS_…` is set that no setting has: most likely a slip of the keyboard."""


class Settings(BaseSettings):
    """All settings of `python -m ris`."""

    model_config = SettingsConfigDict(env_prefix="RIS_", extra="forbid", frozen=True)

    port: int = Field(default=8001, ge=1, le=65535)
    database: str = "sqlite:///var/ris/records.sqlite"
    """SQLAlchemy URL: `sqlite:///path` or `postgresql://…` (psycopg 3)."""
    ticket_key: Path | None = None
    """PEM file of the Ed25519 private key that signs tickets."""
    services: Path | None = None
    """JSON file: name of a service → sha256 (hex) of its secret."""
    atlas: Path | None = None
    """Folder of the atlases that the centre has put there; `bone-age/` is one."""
    hub_api: str = ""
    """Base URL of the Hub's API; needed only to change Hub tokens into script tickets."""
    login_tries: int = Field(default=5, ge=1, le=50)
    lock_minutes: float = Field(default=15, gt=0)
    session_hours: float = Field(default=12, gt=0)
    """A login session ends when it was not used for so long."""
    secure_cookies: bool = False
    """True where the public address is https: the ticket cookie is then never sent over http."""
    timezone: str = "Asia/Shanghai"
    """Where the hospitals are: DICOM dates and times, and the day an age is counted to, are local."""
    browser_ticket_seconds: float = Field(default=15 * 60, gt=0)
    kernel_ticket_seconds: float = Field(default=10 * 60, gt=0)
    script_ticket_seconds: float = Field(default=60 * 60, gt=0)
    service_ticket_seconds: float = Field(default=10 * 60, gt=0)

    @field_validator("timezone")
    @classmethod
    def known_timezone(cls, value: str) -> str:
        """Refuse a time zone the machine does not know."""
        ZoneInfo(value)
        return value


def load() -> Settings:
    """Read the environment; raise when a `RIS_` name is unknown or a value is out of range."""
    known = {f"RIS_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("RIS_") and name not in known | ELSEWHERE)
    if unknown:
        raise UnknownSettingError(
            f"未知的设置 {', '.join(unknown)}；请检查拼写。 Unknown settings {', '.join(unknown)}: known are {sorted(known)}"
        )
    return Settings()
