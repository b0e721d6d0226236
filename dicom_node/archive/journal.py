"""The journal: one line for each acknowledged instance, in order of arrival. With the files it is the truth.

A line is a JSON object; its byte offset is the instance's *arrival number*. Everything the index and the feed know
is derived from the journal and the files. The peer is answered once the entry is synced, or once its file is synced with a note
that says the same (`notes`); the entry follows within a moment.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from dicom_node import logs

log = logs.get(__name__)
TAIL = 4 << 20  # bytes: what is not synced is far less
MOST_OWED = 1000  # entries that may wait for a sync at once
SETTLE = 0.05  # seconds between the syncs of entries that have notes


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
    """Appends entries; several threads share one sync (group commit). `keep_settled` syncs those that nobody waits for."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end = self._cut_torn_tail()
        self._end = self._close_holes()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._lock = threading.Lock()
        self._synced = threading.Condition()
        self._synced_to = self._end
        self._syncing = False
        self.broken = False
        self._owed: deque[tuple[int, Path]] = deque()  # end of the entry, its note
        self._owing = threading.Event()
        self._settling = threading.Lock()

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

    def _tail(self) -> tuple[int, bytes]:
        """The last whole lines, and where they begin."""
        start = max(0, self._end - TAIL)
        tail = os.pread(self._fd, self._end - start, start)
        cut = tail.find(b"\n") + 1 if start else 0
        return start + cut, tail[cut:]

    def _rewrite(self, start: int, tail: bytes) -> None:
        done = 0
        while done < len(tail):
            done += os.pwrite(self._fd, tail[done:], start + done)
        os.fsync(self._fd)

    def _close_holes(self) -> int:
        """After a power cut zeros may stand where lines were not on the disk yet: the lines behind them move up. Returns the end.

        All of them have notes, and nothing was read of what was not synced.
        """
        start, tail = self._tail()
        if b"\0" not in tail:
            return self._end
        lines = tail.splitlines(keepends=True)
        whole = [line for line in lines if b"\0" not in line]
        log.error("journal.holes", lines=len(lines) - len(whole))
        tail = b"".join(whole)
        os.ftruncate(self._fd, start + len(tail))
        self._rewrite(start, tail)
        return start + len(tail)

    def renew_tail(self) -> list[Entry]:
        """The last entries, written once more: after a failed sync the kernel may think that they are on the disk."""
        start, tail = self._tail()
        self._rewrite(start, tail)
        found = []
        for line in tail.splitlines():
            with suppress(ValueError, TypeError):  # a rotten one is for the index to say, and must not keep images from being received
                found.append(Entry(**orjson.loads(line)))
        return found

    @property
    def end(self) -> int:
        """Arrival number of the next entry."""
        return self._end

    def append(self, entry: Entry, note: Path | None = None) -> None:
        """Write `entry` and return when it is on disk. OSError: it is not in the journal.

        With a `note` on the disk it returns at once, and takes the note away when the entry is there too.
        """
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
            if note is not None:
                self._owed.append((end, note))
        if note is None or len(self._owed) > MOST_OWED:
            self._sync(end)
        else:
            self._owing.set()

    def settle(self) -> None:
        """Sync the entries that have notes, and take the notes away. OSError: the journal is broken, the notes stay."""
        with self._settling:
            with self._lock:
                owed = list(self._owed)
            if not owed:
                return
            self._sync(owed[-1][0])
            for _, note in owed:
                self._owed.popleft()
                note.unlink(missing_ok=True)

    def keep_settled(self) -> None:
        """Settle a moment after each entry; a thread's whole work. OSError as `settle`."""
        while True:
            self._owing.wait()
            self._owing.clear()
            time.sleep(SETTLE)
            self.settle()

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
        return self.glance(start, limit)

    def glance(self, start: int, limit: int = 2000) -> tuple[list[tuple[int, Entry]], int]:
        """As `read`, of entries that may not be on the disk yet: nothing that lasts may be made of them."""
        if self.end() <= start:
            return [], start
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
