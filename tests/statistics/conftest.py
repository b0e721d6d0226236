"""The furnished house of the mart's tests; with front rooms where a browser opens a desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mart.conftest import furnished, study
from tests.mart.house import ROOT
from tests.statistics.running import FrontHouse
from tests.worker import take_free_port

__all__ = ["furnished"]
APPS = ROOT / "apps"


@pytest.fixture(scope="package")
def front(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontHouse]:
    """A house with six exams, two of them signed, and its front rooms."""
    house = FrontHouse(tmp_path_factory.mktemp("front"), take_free_port)
    house.dist = front_end
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
