"""Settings of the masks process: read once from the environment and checked at start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MASKS_"


class Settings(BaseSettings):
    """What `python -m pipelines.masks` needs to know; each field is the environment variable named as its alias."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    data: Path = Field(alias="MASKS_DATA", description="folder of the kept masks; made when absent, mode 0700")
    port: int = Field(alias="MASKS_PORT", ge=1, le=65535, description="TCP port on 127.0.0.1")
    ticket_key: Path = Field(alias="MASKS_TICKET_KEY", description="PEM file, Ed25519 public key of the records service")
    images_url: str = Field(alias="IMAGES_URL", description="http://127.0.0.1:<port>/services/images")
    kept_bytes: int = Field(default=2 * 1024**3, alias="MASKS_KEPT_BYTES", ge=1024**2, description="size of the folder; the oldest go")
    memory_bytes: int = Field(default=6 * 1024**3, alias="MASKS_MEMORY_BYTES", ge=512 * 1024**2, description="memory of the computation")
    voxels: int = Field(default=400_000_000, alias="MASKS_VOXELS", ge=1, description="largest volume that is taken")

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


def unknown_names(environment: dict[str, str] | None = None) -> list[str]:
    """Environment names that begin like ours but are no setting: most likely a typing error, so the start is refused."""
    known = {field.alias for field in Settings.model_fields.values()}
    names = os.environ if environment is None else environment
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known)
