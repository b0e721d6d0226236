"""The records feed: an outbox written with every change, and one sequencer that numbers what is committed.

A transaction writes its rows into `outbox`; they become visible with its commit. The sequencer moves visible rows to
`feed` and numbers them in its own transaction, under a lock on `feed_position`. So a number is given only to rows that
everybody can see already, and no row ever appears behind a number already served, however slow its transaction was.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import BigInteger, Integer, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ris.access.rules import Reach
from ris.clock import iso, now
from ris.database import BIG_ID, CODE, Base, Database, JsonText, UtcDateTime

log = structlog.get_logger("ris.feed")
SCHEMA = 1
BATCH = 500


class OutboxRow(Base):
    """A change that is not numbered yet."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    kind: Mapped[str] = mapped_column(CODE)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    institution: Mapped[str | None] = mapped_column(CODE)
    entity_type: Mapped[str] = mapped_column(CODE)
    entity_id: Mapped[str] = mapped_column(CODE)
    data: Mapped[Any] = mapped_column(JsonText)


class FeedRow(Base):
    """A numbered change; never altered."""

    __tablename__ = "feed"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(CODE)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    institution: Mapped[str | None] = mapped_column(CODE)
    entity_type: Mapped[str] = mapped_column(CODE)
    entity_id: Mapped[str] = mapped_column(CODE)
    data: Mapped[Any] = mapped_column(JsonText)


class FeedPosition(Base):
    """The last number given. One row; its lock makes sequencers of several processes take turns."""

    __tablename__ = "feed_position"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)


_MOVED = ("kind", "at", "institution", "entity_type", "entity_id", "data")


def publish(session: Session, kind: str, institution: str | None, entity_type: str, entity_id: str, data: dict[str, Any]) -> None:
    """Write a change into the outbox of the running transaction. `data` is the new state in full."""
    session.add(OutboxRow(kind=kind, at=now(), institution=institution, entity_type=entity_type, entity_id=entity_id, data=data))


def number_visible_rows(session: Session) -> int:
    """Move up to BATCH committed rows from the outbox to the feed; return how many."""
    session.execute(update(FeedPosition).values(last=FeedPosition.last))  # takes the lock
    last = session.execute(select(FeedPosition.last)).scalar_one()
    rows = session.execute(select(OutboxRow.id, *(getattr(OutboxRow, name) for name in _MOVED)).order_by(OutboxRow.id).limit(BATCH)).all()
    if not rows:
        return 0
    moved = [{"seq": last + place, **{name: getattr(row, name) for name in _MOVED}} for place, row in enumerate(rows, 1)]
    session.execute(insert(FeedRow), moved)
    session.execute(delete(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows])))
    session.execute(update(FeedPosition).values(last=last + len(rows)))
    return len(rows)


def last_number(session: Session) -> int:
    """Return the highest number served."""
    return session.execute(select(FeedPosition.last)).scalar_one()


def rows_after(session: Session, scope: Reach, since: int, limit: int, kinds: tuple[str, ...] = ()) -> list[FeedRow]:
    """Return numbered rows behind `since`, in order, whose institution is in scope (rows of no institution: only for all)."""
    query = select(FeedRow).where(FeedRow.seq > since).order_by(FeedRow.seq).limit(limit)
    if kinds:
        query = query.where(FeedRow.kind.in_(kinds))
    if not scope.everywhere:
        query = query.where(FeedRow.institution.in_(sorted(scope.codes)))
    return list(session.scalars(query))


def row_as_data(row: FeedRow) -> dict[str, Any]:
    """Return a feed row as it is served."""
    return {
        "seq": row.seq,
        "kind": row.kind,
        "schema": SCHEMA,
        "at": iso(row.at),
        "institution": row.institution,
        "entity": {"type": row.entity_type, "id": row.entity_id},
        "data": row.data,
    }


class Sequencer:
    """The thread that numbers rows, and wakes who waits for them."""

    def __init__(self, database: Database, poll: float = 1.0) -> None:
        self._database = database
        self._poll = poll
        """Seconds between looks when nobody says that something was committed (another process may have)."""
        self._stop = threading.Event()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin; waiters live on `loop`."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """End after the running batch."""
        self._stop.set()
        self._database.committed.set()
        self._thread.join(10)
        self._wake()

    def dismiss(self) -> None:
        """Ask whoever waits to leave, because the service is ending; rows are still numbered."""
        self._leaving.set()
        self._wake()

    @property
    def stopping(self) -> bool:
        """True once the service is ending: streams end too."""
        return self._leaving.is_set() or self._stop.is_set()

    def listen(self) -> asyncio.Event:
        """Return an event that is set whenever rows were numbered; give it back with `forget`."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        """Stop telling `event`."""
        self._waiting.discard(event)

    def _wake(self) -> None:
        def tell() -> None:
            for event in self._waiting:
                event.set()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._database.committed.wait(self._poll)
            self._database.committed.clear()
            try:
                moved = self._once()
                while moved and not self._stop.is_set():
                    self._wake()
                    moved = self._once() if moved == BATCH else 0
            except Exception as error:
                log.warning("numbering failed, will be tried again", error=type(error).__name__)
                self._stop.wait(self._poll)

    def _once(self) -> int:
        with self._database.read() as session:
            if session.execute(select(OutboxRow.id).limit(1)).first() is None:
                return 0
        with Session(self._database.engine) as session, session.begin():
            return number_visible_rows(session)
