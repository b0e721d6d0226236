"""A case as words: age, sex, body part, prior exam. Read from a worklist row (docs/interfaces.md, section 4), which is untrusted here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

Lang = Literal["zh", "en"]

AGE_UNITS = {"D": ("天", "d"), "M": ("月", "mo"), "Y": ("岁", "y")}
SEX = {"M": ("男", "male"), "F": ("女", "female"), "O": ("其他", "other")}
BODY_PARTS: dict[str, tuple[str, str]] = {
    code: (zh, en)
    for code, (zh, en) in json.loads((Path(__file__).parents[1] / "desk" / "bodyParts.json").read_text(encoding="utf-8")).items()
}
"""DICOM body part examined (PS3.16 CID 4031, defined terms in use) → words in Chinese and English; the page reads the same file."""


class UnreadableCaseError(ValueError):
    """The page sent something that is no case."""


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier exam of the same patient."""

    day: date
    modality: str
    description: str


@dataclass(frozen=True, slots=True)
class Case:
    """What templates may say about a case. Empty text: not known."""

    name: str
    sex: str
    age: tuple[int, str, int] | None
    """Value, unit (Y, M, D), months beyond the full years: at the time of the exam, as ris counts it."""
    modality: str
    description: str
    body_part: str
    accession: str
    institution: dict[str, str]
    day: date | None
    prior: Prior | None

    def age_words(self, lang: Lang) -> str:
        """`5天`, `14月`, `3岁2月`, `9岁`."""
        if self.age is None:
            return ""
        value, unit, months = self.age
        if lang == "zh":
            return f"{value}{AGE_UNITS[unit][0]}" + (f"{months}月" if months else "")
        return f"{value} {AGE_UNITS[unit][1]}" + (f" {months} mo" if months else "")

    def sex_words(self, lang: Lang) -> str:
        """The sex in words, empty when unknown."""
        return SEX[self.sex][lang == "en"] if self.sex in SEX else ""

    def body_part_words(self, lang: Lang) -> str:
        """The body part in words; one that is no DICOM term is said as it is."""
        known = BODY_PARTS.get(self.body_part.upper().replace(" ", "").replace("_", ""))
        return known[lang == "en"] if known else self.body_part

    def institution_words(self, lang: Lang) -> str:
        """The hospital's name."""
        return (self.institution.get("name_en") if lang == "en" else None) or self.institution.get("name", "")

    def prior_words(self) -> str:
        """Modality and description of the latest prior exam."""
        return f"{self.prior.modality} {self.prior.description}".strip() if self.prior else ""

    def days_since_prior(self) -> int | None:
        """Days between the latest prior exam and this one."""
        return (self.day - self.prior.day).days if self.prior and self.day else None

    def heading(self, lang: Lang) -> str:
        """One line: sex, age, exam."""
        exam = f"{self.modality} {self.description}".strip()
        parts = [self.sex_words(lang), self.age_words(lang), exam or self.body_part_words(lang)]
        return ", ".join(part for part in parts if part)

    def comparison(self, lang: Lang) -> str:
        """What this exam can be compared with; empty without a prior one."""
        days = self.days_since_prior()
        if self.prior is None or days is None:
            return ""
        if lang == "zh":
            return f"可与 {self.prior.day.isoformat()} {self.prior_words()} 对比，相隔 {days} 天"
        return f"Compare with {self.prior.day.isoformat()} {self.prior_words()}, {days} days apart"


def _text(value: Any, longest: int = 256) -> str:
    return value[:longest] if isinstance(value, str) else ""


def _day(value: Any) -> date | None:
    """A date or a moment (UTC, ISO 8601) as the local day; None when it is neither."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value).astimezone().date()
    except ValueError:
        return None


def _exam_day(row: dict[str, Any]) -> date | None:
    return next((day for name in ("performed_at", "arrived_at", "ordered_at") if (day := _day(row.get(name)))), None)


def _age(value: Any) -> tuple[int, str, int] | None:
    if not isinstance(value, dict) or value.get("unit") not in AGE_UNITS:
        return None
    number, months = value.get("value"), value.get("months")
    if not isinstance(number, int) or not isinstance(months, int) or not 0 <= number <= 800 or not 0 <= months < 12:
        return None
    return number, str(value["unit"]), months


def read_case(row: Any, priors: Any) -> Case:
    """Read a case from what the page sent; raise UnreadableCaseError when there is no row. The prior is the latest one before the exam."""
    if not isinstance(row, dict) or not isinstance(row.get("patient"), dict):
        raise UnreadableCaseError("没有检查信息, 请重新打开检查 / the message holds no exam: open the case again")
    patient, place = row["patient"], row.get("institution")
    day = _exam_day(row)
    earlier = [
        Prior(found, _text(each.get("modality")), _text(each.get("description")))
        for each in (priors if isinstance(priors, list) else [])
        if isinstance(each, dict) and (found := _exam_day(each)) is not None and (day is None or found <= day)
    ]
    return Case(
        name=_text(patient.get("name")),
        sex=_text(patient.get("sex")),
        age=_age(patient.get("age")),
        modality=_text(row.get("modality")),
        description=_text(row.get("description")),
        body_part=_text(row.get("body_part")),
        accession=_text(row.get("accession")),
        institution={name: _text(place.get(name)) for name in ("name", "name_en")} if isinstance(place, dict) else {},
        day=day,
        prior=max(earlier, key=lambda prior: prior.day) if earlier else None,
    )
