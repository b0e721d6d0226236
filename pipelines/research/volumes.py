"""A series as one regular block of voxels, or a problem that says why it is none: a wrong volume is worse than none."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from pipelines.serving.problems import Problem

TYPE = "application/x-hub-volume"
UNEVEN = 0.01
"""Share of the distance between images, at least 0.01 mm, by which one may lie elsewhere."""
TILT = 0.002
"""Sine of the angle between the way the images are stacked and their normal."""
MOST = 1 << 30
"""Bytes of voxels."""
SAME = ("rows", "columns", "spacing", "frame_of_reference", "bits", "signed", "samples", "slope", "intercept", "photometric", "inverse")


@dataclass(frozen=True, slots=True)
class Block:
    """Where the frames of a series lie: `order` is the frame (index in the header) at each place along z, which rises along the normal."""

    order: tuple[int, ...]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    """mm between slices, rows, columns."""
    positions: tuple[tuple[float, float, float], ...]
    """LPS mm of the first voxel of each slice."""
    direction: tuple[float, ...]
    """3 × 3, row by row: the columns are the unit vectors (LPS) of x, y and z."""
    stored: str
    """Type of the stored values, as numpy names it."""
    unit: str
    slope: float
    intercept: float

    @property
    def size(self) -> int:
        """Bytes of the stored values."""
        return int(np.prod(self.shape)) * np.dtype(self.stored).itemsize

    def dtype(self, low: float, high: float) -> str:
        """The narrowest type that holds the values when the stored ones are low … high: int16, int32 or float32."""
        if not (self.slope.is_integer() and self.intercept.is_integer()):
            return "float32"
        ends = [value * self.slope + self.intercept for value in (low, high)]
        return "int16" if min(ends) >= -(2**15) and max(ends) < 2**15 else "int32" if max(map(abs, ends)) < 2**31 else "float32"

    def head(self, dtype: str) -> bytes:
        """Length and JSON header of `application/x-hub-volume`."""
        text = orjson.dumps({
            "shape": self.shape, "dtype": dtype, "spacing": self.spacing, "origin": self.positions[0], "direction": self.direction,
            "unit": self.unit, "positions": self.positions,
        })  # fmt: skip
        return struct.pack("<I", len(text)) + text

    def voxels(self, stored: np.ndarray[Any, Any], dtype: str) -> bytes:
        """Stored values of one slice as values in the unit of the block, little endian."""
        if self.slope == 1 and self.intercept == 0:
            return bytes(stored.astype(f"<{np.dtype(dtype).str[1:]}").tobytes())
        return bytes((stored * self.slope + self.intercept).astype(f"<{np.dtype(dtype).str[1:]}").tobytes())


def block_of(frames: Sequence[Mapping[str, Any]], modality: str) -> Block:
    """The block of these frames (of the series header); Problem `volume.…` (409, 413) for what is none."""
    if len(frames) < 2:
        raise Problem("volume.few_images")
    first = frames[0]
    if any(frame["samples"] != 1 for frame in frames):
        raise Problem("volume.colour")
    if any(not frame["position"] or not frame["orientation"] or not frame["spacing"] for frame in frames):
        raise Problem("volume.no_geometry")
    if any(frame[name] != first[name] for frame in frames for name in SAME):
        raise Problem("volume.mixed")
    directions = np.asarray([frame["orientation"] for frame in frames], float)
    if np.abs(directions - directions[0]).max() > 1e-3:
        raise Problem("volume.mixed")
    row, column = directions[0, :3], directions[0, 3:]
    if abs(float(row @ column)) > 1e-3 or abs(np.linalg.norm(row) - 1) > 1e-2 or abs(np.linalg.norm(column) - 1) > 1e-2:
        raise Problem("volume.no_geometry")
    normal = np.cross(row, column)
    positions = np.asarray([frame["position"] for frame in frames], float)
    order = np.argsort(positions @ normal, kind="stable")
    stacked = positions[order]
    steps = np.diff(stacked @ normal)
    step = float(np.median(steps))
    allowed = max(UNEVEN * step, 0.01)
    if step <= 0.001 or np.abs(steps - step).max() > allowed:
        raise Problem("volume.gaps", f"{step:.3f} mm; {float(steps.min()):.3f} … {float(steps.max()):.3f} mm")
    # The same away from where a stack along the normal would be, so that no small errors add up.
    ideal = stacked[0] + np.outer(np.arange(len(stacked)) * step, normal)
    if np.abs(stacked - ideal).max() > max(TILT * step * (len(stacked) - 1), 2 * allowed):
        sideways = np.linalg.norm((stacked[-1] - stacked[0]) - (stacked[-1] - stacked[0]) @ normal * normal)
        raise Problem("volume.tilted" if sideways > allowed else "volume.gaps")
    found = Block(
        tuple(int(index) for index in order),
        (len(frames), int(first["rows"]), int(first["columns"])),
        (step, float(first["spacing"][0]), float(first["spacing"][1])),
        tuple((float(x), float(y), float(z)) for x, y, z in stacked),
        tuple(float(part) for part in np.column_stack([row, column, normal]).ravel()),
        f"<{'i' if first['signed'] else 'u'}{first['bits'] // 8}",
        "HU" if modality == "CT" and first["rescale_type"] in {None, "", "HU"} else str(first["rescale_type"] or ""),
        float(first["slope"]),
        float(first["intercept"]),
    )
    if found.size > MOST:
        raise Problem("volume.too_large")
    return found
