"""Rules of a performed procedure step: its states, and which attributes each message must and may have (PS3.4 table F.7.2-1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from dicom_node.worklist.matching import Attributes, asked_of

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
FINAL = {COMPLETED, DISCONTINUED}
NO_SUCH_ATTRIBUTE, INVALID_VALUE, PROCESSING_FAILURE, DUPLICATE = 0x0105, 0x0106, 0x0110, 0x0111  # PS3.7 C.5
NO_SUCH_INSTANCE, INVALID_INSTANCE, MISSING_ATTRIBUTE, MISSING_VALUE = 0x0112, 0x0117, 0x0120, 0x0121


def tag(keyword: str) -> str:
    """The key of an attribute in DICOM JSON."""
    return f"{tag_for_keyword(keyword):08X}"


STATUS, SCHEDULED, SERIES = tag("PerformedProcedureStepStatus"), tag("ScheduledStepAttributesSequence"), tag("PerformedSeriesSequence")
_NEEDED = tuple(
    tag(word)
    for word in (
        "ScheduledStepAttributesSequence", "PerformedProcedureStepID", "PerformedStationAETitle", "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime", "PerformedProcedureStepStatus", "Modality",
    )
)  # fmt: skip
"""Type 1 in N-CREATE. Type 2 attributes that a modality leaves out are taken as empty."""
_STUDY = tag("StudyInstanceUID")
_AT_THE_END = (tag("PerformedProcedureStepEndDate"), tag("PerformedProcedureStepEndTime"))
_FIXED = {
    tag(word)
    for word in (
        "ScheduledStepAttributesSequence", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
        "ReferencedPatientSequence", "AdmissionID", "PerformedProcedureStepID", "PerformedStationAETitle", "PerformedStationName",
        "PerformedLocation", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "Modality", "StudyID",
        "SOPClassUID", "SOPInstanceUID",
    )
}  # fmt: skip
"""Not allowed in N-SET."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is refused: status of PS3.7 C.5 and an Error Comment, which names attributes, never their values."""

    status: int
    comment: str
    final: bool = False


def _word(key: str) -> str:
    return keyword_for_tag(int(key, 16)) or key


def _lacks(attributes: Attributes, keys: tuple[str, ...]) -> Fault | None:
    for key in keys:
        if key not in attributes:
            return Fault(MISSING_ATTRIBUTE, f"{_word(key)} is missing")
        if not attributes[key].get("Value"):
            return Fault(MISSING_VALUE, f"{_word(key)} is empty")
    return None


def state_of(attributes: Attributes) -> str:
    """The step's state as the modality gives it, empty when it does not."""
    return (asked_of(attributes.get(STATUS, {})) or [""])[0]


def refusal_of_create(attributes: Attributes) -> Fault | None:
    """Why N-CREATE with `attributes` is refused."""
    if fault := _lacks(attributes, _NEEDED):
        return fault
    for item in attributes[SCHEDULED]["Value"]:
        if fault := _lacks(item, (_STUDY,)):
            return fault
    if state_of(attributes) != IN_PROGRESS:
        return Fault(INVALID_VALUE, "PerformedProcedureStepStatus must be IN PROGRESS")
    return None


def refusal_of_set(before: Attributes, changes: Attributes) -> Fault | None:
    """Why N-SET with `changes` on a step with the attributes `before` is refused. A fixed attribute may be repeated, not changed."""
    if state_of(before) in FINAL:
        return Fault(PROCESSING_FAILURE, "Performed Procedure Step Object may no longer be updated", final=True)
    for key in sorted(_FIXED & changes.keys()):
        if _content(changes[key]) != _content(before.get(key, {})):
            return Fault(NO_SUCH_ATTRIBUTE, f"{_word(key)} is not allowed in N-SET")
    if STATUS in changes and state_of(changes) not in {IN_PROGRESS, *FINAL}:
        return Fault(INVALID_VALUE, "PerformedProcedureStepStatus is not a state")
    after = before | changes
    if state_of(after) in FINAL and (fault := _lacks(after, _AT_THE_END)):
        return fault
    if state_of(after) == COMPLETED:  # a discontinued step may have no series
        return _lacks(after, (SERIES,))
    return None


def _content(element: dict[str, Any]) -> Any:
    return element.get("Value") or None


def _items(attributes: Attributes, keyword: str) -> list[Attributes]:
    return attributes.get(tag(keyword), {}).get("Value") or []


def _first(attributes: Attributes, keyword: str) -> str | None:
    return next(iter(asked_of(attributes.get(tag(keyword), {}))), None)


def told_of(attributes: Attributes) -> dict[str, Any]:
    """What the images feed says of a step: identifiers and counts, nothing that names a person."""
    scheduled = [
        {
            "study_uid": _first(item, "StudyInstanceUID"),
            "accession": _first(item, "AccessionNumber"),
            "requested_procedure_id": _first(item, "RequestedProcedureID"),
            "scheduled_step_id": _first(item, "ScheduledProcedureStepID"),
        }
        for item in _items(attributes, "ScheduledStepAttributesSequence")
    ]
    series = _items(attributes, "PerformedSeriesSequence")
    kinds = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
    reasons = _items(attributes, "PerformedProcedureStepDiscontinuationReasonCodeSequence")
    reason = None
    if reasons:
        names = (("code", "CodeValue"), ("scheme", "CodingSchemeDesignator"), ("meaning", "CodeMeaning"))
        reason = {name: _first(reasons[0], keyword) for name, keyword in names}
    return {
        "accession": scheduled[0]["accession"] if scheduled else None,
        "step_id": _first(attributes, "PerformedProcedureStepID"),
        "scheduled": scheduled,
        "station": _first(attributes, "PerformedStationAETitle"),
        "modality": _first(attributes, "Modality"),
        "started": [_first(attributes, f"PerformedProcedureStepStart{part}") for part in ("Date", "Time")],
        "ended": [_first(attributes, f"PerformedProcedureStepEnd{part}") for part in ("Date", "Time")],
        "series": len(series),
        "instances": sum(len(_items(item, kind)) for item in series for kind in kinds),
        "discontinuation_reason": reason,
    }
