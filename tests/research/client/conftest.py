"""The stand-in of the research service, the researcher's environment, and where the client finds both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.research.client.stand_in import Research, StandIn, make_research

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    running = StandIn(make_research())
    yield running
    running.close()


@pytest.fixture
def research(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Research]:
    """The service as new, known to this process, with an empty cache."""
    monkeypatch.setenv("HUB_RESEARCH", stand_in.address)
    monkeypatch.setenv("HUB_RESEARCH_CACHE", str(tmp_path / "cache"))
    for name in ("HUB_RESEARCH_TOKEN", "HUB_RESEARCH_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("hub_research.membership._known", {})
    held = stand_in.research
    before = dict(held.tables), list(held.projects)
    held.asked.clear()
    held.ranges.clear()
    yield held
    held.tables, held.projects = before
    held.token = held.retry_after = None
    held.cut.clear()
    held.results.clear()
    held.fail.clear()
    held.changed()


@pytest.fixture(scope="session")
def lab_environment() -> Path:
    """Folder of the researchers' Python environment (`$HUB_LAB_ENVIRONMENT`, else `.venv-lab`); skips in words where it is not made."""
    folder = Path(os.environ.get("HUB_LAB_ENVIRONMENT") or ROOT / ".venv-lab")
    if not (folder / "bin" / "jupyter-lab").exists():
        pytest.skip(f"no research environment at {folder}: the project's set-up makes it")
    return folder
