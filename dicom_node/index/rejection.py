"""Rejection notes (IHE RAD TF-3 4.66, Imaging Object Change Management): Key Object Selections that take images out of use.

The reason is the document's title (PS3.16 CID 7010); its modifiers (CID 7011) say more of the quality. A note hides what it names, of
its own institution only. Quality, patient safety and wrong worklist entry hold for ever: also for what arrives after the note, or
again. An expired retention concerns what is there when the note arrives; what is sent afterwards is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from dicom_node import logs
from dicom_node.index.dataset import UnparsableError

log = logs.get(__name__)

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
QUALITY, PATIENT_SAFETY, WRONG_WORKLIST_ENTRY, RETENTION_EXPIRED = "113001", "113037", "113038", "113039"
MEANINGS = {
    QUALITY: "Rejected for Quality Reasons",
    PATIENT_SAFETY: "Rejected for Patient Safety Reasons",
    WRONG_WORKLIST_ENTRY: "Incorrect Modality Worklist Entry",
    RETENTION_EXPIRED: "Data Retention Policy Expired",
}
"""Title of the document (PS3.16 CID 7010, coding scheme DCM) → its meaning."""
TITLE_MODIFIER = ("113011", "DCM")  # PS3.16 TID 2010

_TITLE, _CODE, _SCHEME, _MEANING = "0040A043", "00080100", "00080102", "00080104"
_EVIDENCE, _SERIES, _REFERENCED, _REFERENCED_UID = "0040A375", "00081115", "00081199", "00081155"
_CONTENT, _CONCEPT_CODE, _STUDY_UID, _SERIES_UID = "0040A730", "0040A168", "0020000D", "0020000E"
MAX_DEPTH = 64
Element = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """What a rejection note says."""

    reason: str
    qualifiers: list[dict[str, str]] = field(default_factory=list)  # {code, scheme, meaning}
    references: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """SOP instance UID → study and series UID, where the evidence gives them."""

    @property
    def meaning(self) -> str:
        """The reason in the standard's words."""
        return MEANINGS[self.reason]

    @property
    def shown(self) -> bool:
        """Whether the note itself is shown: it tells a reader why images are missing; for other reasons 4.66 hides it as well."""
        return self.reason == QUALITY


def note_of(row: dict[str, Any], whole: Callable[[], str]) -> Note | None:
    """The rejection note in an `instance` row; None: it is something else. A note that is shaped wrongly says what can be read.

    `whole` gives the header JSON; it is asked for only where the object may be a note.
    """
    if row["sop_class"] != KEY_OBJECT_SELECTION:
        return None
    try:
        header: Element = orjson.loads(whole())
    except UnparsableError as error:
        log.warning("rejection.unreadable", arrival=row["arrival"], reason=str(error))
        return None
    title = next(_items(header, _TITLE), {})
    reason = _text(title, _CODE)
    if reason not in MEANINGS or _text(title, _SCHEME) != "DCM":
        return None
    references: dict[str, tuple[str | None, str | None]] = {}
    for study in _items(header, _EVIDENCE):
        for series in _items(study, _SERIES):
            for uid in _referenced(series):
                references.setdefault(uid, (_text(study, _STUDY_UID) or None, _text(series, _SERIES_UID) or None))
    qualifiers = []
    for item in _tree(header, 0):
        for uid in _referenced(item):
            references.setdefault(uid, (None, None))
        concept = next(_items(item, _TITLE), {})
        if (_text(concept, _CODE), _text(concept, _SCHEME)) == TITLE_MODIFIER:
            qualifiers += [
                {"code": _text(code, _CODE), "scheme": _text(code, _SCHEME), "meaning": _text(code, _MEANING)}
                for code in _items(item, _CONCEPT_CODE)
            ]
    references.pop(row["sop_uid"], None)  # a note is no object of itself
    return Note(reason, qualifiers, references)


def _tree(item: Element, depth: int) -> Iterator[Element]:
    """The content items below `item`."""
    if depth < MAX_DEPTH:
        for child in _items(item, _CONTENT):
            yield child
            yield from _tree(child, depth + 1)


def _items(data_set: Element, tag: str) -> Iterator[Element]:
    for item in data_set.get(tag, {}).get("Value", []):
        if isinstance(item, dict):
            yield item


def _referenced(item: Element) -> Iterator[str]:
    for reference in _items(item, _REFERENCED):
        if uid := _text(reference, _REFERENCED_UID):
            yield uid


def _text(data_set: Element, tag: str) -> str:
    found = data_set.get(tag, {}).get("Value") or [""]
    return str(found[0] or "").strip(" \0")
