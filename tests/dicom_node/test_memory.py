"""Memory that a burst needed goes back to the system when nothing arrives."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pytest
from running_node import CT, RunningNode, encoded, image

from bench.sender import Sender
from dicom_node.index.database import Database
from dicom_node.memory import Rest
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


def test_rest_of_some_length_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now, given = [100.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    rest = Rest(lambda: given.append(now[0]), 30.0)
    for at, work in ((100, 1), (120, 1), (129, 2), (131, 2), (158.9, 2), (159, 2), (200, 2), (201, 3), (231, 3)):
        now[0] = at
        rest.look(work)
    assert given == [159, 231]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    """An index with 100 MB of something in it, in memory after it was asked."""
    database = Database(tmp_path / "index.duckdb")
    database.writer.execute("CREATE TABLE filling AS SELECT r AS number, repeat(md5(r::VARCHAR), 8) AS text FROM range(400000) t(r)")
    database.writer.execute("CHECKPOINT")
    yield database
    database.close()


TEXTS = "SELECT sum(length(text)) AS n FROM filling"
SORTED = "SELECT sum(length(texts::VARCHAR)) AS n FROM (SELECT list(text ORDER BY text) AS texts FROM filling WHERE number < 40000)"


def test_the_index_gives_back_what_it_had_read(index: Database) -> None:
    before = index.rows(TEXTS)
    assert index.held() > 60 << 20
    index.let_go()
    assert index.held() <= 16_000_000
    assert index.rows(TEXTS) == before == [{"n": 400_000 * 256}]
    assert index.held() > 60 << 20, "the limit was not put up again"


def test_a_question_in_that_moment_is_answered(index: Database) -> None:
    expected = index.rows(SORTED)
    asked = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with index.limiting:
            index.writer.execute("SET memory_limit = '2MB'")
            with pytest.raises(duckdb.OutOfMemoryException):
                index.writer.execute(SORTED).fetchall()
            answer = pool.submit(lambda: (asked.set(), index.rows(SORTED))[1])
            asked.wait()
            with pytest.raises(TimeoutError):
                answer.result(0.5)
            index.writer.execute("SET memory_limit = '1GB'")
        assert answer.result(20) == expected
