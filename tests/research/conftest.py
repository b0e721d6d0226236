"""One furnished house for all tests of the research service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.research.in_process import Lab, make_lab
from tests.research.running import ResearchHouse, Room, furnish
from tests.worker import take_free_port


@pytest.fixture(scope="package")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    house = ResearchHouse(tmp_path_factory.mktemp("room"), take_free_port)
    try:
        yield furnish(house)
    finally:
        house.stop()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        yield make_lab(tmp_path_factory.mktemp("lab"), patch)
