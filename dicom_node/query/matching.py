"""Attribute matching of PS3.4 C.2.2.2 as SQL conditions with parameters: single value, UID list, wildcard, range, universal.

Names match without regard to case, each component group for itself, and Chinese names by their pinyin as well.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from dicom_node.query.keys import Key

Condition = tuple[str, list[Any]]


class QueryError(ValueError):
    """A key that cannot be matched; the message says why."""


def wildcard(value: str) -> str:
    """A DICOM pattern (`*`, `?`) as an SQL LIKE pattern with `!` as escape."""
    escaped = value.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return escaped.replace("*", "%").replace("?", "_")


def condition(key: Key, value: str) -> Condition | None:
    """The condition that `value` puts on `key`; None: universal matching (PS3.4 C.2.2.2.3)."""
    value = value.strip(" \0")
    if not value or (key.kind in {"text", "name", "list"} and not value.strip("*")):
        return None
    match key.kind:
        case "uid":
            return f"{key.column} IN (SELECT unnest(?::VARCHAR[]))", [[uid.strip(" \0") for uid in value.split("\\")]]
        case "name":
            return _name(key, value)
        case "date":
            return _date(key, value)
        case "time":
            return _time(key, value)
        case "number":
            return _number(key, value)
        case "list":
            return _in_list(key, value)
        case _:
            parts = [_text(key.column, part.strip()) for part in value.split("\\")]
            return "(" + " OR ".join(sql for sql, _ in parts) + ")", [p for _, found in parts for p in found]


def _text(column: str, value: str) -> Condition:
    if "*" in value or "?" in value:
        return f"{column} LIKE ? ESCAPE '!'", [wildcard(value)]
    return f"{column} = ?", [value]


def _in_list(key: Key, value: str) -> Condition:
    values = [part.strip() for part in value.split("\\") if part.strip()]
    if any("*" in part or "?" in part for part in values):
        tests = " OR ".join("x LIKE ? ESCAPE '!'" for _ in values)
        return f"EXISTS (SELECT 1 FROM unnest({key.column}) AS t(x) WHERE {tests})", [wildcard(part) for part in values]  # noqa: S608
    return f"list_has_any({key.column}, ?::VARCHAR[])", [values]


def loose_name(value: str) -> str:
    """A name without what separates its components: 王小东 finds 王^小东."""
    return re.sub(r"[\^ ]", "", value.lower())


_GROUPS = ("name_alphabetic", "name_ideographic", "name_phonetic")


def _name(key: Key, value: str) -> Condition:
    table = key.column.split(".", maxsplit=1)[0]
    if "=" in value:  # each group for itself; an empty group asks nothing
        tests, parameters = [], []
        for column, group in zip(_GROUPS, value.split("="), strict=False):
            if group.strip("^* "):
                tests.append(f"rtrim(lower({table}.{column}), '^ ') LIKE ? ESCAPE '!'")
                parameters.append(wildcard(group.rstrip("^ ").lower()))
        return (" AND ".join(tests) or "true"), parameters
    pattern = wildcard(value.rstrip("^ ").lower())
    tests = [f"rtrim(lower({table}.{column}), '^ ') LIKE ? ESCAPE '!'" for column in _GROUPS]
    parameters = [pattern] * 3
    loose = wildcard(loose_name(value))
    # 王小东 finds 王^小东, and wangxiaodong or wang^xiao* finds both
    tests += [f"replace(lower({table}.{column}), '^', '') LIKE ? ESCAPE '!'" for column in ("name_alphabetic", "name_ideographic")]
    tests.append(f"replace({table}.pinyin, ' ', '') LIKE ? ESCAPE '!'")
    has_text = bool(loose.strip("%_"))
    return "(" + " OR ".join(tests if has_text else tests[:3]) + ")", [*parameters, *([loose] * 3 if has_text else [])]


_DATE = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})\Z")


def _one_date(value: str, key: Key) -> date:
    found = _DATE.match(value.strip())
    if found:
        try:
            return date(*(int(part) for part in found.groups()))
        except ValueError:
            pass
    raise QueryError(f"{key.keyword}: not a date")


def _bounds(value: str, length: int) -> tuple[str, str] | None:
    """Both ends of a range; None for a single value. A date written with hyphens is no range."""
    if value.count("-") == 1 or (value.count("-") % 2 == 1 and length):
        middle = len(value) // 2 if value.count("-") > 1 else value.index("-")
        return value[:middle].strip(), value[middle + 1 :].strip()
    return None


def day_range(key: Key, value: str) -> tuple[date | None, date | None]:
    """First and last day that `value` asks for; None: without that end."""
    bounds = _bounds(value, 1)
    if bounds is None:
        day = _one_date(value, key)
        return day, day
    return _one_date(bounds[0], key) if bounds[0] else None, _one_date(bounds[1], key) if bounds[1] else None


def _date(key: Key, value: str) -> Condition:
    tests, parameters = [f"{key.column} IS NOT NULL"], []
    for operator, end in zip((">=", "<="), day_range(key, value), strict=True):
        if end is not None:
            tests.append(f"{key.column} {operator} ?::DATE")
            parameters.append(end)
    return " AND ".join(tests), parameters


_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?\Z")


def _ends(value: str, key: Key) -> tuple[str, str]:
    """First and last moment of a time written with any precision, as HHMMSS.FFFFFF."""
    plain = value.replace(":", "").strip()
    if not _TIME.match(plain):
        raise QueryError(f"{key.keyword}: not a time")
    return plain + "000000.000000"[len(plain) :], plain + "235959.999999"[len(plain) :]


def _stored_time(key: Key) -> str:
    # stored HHMMSS[.F]; "." sorts below digits, so a stored value without fraction equals its first moment
    return f"rpad(CASE WHEN contains({key.column}, '.') THEN {key.column} ELSE {key.column} || '.' END, 13, '0')"


def _time(key: Key, value: str) -> Condition:
    low, high = _bounds(value, 0) or (value, value)
    stored = _stored_time(key)
    tests, parameters = [f"{key.column} IS NOT NULL"], []
    if low:
        tests.append(f"{stored} >= ?")
        parameters.append(_ends(low, key)[0])
    if high:
        tests.append(f"{stored} <= ?")
        parameters.append(_ends(high, key)[1])
    return " AND ".join(tests), parameters


PAIRS = (
    ("StudyDate", "StudyTime"), ("SeriesDate", "SeriesTime"), ("ContentDate", "ContentTime"),
    ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
)  # fmt: skip
"""Dates and their times, which can be asked for as one range."""


def combined_condition(date_key: Key, time_key: Key, dates: str, times: str) -> Condition | None:
    """The condition of combined date-time matching; None unless both are ranges of the same form (PS3.4 C.2.2.2.5).

    A stored value without a time lies on its day as a whole: rather one image too many than one missed.
    """
    day, hour = _bounds(dates.strip(" \0"), 1), _bounds(times.strip(" \0"), 0)
    if day is None or hour is None or [bool(end) for end in day] != [bool(end) for end in hour]:
        return None
    stored = _stored_time(time_key)
    tests, parameters = [f"{date_key.column} IS NOT NULL"], []
    for sign, index in ((">", 0), ("<", 1)):
        if day[index]:
            on = _one_date(day[index], date_key)
            tests.append(
                f"({date_key.column} {sign} ?::DATE OR ({date_key.column} = ?::DATE AND ({time_key.column} IS NULL OR {stored} {sign}= ?)))"
            )
            parameters += [on, on, _ends(hour[index], time_key)[index]]
    return " AND ".join(tests), parameters


def _number(key: Key, value: str) -> Condition:
    try:
        return f"{key.column} IN (SELECT unnest(?::DOUBLE[]))", [[float(part) for part in value.split("\\")]]
    except ValueError as error:
        raise QueryError(f"{key.keyword}: not a number") from error
