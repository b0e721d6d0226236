"""Attribute matching of PS3.4 C.2.2.2 over data sets in DICOM JSON (PS3.18 F.2), with matching inside sequences.

The rules of names, wildcards and ranges are those of `query.matching`, which says them in SQL; a property test holds the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from typing import Any

from pydicom.datadict import keyword_for_tag

from dicom_node.index.pinyin import pinyin
from dicom_node.query.matching import QueryError

Attributes = dict[str, Any]
"""A data set in DICOM JSON: tag (eight hexadecimal digits) → `{"vr", "Value"}`."""

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
START_DATE, START_TIME = "00400002", "00400003"
_NOT_MATCHED = {"00080005", "00080201"}  # character set, time zone
_TEXT = {"AE", "AS", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"}
_NUMBERS = {"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "SV", "UV"}


def asked_of(element: dict[str, Any]) -> list[str]:
    """The values of an element as text, without padding; names with their groups joined by `=`."""
    found = []
    for value in element.get("Value") or []:
        if isinstance(value, dict):
            found.append("=".join(str(value.get(name, "")) for name in GROUPS).rstrip("="))
        elif value is not None:
            found.append(str(value).strip(" \0"))
    return [value for value in found if value]


def matches(query: Attributes, entry: Attributes) -> bool:
    """Whether `entry` matches every key of `query`. A key that `entry` does not know is not matched (PS3.4 C.2.2.1.3).

    QueryError: a key cannot be read.
    """
    together = _moment(query, entry)
    if together is False:
        return False
    for tag, element in query.items():
        known = entry.get(tag)
        if known is None or tag in _NOT_MATCHED or (together is not None and tag in {START_DATE, START_TIME}):
            continue
        if element.get("vr") == "SQ":
            if not _sequence(tag, element, known):
                return False
        elif (asked := _given(element)) and not _value(tag, str(known["vr"]), asked, known):
            return False
    return True


def check(query: Attributes) -> None:
    """QueryError when a key of `query` cannot be read, whatever there is to match."""
    for tag, element in query.items():
        vr, asked = element.get("vr"), _given(element)
        if vr == "SQ":
            check(item_of(tag, element))
        elif asked and vr in {"DA", "TM", *_NUMBERS}:
            _value(tag, str(vr), asked, {})


def _given(element: dict[str, Any]) -> list[str]:
    """The values that narrow; devices put `*` for anything into dates as well."""
    asked = asked_of(element)
    return asked if any(value.strip("*") for value in asked) else []


def item_of(tag: str, element: dict[str, Any]) -> Attributes:
    """The one item of a sequence key; empty: universal matching (PS3.4 C.2.2.2.6)."""
    items = [item for item in element.get("Value") or [] if item]
    if len(items) > 1:
        _refuse(tag, "more than one item")
    return items[0] if items else {}


def _sequence(tag: str, element: dict[str, Any], known: dict[str, Any]) -> bool:
    asked = item_of(tag, element)
    return _is_universal(asked) or any(matches(asked, item) for item in known.get("Value") or [])


def _is_universal(item: Attributes) -> bool:
    for element in item.values():
        if element.get("vr") == "SQ":
            if not all(_is_universal(inner) for inner in element.get("Value") or []):
                return False
        elif _given(element):
            return False
    return True


def _value(tag: str, vr: str, asked: list[str], known: dict[str, Any]) -> bool:
    values = asked_of(known)
    if vr == "PN":
        return any(name_matches(one, values[0] if values else "") for one in asked)
    if vr == "UI":
        return any(value in asked for value in values)
    if vr == "DA":
        return date_matches(tag, "\\".join(asked), values[0] if values else "")
    if vr == "TM":
        return time_matches(tag, "\\".join(asked), values[0] if values else "")
    if vr in _NUMBERS:
        return _number(tag, asked, values)
    if vr in _TEXT:
        return any(text_matches(one, value) for one in asked for value in (values or [""]))
    return True


@lru_cache(maxsize=4096)
def _pattern(value: str) -> re.Pattern[str]:
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in value), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return bool(value) and _pattern(pattern).fullmatch(value) is not None


def text_matches(asked: str, value: str) -> bool:
    """Single value or wildcard matching, by case; only a universal key matches an empty value."""
    if not asked.strip("*"):
        return True
    return _like(asked, value) if "*" in asked or "?" in asked else asked == value


def name_matches(asked: str, name: str) -> bool:
    """Names without regard to case, each component group for itself, Chinese ones by their pinyin as well (PS3.4 C.2.2.2.1)."""
    if not asked.strip("*"):
        return True
    groups = [group.rstrip("^ ").lower() for group in (*name.split("="), "", "")[:3]]
    if "=" in asked:  # each group for itself; an empty group asks nothing
        pairs = zip(groups, asked.split("="), strict=False)
        return all(_like(part.rstrip("^ ").lower(), group) for group, part in pairs if part.strip("^* "))
    if any(_like(asked.rstrip("^ ").lower(), group) for group in groups):
        return True
    loose = re.sub(r"[\^ ]", "", asked.lower())
    if not loose.strip("*?"):
        return False
    # 王小东 finds 王^小东, and wangxiaodong or wang^xiao* finds both
    spelled = pinyin(groups[1] or groups[0])[0].replace(" ", "")
    return any(_like(loose, value) for value in (groups[0].replace("^", ""), groups[1].replace("^", ""), spelled))


_DATE = re.compile(r"([0-9]{4})[.\-]?([0-9]{2})[.\-]?([0-9]{2})")
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?")


def _range(value: str, *, hyphens: bool) -> tuple[str, str] | None:
    """Both ends of a range, None for a single value; a date written with hyphens is no range."""
    count = value.count("-")
    if count == 1 or (hyphens and count % 2 == 1):
        middle = len(value) // 2 if count > 1 else value.index("-")
        return value[:middle].strip(), value[middle + 1 :].strip()
    return None


def _day(tag: str, value: str) -> str:
    found = _DATE.fullmatch(value.strip())
    try:
        return date(*(int(part) for part in found.groups())).strftime("%Y%m%d") if found else _refuse(tag, "not a date")
    except ValueError:
        return _refuse(tag, "not a date")


def _refuse(tag: str, words: str) -> str:
    raise QueryError(f"{keyword_for_tag(int(tag, 16)) or tag}: {words}")


def _clock(tag: str, value: str, *, last: bool = False) -> str:
    """First or last moment of a time of any precision, as HHMMSS.FFFFFF."""
    plain = value.replace(":", "").strip()
    return plain + ("235959.999999" if last else "000000.000000")[len(plain) :] if _TIME.fullmatch(plain) else _refuse(tag, "not a time")


def _kept(read: Callable[[str, str], str], tag: str, value: str) -> str:
    """A value of an entry in its comparable form; empty when there is none that can be read, which matches nothing."""
    try:
        return read(tag, value) if value else ""
    except QueryError:
        return ""


def has_form(tag: str, vr: str, value: str) -> bool:
    """Whether a date or time of an entry can be read; anything else can."""
    return vr not in {"DA", "TM"} or bool(_kept(_day if vr == "DA" else _clock, tag, value))


def date_matches(tag: str, asked: str, value: str) -> bool:
    """A single date or a range, open at either end (PS3.4 C.2.2.2.5)."""
    ends = _range(asked, hyphens=True) or (asked, asked)
    low, high = (_day(tag, end) if end else "" for end in ends)
    day = _kept(_day, tag, value)
    return bool(day) and low <= day and (not high or day <= high)


def time_matches(tag: str, asked: str, value: str) -> bool:
    """A single time or a range; a time of less precision covers its whole hour or minute."""
    low, high = _range(asked, hyphens=False) or (asked, asked)
    first = _clock(tag, low) if low else ""
    last = _clock(tag, high, last=True) if high else "~"
    moment = _kept(_clock, tag, value)
    return bool(moment) and first <= moment <= last


def _number(tag: str, asked: list[str], values: Iterable[str]) -> bool:
    try:
        wanted = {float(one) for one in asked}
    except ValueError:
        _refuse(tag, "not a number")
    return any(_decimal(value) in wanted for value in values)


def _decimal(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _moment(query: Attributes, entry: Attributes) -> bool | None:
    """Start date and time, both given as ranges, are one range of moments (PS3.4 table K.6-1). None: they are not."""
    days, times = ("\\".join(asked_of(query.get(tag, {}))) for tag in (START_DATE, START_TIME))
    day_ends, time_ends = _range(days, hyphens=True), _range(times, hyphens=False)
    if day_ends is None or time_ends is None:
        return None
    day, time = ((asked_of(entry.get(tag, {})) or [""])[0] for tag in (START_DATE, START_TIME))
    day, time = _kept(_day, START_DATE, day), _kept(_clock, START_TIME, time)
    low = (_day(START_DATE, day_ends[0]) if day_ends[0] else "", _clock(START_TIME, time_ends[0]) if time_ends[0] else "")
    high = (_day(START_DATE, day_ends[1]) if day_ends[1] else "~", _clock(START_TIME, time_ends[1], last=True) if time_ends[1] else "~")
    return bool(day and time) and low <= (day, time) <= high
