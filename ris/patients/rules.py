"""Pure rules about people: names from DICOM, agreement of identities, ages of children to the day."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any

from ris.search import normal, pinyin_of

_CJK = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
NEWBORN_DAYS = 28
TODDLER_MONTHS = 24
MONTHS_SAID_BELOW = 7
"""Years of age below which the months beyond full years are said."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one person from another."""

    patient_id: str | None
    name: str | None
    birth_date: date | None


def name_groups(name: str | None) -> list[str]:
    """Return the component groups of a DICOM person name (PS3.5 6.2.1.1: alphabetic=ideographic=phonetic) that hold anything."""
    return [group for group in (name or "").split("=") if normal(group.replace("^", ""))]


def display_name(name: str | None) -> str | None:
    """Return a person name for people: the ideographic group if there is one, surname first, without `^`."""
    groups = name_groups(unicodedata.normalize("NFC", name or "").replace("\x00", ""))
    if not groups:
        return None
    chosen = next((group for group in groups if _CJK.search(group)), groups[0])
    words = [word.strip() for word in chosen.split("^") if word.strip()]
    return ("" if _CJK.search(chosen) else " ").join(words)[:256]


def name_keys(name: str | None) -> set[str]:
    """Return all forms under which a name agrees: each group without width, case, spaces, `^`; Chinese ones also as pinyin."""
    keys: set[str] = set()
    for group in name_groups(name):
        keys.add(re.sub(r"[\^,]", "", normal(group)))
        if _CJK.search(group):
            keys.add(normal(pinyin_of(group)[0]))
    return {key for key in keys if key}


def id_key(patient_id: str | None) -> str | None:
    """Return the one form of a PatientID, None when there is none."""
    key = normal((patient_id or "").replace("^", "").replace("\x00", ""))
    return key or None


def agrees(known: Identity, arrived: Identity) -> bool:
    """Say whether images belong to a known person: the PatientID, or name and birth date, agree.

    An equal PatientID does not count when name *and* birth date both say that it is somebody else: a digit typed
    wrong must not put one child's images into another child's record.
    """
    names, arrived_names = name_keys(known.name), name_keys(arrived.name)
    same_name = bool(names & arrived_names)
    both_dates = known.birth_date is not None and arrived.birth_date is not None
    same_date = both_dates and known.birth_date == arrived.birth_date
    if id_key(known.patient_id) is not None and id_key(known.patient_id) == id_key(arrived.patient_id):
        somebody_else = bool(names and arrived_names) and not same_name and both_dates and not same_date
        return not somebody_else
    return same_name and same_date


def age_at(birth: date | None, day: date | None) -> dict[str, Any] | None:
    """Return `{value, unit, months, days}` of a child on a day: newborns in days (≤ 28), then months until 2 years, then years.

    `months` are those beyond the full years on the calendar, below seven years; else 0. `days` is the whole age in days.
    """
    if birth is None or day is None or day < birth:
        return None
    days = (day - birth).days
    months = (day.year - birth.year) * 12 + day.month - birth.month - (1 if day.day < birth.day else 0)
    if days <= NEWBORN_DAYS or months == 0:
        return {"value": days, "unit": "D", "months": 0, "days": days}
    if months < TODDLER_MONTHS:
        return {"value": months, "unit": "M", "months": 0, "days": days}
    years, beyond = divmod(months, 12)
    return {"value": years, "unit": "Y", "months": beyond if years < MONTHS_SAID_BELOW else 0, "days": days}


def age_words(age: dict[str, Any] | None) -> str | None:
    """Return an age as a Chinese report says it: `5天`, `14月`, `3岁2月`, `9岁`; None when it is not known."""
    if age is None:
        return None
    beyond = f"{age['months']}月" if age["months"] else ""
    return f"{age['value']}{ {'D': '天', 'M': '月', 'Y': '岁'}[age['unit']] }{beyond}"


def normal_sex(sex: str | None) -> str | None:
    """Return M, F, O (DICOM PS3.3 C.7.1.1) from what devices and people write; None when it says nothing."""
    return {"m": "M", "male": "M", "男": "M", "1": "M", "f": "F", "female": "F", "女": "F", "2": "F", "o": "O", "other": "O"}.get(
        normal(sex or "")
    )
