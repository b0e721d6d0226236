"""Settings of the mart process: read once from the environment and checked at start."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field

from pipelines.serving.program import ReadableFile, ServiceSettings, ZoneName

PREFIX = "MART_"


class Settings(ServiceSettings):
    """What `python -m pipelines.mart` needs to know; each field is the environment variable named as its alias."""

    data: Path = Field(alias="MART_DATA", description="folder of mart.duckdb; made when absent, mode 0700")
    port: int = Field(alias="MART_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: ReadableFile = Field(alias="MART_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    ris_url: str = Field(alias="RIS_URL", description="http://127.0.0.1:<port>/services/ris")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")
    service_name: str = Field(alias="SERVICE_NAME", min_length=1, description="name under which this process asks for service tickets")
    service_secret_file: ReadableFile = Field(alias="SERVICE_SECRET_FILE", description="file with this service's secret")
    timezone: ZoneName = Field(default="Asia/Shanghai", alias="MART_TIMEZONE", description="time zone of the calendar days in all figures")

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which a moment belongs to a calendar day."""
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> Path:
        """The one DuckDB file; this process is its only owner."""
        return self.data / "mart.duckdb"
