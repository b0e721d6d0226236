"""A quarantined file read once more. The index after it is the one that a rebuild would give, or nothing is changed.

A rebuild decides an arrival before all later ones. A file that becomes readable afterwards may therefore take its place only
when no later decision would have been another one; else only a rebuild (`python -m dicom_node reindex`) can place it.
"""

from __future__ import annotations

from typing import Any, Literal

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.archive.journal import Entry
from dicom_node.feed import Feed
from dicom_node.index import header, header_json
from dicom_node.index.database import Database
from dicom_node.index.dataset import UnparsableError
from dicom_node.index.rejection import note_of
from dicom_node.index.writer import IndexWriter
from dicom_node.storage.recall import AwayError

log = logs.get(__name__)
Outcome = Literal["indexed", "unknown", "unreadable", "decided", "entangled"]
"""Indexed · no such entry · still unreadable · kept out for another reason than unreadability · only a rebuild can place it."""


def retry(writer: IndexWriter, feed: Feed, archive: Archive, arrival: int) -> tuple[Outcome, str]:
    """Try the quarantined `arrival` again; called by the one thread that writes the index. The second part says why not."""
    found = writer.database.rows("SELECT reason FROM quarantine WHERE arrival = ?", [arrival])
    entries, _ = writer.journal.read(arrival, 1) if found else ([], 0)
    if not entries or entries[0][0] != arrival:
        return "unknown", ""
    if found[0]["reason"] != "unparsable":
        return "decided", str(found[0]["reason"])
    entry = entries[0][1]
    row, why = _read(archive, entry, arrival)
    if row is None:
        return "unreadable", why
    feed.retry(arrival)  # before the index knows it; after a rebuild that places it, its feed rows are written as well
    if note_of(row, lambda: header_json.render(archive.path(entry.digest))) is not None or _entangled(writer.database, entry, row, arrival):
        return "entangled", ""
    writer.replace_quarantined(arrival, entry, row)
    log.info("quarantine.indexed", arrival=arrival, aet=entry.aet)
    return "indexed", ""


def _read(archive: Archive, entry: Entry, arrival: int) -> tuple[dict[str, Any] | None, str]:
    try:
        with archive.borrowed(entry.digest) as path:
            return header.parse(path, entry, arrival), ""
    except (UnparsableError, AwayError) as error:
        return None, str(error)


def _entangled(database: Database, entry: Entry, row: dict[str, Any], arrival: int) -> bool:
    """Whether a later arrival was decided without knowing this one, and would have been decided otherwise."""
    study = row["study_uid"]
    same_object = database.rows(
        "SELECT 1 FROM instance WHERE arrival > ? AND sop_uid = ? UNION ALL SELECT 1 FROM quarantine WHERE sop_uid = ? "
        "AND ((arrival < ? AND reason = 'unparsable') OR (arrival > ? AND reason <> 'unparsable')) "
        "UNION ALL SELECT 1 FROM rejection WHERE arrival > ? AND sop_uid = ? AND institution = ?",
        [arrival, entry.sop_uid, entry.sop_uid, arrival, arrival, arrival, entry.sop_uid, entry.institution],
    )
    later = database.rows("SELECT 1 FROM instance WHERE arrival > ? AND study_uid = ?", [arrival, study])
    others = database.rows(
        "SELECT 1 FROM instance WHERE study_uid = ? AND (institution <> ? OR coalesce(patient_id, '') <> ?)",
        [study, entry.institution, row["patient_id"] or ""],
    )
    # arrivals refused since are no matter: the study's owner stays who it is
    return bool(same_object or (later and others))
