"""One volume: a place where copies of files are kept beside the online folder, and the mark that says which volume it is.

A copy is named by its digest like the file itself, so nothing on a volume needs this node's tables to be understood, and every
read of it can be checked. An error of a volume is a `VolumeError`: the volume may be away and come back.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import orjson

CHUNK = 1 << 20
MARK = ".volume"
"""Name of the mark, beside the folders of the copies."""
COPY = re.compile(r"(?:.*/)?([0-9a-f]{2})/(\1[0-9a-f]{62})\.dcm\Z")
"""The name of a copy; its second group is the digest."""


class VolumeError(OSError):
    """The volume does not do what was asked; it may be away."""


class NoCopyError(VolumeError):
    """The volume answers, and has no such copy."""


class DamagedError(VolumeError):
    """The copy is there, but its bytes are not those its name promises."""


class SourceError(OSError):
    """The file to be copied has not the bytes its name promises: the volume is not at fault, and was not changed."""


class AbsentError(VolumeError):
    """The place is not mounted, or is not this volume."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file or object `.volume` says. An older node left it empty: then both are empty."""

    volume: str
    id: str

    @classmethod
    def fresh(cls, volume: str) -> Self:
        """The mark of a place that becomes this volume."""
        return cls(volume, uuid.uuid4().hex)

    @classmethod
    def read(cls, raw: bytes, name: str) -> Self:
        """The mark in these bytes. VolumeError: it is none."""
        if not raw.strip():
            return cls("", "")
        try:
            found = orjson.loads(raw)
            return cls(str(found["volume"]), str(found["id"]))
        except (ValueError, TypeError, KeyError) as error:
            raise AbsentError(f"volume {name}: its mark {MARK} cannot be read") from error

    def written(self) -> bytes:
        """Its bytes."""
        return orjson.dumps({"volume": self.volume, "id": self.id}) + b"\n"


def _nobody_knows() -> None:
    return None


class Volume(ABC):
    """One place for copies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.identity: Callable[[], str | None] = _nobody_knows
        """What the node remembers of it; None: it was never seen before."""

    @abstractmethod
    def read_mark(self) -> bytes | None:
        """The mark's bytes, None when there is none. VolumeError."""

    @abstractmethod
    def write_mark(self, mark: Mark) -> None:
        """Make the place this volume. VolumeError."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the place this volume, with a new identity. VolumeError: it cannot be, or holds something else."""

    @abstractmethod
    def stored(self, digest: str) -> int | None:
        """Bytes under this name, whichever volume it is; None: nothing. VolumeError."""

    def mark(self) -> Mark | None:
        """The mark of the place; None: there is none. VolumeError, also when it is no mark."""
        raw = self.read_mark()
        return None if raw is None else Mark.read(raw, self.name)

    def check(self) -> None:
        """AbsentError, in words, unless the place is there and is this very volume. VolumeError."""
        found = self.mark()
        if found is None:
            raise AbsentError(f"volume {self.name}: {self.no_mark()}")
        if not found.id:
            raise AbsentError(f"volume {self.name}: its mark has no identity yet; it gets one when the known copies are found on it")
        if found.volume != self.name:
            raise AbsentError(f"volume {self.name}: this is the volume {found.volume}; were mounts or addresses exchanged?")
        known = self.identity()
        if known is not None and known != found.id:
            raise AbsentError(
                f"volume {self.name}: another disk or bucket is in its place (identity {found.id[:8]} instead of {known[:8]}); "
                "bring the right one back, or name this one anew in the plan"
            )

    @abstractmethod
    def no_mark(self) -> str:
        """What it means that there is no mark."""

    @abstractmethod
    def pieces(self, digest: str) -> Iterator[bytes]:
        """The copy's bytes as they come. NoCopyError, VolumeError."""

    @abstractmethod
    def write(self, digest: str, source: Path) -> None:
        """Make a copy of `source` under `digest`, whole or not at all, and last. VolumeError.

        SourceError: the source is not whole; what the volume had under the digest is as it was.
        """

    @abstractmethod
    def size(self, digest: str) -> int:
        """Bytes of the copy. NoCopyError, VolumeError."""

    @abstractmethod
    def delete(self, digest: str) -> None:
        """Remove the copy; nothing when there is none. VolumeError."""

    @abstractmethod
    def walk(self) -> Iterator[tuple[str, int]]:
        """Digest and bytes of every copy. VolumeError."""

    @abstractmethod
    def free(self) -> tuple[int, int] | None:
        """(free, total) bytes; None: it has no limit that is known. VolumeError."""

    def fetch(self, digest: str, target: BinaryIO) -> int:
        """Write the copy into `target`, its bytes checked; returns how many. DamagedError, NoCopyError, VolumeError; OSError of `target`."""
        return self._read(digest, target.write)

    def verify(self, digest: str) -> int:
        """Read the whole copy; returns its bytes. DamagedError, NoCopyError, VolumeError."""
        return self._read(digest, len)

    def _read(self, digest: str, take: Callable[[bytes], object]) -> int:
        found, count = hashlib.sha256(), 0
        for piece in self.pieces(digest):
            found.update(piece)
            take(piece)
            count += len(piece)
        if found.hexdigest() != digest:
            raise DamagedError(f"copy of {digest[:12]} on {self.name} is damaged")
        return count
