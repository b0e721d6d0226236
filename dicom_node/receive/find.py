"""C-FIND SCP (PS3.4 C.4.1): the identifier goes to the index process; the scope is the calling AE's institution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.query import link

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

FIND_MODELS = {"1.2.840.10008.5.1.4.1.2.1.1": "patient", "1.2.840.10008.5.1.4.1.2.2.1": "study"}
"""SOP class UID → root of the information model (PS3.4 C.3)."""

PENDING, CANCELLED, UNABLE, NO_RESOURCES, NOT_MATCHING = 0xFF00, 0xFE00, 0xC001, 0xA700, 0xA900
_ERRORS = {"level": NOT_MATCHING, "query": UNABLE}


def _failure(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, comment[:64]
    return answer


def on_find(event: Any) -> Iterator[tuple[Any, Dataset | None]]:
    """EVT_C_FIND: one pending answer per match."""
    assoc: NodeAssociation = event.assoc
    device = assoc.device
    model = FIND_MODELS.get(str(event.request.AffectedSOPClassUID))
    if device is None or "find" not in device.may or model is None:
        yield _failure(0x0124, "find is not allowed for this AE"), None
        return
    try:
        identifier = event.identifier
        query = identifier.to_json_dict(suppress_invalid_tags=True)
    except Exception:
        yield _failure(UNABLE, "identifier cannot be decoded"), None
        return
    accepted = assoc.extended.get(str(event.request.AffectedSOPClassUID), b"")  # relational, combined (PS3.4 C.5.1.1.1)
    question = {
        "ask": "find",
        "root": model,
        "level": str(identifier.get("QueryRetrieveLevel", "")).strip(),
        "query": query,
        "institution": device.institution,
        "relational": accepted[0:1] == b"\1",
        "combined": accepted[1:2] == b"\1",
    }
    try:
        answer = link.ask(assoc.receiver.run_folder, question)
    except link.LinkError:
        yield _failure(NO_RESOURCES, "index is starting, try again"), None
        return
    if "error" in answer:
        yield _failure(_ERRORS.get(answer["error"], UNABLE), answer.get("detail", "query cannot be answered")), None
        return
    log.info("find", aet=device.aet, level=question["level"], matches=len(answer["matches"]))
    for match in answer["matches"]:
        if event.is_cancelled:
            yield CANCELLED, None
            return
        found = Dataset.from_json(match)
        found.SpecificCharacterSet = "ISO_IR 192"
        found.QueryRetrieveLevel = question["level"]
        found.RetrieveAETitle = assoc.receiver.settings.aet
        if "InstanceAvailability" in identifier:
            found.InstanceAvailability = "ONLINE"
        yield PENDING, found
