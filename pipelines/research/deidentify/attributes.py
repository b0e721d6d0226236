"""The walk over a data set: each element by its rule, sequences to any depth."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from pipelines.research.deidentify import phrases, plain, values
from pipelines.research.deidentify.identifiers import Identifiers
from pipelines.research.deidentify.plain import Elements, Plain
from pipelines.research.deidentify.profile import Action, Rule, rule
from pipelines.research.deidentify.reasons import BlockedError
from pipelines.research.pseudonyms import Pseudonyms

DEEPEST = 32
"""Nested sequences; deeper ones are nobody's image."""
TEXTS = frozenset({"LO", "SH", "LT", "ST", "UC", "UT"})
SINGLE = frozenset({"LT", "ST", "UT", "UR"})
"""A backslash in these is a character, not the mark between two values."""
STRINGS = TEXTS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "PN", "TM", "UI", "UR"}
NUMBERS = frozenset({"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV", "OD", "OF", "OL", "OV"})
TABLES = frozenset({
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData", "AlphaPaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData",
    "SegmentedAlphaPaletteColorLookupTableData", "LUTData", "SpectroscopyData",
})  # fmt: skip
"""Binary values that are no pixels and stay; all others go, colour profiles among them (their text may name a place)."""
DUMMY_TEXT = "REMOVED"
DUMMIES = {
    **dict.fromkeys((*TEXTS, "PN", "AE", "CS"), DUMMY_TEXT),
    "DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "DS": "0", "IS": "0",
}  # fmt: skip
PACKED = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d", "OW": "H"}
SIZES = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "UV": 8, "SV": 8, "FD": 8, "OD": 8, "OV": 8, "OB": 1}
ZEROS = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8}
TECHNICAL = re.compile(r"[\x20-\x7e\u00b0\u00b2\u00b3\u00b5]{1,64}")
TECHNICAL_DIGITS = 16
SOMEBODYS = re.compile(r"\d{6}|(?:\d+\.){4}\d")
"""What may be a number of somebody, or a UID, within technical text."""
STANDARD_SCHEMES = frozenset({
    "DCM", "SCT", "SRT", "SNM3", "99SDM", "UCUM", "LN", "RADLEX", "FMA", "NCIt", "NCIT", "UMLS", "UBERON", "MSH", "I10", "I9C", "ICD10", "ACR", "BI",
    "ISO639_2", "ISO3166_1", "IBSI",
})  # fmt: skip
CLOSED = frozenset({
    "Modality", "PatientSex", "PatientPosition", "PhotometricInterpretation", "Laterality", "ImageLaterality", "FrameLaterality", "BurnedInAnnotation",
    "LossyImageCompression", "VOILUTFunction", "PresentationLUTShape", "SegmentationType", "SegmentAlgorithmType",
})  # fmt: skip
"""Codes of a few defined terms: a family name that happens to be one of them (a station called CT) says nothing here."""
SHIFTS: dict[str, Callable[[str, int], str | None]] = {"DA": values.shifted_day, "DT": values.shifted_moment, "TM": values.time_of}
UNDEFINED = 0xFFFFFFFF
ESCAPE = 0x1B
_KEPT_TEXT = Path(__file__).with_name("kept_text.txt")


@cache
def kept_text() -> frozenset[str]:
    """Keywords of the text attributes outside the table whose technical values stay."""
    lines = (line for line in _KEPT_TEXT.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


@cache
def _representations(tag: int) -> frozenset[str]:
    return frozenset(dictionary_VR(tag).split(" or "))


class Attributes:
    """The rules for one object of one patient: `pseudonyms` for UIDs, `days` to be taken from dates, `who` not to be repeated."""

    def __init__(self, pseudonyms: Pseudonyms, days: int, who: Identifiers, *, little: bool = True) -> None:
        self._pseudonyms, self._days, self._who, self._little = pseudonyms, days, who, little

    def cleaned(self, ds: Dataset, depth: int = 0) -> Elements:
        """What may stay of `ds`, without its pixels. BlockedError: it is nested too deeply."""
        if depth > DEEPEST:
            raise BlockedError("unreadable")
        made: Elements = {}
        for tag, element in ds.items():
            number = int(tag)
            if isinstance(element, RawDataElement) and element.value is not None and element.length not in {len(element.value), UNDEFINED}:
                raise BlockedError("unreadable")  # the file ends inside a value
            if number >> 16 == 0x7FE0:
                continue
            found = rule(number)
            if found.action is Action.REMOVE:
                continue
            try:
                kept = self._element(ds, number, element, found, depth)
            except BlockedError:
                raise
            except Exception:  # a value that cannot be read cannot be looked through either
                kept = None
            if kept is not None:
                made[number] = kept
        return made

    def _element(self, ds: Dataset, tag: int, element: DataElement | RawDataElement, found: Rule, depth: int) -> Plain | None:
        allowed = _representations(tag)
        if "SQ" in allowed:
            return self._sequence(ds, tag, found.action, depth)
        vr = _representation(element, allowed)
        if vr is None:
            return None  # a number where text belongs, or a binary value that claims to be something else
        if found.action is Action.EMPTY or _empty(element.value):
            return vr, b""
        if found.action is Action.DUMMY:
            return _dummy(vr)
        if vr in STRINGS:
            kept = self._string(ds, tag, vr, element, found.action)
            if kept is not None:
                return kept
            return None if found.otherwise is Action.REMOVE else _dummy(vr) if found.otherwise is Action.DUMMY else (vr, b"")
        if vr not in NUMBERS and keyword_for_tag(tag) not in TABLES:
            return None
        if isinstance(element, RawDataElement):
            value = element.value if element.is_little_endian == self._little else None
        else:
            value = self._packed(vr, element.value)
        # Without explicit VR nothing says that these are numbers.
        return None if value is None or len(value) % SIZES.get(vr, 2) or self._who.stored(value) else (vr, value)

    def _packed(self, vr: str, value: Any) -> bytes:
        """The bytes of numbers that were read already."""
        if isinstance(value, bytes):
            return value
        order = "<" if self._little else ">"
        numbers = list(value) if hasattr(value, "append") else [value]
        if vr == "AT":
            return b"".join(struct.pack(f"{order}HH", int(one) >> 16, int(one) & 0xFFFF) for one in numbers)
        return struct.pack(f"{order}{len(numbers)}{PACKED[vr]}", *numbers)

    def _sequence(self, ds: Dataset, tag: int, action: Action, depth: int) -> Plain | None:
        if action is not Action.WALK:
            return plain.sequence() if action is Action.EMPTY else None
        element = ds[tag]
        return plain.sequence(*(self.cleaned(item, depth + 1) for item in element.value)) if element.VR == "SQ" else None

    def _string(self, ds: Dataset, tag: int, vr: str, element: DataElement | RawDataElement, action: Action) -> Plain | None:
        """What may stay of a text value; None when nothing does."""
        listed = _listed(ds, tag, vr, element)
        if vr == "UI":
            return plain.text(vr, *map(self._pseudonyms.uid, listed))
        if action is Action.UID:
            return None
        if vr in {"DS", "IS"}:
            return (
                plain.text(vr, *listed) if all(map(values.DECIMAL.fullmatch, listed)) and not any(map(self._who.number, listed)) else None
            )
        if vr in {"DA", "DT", "TM"}:
            moved = [found for one in listed if (found := SHIFTS[vr](one, self._days)) is not None]
            return plain.text(vr, *moved) if len(moved) == len(listed) else None
        if vr == "AS":
            return plain.text(vr, *listed) if all(map(values.AGE.fullmatch, listed)) else None
        if vr == "CS":
            # One value of several is left empty, so that the others keep their places.
            closed = keyword_for_tag(tag) in CLOSED
            codes = [one if values.CODE.fullmatch(one) and (closed or not self._who.within(one)) else "" for one in listed]
            return plain.text(vr, *codes) if any(codes) else None
        return self._text(ds, tag, vr, listed, action) if vr in TEXTS else None

    def _text(self, ds: Dataset, tag: int, vr: str, listed: list[str], action: Action) -> Plain | None:
        keyword = keyword_for_tag(tag)
        if keyword == "CodeMeaning":
            return plain.text(vr, self._meaning(ds, " ".join(listed)))
        if keyword in {"CodeValue", "LongCodeValue"} and _standard(ds):
            return plain.text(vr, *listed) if all(map(self._harmless, listed)) else None
        technical = action is Action.KEEP and keyword in kept_text()
        kept = [one if technical and self._technical(one) else phrases.cleaned(one, self._who) for one in listed]
        return plain.text(vr, *kept) if any(kept) else None

    def _technical(self, text: str) -> bool:
        return self._harmless(text) and not SOMEBODYS.search(text)

    def _harmless(self, text: str) -> bool:
        digits = sum(map(str.isdigit, text))
        return not text or (TECHNICAL.fullmatch(text) is not None and digits <= TECHNICAL_DIGITS and not self._who.within(text))

    def _meaning(self, ds: Dataset, text: str) -> str:
        """The meaning of a code of a standard scheme, allowed words of any other; else the code itself, as it may not be empty."""
        if _standard(ds) and self._harmless(text):
            return text
        code = str(ds.get("CodeValue") or "")
        return phrases.cleaned(text, self._who) or (code if code and self._technical(code) else DUMMY_TEXT)


def _standard(ds: Dataset) -> bool:
    """Whether an item's code is of a scheme that is nobody's own."""
    return str(ds.get("CodingSchemeDesignator") or "") in STANDARD_SCHEMES


def _representation(element: DataElement | RawDataElement, allowed: frozenset[str]) -> str | None:
    """The VR by which a value is treated: its own where the standard knows it for the tag; None when the two contradict each other."""
    own = None if element.VR is None else str(element.VR)
    if own in allowed:
        return own
    first = min(allowed)
    if own is None or own == "UN":
        # Implicit VR, or a sender that did not know the element: the dictionary's, the narrower of several.
        return first if len(allowed) == 1 or allowed <= NUMBERS | {"OW"} else "OW" if own is None else None
    return first if own in STRINGS and allowed <= STRINGS else None


def _listed(ds: Dataset, tag: int, vr: str, element: DataElement | RawDataElement) -> list[str]:
    """The values of a text element, without padding."""
    stored = (element.value or b"") if isinstance(element, RawDataElement) else None
    if stored is not None and stored.isascii() and ESCAPE not in stored:
        text = stored.decode("ascii")
        parts = [text] if vr in SINGLE else text.split("\\")
    else:
        value = ds[tag].value
        if isinstance(value, bytes):
            value = value.decode("gb18030")
        parts = [value] if isinstance(value, str) else [str(one) for one in value] if hasattr(value, "append") else [str(value)]
    return [part.strip(" \0") for part in parts]


def _empty(value: Any) -> bool:
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


def _dummy(vr: str) -> Plain | None:
    """A value that tells nothing; none for binary values."""
    if vr in ZEROS:
        return vr, bytes(ZEROS[vr])
    return plain.text(vr, DUMMIES[vr]) if vr in DUMMIES else None
