"""One demo hub for all tests of the front door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_hub import RunningHub


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A ready hub with the demo's accounts and studies."""
    running = RunningHub(tmp_path_factory.mktemp("front") / "data")
    try:
        yield running.wait_ready()
    finally:
        running.close()
