"""Information models of Query/Retrieve (PS3.4 C.3): their levels, unique keys, and the hierarchical rule."""

from __future__ import annotations

from collections.abc import Mapping

from dicom_node.query.keys import Level

FIND_MODELS = {"1.2.840.10008.5.1.4.1.2.1.1": "patient", "1.2.840.10008.5.1.4.1.2.2.1": "study"}
"""SOP class UID of C-FIND → root of the information model (PS3.4 C.6)."""

ROOTS: dict[str, dict[str, Level]] = {
    "patient": {"PATIENT": "patient", "STUDY": "study", "SERIES": "series", "IMAGE": "instance"},
    "study": {"STUDY": "study", "SERIES": "series", "IMAGE": "instance"},
}
"""Root → Query/Retrieve Level (0008,0052) as it is written → level."""

UNIQUE: dict[Level, str] = {
    "patient": "PatientID", "study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID",
}  # fmt: skip


def values(text: str) -> list[str]:
    """The values of a unique key, without padding and empty ones."""
    return [part for part in (part.strip(" \0") for part in text.split("\\")) if part]


def _fault(keyword: str, text: str, *, several: bool) -> str | None:
    found = values(text)
    if not found:
        return f"{keyword} is missing or empty"
    if len(found) > 1 and not several:
        return f"{keyword} must be a single value"
    if keyword == "PatientID" and any(sign in found[0] for sign in "*?"):
        return f"{keyword} must be a single value"
    return None


def upper_fault(root: str, level: Level, keys: Mapping[str, str]) -> str | None:
    """Why `keys` is no hierarchical identifier: each level above needs one value of its unique key (PS3.4 C.4.1.2.1, C.4.2.2.1)."""
    for above in ROOTS[root].values():
        if above == level:
            return None
        if fault := _fault(UNIQUE[above], keys.get(UNIQUE[above], ""), several=False):
            return fault
    return None


def own_fault(level: Level, keys: Mapping[str, str]) -> str | None:
    """Why nothing can be retrieved at `level`: its unique key must be there; UIDs may be a list, a patient is one (PS3.4 C.4.2.1.4.1)."""
    return _fault(UNIQUE[level], keys.get(UNIQUE[level], ""), several=level != "patient")
