"""The base of all followers: cursor, retry, poison rows, gaps, rebuild, stop, and death at any instant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.following import Backoff, FeedFaultError, Follower, Row, SqliteCursors

ROOT = Path(__file__).resolve().parents[2]


class ListFeed:
    """A feed in memory, read as over HTTP."""

    def __init__(self, seqs: Sequence[int]) -> None:
        self.rows = [{"seq": seq, "kind": "thing", "data": {}} for seq in seqs]
        self.down = False

    def __call__(self, since: int, *, limit: int, wait: float) -> dict[str, Any]:
        if self.down:
            raise ConnectionRefusedError
        found = [row for row in self.rows if row["seq"] > since][:limit]
        return {"rows": found, "next": found[-1]["seq"] if found else since}


class Recorder(Follower):
    """Remembers what it applied; refuses the numbers in `poison`."""

    def __init__(self, feed: Any, cursors: Any, poison: Sequence[int] = (), **settings: Any) -> None:
        super().__init__("recorder", feed, cursors, **{"wait": 0.0} | settings)
        self.poison, self.applied = set(poison), []
        self.batches: list[int] = []

    def apply(self, rows: Sequence[Row]) -> None:
        bad = self.poison & {row["seq"] for row in rows}
        if bad:
            raise ValueError("王小明 cannot be applied")
        self.applied += [row["seq"] for row in rows]
        self.batches.append(len(rows))


@pytest.fixture
def cursors(tmp_path: Path) -> Iterator[SqliteCursors]:
    store = SqliteCursors(tmp_path / "cursors.sqlite")
    yield store
    store.close()


def settle(follower: Follower, rounds: int = 200) -> None:
    """Step until the feed is at its end; failures are what the loop would retry."""
    for _ in range(rounds):
        try:
            if follower.step() == 0:
                return
        except ValueError:
            continue
    raise AssertionError("the follower did not settle")


def until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.mark.clause("H-5", "O-1")
@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 60), batch=st.integers(1, 20), poison=st.sets(st.integers(1, 60), max_size=8))
def test_every_row_is_applied_in_order_or_set_aside(tmp_path_factory: Any, count: int, batch: int, poison: set[int]) -> None:
    cursors = SqliteCursors(tmp_path_factory.mktemp("c") / "cursors.sqlite")
    follower = Recorder(ListFeed(range(1, count + 1)), cursors, sorted(poison), batch=batch, tries=2)
    settle(follower)
    bad = {seq for seq in poison if seq <= count}
    assert follower.applied == [seq for seq in range(1, count + 1) if seq not in bad]
    assert [aside.seq for aside in cursors.aside("recorder")] == sorted(bad)
    assert cursors.position("recorder") == count
    cursors.close()


@pytest.mark.clause("O-1")
def test_a_poison_row_is_written_down_with_its_reason_and_without_names(cursors: SqliteCursors) -> None:
    follower = Recorder(ListFeed(range(1, 11)), cursors, [4], tries=3)
    for _ in range(2):
        with pytest.raises(ValueError):
            follower.step()
        assert cursors.position("recorder") == 3, "rows before it are done, rows behind it wait for it"
    settle(follower)
    (aside,) = follower.health()["aside"]
    assert (aside["seq"], aside["kind"]) == (4, "thing")
    assert aside["reason"].startswith("ValueError at test_following.py:")
    assert "王小明" not in str(follower.health())


@pytest.mark.clause("O-1")
def test_while_the_target_is_ill_nothing_is_set_aside(cursors: SqliteCursors) -> None:
    alive = False
    follower = Recorder(ListFeed(range(1, 4)), cursors, [2], tries=2, alive=lambda: alive)
    for _ in range(20):
        with pytest.raises(ValueError):
            follower.step()
    assert cursors.position("recorder") == 1
    assert cursors.aside("recorder") == []
    alive = True
    settle(follower)
    assert [aside.seq for aside in cursors.aside("recorder")] == [2]
    assert follower.applied == [1, 3]


@pytest.mark.clause("O-1")
@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
def test_outages_never_use_up_tries(cursors: SqliteCursors, status: int) -> None:
    class Ill(Recorder):
        def apply(self, rows: Sequence[Row]) -> None:
            request = httpx.Request("POST", "http://127.0.0.1/")
            raise httpx.HTTPStatusError("no", request=request, response=httpx.Response(status, request=request))

    follower = Ill(ListFeed([1, 2]), cursors, tries=1)
    for _ in range(10):
        with pytest.raises(httpx.HTTPStatusError):
            follower.step()
    assert cursors.position("recorder") == 0
    assert cursors.aside("recorder") == []


@pytest.mark.clause("O-1")
def test_rows_set_aside_are_tried_again_at_a_start(cursors: SqliteCursors) -> None:
    feed = ListFeed(range(1, 6))
    settle(Recorder(feed, cursors, [2, 3], tries=1))
    mended = Recorder(feed, cursors, [3], retry_aside=True)
    stop = threading.Event()
    thread = threading.Thread(target=mended.run, args=(stop,))
    thread.start()
    until(lambda: mended.applied == [2])
    stop.set()
    thread.join(5)
    assert [aside.seq for aside in cursors.aside("recorder")] == [3]


@pytest.mark.clause("H-5")
def test_missing_numbers_are_counted_and_wrong_order_is_refused(cursors: SqliteCursors) -> None:
    follower = Recorder(ListFeed([1, 2, 5, 6]), cursors)
    settle(follower)
    assert (follower.applied, follower.gaps) == ([1, 2, 5, 6], 1)
    follower.feed.rows += [{"seq": 8, "kind": "x"}, {"seq": 7, "kind": "x"}]  # type: ignore[attr-defined]
    with pytest.raises(FeedFaultError, match="7 after 8"):
        follower.step()
    assert follower.applied == [1, 2, 5, 6]


@pytest.mark.clause("O-4", "O-1")
def test_a_feed_that_ends_behind_the_cursor_stops_the_follower_in_words(cursors: SqliteCursors) -> None:
    cursors.advance("recorder", 90)

    def restored(since: int, *, limit: int, wait: float) -> dict[str, Any]:
        return {"rows": [], "next": 50}

    with pytest.raises(FeedFaultError, match="backup"):
        Recorder(restored, cursors).step()
    assert cursors.position("recorder") == 90


@pytest.mark.clause("O-1")
def test_rebuild_reads_everything_again(cursors: SqliteCursors) -> None:
    follower = Recorder(ListFeed(range(1, 8)), cursors, [3], tries=1)
    settle(follower)
    follower.poison.clear()
    follower.applied.clear()
    follower.rebuild()
    assert follower.health()["aside"] == []
    settle(follower)
    assert follower.applied == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.clause("O-1")
def test_a_follower_survives_an_outage_and_stops_when_asked(cursors: SqliteCursors) -> None:
    feed = ListFeed(range(1, 4))
    feed.down = True
    follower = Recorder(feed, cursors)
    follower.backoff = Backoff(first=0.01, cap=0.05)
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    until(lambda: follower.health()["state"] == "failing")
    assert "ConnectionRefusedError" in follower.health()["fault"]
    feed.down = False
    until(lambda: follower.applied == [1, 2, 3])
    until(lambda: not follower.health()["fault"])
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert follower.health()["state"] == "stopped"


@pytest.mark.clause("O-1")
def test_waiting_grows_to_a_cap_and_begins_again() -> None:
    backoff = Backoff(first=0.1, cap=1.0)
    waits = [backoff.failed() for _ in range(8)]
    assert waits[0] <= 0.1
    assert 0.75 <= waits[-1] <= 1.0
    backoff.worked()
    assert backoff.failed() <= 0.1


@pytest.mark.clause("O-1")
def test_cursor_file_is_wal_full_and_private(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "private" / "cursors.sqlite"
    store = SqliteCursors(path)
    store.advance("one", 7)
    assert store._base.execute("PRAGMA synchronous").fetchone() == (2,)
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("SELECT name, seq FROM follower").fetchall() == [("one", 7)]
    assert path.stat().st_mode & 0o077 == 0
    other.close()
    store.close()


VICTIM = textwrap.dedent(
    """
    import os, sys, threading
    from pathlib import Path
    import httpx
    from pipelines.following import SqliteCursors
    from pipelines.access import Access

    url, folder, die_after = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    http = httpx.Client(trust_env=False)

    class Ris:
        calls = 0
        def audit_entries(self, entries):
            http.post(url + "/audit/entries", json={"entries": list(entries)}).raise_for_status()
            self.calls += 1
            if self.calls == die_after:
                os.kill(os.getpid(), 9)  # the effect is done, the cursor not yet moved: the worst instant

    def changes(since, limit, wait):
        return http.get(url + "/changes", params={"since": since, "limit": limit, "wait": wait}).raise_for_status().json()

    Access(changes, SqliteCursors(folder / "cursors.sqlite"), Ris(), batch=7, wait=0.5).run(threading.Event())
    """
)


@pytest.mark.clause("H-5", "O-1")
def test_killed_at_any_instant_nothing_is_lost_and_nothing_doubled(tmp_path: Path, feed_server: Any) -> None:
    server = feed_server
    script = tmp_path / "victim.py"
    script.write_text(VICTIM)
    dice = random.Random(3)
    for number in range(150):
        server.add("images", "study.opened", study_uid=f"1.2.{number}", data={"username": "wang", "sid": "s"})
    kills = 0
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    for turn in range(8):
        # Half of the turns die between effect and cursor, half of them anywhere.
        die_after = dice.randint(1, 4) if turn % 2 == 0 else 0
        process = subprocess.Popen([sys.executable, str(script), server.url, str(tmp_path), str(die_after)], env=environment)
        if die_after:
            assert process.wait(20) == -signal.SIGKILL
        else:
            before = len(server.entries)
            until(lambda before=before: len(server.entries) > before or len(server.entries) == 150, 20)
            time.sleep(dice.random() * 0.02)
            process.kill()
            process.wait(10)
        kills += 1
        for number in range(20):
            server.add("images", "study.opened", study_uid=f"1.3.{turn}.{number}", data={"username": "li", "sid": "t"})
    process = subprocess.Popen([sys.executable, str(script), server.url, str(tmp_path), "0"], env=environment)
    expected = {f"images:{row['seq']}" for row in server.images}
    try:
        until(lambda: len(server.entries) == len(expected), 20)
    finally:
        process.kill()
        process.wait(10)
    assert set(server.entries) == expected
    repeated = sum(count - 1 for count in server.told.values())
    assert 0 < repeated <= kills * 7, "only the batch in the air at a kill is told again, under the same keys"
