"""DICOM worklist files (`*.wl`, as dcmtk's wlmscpfs reads them): one folder per institution code; re-read when they change."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.worklist.matching import Attributes, asked_of, has_form

log = logs.get(__name__)
Stamp = tuple[int, int, int]


def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


STEPS = _tag("ScheduledProcedureStepSequence")
_STATUS = _tag("ScheduledProcedureStepStatus")
_OVER = {"COMPLETED", "DISCONTINUED", "CANCELLED", "CANCELED"}
NEEDED = tuple(_tag(word) for word in ("PatientName", "PatientID", "StudyInstanceUID", "RequestedProcedureID"))
NEEDED_OF_STEP = tuple(
    _tag(word) for word in ("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "Modality", "ScheduledProcedureStepID")
)
"""Keys that are never answered empty (type 1 in PS3.4 table K.6-1); the station's AE title is filled in when it is missing."""
_SUPPORTED = ("AccessionNumber", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "RequestedProcedureDescription")
_SUPPORTED_OF_STEP = (
    "ScheduledStationAETitle", "ScheduledProcedureStepDescription", "ScheduledPerformingPhysicianName", "ScheduledStationName",
)  # fmt: skip


class WorklistFiles:
    """The files under one folder. A file that cannot be used is left out, with a line in the log naming its inode, not its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[Stamp, list[Attributes]]] = {}
        self._lock = threading.Lock()

    def of(self, institution: str) -> list[Attributes]:
        """Entries in the institution's folder."""
        if institution in {"", ".", ".."} or "/" in institution:
            return []
        with self._lock:
            return [entry for path, stamp in _listed(self._folder / institution) for entry in self._entries(path, stamp)]

    def _entries(self, path: str, stamp: Stamp) -> list[Attributes]:
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            if len(self._read) > 50_000:
                self._read.clear()
            known = self._read[path] = (stamp, _load(path, stamp))
        return known[1]


def _listed(folder: Path) -> list[tuple[str, Stamp]]:
    try:
        with os.scandir(folder) as found:
            return sorted((entry.path, _stamp(entry)) for entry in found if entry.name.endswith(".wl") and entry.is_file())
    except OSError:
        return []  # no folder: nothing is scheduled by files


def _stamp(entry: os.DirEntry[str]) -> Stamp:
    stat = entry.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _load(path: str, stamp: Stamp) -> list[Attributes]:
    """One entry for each scheduled step of the file that is still to be done."""
    try:
        ds = dcmread(path, force=True)
        ds.decode()
        whole = plain(ds)
    except Exception as error:
        log.warning("worklist.unreadable_file", inode=stamp[2], reason=type(error).__name__)
        return []
    missing = [tag for tag in NEEDED if not asked_of(whole.get(tag, {}))]
    steps = whole.get(STEPS, {}).get("Value") or []
    entries = []
    for step in steps:
        missing += [tag for tag in NEEDED_OF_STEP if not _usable(tag, step.get(tag, {}))]
        if not missing and not _OVER & set(asked_of(step.get(_STATUS, {}))):
            entries.append(_filled(whole, _SUPPORTED) | {STEPS: {"vr": "SQ", "Value": [_filled(step, _SUPPORTED_OF_STEP)]}})
    if missing or not steps:
        log.warning("worklist.incomplete_file", inode=stamp[2], missing=missing or [STEPS])
        return []
    return entries


def _usable(tag: str, element: Attributes) -> bool:
    found = asked_of(element)
    return bool(found) and has_form(tag, str(element["vr"]), found[0])


def plain(ds: Dataset) -> Attributes:
    """DICOM JSON of the standard attributes of a decoded data set; private ones and group lengths are left out."""
    found: dict[str, Any] = ds.to_json_dict(suppress_invalid_tags=True)
    return standard(found)


def standard(attributes: Attributes) -> Attributes:
    """`attributes` without private ones and group lengths, at every depth."""
    kept: Attributes = {}
    for tag, element in attributes.items():
        if int(tag[:4], 16) % 2 or tag.endswith("0000"):
            continue
        if element.get("vr") == "SQ":
            items = [standard(item) for item in element.get("Value") or []]
            element = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}  # noqa: PLW2901
        kept[tag] = element
    return kept


def _filled(attributes: Attributes, keywords: tuple[str, ...]) -> Attributes:
    return {_tag(word): {"vr": dictionary_VR(word)} for word in keywords} | attributes
