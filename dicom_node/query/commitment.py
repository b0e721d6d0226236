"""Which instances the node can vouch for: indexed for the asking institution, and every kept copy's file there with its size."""

from __future__ import annotations

from typing import Any

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.index.database import Database

log = logs.get(__name__)
PROCESSING_FAILURE, NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0110, 0x0112, 0x0119
"""Failure reasons of PS3.3 C.14.1.1."""


def answer_commitment(database: Database, archive: Archive, question: dict[str, Any]) -> dict[str, Any]:
    """`{"pending": true}` until the index has reached the arrival number `journal`, then `{"failed": {SOP instance UID: reason}}`.

    `references` is a list of (SOP class, SOP instance). An instance in quarantine is kept, but not as what it says it is: 0x0110.
    """
    if database.journal_cursor() < question["journal"]:
        return {"pending": True}
    uids = [uid for _, uid in question["references"]]
    values = [uids, question["institution"]]
    copies: dict[str, list[dict[str, Any]]] = {}
    for row in database.rows(
        "SELECT sop_uid, sop_class, digest, size FROM instance WHERE sop_uid IN (SELECT unnest(?::VARCHAR[])) AND institution = ?", values
    ):
        copies.setdefault(row["sop_uid"], []).append(row)
    quarantined = database.rows(
        "SELECT DISTINCT sop_uid FROM quarantine WHERE sop_uid IN (SELECT unnest(?::VARCHAR[])) AND institution = ?", values
    )
    aside = {row["sop_uid"] for row in quarantined}
    failed: dict[str, int] = {}
    for sop_class, uid in question["references"]:
        found = copies.get(uid, [])
        if uid in aside:
            failed[uid] = PROCESSING_FAILURE
        elif not found:
            failed[uid] = NO_SUCH_INSTANCE
        elif any(row["sop_class"] != sop_class for row in found):
            failed[uid] = CLASS_CONFLICT
        elif reason := next((reason for row in found if (reason := _fault(archive, row))), 0):
            failed[uid] = reason
    return {"failed": failed}


def _fault(archive: Archive, row: dict[str, Any]) -> int:
    """Why a copy's file cannot be vouched for; 0: it is there."""
    try:
        size = archive.size(row["digest"])
    except OSError as error:
        log.error("commitment.file_missing", digest=row["digest"], reason=error.strerror)  # noqa: TRY400 - no trace is needed
        return NO_SUCH_INSTANCE
    if size != row["size"]:
        log.error("commitment.file_size", digest=row["digest"], expected=row["size"], found=size)
        return PROCESSING_FAILURE
    return 0
