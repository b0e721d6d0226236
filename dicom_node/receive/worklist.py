"""Modality Worklist SCP (PS3.4 K): the identifier goes to the index process; the scope is the calling AE's institution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.index import charset
from dicom_node.query import link
from dicom_node.receive.find_responses import CANCELLED, NO_RESOURCES, PENDING, UNABLE

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

WORKLIST = "1.2.840.10008.5.1.4.31"
NOT_ALLOWED = 0x0124
_CHINESE = {"GB18030", "GBK"}
_TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}


def _failure(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, comment[:64]
    return answer


def _declared(identifier: Dataset) -> list[str]:
    declared = identifier.get("SpecificCharacterSet") or ""
    return [declared] if isinstance(declared, str) else [str(term) for term in declared]


def _raw_text(identifier: Dataset) -> dict[int, tuple[str, bytes]]:
    """Text that is not decoded yet: tag → (VR, bytes)."""
    found = {}
    for tag in identifier.keys():  # noqa: SIM118 - to iterate over the data set itself decodes
        item: object = identifier.get_item(tag)
        if isinstance(item, RawDataElement) and isinstance(item.value, bytes) and dictionary_has_tag(tag):
            vr = item.VR or dictionary_VR(tag)
            if vr in _TEXT:
                found[int(tag)] = (vr, item.value)
    return found


def decoded(identifier: Dataset) -> str:
    """Decode the text keys, also those of a device that declares no character set and sends Chinese.

    The character set of the answers: GB18030 for an asker that speaks it, else UTF-8 (PS3.3 C.12.1.1.2).
    """
    parts = [identifier, *(identifier.get("ScheduledProcedureStepSequence") or [])]
    raw = [_raw_text(part) for part in parts]
    terms, guess = charset.effective(_declared(identifier), (value for found in raw for _, value in found.values()))
    if guess is not None:
        for part, found in zip(parts, raw, strict=True):
            for tag, (vr, value) in found.items():
                text = charset.decode_text(value, terms)
                part[tag] = DataElement(tag, vr, text)
    return "GB18030" if set(terms) & _CHINESE else "ISO_IR 192"


def on_worklist(event: Any) -> Iterator[tuple[Any, Dataset | None]]:
    """EVT_C_FIND on the worklist model: one pending answer per scheduled step that matches."""
    assoc: NodeAssociation = event.assoc
    device = assoc.device
    if device is None or "worklist" not in device.may:
        yield _failure(NOT_ALLOWED, "worklist is not allowed for this AE"), None
        return
    try:
        identifier = event.identifier
        spoken = decoded(identifier)
        query = identifier.to_json_dict(suppress_invalid_tags=True)
    except Exception:
        yield _failure(UNABLE, "identifier cannot be decoded"), None
        return
    question = {"ask": "worklist", "query": query, "institution": device.institution, "aet": device.aet}
    try:
        answer = link.ask(assoc.receiver.run_folder, question)
    except link.LinkError:
        yield _failure(NO_RESOURCES, "index is starting, try again"), None
        return
    if "error" in answer:
        yield _failure(UNABLE, answer.get("detail", "query cannot be answered")), None
        return
    log.info("worklist", aet=device.aet, matches=len(answer["matches"]))
    for match in answer["matches"]:
        if event.is_cancelled:
            yield CANCELLED, None
            return
        found = Dataset.from_json(match)
        found.SpecificCharacterSet = spoken
        yield PENDING, found
