"""Settings of the masks process: read once from the environment and checked at start."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipelines.serving.program import ReadableFile, ServiceSettings

PREFIX = "MASKS_"


class Settings(ServiceSettings):
    """What `python -m pipelines.masks` needs to know; each field is the environment variable named as its alias."""

    data: Path = Field(alias="MASKS_DATA", description="folder of the kept masks; made when absent, mode 0700")
    port: int = Field(alias="MASKS_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: ReadableFile = Field(alias="MASKS_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")
    kept_bytes: int = Field(default=2 * 1024**3, alias="MASKS_KEPT_BYTES", ge=1024**2, description="size of the folder; the oldest go")
    memory_bytes: int = Field(default=6 * 1024**3, alias="MASKS_MEMORY_BYTES", ge=512 * 1024**2, description="memory of the computation")
    voxels: int = Field(default=400_000_000, alias="MASKS_VOXELS", ge=1, description="largest volume that is taken")
