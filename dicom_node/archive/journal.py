"""The journal: one line for each acknowledged instance, in order of arrival. With the files it is the truth.

A line is a JSON object; its byte offset is the instance's *arrival number*. Everything the index and the feed know
is derived from the journal and the files. An entry counts once it is synced; the writer answers the peer only then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Entry:
    """One acknowledged instance."""

    digest: str  # sha256 of the file, hex: its name
    size: int  # bytes of the file
    sop_class: str  # from the command
    sop_uid: str  # from the command
    transfer_syntax: str
    institution: str  # of the device, never of a header
    aet: str  # calling AE title
    address: str  # peer's address
    at: str  # UTC, ISO 8601


class JournalError(OSError):
    """The journal cannot be written; nothing may be acknowledged until the process starts again."""


class JournalWriter:
    """Appends entries; several threads share one sync (group commit)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end = self._cut_torn_tail()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._lock = threading.Lock()
        self._synced = threading.Condition()
        self._synced_to = self._end
        self._syncing = False
        self.broken = False

    def _cut_torn_tail(self) -> int:
        """A last line without newline was never acknowledged: cut it, so that the next entry starts on its own line."""
        size = os.fstat(self._fd).st_size
        step, end = 1 << 16, size
        while end > 0:
            start = max(0, end - step)
            cut = os.pread(self._fd, end - start, start).rfind(b"\n")
            if cut >= 0:
                end = start + cut + 1
                break
            end = start
        if end != size:
            os.ftruncate(self._fd, end)
            os.fsync(self._fd)
        return end

    @property
    def end(self) -> int:
        """Arrival number of the next entry."""
        return self._end

    def append(self, entry: Entry) -> None:
        """Write `entry` and return when it is on disk. OSError: it is not in the journal."""
        line = orjson.dumps(entry) + b"\n"
        with self._lock:
            if self.broken:
                raise JournalError("journal is closed after a failed sync")
            start = self._end
            try:
                done = 0
                while done < len(line):
                    done += os.pwrite(self._fd, line[done:], start + done)
            except OSError:
                os.ftruncate(self._fd, start)  # a half-written line must not swallow the next one
                raise
            self._end = end = start + len(line)
        self._sync(end)

    def _sync(self, end: int) -> None:
        """Whoever finds no sync running does it for all who wrote before it; the others wait."""
        with self._synced:
            while True:
                if self.broken:
                    raise JournalError("journal could not be synced")
                if self._synced_to >= end:
                    return
                if not self._syncing:
                    self._syncing = True
                    break
                self._synced.wait()
        covers = self._end
        try:
            os.fdatasync(self._fd)
        except OSError:
            # after a failed sync the kernel may call the pages clean: a second try would report success falsely
            with self._synced:
                self.broken, self._syncing = True, False
                self._synced.notify_all()
            raise
        with self._synced:
            self._synced_to, self._syncing = max(self._synced_to, covers), False
            self._synced.notify_all()


class JournalReader:
    """Follows the journal from any arrival number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def _open(self) -> bool:
        if self._fd < 0 and self._path.exists():
            self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        return self._fd >= 0

    def end(self) -> int:
        """Bytes in the journal now."""
        return os.fstat(self._fd).st_size if self._open() else 0

    def read(self, start: int, limit: int = 2000) -> tuple[list[tuple[int, Entry]], int]:
        """Up to `limit` whole entries from arrival number `start`, and the number to go on from.

        The journal is synced first: an index that knew more than the disk would, after a power cut,
        stand behind the journal's new end and skip what is written there next.
        """
        if self.end() <= start:
            return [], start
        os.fdatasync(self._fd)
        entries: list[tuple[int, Entry]] = []
        for offset, line in self._lines(start):
            entries.append((offset, Entry(**orjson.loads(line))))
            start = offset + len(line)
            if len(entries) >= limit:
                break
        return entries, start

    def backlog(self, start: int) -> tuple[int, str | None]:
        """How many entries there are from `start`, and when the first of them was written; beyond 8 MB the number is an estimate."""
        left = self.end() - start
        if left <= 0:
            return 0, None
        data = os.pread(self._fd, min(left, 8 << 20), start)
        count = data.count(b"\n")
        if not count:
            return 0, None  # a line that is just being written
        first = orjson.loads(data[: data.index(b"\n")])
        return max(count, count * left // len(data)), str(first["at"])

    def _lines(self, start: int) -> Iterator[tuple[int, bytes]]:
        rest = b""
        while chunk := os.pread(self._fd, 1 << 18, start + len(rest)):
            rest += chunk
            while (cut := rest.find(b"\n")) >= 0:
                line, rest = rest[: cut + 1], rest[cut + 1 :]
                yield start, line
                start += len(line)
