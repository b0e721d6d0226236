"""Settings of the research service: read once from the environment and checked at start."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field

from pipelines.serving.program import ReadableFile, ServiceSettings, ZoneName

PREFIX = "RESEARCH_"
GIB = 1024**3


class Settings(ServiceSettings):
    """What `python -m pipelines.research serve` needs to know; each field is the environment variable named as its alias."""

    data: Path = Field(alias="RESEARCH_DATA", description="folder of keys, identities, tables and results; made when absent, mode 0700")
    port: int = Field(alias="RESEARCH_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: ReadableFile = Field(alias="RESEARCH_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    published: Path = Field(alias="RESEARCH_PUBLISHED", description="folder of the node's published tables (its NODE_PUBLISH)")
    ris_url: str = Field(alias="RIS_URL", description="http://127.0.0.1:<port>/services/ris")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")
    service_name: str = Field(alias="SERVICE_NAME", min_length=1, description="name under which this process asks for service tickets")
    service_secret_file: ReadableFile = Field(alias="SERVICE_SECRET_FILE", description="file with this service's secret")
    timezone: ZoneName = Field(
        default="Asia/Shanghai", alias="RESEARCH_TIMEZONE", description="where the day begins on which a project expires"
    )
    minutes: float = Field(default=10.0, alias="RESEARCH_MINUTES", gt=0, description="minutes at least between two makings of a table")
    requests: int = Field(default=6000, alias="RESEARCH_REQUESTS", ge=1, description="requests a minute for one person or token")
    daily_bytes: int = Field(default=50 * GIB, alias="RESEARCH_DAILY_BYTES", ge=1, description="bytes a day for one person or token")
    result_bytes: int = Field(
        default=512 * 1024**2, alias="RESEARCH_RESULT_BYTES", ge=1, description="largest object that is taken as a result"
    )
    project_results: int = Field(
        default=20 * GIB, alias="RESEARCH_PROJECT_RESULTS", ge=1, description="bytes of results kept for a project"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the days."""
        return ZoneInfo(self.timezone)
