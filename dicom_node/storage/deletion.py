"""Deletion of a study, for a reason: tombstones first, then the index, the feed, and at last every copy of the files.

It may be cut off anywhere: what has a tombstone and is not done is gone through again at the next start.
"""

from __future__ import annotations

import time

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.feed import Event, Feed
from dicom_node.index.database import among
from dicom_node.index.publish import STUDY_STATE
from dicom_node.index.schema import HIDDEN_STUDY_SELECT
from dicom_node.index.writer import IndexWriter
from dicom_node.storage.parts import Storage
from dicom_node.storage.plan import ONLINE
from dicom_node.storage.tombstones import Tombstone
from dicom_node.storage.volumes import VolumeError

log = logs.get(__name__)
GRACE = 60.0  # seconds a deleted file is set aside: the same bytes may be arriving just now
DELETED = {"code": "deleted", "meaning": "Deleted by the storage plan"}


class Deletion:
    """Works in the thread that writes the index."""

    def __init__(self, writer: IndexWriter, feed: Feed, archive: Archive, storage: Storage) -> None:
        self._writer, self._feed, self._archive = writer, feed, archive
        self._copies, self._plans, self._tombstones = storage.copies, storage.plans, storage.tombstones

    def delete(self, study: str, reason: str, rule: str) -> bool:
        """Delete a study; False when it must stay: files in quarantine name it, and somebody has to decide about them first."""
        database = self._writer.database
        if database.rows("SELECT 1 FROM quarantine WHERE study_uid = ? LIMIT 1", [study]):
            log.warning("study.undeletable", study_uid=study, reason="files in quarantine belong to it")
            return False
        if database.rows(
            "SELECT 1 FROM rejection n JOIN instance i ON i.arrival = n.arrival JOIN instance o ON o.sop_uid = n.sop_uid "
            "WHERE i.study_uid = ? AND o.study_uid <> i.study_uid LIMIT 1",
            [study],
        ):
            log.warning("study.undeletable", study_uid=study, reason="a rejection note in it hides images of another study")
            return False
        rows = database.rows(
            "SELECT arrival, digest, institution, sop_uid, study_uid, series_uid, size FROM instance WHERE study_uid = ?", [study]
        )
        if rows:
            self._tombstones.add(rows, reason, rule, self._writer.cursor)
            self.finish()
        return True

    def finish(self) -> None:
        """Do what the tombstones say and is not done yet."""
        waiting = self._tombstones.undone()
        if not waiting:
            return
        studies = sorted({stone.study_uid for stone in waiting})
        self._tell(waiting)
        self._writer.forget(studies, [stone.arrival for stone in waiting])
        done = [stone.arrival for stone in waiting if self._remove(stone)]
        self._tombstones.finish(done)
        for study in studies:
            self._copies.set_away(study, None)
        log.warning("files.deleted", files=len(done), waiting=len(waiting) - len(done), studies=len(studies))

    def _tell(self, waiting: list[Tombstone]) -> None:
        """One row for each instance, with what the study was and that nothing of it is left."""
        uids = sorted({stone.study_uid for stone in waiting})
        states = {
            row["study_uid"]: row | {"series": 0, "instances": 0}
            for row in self._writer.database.rows(
                f"SELECT {STUDY_STATE} FROM ({HIDDEN_STUDY_SELECT.format(among('study_uid', uids))})",  # noqa: S608
                uids,
            )
        }  # a study that the index has forgotten already was told of before
        self._feed.append(
            Event(
                f"deleted:{stone.arrival}", "instance.hidden", stone.institution, stone.study_uid, stone.series_uid, stone.sop_uid,
                states[stone.study_uid] | {
                    "quiet": True, "on_arrival": False, "note": None, "reason": DELETED, "qualifiers": [],
                    "deletion": {"reason": stone.reason, "rule": stone.rule}, "instance": {"digest": stone.digest, "size": stone.size},
                },
            )
            for stone in waiting if stone.study_uid in states
        )  # fmt: skip

    def _remove(self, stone: Tombstone) -> bool:
        """Remove every copy of the file; whether nothing is left of it. Bytes that belong to something else too stay."""
        if self._in_use(stone.digest):
            return True
        gone = True
        volumes = self._plans.current()[1]
        for name, volume in volumes.items():  # all of them: a copy cut off before its row was written must go as well
            try:
                volume.delete(stone.digest)
            except VolumeError as error:
                log.warning("copy.undeleted", volume=name, digest=stone.digest, reason=str(error))
                gone = False
                continue
            self._copies.drop(stone.digest, name)
        self._archive.set_aside(stone.digest)
        self._copies.drop(stone.digest, ONLINE)
        return gone

    def _in_use(self, digest: str) -> bool:
        database = self._writer.database
        return any(
            database.rows(f"SELECT 1 FROM {table} WHERE digest = ? LIMIT 1", [digest])  # noqa: S608
            for table in ("instance", "quarantine")
        )

    def sweep(self) -> None:
        """End what was set aside a while ago. Bytes that arrived anew while their file was going are put back."""
        for digest, path in self._archive.aside():
            if time.time() - path.stat().st_ctime < GRACE or self._writer.journal.backlog(self._writer.cursor)[0]:
                continue
            if self._in_use(digest):
                self._archive.put_back(digest, path)
                log.warning("file.put_back", digest=digest)
            path.unlink()
