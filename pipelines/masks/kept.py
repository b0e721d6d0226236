"""Finished masks on the disk, each under the digest of what it was made from; the ones not used for longest go first."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.masks.grid import Mask
from pipelines.masks.series import Geometry

ALGORITHM = 2
"""Raised when the same series would give another mask than before."""
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Wish:
    """What a mask is asked for; points are LPS mm."""

    study: str
    series: str
    kind: str
    keep: tuple[Point, ...] = ()
    remove: tuple[Point, ...] = ()

    def name(self, geometry: Geometry) -> str:
        """The mask's identifier: the same for the same images, kind and points, whoever asks."""
        told = [ALGORITHM, self.study, self.series, self.kind, sorted(self.keep), sorted(self.remove), geometry.instances]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def packed(geometry: Geometry, about: dict[str, Any], mask: Mask, unsure: Mask) -> bytes:
    """A result as it is sent and kept: gzip of `[u32 LE length][JSON]`, then the bits of the mask, then those of what is not sure.

    Bits lie in the order of the frames, rows and columns told in the JSON, the lowest bit first; each of the two is filled up to a byte.
    """
    head = json.dumps({**geometry.told(), **about}, ensure_ascii=False).encode()
    bits = [np.packbits(one, bitorder="little").tobytes() for one in (mask, unsure)]
    return gzip.compress(b"".join([struct.pack("<I", len(head)), head, *bits]), 1, mtime=0)


def unpacked(content: bytes) -> tuple[dict[str, Any], Mask, Mask]:
    """The JSON, the mask and what is not sure of a packed result."""
    plain = gzip.decompress(content)
    length = struct.unpack_from("<I", plain)[0]
    about = json.loads(plain[4 : 4 + length])
    shape = (len(about["frames"]), about["rows"], about["columns"])
    count = int(np.prod(shape))
    size = -(-count // 8)
    start = 4 + length

    def bits(at: int) -> Mask:
        part = np.frombuffer(plain, np.uint8, size, start + at * size)
        return np.unpackbits(part, count=count, bitorder="little").astype(bool).reshape(shape)

    return about, bits(0), bits(1)


class Kept:
    """The folder of finished masks, never larger than `most` bytes by more than one mask."""

    def __init__(self, folder: Path, most: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for rest in folder.glob("*.new"):
            rest.unlink()
        self._folder, self._most = folder, most
        self._lock = threading.Lock()

    def path(self, name: str) -> Path:
        """Where the mask of this name lies, when it does."""
        return self._folder / f"{name}.mask"

    def has(self, name: str) -> bool:
        """Whether it is there; it counts as used now."""
        try:
            os.utime(self.path(name))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes | None:
        """The packed result, None when it has gone."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def sweep(self, spared: Sequence[str] = ()) -> None:
        """Delete what was not used for longest until the folder fits."""
        with self._lock:
            found = sorted(self._folder.glob("*.mask"), key=lambda path: path.stat().st_mtime)
            total = sum(path.stat().st_size for path in found)
            for path in found:
                if total <= self._most:
                    return
                if path.stem in spared:
                    continue
                total -= path.stat().st_size
                path.unlink(missing_ok=True)
