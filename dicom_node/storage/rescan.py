"""What is on a volume of which nothing is known: its copies into the table, when that was lost or the volume is new to this node.

Until a volume was gone through, nothing on it counts as a copy, and the keeper moves nothing off the online disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.index.database import Database, among
from dicom_node.storage.parts import Storage
from dicom_node.storage.volume import Volume, VolumeError

log = logs.get(__name__)
LOT = 500


class Rescan:
    """Works for the keeper, in its thread, a part at a time."""

    def __init__(self, storage: Storage, archive: Archive, database: Database) -> None:
        self._storage, self._copies, self._archive, self._database = storage, storage.copies, archive, database
        self.progress: dict[str, int] = {}
        """Volume that is being gone through → copies found so far."""
        self._under_way: dict[str, Iterator[None]] = {}

    def due(self, name: str) -> bool:
        """Whether it is not known what the volume has."""
        return not self._copies.is_scanned(name)

    def work(self, volume: Volume, stop: threading.Event, until: float) -> bool:
        """Go on until `until` (monotonic); whether the volume is through. VolumeError: it begins anew next time."""
        steps = self._under_way.setdefault(volume.name, self._go_through(volume))
        try:
            for _ in steps:
                if stop.is_set() or time.monotonic() >= until:
                    return False
        except VolumeError:
            del self._under_way[volume.name]
            raise
        del self._under_way[volume.name]
        self.progress.pop(volume.name, None)
        return True

    def _go_through(self, volume: Volume) -> Iterator[None]:
        begun, seen, lot = time.time(), set[bytes](), list[tuple[str, int]]()
        self.progress[volume.name] = 0
        for digest, size in volume.walk():
            seen.add(bytes.fromhex(digest))
            lot.append((digest, size))
            self.progress[volume.name] = len(seen)
            if len(lot) == LOT:
                self._found(volume.name, lot)
                lot = []
                yield
        self._found(volume.name, lot)
        volume.check()  # it may have gone in the middle
        lost = self._copies.forget(volume.name, seen, begun)
        self._copies.set_scanned(volume.name)
        log.info("volume.rescanned", volume=volume.name, copies=len(seen), missing=lost)

    def _found(self, name: str, lot: list[tuple[str, int]]) -> None:
        digests = [digest for digest, _ in lot]
        self._copies.enrol([(digest, name, size) for digest, size in lot], checked_at=0.0)  # the next scrub reads it
        self._storage.tombstones.reopen(name, digests)
        tier = next((volume.tier for volume in self._storage.plans.current()[0].volume if volume.name == name), None)
        # on a volume to which files are moved: that they are not online is on purpose, and the scrub need not bring them all back
        moved = [digest for digest in digests if tier == "nearline" and not self._archive.place(digest).exists()]
        if moved:
            self._copies.release(moved)
            rows = self._database.rows(f"SELECT DISTINCT study_uid FROM instance WHERE {among('digest', moved)}", moved)  # noqa: S608
            for row in rows:
                self._copies.set_away(row["study_uid"], name)
