"""Single values under the profile: days that are shifted, ages, numbers and codes that are what they claim to be."""

from __future__ import annotations

import re
from datetime import date, timedelta

OLDEST = 89
"""Years; older people are too few to stay apart, and become one group."""
AGE = re.compile(r"(\d{3})([DWMY])")
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})|(\d{4})\.(\d{2})\.(\d{2})")
_TIME = re.compile(r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?")
_MOMENT = re.compile(r"(\d{8})((?:\d{2}){0,3}(?:\.\d{1,6})?)([+-]\d{4})?")
DECIMAL = re.compile(r"[0-9eE+\-. ]{0,24}")
CODE = re.compile(r"[A-Za-z0-9_ ./-]{0,16}")


def day(text: str) -> date | None:
    """The day of a DA value (also in the form of ACR-NEMA, with points); None when it is none."""
    found = _DAY.fullmatch(text.strip(" \0"))
    if not found:
        return None
    year, month, number = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, number)
    except ValueError:
        return None


def shifted_day(text: str, days: int) -> str | None:
    """A DA value `days` earlier; None when it is no day."""
    found = day(text)
    if found is None:
        return None
    try:
        return (found - timedelta(days)).strftime("%Y%m%d").zfill(8)
    except OverflowError:
        return None


def time_of(text: str, _days: int = 0) -> str | None:
    """A TM value that is one: a shift by whole days leaves the time of the day."""
    clean = text.strip(" \0").replace(":", "")
    return clean if _TIME.fullmatch(clean) else None


def shifted_moment(text: str, days: int) -> str | None:
    """A DT value `days` earlier, its zone left out (it may tell a place); None when it has no full day."""
    found = _MOMENT.fullmatch(text.strip(" \0"))
    moved = shifted_day(found[1], days) if found else None
    return moved + found[2] if found and moved else None


def age(born: date | None, taken: date | None, told: str) -> str | None:
    """An AS value: from birth to the study where both are known, in days below three months, months below three years, else years; else as told.

    Above 89 years it is 090Y. None: it is not known.
    """
    if born and taken and born <= taken:
        days = (taken - born).days
        months = (taken.year - born.year) * 12 + taken.month - born.month - (taken.day < born.day)
        if months < 3:
            return f"{days:03d}D"
        if months < 36:
            return f"{months:03d}M"
        return f"{min(months // 12, OLDEST + 1):03d}Y"
    found = AGE.fullmatch(told.strip(" \0"))
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    in_years = {"D": number / 365.25, "W": number / 52.18, "M": number / 12, "Y": number}[unit]
    return f"{OLDEST + 1:03d}Y" if in_years > OLDEST else found[0]
