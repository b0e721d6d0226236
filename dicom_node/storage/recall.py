"""Recall: a file that is not online any more is brought back when somebody wants it, checked while it comes."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dicom_node import logs
from dicom_node.storage.copies import Copies
from dicom_node.storage.plan import Plans
from dicom_node.storage.volume import DamagedError, NoCopyError, Volume, VolumeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicom_node.archive.files import Archive

log = logs.get(__name__)
_NAMES = itertools.count()


class AwayError(OSError):
    """No volume gives a whole copy now; the message says what each of them said. `hopeless`: each answered, and none has one."""

    def __init__(self, words: str, *, hopeless: bool) -> None:
        super().__init__(words)
        self.hopeless = hopeless


class NoRoomError(AwayError):
    """Bringing the file back would leave too little room for images that arrive."""

    def __init__(self, digest: str, size: int, free: int, reserve: int) -> None:
        super().__init__(
            f"在线磁盘空间不足, 不调回文件 | too little room on the online disk to bring {digest[:12]} back: "
            f"{size >> 20} MB, free {free >> 20} MB, {reserve >> 20} MB are kept for images that arrive",
            hopeless=False,
        )


class Recall:
    """Brings files back; one fetch at a time for each of them."""

    def __init__(self, plans: Plans, copies: Copies) -> None:
        self._plans, self._copies = plans, copies
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(digest, threading.Lock())
            self._waiting[digest] += 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                self._waiting[digest] -= 1
                if not self._waiting[digest]:
                    del self._waiting[digest], self._locks[digest]

    def bring(self, archive: Archive, digest: str) -> None:
        """Put the file back under its digest in `archive`. AwayError: no whole copy can be had now."""
        with self._alone(digest):
            if not archive.place(digest).exists():
                temporary = archive.root / "incoming" / f"recall-{os.getpid()}-{next(_NAMES)}"
                try:
                    size = self.fetch(digest, temporary)
                    archive.put_back(digest, temporary)
                    self._copies.recalled(digest, size)
                    log.info("file.recalled", digest=digest, bytes=size)
                finally:
                    temporary.unlink(missing_ok=True)

    def fetch(self, digest: str, target: Path) -> int:
        """Write a whole copy to `target` on the online disk, synced; returns its bytes. AwayError, NoRoomError; OSError of the target's disk."""
        said, hopeless = [], True
        for volume in self._candidates(digest):
            try:
                with target.open("wb") as file:
                    self._take_room(digest, volume.size(digest), file)
                    size = volume.fetch(digest, file)
                    file.truncate()
                    file.flush()
                    os.fsync(file.fileno())
            except DamagedError as error:
                log.error("copy.damaged", digest=digest, volume=volume.name)  # noqa: TRY400 - no trace is needed
                self._copies.record([(digest, volume.name, 0, "damaged")])
                said.append(str(error))
            except NoCopyError as error:
                said.append(str(error))
            except VolumeError as error:
                log.warning("volume.away", volume=volume.name, reason=str(error))
                said.append(str(error))
                hopeless = False
            else:
                return size
        raise AwayError("; ".join(said) or f"{digest[:12]} is on no volume of the storage plan", hopeless=hopeless)

    def _take_room(self, digest: str, size: int, target: BinaryIO) -> None:
        """Allocate `size` bytes to the empty file `target` on the online disk; NoRoomError when too little would be left for arrivals.

        What is allocated is gone from the free space at once, so that recalls of other processes see it; they take turns by the folder.
        """
        folder = os.open(Path(target.name).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            disk = shutil.disk_usage(folder)
            reserve = int(disk.total * self._plans.current()[0].reserve_percent / 100)
            if disk.free - size < reserve:
                log.error("recall.no_room", digest=digest, bytes=size, free=disk.free, reserve=reserve)
                raise NoRoomError(digest, size, disk.free, reserve)
            if size:
                os.posix_fallocate(target.fileno(), 0, size)
        finally:
            os.close(folder)

    def size(self, digest: str) -> int | None:
        """Bytes of a whole copy that is known; None when none is."""
        return next((copy.size for copy in self._copies.of(digest) if copy.state == "whole"), None)

    def _candidates(self, digest: str) -> list[Volume]:
        """Volumes that have it, then those of which nothing is known, then those whose copy was bad."""
        volumes = self._plans.current()[1]
        known = {copy.volume: copy.state for copy in self._copies.of(digest)}
        order = {"whole": 0, None: 1, "missing": 2, "damaged": 3}
        return sorted(volumes.values(), key=lambda volume: order[known.get(volume.name)])
