"""Rows of a level that match, always within a scope: there is no unscoped variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dicom_node.index.database import Database
from dicom_node.query.keys import BY_KEYWORD, KEYS, Key, Level, up_to
from dicom_node.query.matching import QueryError, condition

MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Institutions whose images may be read; None: all of them. An empty set reads nothing."""

    institutions: frozenset[str] | None

    def sql(self, column: str) -> tuple[str, list[Any]]:
        """The condition on an institution's column."""
        if self.institutions is None:
            return "true", []
        return f"{column} IN (SELECT unnest(?::VARCHAR[]))", [sorted(self.institutions)]


_FROM: dict[Level, str] = {
    "patient": "study s",
    "study": "study s",
    "series": "series r JOIN study s ON s.study_uid = r.study_uid",
    "instance": "instance i JOIN series r ON r.study_uid = i.study_uid AND r.series_uid = i.series_uid "
    "JOIN study s ON s.study_uid = i.study_uid",
}
_ORDER: dict[Level, str] = {
    "patient": "min(s.first_arrival)",
    "study": "s.first_arrival DESC",
    "series": "s.first_arrival DESC, r.series_number NULLS LAST, r.series_uid",
    "instance": "s.first_arrival DESC, r.series_number NULLS LAST, r.series_uid, i.number NULLS LAST, i.sop_uid",
}


def search(
    database: Database,
    level: Level,
    query: Mapping[str, str],
    scope: Scope,
    *,
    limit: int = MAX_ROWS,
    offset: int = 0,
    columns: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Rows by keyword, and `columns` (SQL expressions over s, r, i) by themselves; study level: newest first."""
    keys = up_to(level)
    test, parameters = scope.sql("s.institution")
    tests = [test]
    if level == "instance":
        tests.append("i.visible")
    for keyword, value in query.items():
        key = BY_KEYWORD.get(keyword)
        if key is None or key not in keys:
            if value.strip("* "):
                raise QueryError(f"{keyword}: not a key of this level")
            continue
        found = condition(key, value)
        if found is not None:
            tests.append(f"({found[0]})")
            parameters.extend(found[1])
    select = ", ".join([f'{key.column} AS "{key.keyword}"' for key in keys] + list(columns))
    where = " AND ".join(tests)
    group = ""
    if level == "patient":
        group = " GROUP BY " + ", ".join(key.column for key in keys)
    sql = f"SELECT {select} FROM {_FROM[level]} WHERE {where}{group} ORDER BY {_ORDER[level]} LIMIT ? OFFSET ?"  # noqa: S608
    return database.rows(sql, [*parameters, min(limit, MAX_ROWS + 1), offset])


def dicom_json(row: Mapping[str, Any], keys: list[Key] | tuple[Key, ...] = KEYS) -> dict[str, Any]:
    """DICOM JSON (PS3.18 F.2) of the keys that are in `row`."""
    answer: dict[str, Any] = {}
    for key in keys:
        if key.keyword not in row:
            continue
        value = row[key.keyword]
        element: dict[str, Any] = {"vr": key.vr}
        if value not in (None, "", []):
            element["Value"] = _values(key, value)
        answer[key.tag] = element
    return dict(sorted(answer.items()))


def _values(key: Key, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, date):
        return [value.strftime("%Y%m%d")]
    if key.vr == "PN":
        names = ("Alphabetic", "Ideographic", "Phonetic")
        return [{name: part for name, part in zip(names, str(value).split("="), strict=False) if part}]
    return [value]
