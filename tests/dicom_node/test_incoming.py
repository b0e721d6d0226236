"""Half-written files in `incoming/`: swept at a start, but never those that another running process is just writing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.archive.files import Archive

pytestmark = pytest.mark.clause("S-5")


@pytest.fixture
def other() -> Iterator[int]:
    """A process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_no_running_process_writes_is_swept(tmp_path: Path, other: int, ended: int) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    kept = [f"recall-{other}-0", f"borrowed-{other}-3", f"repair-{other}-1", f"web-{other}-2"]
    gone = [
        f"{ended}-0",
        f"recall-{ended}-1",
        f"web-{ended}-2",
        f"{os.getpid()}-7",
        f"recall-{os.getpid()}-8",
        "repair-0123456789abcdef",
        "odd",
    ]
    for name in kept + gone:
        (incoming / name).write_bytes(b"half")
    Archive(tmp_path).prepare()
    assert sorted(path.name for path in incoming.iterdir()) == sorted(kept)


def test_the_web_process_leaves_what_the_receive_process_writes(tmp_path: Path, other: int, ended: int) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for name in (f"{other}-0", f"web-{ended}-1", f"recall-{ended}-1"):
        (incoming / name).write_bytes(b"half")
    Archive(tmp_path).prepare("web-")
    assert f"{other}-0" in [path.name for path in incoming.iterdir()]
    assert f"web-{ended}-1" not in [path.name for path in incoming.iterdir()]
