"""The figures: what may be asked, and the queries that answer.

Every function takes the reader's `Scope` as an argument and there is no variant without it. All figures about exams count the rows of one
query, `exams_query`; the table behind a bar lists the same query, so a bar and its table cannot disagree.
"""
# ruff: noqa: S608 - statements are put together from the constant pieces below; every value travels as a parameter

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

import duckdb

By = Literal["institution", "modality", "day", "total"]
Status = Literal["all", "signed", "waiting", "positive"]
LONGEST = 3660


@dataclass(frozen=True)
class Scope:
    """The institutions whose rows the reader may see. `None` is the `*` of a ticket: all; an empty set sees nothing."""

    institutions: frozenset[str] | None

    def where(self, column: str) -> tuple[str, list[Any]]:
        """SQL condition and its parameters."""
        if self.institutions is None:
            return "TRUE", []
        return f"list_contains(?::VARCHAR[], {column})", [sorted(self.institutions)]


@dataclass(frozen=True)
class Filters:
    """What the reader asks for: local days (both included), institution codes, modalities; empty means no limit."""

    first: date | None = None
    last: date | None = None
    institutions: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()

    def where(self, day: str, institution: str, modality: str) -> tuple[str, list[Any]]:
        """SQL condition and its parameters over the given columns."""
        parts, values = ["TRUE"], list[Any]()
        for condition, value in (
            (f"{day} >= ?::DATE", self.first),
            (f"{day} <= ?::DATE", self.last),
            (f"list_contains(?::VARCHAR[], {institution})", list(self.institutions) or None),
            (f"list_contains(?::VARCHAR[], coalesce({modality}, ''))", list(self.modalities) or None),
        ):
            if value is not None:
                parts.append(condition)
                values.append(value)
        return " AND ".join(parts), values

    def before(self) -> Filters:
        """The period of the same number of days just before; needs both ends."""
        if self.first is None or self.last is None:
            raise ValueError("a period before needs both ends")
        days = (self.last - self.first).days + 1
        return replace(self, first=self.first - timedelta(days=days), last=self.first - timedelta(days=1))

    def shown(self) -> dict[str, Any]:
        """The filters as an answer repeats them."""
        return {
            "from": self.first.isoformat() if self.first else None,
            "to": self.last.isoformat() if self.last else None,
            "institution": list(self.institutions),
            "modality": list(self.modalities),
        }


# A report is signed while it has a signature that was not recalled; its time is the first signature since the last recall, so that an
# addendum months later does not make the report late.
_SIGNED = """
SELECT r.report_id, f.signed_at, r.positive
FROM reports r JOIN signatures f ON f.report_id = r.report_id AND f.life = r.life
WHERE r.signed_at IS NOT NULL
"""


def exams_query(scope: Scope, filters: Filters) -> tuple[str, list[Any]]:
    """Query of the exams that count: one row an exam, with its turnaround in minutes (null while unsigned or without images)."""
    within, values = scope.where("e.institution")
    asked, more = filters.where("e.day", "e.institution", "e.modality")
    query = f"""
SELECT e.exam_id, e.institution, coalesce(e.modality, '') AS modality, e.body_part, e.sex, e.age_days, e.age_value, e.age_unit, e.age_months, e.priority, e.scheduled, e.stage,
       e.images, e.day, e.arrived_at, e.performed_at, s.signed_at, s.positive,
       date_diff('microsecond', e.arrived_at, s.signed_at) / 60e6 AS minutes
FROM exams e LEFT JOIN ({_SIGNED}) s USING (report_id)
WHERE e.day IS NOT NULL AND e.exam_state IS DISTINCT FROM 'cancelled' AND {within} AND {asked}
"""
    return query, [*values, *more]


def _opened(scope: Scope, filters: Filters) -> tuple[str, list[Any]]:
    """Query of the image accesses that count; the modality is that of the study's exam."""
    within, values = scope.where("a.institution")
    asked, more = filters.where("a.day", "a.institution", "m.modality")
    query = f"""
SELECT a.institution, coalesce(m.modality, '') AS modality, a.day
FROM accesses a LEFT JOIN (SELECT study_uid, arg_min(modality, exam_id) AS modality FROM exam_studies JOIN exams USING (exam_id)
                           GROUP BY study_uid) m USING (study_uid)
WHERE {within} AND {asked}
"""
    return query, [*values, *more]


_KEYS: dict[By, str] = {"institution": "institution", "modality": "modality", "day": "day", "total": "'all'"}
_ORDER: dict[By, str] = {"institution": "exams DESC, key", "modality": "exams DESC, key", "day": "key", "total": "key"}


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> list[dict[str, Any]]:
    """All rows of a query as dictionaries."""
    answer = connection.execute(query, values)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def with_names(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], by: By) -> list[dict[str, Any]]:
    """Give institutions their names; an unknown code stands for itself."""
    if by != "institution":
        return rows
    names = {code: (name, name_en) for code, name, name_en in connection.execute("SELECT code, name, name_en FROM institutions").fetchall()}
    for row in rows:
        row["name"], row["name_en"] = names.get(row["key"], (row["key"], row["key"]))
    return rows


def period_of(connection: duckdb.DuckDBPyConnection, filters: Filters, query: str, values: list[Any]) -> tuple[date, date] | None:
    """Both ends of the period: as asked, else the first and last day that has rows."""
    ends = connection.execute(f"SELECT min(day), max(day) FROM ({query})", values).fetchone()
    first = filters.first or (ends[0] if ends else None)
    last = filters.last or (ends[1] if ends else None)
    return (first, last) if first and last and first <= last else None


def every_day(rows: list[dict[str, Any]], period: tuple[date, date] | None, empty: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each day of the period: a day on which nothing happened is a zero, not a gap."""
    if period is None or (period[1] - period[0]).days >= LONGEST:
        return rows
    held = {row["key"]: row for row in rows}
    days = ((period[0] + timedelta(days=n)) for n in range((period[1] - period[0]).days + 1))
    return [held.get(day, {"key": day, **empty}) for day in days]


def exams(connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, by: By) -> list[dict[str, Any]]:
    """Exams of the period: `{key, exams, signed, waiting, positive, stated, per_day}`; `stated` = signed and marked either way."""
    behind, values = exams_query(scope, filters)
    rows = rows_of(
        connection,
        f"""
SELECT {_KEYS[by]} AS key, count(*) AS exams, count(signed_at) AS signed, count(*) - count(signed_at) AS waiting,
       count(*) FILTER (positive) AS positive, count(*) FILTER (positive IS NOT NULL) AS stated
FROM ({behind}) GROUP BY ALL ORDER BY {_ORDER[by]}
""",
        values,
    )
    empty = {"exams": 0, "signed": 0, "waiting": 0, "positive": 0, "stated": 0}
    if by == "total" and not rows:
        rows = [{"key": "all", **empty}]
    period = period_of(connection, filters, behind, values)
    if by == "day":
        return [{**row, "per_day": float(row["exams"])} for row in every_day(rows, period, empty)]
    days = (period[1] - period[0]).days + 1 if period else 0
    return with_names(connection, [{**row, "per_day": row["exams"] / days if days else 0.0} for row in rows], by)


def turnaround(connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, by: By) -> list[dict[str, Any]]:
    """Report turnaround in minutes: `{key, exams, signed, waiting, p50, p90, mean}`; null where nothing is signed."""
    behind, values = exams_query(scope, filters)
    rows = rows_of(
        connection,
        f"""
SELECT {_KEYS[by]} AS key, count(*) AS exams, count(signed_at) AS signed, count(*) - count(signed_at) AS waiting,
       quantile_cont(minutes, 0.5) AS p50, quantile_cont(minutes, 0.9) AS p90, avg(minutes) AS mean
FROM ({behind}) GROUP BY ALL ORDER BY {_ORDER[by]}
""",
        values,
    )
    empty = {"exams": 0, "signed": 0, "waiting": 0, "p50": None, "p90": None, "mean": None}
    if by == "total" and not rows:
        rows = [{"key": "all", **empty}]
    if by == "day":
        return every_day(rows, period_of(connection, filters, behind, values), empty)
    return with_names(connection, rows, by)


def accesses(connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, by: By) -> list[dict[str, Any]]:
    """Image accesses of the period: `{key, accesses}`."""
    opened, values = _opened(scope, filters)
    order = "key" if by == "day" else "accesses DESC, key"
    rows = rows_of(connection, f"SELECT {_KEYS[by]} AS key, count(*) AS accesses FROM ({opened}) GROUP BY ALL ORDER BY {order}", values)
    if by == "total" and not rows:
        rows = [{"key": "all", "accesses": 0}]
    if by == "day":
        return every_day(rows, period_of(connection, filters, opened, values), {"accesses": 0})
    return with_names(connection, rows, by)


def overview(connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters) -> list[dict[str, Any]]:
    """The figures row: this period, and (when both ends are given) the period of the same length before it."""
    periods = [("current", filters)]
    if filters.first and filters.last:
        periods.append(("previous", filters.before()))
    rows = []
    for name, asked in periods:
        counted = exams(connection, scope, asked, "total")[0]
        timed = turnaround(connection, scope, asked, "total")[0]
        opened = accesses(connection, scope, asked, "total")[0]
        rows.append(
            {
                "key": name,
                "from": asked.first,
                "to": asked.last,
                **{column: counted[column] for column in ("exams", "per_day", "signed", "waiting", "positive", "stated")},
                "positive_rate": counted["positive"] / counted["stated"] if counted["stated"] else None,
                "accesses": opened["accesses"],
                **{column: timed[column] for column in ("p50", "p90", "mean")},
            }
        )
    return rows


_STATUS: dict[Status, str] = {
    "all": "TRUE",
    "signed": "signed_at IS NOT NULL",
    "waiting": "signed_at IS NULL",
    "positive": "positive AND signed_at IS NOT NULL",
}


def exams_behind(
    connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, *, status: Status = "all", limit: int = 100, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """A page of the exams that a figure counts, newest first, and how many there are in all."""
    behind, values = exams_query(scope, filters)
    query = f"SELECT * FROM ({behind}) WHERE {_STATUS[status]}"
    total = connection.execute(f"SELECT count(*) FROM ({query})", values).fetchone()
    page = f"{query} ORDER BY coalesce(arrived_at, performed_at) DESC, exam_id LIMIT ? OFFSET ?"
    rows = rows_of(connection, page, [*values, limit, offset])
    names = {code: (name, name_en) for code, name, name_en in connection.execute("SELECT code, name, name_en FROM institutions").fetchall()}
    for row in rows:
        row["name"], row["name_en"] = names.get(row["institution"], (row["institution"], row["institution"]))
    return rows, int(total[0]) if total else 0


def choices(connection: duckdb.DuckDBPyConnection, scope: Scope) -> list[dict[str, Any]]:
    """What the filters may offer: institutions (with names) and modalities that have exams in scope, and the first and last day."""
    behind, values = exams_query(scope, Filters())
    institutions = rows_of(connection, f"SELECT DISTINCT institution AS key FROM ({behind}) ORDER BY key", values)
    modalities = rows_of(connection, f"SELECT DISTINCT modality AS key FROM ({behind}) ORDER BY key", values)
    ends = connection.execute(f"SELECT min(day), max(day) FROM ({behind})", values).fetchone() or (None, None)
    return [
        *({"kind": "institution", **row} for row in with_names(connection, institutions, "institution")),
        *({"kind": "modality", "key": row["key"], "name": row["key"], "name_en": row["key"]} for row in modalities),
        *(
            {"kind": kind, "key": day.isoformat(), "name": "", "name_en": ""}
            for kind, day in zip(("first", "last"), ends, strict=True)
            if day
        ),
    ]
