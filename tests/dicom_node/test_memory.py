"""Memory that a burst needed goes back to the system when nothing arrives."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
