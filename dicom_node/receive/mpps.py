"""Modality Performed Procedure Step SCP (PS3.4 F.7): attributes go to the index process, which keeps the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.query import link

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

MPPS = "1.2.840.10008.3.1.2.3.3"
NOT_ALLOWED, PROCESSING_FAILURE, NO_RESOURCES = 0x0124, 0x0110, 0x0213  # PS3.7 C.5
MAY_NOT_BE_UPDATED = 0xA710
"""Error ID of a step in a final state (PS3.4 table F.7.2-2)."""


def _status(status: int, comment: str = "") -> Dataset:
    answer = Dataset()
    answer.Status = status
    if comment:
        answer.ErrorComment = comment[:64]
    return answer


def on_create(event: Any) -> tuple[Dataset, Dataset | None]:
    """EVT_N_CREATE: a step begins."""
    return _ask(event, "create", event.request.AffectedSOPInstanceUID, "attribute_list")


def on_set(event: Any) -> tuple[Dataset, Dataset | None]:
    """EVT_N_SET: a step goes on or ends."""
    return _ask(event, "set", event.request.RequestedSOPInstanceUID, "modification_list")


def _ask(event: Any, do: str, sop_uid: Any, part: str) -> tuple[Dataset, Dataset | None]:
    assoc: NodeAssociation = event.assoc
    device = assoc.device
    if device is None or "mpps" not in device.may or str(event.context.abstract_syntax) != MPPS:
        return _status(NOT_ALLOWED, "MPPS is not allowed for this AE"), None
    try:
        given: Dataset = getattr(event, part)
        attributes = given.to_json_dict(suppress_invalid_tags=True)
        unread = [f"{element.tag:08X}" for element in given if f"{element.tag:08X}" not in attributes]
    except Exception:
        return _status(PROCESSING_FAILURE, "data set cannot be decoded"), None
    if unread:
        log.warning("mpps.attributes_unread", aet=device.aet, tags=unread)
    question = {
        "ask": "mpps", "do": do, "institution": device.institution, "aet": device.aet, "sop_uid": str(sop_uid or ""),
        "attributes": attributes,
    }  # fmt: skip
    try:
        answer = link.ask(assoc.receiver.run_folder, question)
    except link.LinkError:
        return _status(NO_RESOURCES, "index is starting, try again"), None
    if "error" in answer:
        return _status(PROCESSING_FAILURE, "step could not be kept"), None
    status = _status(answer["status"], answer["comment"])
    if answer["status"]:
        log.warning("mpps.refused", aet=device.aet, do=do, status=f"{answer['status']:04X}", reason=answer["comment"])
    if answer.get("final"):
        status.ErrorID = MAY_NOT_BE_UPDATED
    made = None
    if do == "create" and not answer["status"] and not sop_uid:
        made = Dataset()
        made.AffectedSOPInstanceUID = answer["sop_uid"]
    return status, made
