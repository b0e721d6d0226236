"""What tells whom an object is of, as the object itself says it, so that no other value that stays repeats it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pypinyin import lazy_pinyin

NAMED = (
    "PatientID", "OtherPatientIDs", "AccessionNumber", "IssuerOfPatientID", "PatientTelephoneNumbers", "PatientAddress", "StudyID", "AdmissionID",
    "MedicalRecordLocator", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "RequestedProcedureID",
    "ScheduledProcedureStepID", "PerformedProcedureStepID", "FillerOrderNumberImagingServiceRequest",
    "PlacerOrderNumberImagingServiceRequest", "DeviceSerialNumber", "CountryOfResidence", "RegionOfResidence", "PatientMotherBirthName",
)  # fmt: skip
PEOPLE = (
    "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ReferringPhysicianName", "ResponsiblePerson",
    "PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "RequestingPhysician",
    "ConsultingPhysicianName",
)  # fmt: skip
_TAGS = tuple(tag for tag in map(tag_for_keyword, (*NAMED, *PEOPLE)) if tag is not None)
SHORTEST = 4
"""Letters and digits from which an identifier is looked for inside other words; shorter ones are compared with whole words only."""
SHORTEST_HAN = 2
SHORTEST_NUMBER = 6
FEW = 256
"""Bytes up to which a binary value hardly holds four letters by chance."""
_SEPARATORS = re.compile(rb"[\x00-\x2f\x3a-\x60\x7b-\x7f]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003ffff]")
_NUMBERS = re.compile(r"\d{5,}")
_WORDS = re.compile(r"[\^=\s,;\\/]+")


@lru_cache(maxsize=16384)
def folded(text: str) -> str:
    """Letters and digits only, of one width and case."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


@lru_cache(maxsize=4096)
def _spoken(text: str) -> tuple[str, ...]:
    """Pinyin of a name in Chinese characters, family name first and last."""
    parts = [folded(part) for part in lazy_pinyin(text)]
    return ("".join(parts), "".join(parts[1:] + parts[:1]), "".join(parts[2:] + parts[:2]))


@lru_cache(maxsize=4096)
def _forms(value: str) -> frozenset[str]:
    """A name or number, its parts, and the same read in the character sets that files fail to declare."""
    found = {value}
    for charset in ("gb18030", "utf-8"):
        try:
            found.add(value.encode("latin-1").decode(charset))
        except UnicodeError:
            continue
    forms: set[str] = set()
    for text in found:
        parts = [folded(part) for part in (*_WORDS.split(text), *_NUMBERS.findall(text))]
        forms |= {folded(text), *parts}
        for group in text.split("="):
            names = [folded(part) for part in _WORDS.split(group)]
            forms |= {"".join(names), "".join(reversed(names))}
            if _HAN.search(group):
                forms |= set(_spoken(folded(group)))
    return frozenset(forms - {""})


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Folded names, numbers and days of one object: `long` are looked for anywhere, `short` as whole words."""

    long: frozenset[str]
    short: frozenset[str]
    signs: tuple[bytes, ...] = ()
    """The long ones as bytes of a file."""

    def within(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        flat = folded(text)
        return bool(flat) and (flat in self.short or any(one in flat for one in self.long))

    def number(self, text: str) -> bool:
        """Whether a number as a whole is one of them; shorter ones are everywhere."""
        flat = folded(text)
        return len(flat) >= SHORTEST_NUMBER and flat in self.long

    def stored(self, value: bytes) -> bool:
        """Whether one of them stands as text in binary numbers."""
        if len(value) < SHORTEST:
            return False
        flat = _SEPARATORS.sub(b"", value.lower())
        shortest = SHORTEST if len(value) <= FEW else SHORTEST_NUMBER
        return any(sign in flat for sign in self.signs if len(sign) >= shortest)


def _texts(ds: Dataset, tag: int) -> list[str]:
    if tag not in ds.keys():  # noqa: SIM118 - without conversion of the tag
        return []
    try:
        value = ds[tag].value
    except Exception:  # a value that cannot be read tells nothing; it is not kept either
        return []
    if value is None:
        return []
    return [str(one) for one in (value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value])]


def identifiers_of(ds: Dataset, *known: str) -> Identifiers:
    """Those of a data set, and what is known of the patient besides (`known`)."""
    forms: set[str] = set()
    for value in [*known, *(text for tag in _TAGS for text in _texts(ds, tag))]:
        forms |= _forms(value)
    for text in _texts(ds, 0x00100030):
        digits = folded(text)
        if len(digits) == 8:
            forms |= {digits, digits[2:]}
    long = frozenset(one for one in forms if len(one) >= SHORTEST or (len(one) >= SHORTEST_HAN and all(map(_HAN.match, one))))
    # A single letter or digit is in too much to be anybody's.
    short = frozenset(one for one in forms - long if len(one) > 1 or _HAN.match(one))
    return Identifiers(long, short, tuple({one.encode(charset) for one in long for charset in ("utf-8", "gb18030")}))
