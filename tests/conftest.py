"""What every part's tests share: the clause marker, the corpus of real images, free ports."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of real DICOM images (`$HUB_CORPUS`, else `../shared/corpus`); skips in words where it is absent."""
    folder = Path(os.environ.get("HUB_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "index.csv").is_file():
        pytest.skip(f"no corpus of real images at {folder}: set HUB_CORPUS to its folder to run this test")
    return folder


def take_free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    """A free TCP port on 127.0.0.1 for one server of a test."""
    return take_free_port()
