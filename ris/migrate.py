"""Bringing a database to the newest shape: Alembic, one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection

_LOCK_NUMBER = 0x5249_5331
"""Advisory lock of PostgreSQL that only this module takes."""


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Hold the lock: a file beside an SQLite database, an advisory lock in PostgreSQL."""
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.migrating").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    if engine.dialect.name == "postgresql":
        with engine.connect() as holder:
            holder.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
            holder.commit()
            try:
                yield
            finally:
                holder.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _LOCK_NUMBER})
                holder.commit()
        return
    yield


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, target: str = "head") -> None:
    """Bring the database up to `target`, all of it or nothing."""
    with _alone(engine), engine.begin() as connection:
        command.upgrade(configuration(connection), target)


def downgrade(engine: Engine, target: str) -> None:
    """Bring the database down to `target`."""
    with _alone(engine), engine.begin() as connection:
        command.downgrade(configuration(connection), target)
