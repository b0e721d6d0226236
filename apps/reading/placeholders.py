"""Placeholders of report templates: `{{年龄}}` or `{{age}}`, filled from the case."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from apps.reading.case import Case, Lang

BLANK = "____"
"""Stands where the case does not say what the template asks for; the writer sees it and fills it in."""

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]{1,40}?)\s*\}\}")

_Value = Callable[[Case, Lang], str]


def _prior_date(case: Case, _lang: Lang) -> str:
    return case.prior.day.isoformat() if case.prior else ""


def _prior_days(case: Case, _lang: Lang) -> str:
    days = case.days_since_prior()
    return "" if days is None else str(days)


VALUES: dict[tuple[str, str], _Value] = {
    ("姓名", "name"): lambda case, _lang: case.name,
    ("性别", "sex"): lambda case, lang: case.sex_words(lang),
    ("年龄", "age"): lambda case, lang: case.age_words(lang),
    ("部位", "body_part"): lambda case, lang: case.body_part_words(lang),
    ("检查", "exam"): lambda case, _lang: case.description,
    ("设备", "modality"): lambda case, _lang: case.modality,
    ("检查号", "accession"): lambda case, _lang: case.accession,
    ("医院", "institution"): lambda case, lang: case.institution_words(lang),
    ("检查日期", "exam_date"): lambda case, _lang: case.day.isoformat() if case.day else "",
    ("上次日期", "prior_date"): _prior_date,
    ("上次检查", "prior_exam"): lambda case, _lang: case.prior_words(),
    ("间隔天数", "prior_days"): _prior_days,
    ("今天", "today"): lambda _case, _lang: date.today().isoformat(),  # noqa: DTZ011 - the doctor's own day
}
"""Name in Chinese, name in English → its value for a case; empty when the case does not say."""

_BY_NAME: dict[str, _Value] = {name: value for names, value in VALUES.items() for name in names}


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its placeholders filled, and the names that could not be."""

    text: str
    unknown: tuple[str, ...]


def expand(text: str, case: Case, lang: Lang) -> Expanded:
    """Fill the placeholders of one section. A name that does not exist stays as it stands; a value that is not known becomes a blank."""
    unknown: dict[str, None] = {}

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        value = _BY_NAME.get(name.lower())
        if value is None:
            unknown[name] = None
            return match.group(0)
        found = value(case, lang)
        if not found:
            unknown[name] = None
        return found or BLANK

    return Expanded(_PLACEHOLDER.sub(fill, text), tuple(unknown))
