"""Settings of `python -m hub_config.lab`, from its environment (made by `hub_config.services`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub_config.lab.sandbox import EXAMPLES, PLACE, Limits
from hub_config.settings import ROOT


class LabSettings(BaseSettings):
    """Where the rooms are, and what each may use."""

    model_config = SettingsConfigDict(env_prefix="LAB_")

    port: int
    """The doors of all rooms listen here on 127.0.0.1; the proxy sends everything of the Lab's host name to it."""
    control: Path
    """Unix socket (0600) on which the Hub asks for rooms."""
    data: Path
    """`homes/`, `rooms/`, `uids.json`."""
    host: str = ""
    """The Lab's host name; empty: there is none, and so no Lab."""
    url: str = ""
    """The Lab's public address (scheme, host, port)."""
    hub_url: str = ""
    """The Hub's public address."""
    research_url: str = ""
    """Direct address of the research service without `/services/research`; empty: there is none."""
    ris_url: str
    """Direct address of the records service, which renews tickets."""
    environment: Path = ROOT / ".venv-lab"
    """Virtual environment of the Lab."""
    uids: str = Field(default="22000-22999", pattern=r"^\d+-\d+$")
    memory: int = 4 << 30
    home: int = 20 << 30
    processes: int = 512
    files: int = 4096
    threads: int = 2
    idle: float = 3600
    """Seconds without work or clicks after which a room ends; a room whose person has no login any more ends after the same time."""
    rooms: int = 8
    """At the same time."""
    renew: float = 60
    """Seconds between two renewals of a ticket."""
    secure: bool = False
    timezone: str = "Asia/Shanghai"

    @property
    def limits(self) -> Limits:
        """Of each room."""
        return Limits(self.memory, self.home, self.processes, self.files, self.threads)

    @property
    def shared(self) -> tuple[tuple[Path, str], ...]:
        """What every researcher may read: the project's notebooks, its client for notebooks and the image viewer, where they are there."""
        python = f"{PLACE}/python"
        wanted = (
            (ROOT / "notebooks", EXAMPLES),
            (ROOT / "hub_research", f"{python}/hub_research"),
            (ROOT / "apps" / "__init__.py", f"{python}/apps/__init__.py"),
            (ROOT / "apps" / "viewer", f"{python}/apps/viewer"),
            (ROOT / "apps" / "dist", f"{PLACE}/dist"),
        )
        return tuple((path, place) for path, place in wanted if path.exists())
