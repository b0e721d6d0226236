"""Memory that a burst needed goes back to the system when nothing arrives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from running_node import CT, RunningNode, encoded, image

from bench.sender import Sender
from tests.conftest import ROOT

pytestmark = pytest.mark.clause("S-1")
SCATTERED = """
from pathlib import Path
from dicom_node.memory import Rest

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

before = resident()
pieces = [bytes(3000) for _ in range(100_000)]   # 300 MB, of which one piece in a hundred stays
pieces = pieces[::100]
rest = Rest()
held = resident() - before
rest.look(1)
at_work = resident() - before
rest.look(1)
at_rest = resident() - before
print(held, at_work, at_rest)
"""


def test_pieces_between_what_is_in_use_are_given_back_at_rest() -> None:
    done = subprocess.run([sys.executable, "-c", SCATTERED], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    held, at_work, at_rest = map(int, done.stdout.split())
    assert held > 200, "the allocator gave it back by itself: nothing is shown"
    assert at_work > 200, "it was given back in the middle of the work"
    assert at_rest < 30


def test_ended_associations_leave_nothing_behind(own_node: RunningNode) -> None:
    """Each had a buffer of a megabyte; a scanner opens thousands of them in a week."""
    noise = np.random.default_rng(1)

    def associations(count: int) -> None:
        first = image()
        for number in range(count):
            ds = image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=number + 1)
            ds.Rows, ds.Columns = 640, 640
            ds.PixelData = noise.integers(0, 4096, 640 * 640, np.uint16).tobytes()
            sender = Sender(own_node.dicom_port, "CT_A", "HUB", CT)
            sender.store(str(ds.SOPInstanceUID), encoded(ds))
            sender.close()

    def resident() -> float:
        return own_node.child("receive").memory_info().rss / 2**20

    associations(2)
    before = resident()
    associations(200)
    own_node.wait_for(lambda: resident() < before + 20, 10)
