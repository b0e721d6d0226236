"""Deletion of a study, for a reason: tombstones first, then the feed, the index and the online folder, at last the copies on volumes.

It may be cut off anywhere: what has a tombstone and is not done is gone through again, the index's part at the next start, that of
the volumes by the keeper whenever a volume can be used. Only what was buried goes: the study may have been sent again since.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.feed import Event, Feed
from dicom_node.index.database import among
from dicom_node.index.publish import STUDY_STATE
from dicom_node.index.schema import HIDDEN_STUDY_SELECT
from dicom_node.index.writer import IndexWriter
from dicom_node.storage.copies import ONLINE
from dicom_node.storage.parts import Storage
from dicom_node.storage.tombstones import Tombstone
from dicom_node.storage.volume import Volume, VolumeError

log = logs.get(__name__)
AT_ONCE = 500
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
        """Do what the tombstones say and is not done yet, but on the volumes."""
        waiting = self._tombstones.undone()
        if not waiting:
            return
        self._tell(waiting)
        self._writer.forget({stone.arrival: (stone.study_uid, stone.until) for stone in waiting})
        self._tombstones.forgotten({stone.arrival: self._set_aside(stone) for stone in waiting})
        studies = {stone.study_uid for stone in waiting}
        for study in studies - self._shown_again(studies):
            self._copies.set_away(study, None)
        log.warning("files.deleted", files=len(waiting), studies=len(studies))

    def settle(self, volumes: Iterable[Volume]) -> dict[str, VolumeError]:
        """Remove the copies of what was buried from those of `volumes` that answer; what the others said. For the keeper's thread."""
        said: dict[str, VolumeError] = {}
        for volume in volumes:
            while (stones := self._tombstones.pending(volume.name, AT_ONCE)) and volume.name not in said:
                if self._writer.journal.backlog(self._writer.cursor)[0]:
                    return said  # the same bytes may be among what is not indexed yet
                gone = []
                try:
                    for stone in stones:
                        if not self._in_use(stone.digest):
                            volume.delete(stone.digest)
                            self._copies.drop(stone.digest, volume.name)
                        gone.append(stone.arrival)
                except VolumeError as error:
                    said[volume.name] = error
                self._tombstones.removed(volume.name, gone)
                if gone:
                    log.warning("copies.deleted", volume=volume.name, copies=len(gone))
        return said

    def leave(self, volume: str) -> int:
        """`volume` is out of the plan: it is waited for only where it may have a copy; returns for how many."""
        stones = self._tombstones.pending(volume, -1)
        never = [stone.arrival for stone in stones if volume not in self._copies.holders(stone.digest)]
        self._tombstones.removed(volume, never)
        return len(stones) - len(never)

    def _shown_again(self, studies: set[str]) -> set[str]:
        """Those of which the index has something: they were sent again after the deletion."""
        uids = sorted(studies)
        rows = self._writer.database.rows(f"SELECT DISTINCT study_uid FROM instance WHERE {among('study_uid', uids)}", uids)  # noqa: S608
        return {row["study_uid"] for row in rows}

    def _tell(self, waiting: list[Tombstone]) -> None:
        """One row for each instance, with what the study was and that nothing of it is left."""
        uids = sorted({stone.study_uid for stone in waiting})
        named = among("study_uid", uids)
        again = {
            row["study_uid"]: row
            for row in self._writer.database.rows(
                f"SELECT study_uid, count(DISTINCT series_uid) AS series, count(*) AS instances FROM instance WHERE visible AND {named} "  # noqa: S608
                f"AND NOT {among('arrival', waiting)} GROUP BY study_uid",
                [*uids, *(stone.arrival for stone in waiting)],
            )
        }
        states = {
            row["study_uid"]: row | {"series": 0, "instances": 0} | again.get(row["study_uid"], {})
            for row in self._writer.database.rows(f"SELECT {STUDY_STATE} FROM ({HIDDEN_STUDY_SELECT.format(named)})", uids)  # noqa: S608
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

    def _set_aside(self, stone: Tombstone) -> set[str]:
        """Take the online file away; on which volumes there may be a copy. Bytes that belong to something else too stay."""
        if self._in_use(stone.digest):
            return set()
        self._archive.set_aside(stone.digest)
        self._copies.drop(stone.digest, ONLINE)
        return self._copies.holders(stone.digest).union(self._plans.current()[1])  # also a copy that the table does not know

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
