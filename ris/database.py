"""The database: SQLite embedded, PostgreSQL by URL, the same portable SQL for both.

Portable means: no RETURNING, ON CONFLICT, JSON operators or partial indexes; JSON is text that Python parses;
times are UTC in plain DateTime columns; '' is never stored where nothing is meant (Oracle-like modes read it as NULL).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Engine, Integer, MetaData, String, Text, TypeDecorator, create_engine, event, make_url, text
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import DeclarativeBase, Session

CODE = String(64)
NAME = String(256)
BIG_ID = BigInteger().with_variant(Integer, "sqlite")
"""Counted ids; SQLite counts only a plain INTEGER."""


class Base(DeclarativeBase):
    """Every table of the records."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored as naive UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


class JsonText(TypeDecorator[Any]):
    """JSON as text: no database needs to understand it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From the database."""
        return None if value is None else orjson.loads(value)


def make_engine(url: str) -> Engine:
    """Open a database. SQLite: write-ahead log, every commit on the disk, writers wait for each other."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            url = "postgresql+psycopg://" + url[len(plain) :]  # psycopg 3; SQLAlchemy's own default is psycopg2
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=20, max_overflow=40, pool_pre_ping=True)
    file = make_url(url).database
    if not file or file == ":memory:":
        raise ValueError("数据库必须是文件。 RIS_DATABASE must name a file: a database in memory loses reports")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=20, max_overflow=40, connect_args={"timeout": 20})

    @event.listens_for(engine, "connect")
    def settle(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None  # transactions are begun below, not by pysqlite's guess
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=20000", "foreign_keys=ON", "cache_size=-32000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock at once: turning a read lock into a write lock fails with "database is locked".
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


class Database:
    """Transactions over one engine. `committed` is set after each write, which wakes the sequencer of the feed."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._reader = self.engine.execution_options(reading=True)
        self.committed = threading.Event()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Read in one transaction; nothing is written."""
        with Session(self._reader, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Write in one transaction: all of it or nothing."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
        self.committed.set()

    def healthy(self) -> bool:
        """Say whether the database answers."""
        with self.read() as session:
            return session.execute(text("SELECT 1")).scalar() == 1

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def clean(value: str | None) -> str | None:
    """Strip; nothing left means None ('' never means anything)."""
    stripped = (value or "").strip()
    return stripped or None
