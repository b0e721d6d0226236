"""Following a feed: the one way in which data leaves the two feeds (images, records).

A follower reads rows behind its cursor, applies them, then moves the cursor. It may die at any instant: what was applied but not
yet counted is applied again, so `apply` must be idempotent (or commit the cursor together with its effect, see `CursorStore.unit`).

What can go wrong, and what happens then:

* the feed or the target is down → wait (capped backoff) and try again, for ever; nothing is skipped;
* one row cannot be applied (*poison*) → its batch is halved until the row stands alone; after `tries` failures, and only while the
  target says that it is healthy, the row is *set aside*: written down with its reason, logged, shown by `health()`; the next go on;
* numbers are missing → logged and counted (`gaps`); numbers going backwards → nothing is applied, an operator must decide.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx
import structlog

Row = Mapping[str, Any]
"""One row of a feed: `{seq, kind, schema, at, institution, …, data}` (docs/interfaces.md)."""

OUTAGE_STATUSES = frozenset({401, 403, 408, 425, 429, 502, 503, 504})
"""Answers that say something about the service or our own ticket, never about the row we sent."""


class Feed(Protocol):
    """`ris.client.RisClient.feed` and `dicom_node.client.NodeClient.changes`: rows with seq > since, waiting up to `wait` s for one."""

    def __call__(self, since: int, *, limit: int, wait: float) -> Mapping[str, Any] | tuple[Sequence[Row], int]:
        """Return `{"rows": [Row…], "next": seq to ask from next time}`, or the pair of both."""


def page_of(answer: Mapping[str, Any] | tuple[Sequence[Row], int]) -> tuple[Sequence[Row], int]:
    """Return (rows, next) of what a feed answered."""
    return (answer["rows"], int(answer["next"])) if isinstance(answer, Mapping) else answer


@dataclass(frozen=True)
class Aside:
    """A row that could not be applied: where it is, and why. Its content stays in the feed (no copy of patient data)."""

    seq: int
    kind: str
    reason: str
    at: str


class CursorStore(Protocol):
    """Where a follower keeps its place. `SqliteCursors` is the usual one; the mart keeps its own inside its DuckDB transaction."""

    def position(self, name: str) -> int:
        """Return the last seq that is applied (0: none)."""

    def unit(self) -> AbstractContextManager[object]:
        """Open one transaction around `apply` and `advance`: commit at its end, undo on an exception."""

    def advance(self, name: str, seq: int) -> None:
        """Everything up to `seq` is applied; durable when the surrounding `unit` ends."""

    def set_aside(self, name: str, row: Aside) -> None:
        """Write a row down that cannot be applied."""

    def aside(self, name: str) -> list[Aside]:
        """Rows set aside, by seq."""

    def take_back(self, name: str, seq: int) -> None:
        """Forget a row set aside (it has been applied after all)."""


class SqliteCursors:
    """Cursors in one SQLite file (WAL, synchronous FULL: an advanced cursor survives a power cut). Safe for several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=15)
        path.chmod(0o600)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=FULL")
        self._base.execute("CREATE TABLE IF NOT EXISTS follower (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, at TEXT NOT NULL)")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS row_aside (name TEXT, seq INTEGER, kind TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, "
            "PRIMARY KEY (name, seq))",
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def position(self, name: str) -> int:
        """Return the last seq that is applied (0: none)."""
        with self._lock:
            row = self._base.execute("SELECT seq FROM follower WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def positions(self) -> dict[str, int]:
        """Every follower's place."""
        with self._lock:
            return {str(name): int(seq) for name, seq in self._base.execute("SELECT name, seq FROM follower ORDER BY name")}

    def unit(self) -> AbstractContextManager[object]:
        """Nothing to undo here: the effect lies in another service and is idempotent; the cursor moves after it, by itself."""
        return contextlib.nullcontext()

    def advance(self, name: str, seq: int) -> None:
        """Move the cursor; on disk when this returns."""
        with self._lock:
            self._base.execute(
                "INSERT INTO follower VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, at = excluded.at",
                (name, seq, now()),
            )

    def set_aside(self, name: str, row: Aside) -> None:
        """Write a row down that cannot be applied."""
        with self._lock:
            self._base.execute("INSERT OR REPLACE INTO row_aside VALUES (?, ?, ?, ?, ?)", (name, row.seq, row.kind, row.reason, row.at))

    def aside(self, name: str) -> list[Aside]:
        """Rows set aside, by seq."""
        with self._lock:
            found = self._base.execute("SELECT seq, kind, reason, at FROM row_aside WHERE name = ? ORDER BY seq", (name,)).fetchall()
        return [Aside(*row) for row in found]

    def take_back(self, name: str, seq: int) -> None:
        """Forget a row set aside (it has been applied after all)."""
        with self._lock:
            self._base.execute("DELETE FROM row_aside WHERE name = ? AND seq = ?", (name, seq))


class FeedFaultError(Exception):
    """The feed breaks its own promise (numbers not ascending, or behind our cursor): nothing of it is applied."""


@dataclass
class Backoff:
    """Waiting times that double from `first` to `cap` seconds, with jitter so that followers do not knock together."""

    first: float = 0.2
    cap: float = 2.0
    _next: float = field(default=0.0, init=False)

    def failed(self) -> float:
        """Return the seconds to wait now."""
        self._next = min(self.cap, self._next * 2 or self.first)
        return self._next * random.uniform(0.75, 1.0)  # noqa: S311 - not a secret

    def worked(self) -> None:
        """Start again from the shortest wait."""
        self._next = 0.0


class Follower(ABC):
    """Follows one feed. A subclass says in `apply` what a batch of rows does; everything else is here."""

    outages: tuple[type[BaseException], ...] = ()
    """Exceptions of `apply` that mean "not now" and say nothing about the row (beside OSError, transport errors, OUTAGE_STATUSES)."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        cursors: CursorStore,
        *,
        batch: int = 500,
        wait: float = 10.0,
        tries: int = 5,
        alive: Callable[[], bool] = lambda: True,
        retry_aside: bool = False,
        pace: float = 0.0,
    ) -> None:
        """Follow `feed` as `name`.

        `batch` rows at most in one `apply`; `wait` seconds of long poll; `tries` before a lone failing row is set aside, and only when
        `alive()` says that the target is healthy. `retry_aside`: try rows set aside once more at every start (their effect must not
        depend on the order). `pace`: seconds from one batch with rows to the next read at least; the first row of a burst is applied
        at once, the rest gathers in the feed meanwhile.
        """
        self.name, self.feed, self.cursors = name, feed, cursors
        self.batch, self.wait, self.tries, self.alive = batch, wait, tries, alive
        self.retry_aside, self.pace = retry_aside, pace
        self.backoff = Backoff()
        self.gaps = 0
        self.state: Literal["starting", "waiting", "working", "failing", "stopped"] = "starting"
        self.fault = ""
        self.failing_since: float | None = None
        self._tried: dict[int, int] = {}
        self.log = structlog.get_logger().bind(follower=name)

    @abstractmethod
    def apply(self, rows: Sequence[Row]) -> None:
        """Do what these rows say; twice the same as once. An exception means: none of them counts as done."""

    def reset(self) -> None:  # noqa: B027 - most followers own no data
        """Throw own data away before a rebuild (in the same `unit` as the cursor). Nothing to do when effects are idempotent."""

    # -- one round ------------------------------------------------------------------------------------------------------------

    def step(self) -> int:
        """Read one page and apply it; return how many rows it had. Raises what stopped it; the cursor then stands before that row."""
        since = self.cursors.position(self.name)
        self.state = "waiting" if self.failing_since is None else "failing"
        rows, following = page_of(self.feed(since, limit=self.batch, wait=self.wait))
        upto = max([following, *(int(row["seq"]) for row in rows)])
        if upto < since:
            raise FeedFaultError(
                f"the feed ends at {upto}, behind the cursor {since} of {self.name}: was it restored from a backup? "
                "Rebuild this follower once that is certain",
            )
        self._check_numbers(since, rows)
        if self.failing_since is None:
            self.state = "working"
        if rows:
            self._work(rows, upto)
        elif upto > since:
            self._unit((), upto)
        return len(rows)

    def _check_numbers(self, since: int, rows: Sequence[Row]) -> None:
        """Sequence numbers ascend, and follow the cursor without a hole."""
        last = since
        for row in rows:
            seq = int(row["seq"])
            if seq <= last:
                raise FeedFaultError(f"the feed gave number {seq} after {last}")
            if seq != last + 1:
                self.gaps += 1
                self.log.warning("feed.gap", after=last, found=seq)
            last = seq

    def _unit(self, rows: Sequence[Row], upto: int) -> None:
        with self.cursors.unit():
            if rows:
                self.apply(rows)
            self.cursors.advance(self.name, upto)

    def _work(self, rows: Sequence[Row], upto: int) -> None:
        """Apply rows; when something in them fails, halve until the failing row stands alone."""
        try:
            self._unit(rows, upto)
        except Exception as error:
            if self.is_outage(error):
                raise
            if len(rows) > 1:
                half = len(rows) // 2
                self._work(rows[:half], int(rows[half - 1]["seq"]))
                self._work(rows[half:], upto)
                return
            self._failed_alone(rows[0], upto, error)

    def _failed_alone(self, row: Row, upto: int, error: Exception) -> None:
        """Count the failure; raise while there are tries left or the target is ill, else set the row aside."""
        seq = int(row["seq"])
        tried = self._tried[seq] = self._tried.get(seq, 0) + 1
        if tried < self.tries:
            raise error
        if not self.alive():
            self._tried[seq] = self.tries - 1  # the target is ill: not the row's fault
            raise error
        reason = reason_of(error)
        aside = Aside(seq=seq, kind=str(row.get("kind", "")), reason=reason, at=now())
        with self.cursors.unit():
            self.cursors.set_aside(self.name, aside)
            self.cursors.advance(self.name, upto)
        del self._tried[seq]
        self.log.error("feed.row_set_aside", seq=seq, kind=aside.kind, reason=reason, tries=tried)

    def is_outage(self, error: BaseException) -> bool:
        """True when the error says "not now" (service down, ticket refused, disk full) and nothing about the row."""
        if isinstance(error, (OSError, MemoryError, httpx.TransportError, sqlite3.OperationalError, FeedFaultError, *self.outages)):
            return True
        return status_of(error) in OUTAGE_STATUSES

    # -- for ever -------------------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set; any failure is logged, waited out and tried again."""
        self.log.info("follower.started", seq=self.cursors.position(self.name))
        if self.retry_aside:
            self._retry_rows_aside(stop)
        while not stop.is_set():
            try:
                started = time.monotonic()
                found = self.step()
            except Exception as error:
                pause = self.backoff.failed()
                self._note_failure(error, pause)
                stop.wait(pause)
                continue
            if self.failing_since is not None:
                self.log.info("follower.recovered", after_s=round(time.monotonic() - self.failing_since, 1))
                self.failing_since, self.fault = None, ""
            self.backoff.worked()
            took = time.monotonic() - started
            if found and took < self.pace:
                stop.wait(self.pace - took)
            if not found and took < 0.05:
                stop.wait(0.1)  # a feed that answers at once without rows must not make us spin
        self.state = "stopped"
        self.log.info("follower.stopped", seq=self.cursors.position(self.name))

    def _note_failure(self, error: Exception, pause: float) -> None:
        self.state, self.fault = "failing", reason_of(error)
        if self.failing_since is None:
            self.failing_since = time.monotonic()
        # The message of an error of ours is safe; any other may hold a patient's name and is left out.
        words = str(error) if isinstance(error, FeedFaultError) else None
        self.log.warning("follower.failed", reason=self.fault, detail=words, outage=self.is_outage(error), again_in_s=round(pause, 2))

    def _retry_rows_aside(self, stop: threading.Event) -> None:
        """Give rows set aside one more chance (a corrected version was perhaps installed)."""
        for aside in self.cursors.aside(self.name):
            if stop.is_set():
                return
            try:
                found, _ = page_of(self.feed(aside.seq - 1, limit=1, wait=0))
                rows = [row for row in found if int(row["seq"]) == aside.seq]
                if rows:
                    self.apply(rows)
                    self.cursors.take_back(self.name, aside.seq)
                    self.log.info("feed.row_taken_back", seq=aside.seq)
            except Exception as error:
                self.log.warning("feed.row_still_aside", seq=aside.seq, reason=reason_of(error))
                if self.is_outage(error):
                    return

    def rebuild(self) -> None:
        """Start again from the first row: own data thrown away (`reset`), cursor at 0. Effects are idempotent, so nothing doubles."""
        with self.cursors.unit():
            self.reset()
            for aside in self.cursors.aside(self.name):
                self.cursors.take_back(self.name, aside.seq)
            self.cursors.advance(self.name, 0)
        self._tried.clear()
        self.log.info("follower.rebuild")

    def health(self) -> dict[str, Any]:
        """For healthz and the log: `{follower, seq, state, gaps, aside: [{seq, kind, reason, at}], fault, failing_s}`."""
        since = self.failing_since
        return {
            "follower": self.name,
            "seq": self.cursors.position(self.name),
            "state": self.state,
            "gaps": self.gaps,
            "aside": [vars(aside) for aside in self.cursors.aside(self.name)],
            "fault": self.fault,
            "failing_s": 0.0 if since is None else round(time.monotonic() - since, 1),
        }


def now() -> str:
    """Return the time now, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what caused it, at most 8 deep."""
    at: BaseException | None = error
    for _ in range(8):
        if at is None:
            return
        yield at
        at = at.__cause__


def status_of(error: BaseException) -> int | None:
    """HTTP status an error of a client carries (`error.status`, `error.status_code` or `error.response.status_code`), if any."""
    for at in _causes(error):
        for holder in (at, getattr(at, "response", None)):
            for name in ("status", "status_code"):
                value = getattr(holder, name, None)
                if isinstance(value, int):
                    return int(value)
    return None


def reason_of(error: BaseException) -> str:
    """Why it failed, without any text that could hold a patient's name: class, HTTP status, problem code, place in the code."""
    words = [type(error).__name__]
    status, code = status_of(error), getattr(error, "code", None)
    if status is not None:
        words.append(str(status))
    if isinstance(code, str):
        words.append(code)
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        words.append(f"at {Path(frames[-1].filename).name}:{frames[-1].lineno}")
    return " ".join(words)
