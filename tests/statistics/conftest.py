"""The furnished house of the mart's tests; with front rooms where a browser opens a desk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import take_free_port
from tests.mart.conftest import furnished, study
from tests.mart.house import ROOT
from tests.statistics.running import FrontHouse

__all__ = ["furnished"]
APPS = ROOT / "apps"


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The front end: the existing build when it is newer than all sources, else one of our own (without the viewer)."""
    made = APPS / "dist" / "manifest.json"
    kinds = {".ts", ".vue", ".css", ".svg"}
    sources = [path.stat().st_mtime for path in APPS.rglob("*") if path.suffix in kinds and not {"dist", "node_modules"} & set(path.parts)]
    if made.is_file() and made.stat().st_mtime > max(sources):
        return made.parent
    dist = tmp_path_factory.mktemp("dist")
    vite = ROOT / "node_modules" / "vite" / "bin" / "vite.js"
    environment = dict(os.environ) | {"HUB_DIST": str(dist)}
    for command in ([str(vite), "build", "--config", "apps/vite.config.ts"], ["apps/desk/compress.mjs"]):
        subprocess.run(["node", *command], cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    return dist


@pytest.fixture(scope="package")
def front(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontHouse]:
    """A house with six exams, two of them signed, and its front rooms."""
    house = FrontHouse(tmp_path_factory.mktemp("front"), take_free_port)
    house.dist = built
    try:
        house.bootstrap({name: roles for name, roles in house.people().items() if name in {"admin", "writer", "chief"}})
        house.start("ris")
        exams = house.arrive([study(n, "H01" if n < 4 else "H02", "CT" if n % 2 else "MR") for n in range(6)])
        for exam in exams[:2]:
            house.report(exam["exam_id"], sign=True, positive=True)
        house.start("mart")
        house.open_front()
        yield house
    finally:
        house.stop()
