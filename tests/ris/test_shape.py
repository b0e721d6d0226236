"""The database's shape: migrations up and down, equal to the models; append-only tables; portable statements."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

import ris
from ris.database import Database, make_engine
from ris.migrate import downgrade, upgrade
from ris.tables import METADATA


@pytest.mark.clause("H-7")
def test_up_down_up_and_no_difference_to_the_models(empty_url: str) -> None:
    engine = make_engine(empty_url)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
        connection.execute(
            text("INSERT INTO institution (code, name, kind, version, changed_at) VALUES ('H', 'x', 'hospital', 1, '2026-01-01')")
        )
        connection.commit()
    upgrade(engine)  # again: nothing to do, nothing lost
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM institution")).scalar() == 1
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


@pytest.mark.clause("H-7")
def test_two_starts_at_once_migrate_once(empty_url: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        try:
            engine = make_engine(empty_url)
            upgrade(engine)
            engine.dispose()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert faults == []
    database = Database(empty_url)
    assert database.healthy()
    database.close()


@pytest.mark.clause("H-7")
def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/x.sqlite")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 20000
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    with pytest.raises(ValueError, match="must name a file"):
        make_engine("sqlite:///:memory:")


@pytest.mark.clause("H-7", "O-10")
def test_only_the_common_subset_of_sql() -> None:
    folder = Path(ris.__file__).parent
    for file in folder.rglob("*.py"):
        code = re.sub(r'""".*?"""|#.*', "", file.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"\.returning\(|on_conflict|\.ilike\(|JSONB|ARRAY\(|postgresql_where|sqlite_where", code), file
    names = [*METADATA.tables, *(column.name for table in METADATA.tables.values() for column in table.columns)]
    names += [index.name for table in METADATA.tables.values() for index in table.indexes]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name) for name in names), [name for name in names if len(name) > 30]
    reserved = {"user", "level", "comment", "date", "order", "group", "table", "select", "session", "check", "rank", "row"}
    assert not reserved & set(names)
