"""Lookup tables of a header: Modality LUT and VOI LUT (PS3.3 C.11.1.1.1, C.11.2.1.1).

A table that contradicts its own descriptor is no table: grey values read by a broken one are a wrong picture.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from dicom_node.index.elements import Elements

DESCRIPTOR, DATA = 0x00283002, 0x00283006
WORD = 1 << 16
SMALLEST_BITS, LARGEST_BITS = 8, 16


class LutError(ValueError):
    """The table cannot be used; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Lut:
    """Entry i is the output for the input `first` + i; inputs beyond either end take the entry at that end."""

    first: int
    bits: int
    """The output's range is 0…2^bits − 1."""
    table: np.ndarray[Any, np.dtype[np.uint16]]

    def map(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint16]]:
        """The output for each of `values` (whole numbers, any shape); same shape."""
        mapped: np.ndarray[Any, np.dtype[np.uint16]] = self.table[np.clip(values.astype(np.int64) - self.first, 0, len(self.table) - 1)]
        return mapped

    def grey(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Grey 0…1 for each of `values`; between two whole inputs the straight line between their entries."""
        inputs = np.arange(self.first, self.first + len(self.table))
        grey: np.ndarray[Any, Any] = np.interp(values, inputs, self.table / (2**self.bits - 1))
        return grey

    def data(self) -> dict[str, Any]:
        """Plain data: `first`, `entries`, `bits`, `data` (base64 of little endian words)."""
        return {
            "first": self.first,
            "entries": len(self.table),
            "bits": self.bits,
            "data": base64.b64encode(self.table.astype("<u2").tobytes()).decode("ascii"),
        }


def from_data(data: dict[str, Any]) -> Lut:
    """The table of its plain data."""
    return Lut(data["first"], data["bits"], np.frombuffer(base64.b64decode(data["data"]), "<u2"))


def key_of(data: dict[str, Any]) -> str:
    """A name by content: equal tables have equal keys."""
    text = f"{data['first']} {data['bits']} {data['data']}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def read(item: Dataset | Elements, inputs: tuple[float, float], *, big_endian: bool = False) -> Lut:
    """The table of a sequence item, for inputs of the range `inputs` (least, greatest); LutError.

    Whether the first mapped input is signed follows from the inputs, as the standard says, not from the VR, which devices
    write as they like; where that leaves the whole table outside the inputs, the other reading is taken.
    """
    entries, first, bits = _descriptor(item, big_endian=big_endian)
    entries = entries or WORD
    if not SMALLEST_BITS <= bits <= LARGEST_BITS:
        raise LutError(f"{bits} bits for an entry")
    table = _table(item, entries, bits, big_endian=big_endian)
    if int(table.max()) >= 1 << bits:
        raise LutError(f"an entry does not fit into {bits} bits")
    low, high = inputs
    readings = [first, first - WORD] if first >= WORD // 2 else [first]
    if low < 0:
        readings.reverse()
    for reading in readings:
        if reading <= high and reading + entries - 1 >= low:
            return Lut(reading, bits, table)
    raise LutError("no pixel value lies in the table")


def _descriptor(item: Dataset | Elements, *, big_endian: bool) -> tuple[int, int, int]:
    """The descriptor's three words, unsigned."""
    if isinstance(item, Elements):
        found: Any = item.raw(DESCRIPTOR)
    else:
        element = item.get(DESCRIPTOR)
        found = None if element is None else element.value
    if isinstance(found, bytes):
        if len(found) != 6:
            raise LutError("the descriptor has not three values")
        found = struct.unpack(">3H" if big_endian else "<3H", found)
    try:
        words = [int(value) % WORD for value in found]
    except (TypeError, ValueError) as error:
        raise LutError("no descriptor") from error
    if len(words) != 3:
        raise LutError("the descriptor has not three values")
    return words[0], words[1], words[2]


def _table(item: Dataset | Elements, entries: int, bits: int, *, big_endian: bool) -> np.ndarray[Any, np.dtype[np.uint16]]:
    if isinstance(item, Elements):
        found: Any = item.raw(DATA)
    else:
        element = item.get(DATA)
        found = None if element is None else element.value
    if isinstance(found, int):
        found = [found]
    if isinstance(found, bytes):
        even = entries + entries % 2
        if len(found) == 2 * entries:
            return np.frombuffer(found, ">u2" if big_endian else "<u2").astype(np.uint16)
        if bits == SMALLEST_BITS and len(found) == even:  # two entries in a word, the first in its low byte
            packed = np.frombuffer(found, np.uint8)
            return (packed.reshape(-1, 2)[:, ::-1].ravel() if big_endian else packed)[:entries].astype(np.uint16)
        raise LutError(f"{len(found)} bytes for {entries} entries")
    try:
        words = np.array([int(value) % WORD for value in found], np.uint16)
    except (TypeError, ValueError) as error:
        raise LutError("no data") from error
    if bits == SMALLEST_BITS and len(words) * 2 == entries + entries % 2 and len(words) != entries:
        return words.astype("<u2").view(np.uint8)[:entries].astype(np.uint16)
    if len(words) != entries:
        raise LutError(f"{len(words)} values for {entries} entries")
    return words
