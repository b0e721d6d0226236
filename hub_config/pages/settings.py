"""Settings of the pages service and the zygote, from the environment, checked at start."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/services/pages/"

LONGEST_SOCKET_FOLDER = 80
"""A unix socket's path has 107 characters at most; kernels' sockets add up to 20 to their folder."""


class ZygoteSettings(BaseSettings):
    """What the fork server needs to know."""

    model_config = SettingsConfigDict(env_prefix="PAGES_", extra="ignore")

    zygote: Path = Field(description="unix socket the zygote listens on")
    run: Path = Field(description="folder of the kernels, mode 0700")
    isolated: bool = Field(
        default=False, description="the fork server of desks with an environment of their own, which imports at first use"
    )


class PagesSettings(ZygoteSettings):
    """What the pages service needs to know. Times in seconds."""

    port: int = Field(ge=1, le=65535, description="port on 127.0.0.1")
    ticket_key: Path = Field(description="PEM file, Ed25519 public key of ris")
    ris_url: str = Field(validation_alias="RIS_URL", pattern=r"^https?://")
    images_url: str = Field(default="", validation_alias="IMAGES_URL")
    mart_url: str = Field(default="", validation_alias="MART_URL")
    dist: Path = Field(default=ROOT / "apps" / "dist", description="built front end")
    isolated_zygote: Path | None = Field(default=None, description="unix socket of the isolated desks' fork server; none: not installed")
    viewer_assets: Path | None = Field(default=None, description="folder with the page and the parts of itk-vtk-viewer")
    pool: int = Field(default=6, ge=0, le=64, description="kernels kept warm; expected logins within the refill time, plus a margin")
    refill: float = Field(default=1.0, gt=0, description="pause after a claim before a new kernel is made: it competes with the page")
    grace: float = Field(default=60.0, gt=0, description="how long a desk without a websocket lives")
    hint: float = Field(default=5.0, gt=0, description="the same after the browser said that the page was left")
    check: float = Field(default=30.0, gt=0, le=50, description="how often an open desk's ticket is renewed; a disabled account ends then")
    desks_each: int = Field(default=12, ge=1, description="open desks one person may have")
    message_limit: int = Field(default=8 * 1024 * 1024, description="bytes of one websocket message from a browser")

    @model_validator(mode="after")
    def _key_exists(self) -> Self:
        if not self.ticket_key.is_file():
            raise ValueError(f"PAGES_TICKET_KEY: there is no file {self.ticket_key}")
        return self

    def socket_folder(self) -> Path:
        """Folder (0700) for connection files and kernel sockets: inside `run` when its path is short enough, else a temporary one."""
        inside = self.run / "sockets"
        if len(str(inside)) <= LONGEST_SOCKET_FOLDER:
            inside.mkdir(mode=0o700, parents=True, exist_ok=True)
            inside.chmod(0o700)
            return inside
        return Path(tempfile.mkdtemp(prefix="hub-kernels-"))


_Kind = TypeVar("_Kind", bound=ZygoteSettings)


def read_settings(kind: type[_Kind]) -> _Kind:
    """The settings, or an end of the program in words that name every wrong one."""
    try:
        return kind()
    except ValidationError as fault:
        lines = [f"{'.'.join(str(part) for part in each['loc']) or 'settings'}: {each['msg']}" for each in fault.errors()]
        sys.exit("页面服务的设置有误，请改正后重新启动 / the pages service cannot start, correct these settings:\n  " + "\n  ".join(lines))
