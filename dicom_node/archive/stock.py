"""A stock of prepared files: their blocks are on the disk before the image is, so a burst of images only overwrites them.

A new file makes the file system, and often what lies under it, find room while the sender waits; written over, the same
bytes reach the disk in a fraction of that time. What was received in the last bursts tells which sizes are worth having;
files are prepared when nothing arrives, and an image for which there is none gets a new file as ever.
A prepared file is zeros under the name `<size>-<number>`. One that a crash leaves half-written may be used again, for it is
written over from its first byte and cut; one that has got another name is an image.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections import Counter, OrderedDict
from contextlib import suppress
from pathlib import Path

from dicom_node import logs

log = logs.get(__name__)
BLOCK = 4096
LARGEST = 1 << 20  # bytes of a prepared file: what a receiver has in memory before it must write
BUDGET, SHARE = 1 << 30, 0.01  # bytes of the stock, and its share of the disk at most
FILES = 8192  # in the stock at most: each costs memory, and a burst of more than this is none
SPARE = 0.05  # of the disk must be free, or there is no stock
QUIET = 0.4  # seconds without an image before files are prepared
LOT = 16  # files written before they are synced
RETRY = 60.0  # seconds after the disk refused
REVIEW = 60.0  # seconds


def blocks(size: int) -> int:
    """`size` in whole blocks: what a prepared file for it is long."""
    return -(-size // BLOCK) * BLOCK


class Stock:
    """Prepared files of one folder; one process uses it. `take` and `missed` may be called from any thread."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder, self._most = folder, budget
        self._lock = threading.Lock()
        self._names = itertools.count()
        self._ready: dict[int, list[int]] = {}  # size → numbers of its files
        self._wanted: OrderedDict[int, int] = OrderedDict()  # size → files; the size asked for last is last
        self._burst: Counter[int] = Counter()  # size → images since the stock was whole
        self._unplanned = 0  # of them
        self._asked = threading.Event()
        self._asked_at = self._not_before = 0.0

    def _path(self, size: int, number: int) -> Path:
        return self._folder / f"{size}-{number}"

    @property
    def budget(self) -> int:
        """Bytes the stock may have on this disk now; 0: the disk is too full for one."""
        disk = shutil.disk_usage(self._folder)
        if disk.free < disk.total * SPARE + self._most:
            return 0
        return int(min(self._most, disk.total * SHARE))

    def open(self) -> None:
        """Take over what an earlier process prepared; any other name in the folder is of no use and goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.iterdir()):
            size, _, number = path.name.partition("-")
            found = path.stat()
            if (
                size.isdigit()
                and number.isdigit()
                and found.st_size == int(size)
                and found.st_blocks * 512 >= found.st_size
                and found.st_nlink == 1
            ):
                self._ready.setdefault(found.st_size, []).append(int(number))
            else:
                path.unlink()
        self._wanted.update({ready: len(numbers) for ready, numbers in self._ready.items()})
        self._names = itertools.count(max((max(numbers) for numbers in self._ready.values()), default=0) + 1)

    def take(self, size: int | None) -> tuple[Path, int] | None:
        """A prepared file for `size` bytes (None: nobody knows yet) and its descriptor; None: there is none.

        It may be longer than `size`; who writes it cuts it, gives it a name of its own and removes this one.
        """
        self._asked_at = time.monotonic()
        if size is None or size > LARGEST:
            return None
        wanted = blocks(size)
        with self._lock:
            self._burst[wanted] += 1
            self._unplanned += 1
            # cutting off more than this costs the disk more than it saves
            fitting = [ready for ready in self._ready if wanted <= ready <= wanted + wanted // 8 + BLOCK]
            path = self._path(min(fitting), self._ready[min(fitting)].pop()) if fitting else None
            if fitting and not self._ready[min(fitting)]:
                del self._ready[min(fitting)]
        self._asked.set()
        if path is None:
            return None
        try:
            return path, os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:  # an image must not wait for this: it gets a new file
            log.warning("stock.lost", errno=error.errno, reason=error.strerror or str(error))
            return None

    def state(self) -> dict[str, int]:
        """Files and bytes that are ready, and files still to be prepared."""
        with self._lock:
            files = {size: len(numbers) for size, numbers in self._ready.items()}
            missing = self._unplanned or sum(self._missing().values())
        return {"files": sum(files.values()), "bytes": sum(size * count for size, count in files.items()), "missing": missing}

    def _missing(self) -> dict[int, int]:
        missing = {size: count - len(self._ready.get(size, [])) for size, count in self._wanted.items()}
        return {size: count for size, count in missing.items() if count > 0}

    def _quiet(self) -> bool:
        return time.monotonic() - self._asked_at >= QUIET

    def _plan(self) -> None:
        """As many of each size as the largest burst had, within the budget; sizes not asked for longest give way."""
        budget = self.budget
        with self._lock:
            for size, count in sorted(self._burst.items(), key=lambda item: item[1]):
                self._wanted[size] = max(count, self._wanted.get(size, 0))
                self._wanted.move_to_end(size)
            self._unplanned = 0
            left, files, surplus = budget, FILES, []
            for size in reversed(self._wanted):
                self._wanted[size] = min(self._wanted[size], left // size, files)
                left, files = left - self._wanted[size] * size, files - self._wanted[size]
            for size in [size for size, count in self._wanted.items() if not count]:
                del self._wanted[size]
            for size, numbers in self._ready.items():
                while len(numbers) > self._wanted.get(size, 0):
                    surplus.append(self._path(size, numbers.pop()))
            self._ready = {size: numbers for size, numbers in self._ready.items() if numbers}
        for path in surplus:
            path.unlink(missing_ok=True)

    def give_up(self) -> None:
        """The disk is full: what is prepared goes, images come first."""
        with self._lock:
            paths = [self._path(size, number) for size, numbers in self._ready.items() for number in numbers]
            self._ready.clear()
            self._wanted.clear()
            self._burst.clear()
            self._unplanned = 0
            self._not_before = time.monotonic() + RETRY
        for path in paths:
            path.unlink(missing_ok=True)

    def prepare(self) -> bool:
        """Prepare one lot if it is quiet; whether there is more to do."""
        if not self._quiet() or time.monotonic() < self._not_before:
            return True
        if self._unplanned:
            self._plan()
        with self._lock:
            missing = self._missing()
            if not missing and not self._unplanned:
                self._burst.clear()
                return False
        if not missing:
            return True
        size = next(reversed(missing))
        written: list[tuple[int, int]] = []  # number and descriptor
        try:
            for _ in range(min(LOT, missing[size])):
                if not self._quiet():
                    break
                number = next(self._names)
                fd = os.open(self._path(size, number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                written.append((number, fd))
                done = os.write(fd, bytes(size))
                os.ftruncate(fd, done)  # a short write makes no prepared file, and is seen below
            for number, fd in written:
                os.fsync(fd)  # blocks are found when the file is written out, not before
                if os.fstat(fd).st_size == size:
                    with self._lock:
                        self._ready.setdefault(size, []).append(number)
                else:
                    self._path(size, number).unlink()
        except OSError as error:
            log.warning("stock.failed", errno=error.errno, reason=error.strerror or str(error))
            self.give_up()
            with suppress(OSError):
                for number, _ in written:
                    self._path(size, number).unlink(missing_ok=True)
        finally:
            for _, fd in written:
                os.close(fd)
        return True

    def keep(self) -> None:
        """Prepare whenever it is quiet; a thread's whole work."""
        while True:
            if self.prepare():
                time.sleep(0.01 if self._quiet() else QUIET / 2)
            elif self._asked.wait(REVIEW):
                self._asked.clear()
            else:
                self._plan()  # others may have filled the disk
