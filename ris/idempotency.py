"""Idempotency keys: what crosses a process may arrive twice, and clicks made offline arrive late."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import Header
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from ris.access.scope import Caller
from ris.clock import now
from ris.database import CODE, Base, Database, JsonText, UtcDateTime
from ris.problems import Problem

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
KEPT = timedelta(days=30)


class DoneOnce(Base):
    """The answer of an act, by caller and key."""

    __tablename__ = "done_once"
    key_hash: Mapped[str] = mapped_column(CODE, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(CODE)
    answer: Mapped[Any] = mapped_column(JsonText, nullable=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def once(database: Database, caller: Caller, key: str | None, what: object, act: Callable[[Session], Any]) -> Any:
    """Run `act` in a transaction; the same key again returns the first answer. `what` is what the key was used for."""
    if key is None:
        with database.write() as session:
            return act(session)
    key_hash = hashlib.sha256(f"{caller.username}\0{key}".encode()).hexdigest()
    fingerprint = hashlib.sha256(orjson.dumps(what, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    try:
        with database.write() as session:
            known = session.get(DoneOnce, key_hash)
            if known is None:
                session.execute(delete(DoneOnce).where(DoneOnce.at < now() - KEPT))
                row = DoneOnce(key_hash=key_hash, fingerprint=fingerprint, answer=None, at=now())
                session.add(row)
                session.flush()  # a second one with this key waits here until this transaction ends
                row.answer = act(session)
                return row.answer
    except IntegrityError:
        with database.read() as session:
            known = session.get(DoneOnce, key_hash)
        if known is None:
            raise  # the act itself broke a constraint
    if known.fingerprint != fingerprint:
        raise Problem("request.key_reused")
    return known.answer
