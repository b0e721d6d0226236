"""De-identified tables of a project: downloaded once, asked in SQL (DuckDB).

They are kept as Parquet in the home (`HUB_RESEARCH_CACHE`, else `~/.cache/hub-research`) under their ETag; each call asks the service first
whether they are still the same, so that a closed project gives nothing any more.
"""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from hub_research.membership import code_of
from hub_research.problems import QueryError
from hub_research.progress import Progress
from hub_research.service import service

if TYPE_CHECKING:
    import pandas as pd

CACHE = "HUB_RESEARCH_CACHE"
KEPT = 24 * 3600
"""Seconds an outdated file stays, for a program that is reading it."""


def cache_folder() -> Path:
    """Folder in the home where tables are kept, for the owner alone (0700)."""
    folder = Path(os.environ.get(CACHE) or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-research")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _described(project: str) -> list[dict[str, Any]]:
    return list(service().json(f"/projects/{project}/tables")["tables"])


def tables(project: str | None = None) -> pd.DataFrame:
    """What the tables hold, one column a row: `table`, `column`, `type`, `zh`, `en` (what it means), `unit`, `rows` (of the table)."""
    import pandas as pd

    rows = [
        {"table": one["name"], "column": column["name"]}
        | {name: column.get(name) for name in ("type", "zh", "en", "unit")}
        | {"rows": one.get("rows")}
        for one in _described(code_of(project))
        for column in one["columns"]
    ]
    return pd.DataFrame(rows, columns=["table", "column", "type", "zh", "en", "unit", "rows"])


def _kept(project: str, table: str, size: int) -> Path:
    """The Parquet file of a table as it is now."""
    folder = cache_folder() / project
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two notebooks, one download
        return _kept_in(folder, project, table, size)


def _kept_in(folder: Path, project: str, table: str, size: int) -> Path:
    note = folder / f"{table}.json"
    try:
        known: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
        file = folder / known["file"]
        etag = known["etag"] if file.exists() else None
    except (OSError, ValueError, KeyError, TypeError):
        file, etag = folder / "", None
    fresh = folder / f"{table}.parquet"
    with Progress(table, size) as progress:
        changed = service().download(f"/projects/{project}/tables/{table}", fresh, progress, etag)
    if changed is None:
        return file
    # Named by its ETag: a file that another program reads is never written over.
    named = folder / f"{table}.{hashlib.sha256(changed.encode()).hexdigest()[:16]}.parquet"
    fresh.replace(named)
    part = folder / f".{table}.json.part"
    part.write_text(json.dumps({"file": named.name, "etag": changed}), encoding="utf-8")
    part.replace(note)
    for old in folder.glob(f"{table}.*.parquet"):
        if old != named and time.time() - old.stat().st_mtime > KEPT:
            old.unlink(missing_ok=True)
    return named


def _all_of(described: list[dict[str, Any]]) -> str:
    """One row a series with the facts of its study, where the project has both; else the first table."""
    columns = {one["name"]: [column["name"] for column in one["columns"]] for one in described}
    if {"series", "studies"} <= columns.keys() and "study_uid" in columns["series"]:
        more = [f'studies."{name}"' for name in columns["studies"] if name not in columns["series"]]
        return f"SELECT {', '.join(['series.*', *more])} FROM series LEFT JOIN studies USING (study_uid)"  # noqa: S608 - the service's names
    return f'SELECT * FROM "{described[0]["name"]}"'  # noqa: S608


@overload
def cohort(
    sql: str | None = None,
    *,
    project: str | None = None,
    parameters: Sequence[Any] | Mapping[str, Any] | None = None,
    form: Literal["pandas"] = "pandas",
    least: int = 0,
) -> pd.DataFrame: ...
@overload
def cohort(
    sql: str | None = None,
    *,
    project: str | None = None,
    parameters: Sequence[Any] | Mapping[str, Any] | None = None,
    form: Literal["arrow"],
    least: int = 0,
) -> Any: ...
def cohort(
    sql: str | None = None,
    *,
    project: str | None = None,
    parameters: Sequence[Any] | Mapping[str, Any] | None = None,
    form: Literal["pandas", "arrow"] = "pandas",
    least: int = 0,
) -> pd.DataFrame | Any:
    """Rows of the project's tables by an SQL query (DuckDB's dialect), in which each table is known by its name; see `tables()`.

    `sql`: None gives every series with the facts of its study. `parameters`: values for `?` or `$name` in it. `form`: `pandas`, or `arrow` for a `pyarrow.Table`.
    `least`: how many rows what follows needs; fewer are a QueryError in words, in place of an empty picture or an error further down.
    QueryError: unknown table or column (with the nearest name), or SQL that is none. ProjectError: no project is meant.
    """
    import duckdb

    code = code_of(project)
    described = _described(code)
    if not described:
        raise QueryError("项目没有可用的表：请联系管理员", "the project has no tables: ask an administrator")
    asked = sql if sql is not None else _all_of(described)
    words = {word.lower() for word in re.findall(r"\w+", asked)}
    with duckdb.connect() as base:
        for one in described:
            name = str(one["name"])
            if name.lower() in words:
                file = str(_kept(code, name, int(one.get("bytes") or 0))).replace("'", "''")
                base.execute(f"""CREATE VIEW "{name}" AS SELECT * FROM read_parquet('{file}')""")  # noqa: S608 - our own file
        try:
            found = base.sql(asked, params=parameters).to_arrow_table() if form == "arrow" else base.sql(asked, params=parameters).df()
        except duckdb.Error as problem:
            raise _explained(problem, described) from problem
    if len(found) < least:
        raise QueryError(
            f"人群有 {len(found)} 行，这里至少需要 {least} 行：请放宽条件，或等项目数据更新后再试",
            f"the cohort has {len(found)} rows, what follows needs {least}: widen the query, or try again when the project's data were renewed",
        )
    return found


MISSING_COLUMN = (
    r'Referenced column "([^"]+)" not found', r'does not have a column named "([^"]+)"',
    r"Cannot extract field '([^']+)' from expression",  # of a table that has the name of a column, as `series`
)  # fmt: skip
MISSING_TABLE = (r"Table with name (\S+) does not exist", r'Referenced table "([^"]+)" not found')


def _explained(problem: Exception, described: list[dict[str, Any]]) -> QueryError:
    """DuckDB's error in words, with the nearest name of what there is."""
    said = str(problem)
    names = [str(one["name"]) for one in described]
    columns = sorted({str(column["name"]) for one in described for column in one["columns"]})
    for patterns, kind, known in ((MISSING_COLUMN, ("列", "column"), columns), (MISSING_TABLE, ("表", "table"), names)):
        for pattern in patterns:
            if match := re.search(pattern, said):
                wrong = match[1].strip("!\"'")
                lower = {one.lower(): one for one in known}
                near = [lower[one] for one in difflib.get_close_matches(wrong.lower(), lower, 3, 0.5)]
                zh = f"没有{kind[0]}“{wrong}”" + (f"，是否指 {'、'.join(near)}？" if near else "。")
                en = f"there is no {kind[1]} {wrong!r}" + (f"; did you mean {', '.join(near)}?" if near else ".")
                more = f"（{', '.join(known)}）" if kind[1] == "table" else ""
                return QueryError(f"{zh} 全部名称见 tables(){more}", f"{en} All names: tables()")
    return QueryError(f"查询有误，请修改后重试：{said}", f"the query is wrong, correct it and try again: {said.splitlines()[0]}")
