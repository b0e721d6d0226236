"""Storage Commitment Push SCP (PS3.4 J): accepts requests, and words the reports."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node import logs
from dicom_node.archive.identity import uid_fault
from dicom_node.receive.commitments import Reference, Request

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
"""SOP class, and the one SOP instance that every request and report names (PS3.4 J.3.5)."""
REQUEST = 1
"""Action type ID (PS3.4 table J.3-1)."""
ALL_KEPT, SOME_FAILED = 1, 2
"""Event type IDs (PS3.4 table J.3-3)."""
NOT_ALLOWED, NO_SUCH_INSTANCE, NO_SUCH_ACTION, INVALID_ARGUMENT, NO_RESOURCES = 0x0124, 0x0112, 0x0123, 0x0115, 0x0213  # PS3.7 C.5


def _status(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, comment[:64]
    return answer


def on_action(event: Any) -> tuple[Dataset | int, None]:
    """EVT_N_ACTION: success means that the request is on disk and its report will come."""
    assoc: NodeAssociation = event.assoc
    answer = _accept(assoc, event)
    if isinstance(answer, Dataset):
        log.warning("commitment.refused", aet=assoc.device_aet, status=f"{answer.Status:04X}", reason=answer.ErrorComment)
    return answer, None


def _accept(assoc: NodeAssociation, event: Any) -> Dataset | int:
    device, request = assoc.device, event.request
    if device is None or "commit" not in device.may or str(event.context.abstract_syntax) != COMMITMENT:
        return _status(NOT_ALLOWED, "storage commitment is not allowed for this AE")
    if str(request.RequestedSOPInstanceUID) != WELL_KNOWN:
        return _status(NO_SUCH_INSTANCE, "not the storage commitment SOP instance")
    if event.action_type != REQUEST:
        return _status(NO_SUCH_ACTION, "action type must be 1")
    try:
        information = event.action_information
        transaction_uid = str(information.get("TransactionUID", ""))
        references = [_reference(item) for item in information.get("ReferencedSOPSequence") or []]
    except Exception:
        return _status(INVALID_ARGUMENT, "action information cannot be decoded")
    if fault := uid_fault(transaction_uid):
        return _status(INVALID_ARGUMENT, f"TransactionUID is {fault}")
    if not references:
        return _status(INVALID_ARGUMENT, "ReferencedSOPSequence is missing or empty")
    if any(uid_fault(uid) for reference in references for uid in reference):
        return _status(INVALID_ARGUMENT, "a referenced UID is missing or no UID")
    address = assoc.requestor.address_info.address if assoc.requestor.address_info is not None else ""
    receiver = assoc.receiver
    try:
        number = receiver.commitments.accept(
            device.institution, device.aet, address, transaction_uid, references, receiver.store.journal.end
        )
    except sqlite3.Error:
        log.exception("commitment.not_kept")
        return _status(NO_RESOURCES, "request could not be kept, try again")
    if number is None:
        return _status(INVALID_ARGUMENT, "TransactionUID is in use for other instances")
    log.info("commitment.accepted", aet=device.aet, request=number, instances=len(references))
    assoc.commitments.append(number)
    return 0x0000


def _reference(item: Dataset) -> Reference:
    return str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", ""))


def report_of(request: Request, failed: dict[str, int], aet: str) -> tuple[int, Dataset]:
    """Event type and event information (PS3.4 table J.3-2): where what was kept can be fetched, and what failed why."""
    report = Dataset()
    report.TransactionUID = request.transaction_uid
    kept, lost = [], []
    for sop_class, sop_uid in request.references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        if sop_uid in failed:
            item.FailureReason = failed[sop_uid]
            lost.append(item)
        else:
            kept.append(item)
    if kept:
        report.RetrieveAETitle = aet
        report.ReferencedSOPSequence = Sequence(kept)
    if lost:
        report.FailedSOPSequence = Sequence(lost)
    return (SOME_FAILED if lost else ALL_KEPT), report
