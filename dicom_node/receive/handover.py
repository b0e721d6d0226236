"""Files that came over HTTP (STOW-RS), handed over by the web process: stored by the very code that stores a C-STORE.

The web process has written the file under a temporary name in the archive; here it is checked, kept and journaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicom_node import logs
from dicom_node.archive.identity import Identity, uid_fault
from dicom_node.receive import command as c
from dicom_node.receive.services import verb_of
from dicom_node.receive.store import Answer, Sender

if TYPE_CHECKING:
    from dicom_node.receive.server import Receiver

log = logs.get(__name__)


def answer_store(receiver: Receiver, question: dict[str, Any]) -> dict[str, Any]:
    """`{"status", "comment", "study_uid", "series_uid"}` of `{name, sop_class, sop_uid, transfer_syntax, study, institution, aet, address}`."""
    sender = Sender(question["aet"], question["institution"], question["address"])
    answer, found = _store(receiver, sender, question)
    if answer.status != c.SUCCESS:
        log.warning("store.refused", status=f"{answer.status:04X}", reason=answer.comment, aet=sender.aet)
    if receiver.store.journal.broken:
        receiver.give_up()
    uids = {"study_uid": found.study_uid, "series_uid": found.series_uid} if found is not None else {}
    return {"status": answer.status, "comment": answer.comment, **uids}


def _store(receiver: Receiver, sender: Sender, question: dict[str, Any]) -> tuple[Answer, Identity | None]:
    sop_class, sop_uid, syntax = question["sop_class"], question["sop_uid"], question["transfer_syntax"]
    if fault := uid_fault(syntax):
        return Answer(c.CANNOT_UNDERSTAND, f"TransferSyntaxUID is {fault}"), None
    if uid_fault(sop_class) is None and verb_of(sop_class) != "store":
        return Answer(c.CLASS_NOT_SUPPORTED, "SOP class is not for storage"), None
    return receiver.store.take(sender, sop_class, sop_uid, syntax, question["name"], question["study"])
