"""Settings of the evidence process: read once from the environment and checked at start."""

from __future__ import annotations

from pydantic import Field

from pipelines.serving.program import ReadableFile, ServiceSettings, ZoneName

PREFIX = "EVIDENCE_"


class Settings(ServiceSettings):
    """What `python -m pipelines.evidence` needs to know; each field is the environment variable named as its alias."""

    port: int = Field(alias="EVIDENCE_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: ReadableFile = Field(alias="EVIDENCE_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    ris_url: str = Field(alias="RIS_URL", description="http://127.0.0.1:<port>/services/ris")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")

    timezone: ZoneName = Field(default="Asia/Shanghai", alias="EVIDENCE_TIMEZONE", description="time zone of the times in exported objects")
