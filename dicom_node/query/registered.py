"""Studies by the register: the same matches as `search` gives, or None where the register is not the one to ask.

None too: what it says must always be what the index would say, so anything beyond single values, lists, ranges of days and
names with a known beginning is left to `search`. Tests put both the same questions.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicom_node import logs
from dicom_node.index.register import COLUMNS, CURRENT, STATE, connect
from dicom_node.query.keys import BY_KEYWORD, Key
from dicom_node.query.matching import day_range, loose_name, wildcard
from dicom_node.query.search import Scope

log = logs.get(__name__)
Found = tuple[str, list[Any]]
_GROUPS = ("plain_alphabetic", "plain_ideographic", "plain_phonetic")
_LOOSE = ("loose_alphabetic", "loose_ideographic", "loose_pinyin")
_LISTS = ("modalities", "sop_classes")
_LAST = "\U0010ffff"


class Registered:
    """The reading side of the register; each thread has its own connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()

    def _connection(self) -> sqlite3.Connection | None:
        try:
            place = self._path.stat().st_ino
        except OSError:
            return None
        found: tuple[int, sqlite3.Connection] | None = getattr(self._own, "found", None)
        if found is not None and found[0] == place:
            return found[1]
        if found is not None:
            found[1].close()
            del self._own.found
        connection = connect(self._path)
        connection.execute("PRAGMA query_only = ON")
        self._own.found = (place, connection)
        return connection

    def _rows(self, sql: str, parameters: list[Any]) -> list[Any] | None:
        try:
            connection = self._connection()
            if connection is None or connection.execute(STATE).fetchone() != CURRENT:
                return None  # another version, or a change that the index has already
            return connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:  # being made, damaged or gone: the index knows
            log.warning("register.unread", reason=str(error))
            if (found := self._own.__dict__.pop("found", None)) is not None:
                found[1].close()
            return None

    def find(self, query: Mapping[str, str], scope: Scope, *, limit: int, offset: int = 0) -> list[tuple[int, int]] | None:
        """(number, stamp) of the matching studies, newest first; QueryError as in `search`. The stamp changes with the row."""
        tests, parameters = [], []
        if scope.institutions is not None:
            tests.append(_among("institution", scope.institutions))
            parameters += sorted(scope.institutions)
        for keyword, value in query.items():
            key = BY_KEYWORD.get(keyword)
            if key is None or key.level not in {"patient", "study"}:
                return None
            found = _condition(key, value)
            if found is None:
                return None
            if found[0]:
                tests.append(f"({found[0]})")
                parameters += found[1]
        where = " AND ".join(tests) or "true"
        # what is asked for is found by its own index; without a question the newest studies are read in their order
        order = "+arrival" if any(value.strip("* \0") for value in query.values()) else "arrival"
        return self._rows(
            f"SELECT arrival, stamp FROM study WHERE {where} ORDER BY {order} DESC LIMIT ? OFFSET ?",  # noqa: S608
            [*parameters, limit, offset],
        )

    def read(self, numbers: Sequence[int], keys: Sequence[Key]) -> dict[int, dict[str, Any]] | None:
        """By number the row by keyword of `keys` (patient and study level), as `search` gives it but days as YYYYMMDD; and `institution`."""
        columns = [key.column.removeprefix("s.") for key in keys]
        if not set(columns) <= COLUMNS.keys():
            return None
        rows = self._rows(
            f"SELECT arrival, institution, {', '.join(columns)} FROM study WHERE {_among('arrival', numbers)}",  # noqa: S608
            list(numbers),
        )
        if rows is None:
            return None
        lists = [place for place, column in enumerate(columns) if column in _LISTS]
        answer = {}
        for number, institution, *values in rows:
            for place in lists:
                values[place] = [part for part in (values[place] or "").split("\\") if part]
            answer[number] = dict(zip((key.keyword for key in keys), values, strict=True)) | {"institution": institution}
        return answer


def _among(column: str, values: Sequence[Any] | frozenset[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})" if values else "false"


def _condition(key: Key, value: str) -> Found | None:
    """As `matching.condition`, with an empty text for universal matching; None: not for the register."""
    value = value.strip(" \0")
    column = key.column.removeprefix("s.")
    if not value or (key.kind in {"text", "name", "list"} and not value.strip("*")):
        return "", []
    match key.kind:
        case "uid":
            uids = [uid.strip(" \0") for uid in value.split("\\")]
            return _among(column, uids), uids
        case "text":
            return _any_text(column, [part.strip() for part in value.split("\\")])
        case "date":
            return _days(key, column, value)
        case "list":
            return _in_list(column, [part.strip() for part in value.split("\\") if part.strip()])
        case "name":
            return _name(value)
    return None


def _any_text(column: str, parts: list[str]) -> Found | None:
    tests, parameters = [], []
    for part in parts:
        if "*" in part or "?" in part:
            found = _beginning(column, part)
            if found is None:
                return None
            tests.append(found[0])
            parameters += found[1]
        else:
            tests.append(f"{column} = ?")
            parameters.append(part)
    return " OR ".join(tests), parameters


def _beginning(column: str, pattern: str) -> Found | None:
    """A pattern whose first characters are known: these by the column's index, the rest by LIKE."""
    known = re.split(r"[*?]", pattern, maxsplit=1)[0]
    if not known:
        return None
    return f"({column} >= ? AND {column} < ? AND {column} LIKE ? ESCAPE '!')", [known, known + _LAST, wildcard(pattern)]


def _days(key: Key, column: str, value: str) -> Found:
    low, high = day_range(key, value)
    tests, parameters = [f"{column} IS NOT NULL"], []
    for operator, end in ((">=", low), ("<=", high)):
        if end is not None:
            tests.append(f"{column} {operator} ?")
            parameters.append(end.strftime("%Y%m%d"))
    return " AND ".join(tests), parameters


def _in_list(column: str, values: list[str]) -> Found | None:
    if any(sign in value for value in values for sign in "*?"):
        return None
    return " OR ".join(f"instr({column}, ?) > 0" for _ in values), [f"\\{value}\\" for value in values]


def _name(value: str) -> Found | None:
    """The tests of `matching`'s names, each by the index of its column."""
    if "=" in value:
        return None
    pattern = value.rstrip("^ ").lower()
    wanted = [(column, pattern) for column in _GROUPS]
    loose = loose_name(value)
    if loose.strip("*?"):
        wanted += [(column, loose) for column in _LOOSE]
    found = [_beginning(column, text) if "*" in text or "?" in text else (f"{column} = ?", [text]) for column, text in wanted]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        return None
    # one search in the index of each column: joined by OR in the order of arrival, SQLite would read all studies
    searches = " UNION ALL ".join(f"SELECT arrival FROM study WHERE {test}" for test, _ in parts)  # noqa: S608
    return f"arrival IN ({searches})", [one for _, parameters in parts for one in parameters]
