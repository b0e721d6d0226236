"""The coarser grid on which masks are decided, and the way back to the voxels of the images.

Arrays are (frames, rows, columns), lengths mm along the same axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

Floats = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Spacing = tuple[float, float, float]

FINEST = 1.2
"""mm: about as wide as the coarse voxels are where `MOST` allows; fine enough for the cortex of a child's rib."""
MOST = 28_000_000
"""Voxels of the coarse grid: 300 × 512² is decided on 300 × 256²."""


@dataclass(frozen=True)
class Grid:
    """How many voxels along each axis make one of the coarse grid."""

    shape: tuple[int, int, int]
    spacing: Spacing
    factors: tuple[int, int, int]

    @classmethod
    def over(cls, shape: tuple[int, int, int], spacing: Spacing) -> Grid:
        """The coarse grid over a volume; its voxels are never finer than those of the volume, and at most `MOST`."""
        factors = [min(size, max(1, int(FINEST / one + 0.7))) for one, size in zip(spacing, shape, strict=True)]
        while np.prod([-(-size // factor) for size, factor in zip(shape, factors, strict=True)]) > MOST:
            widths = [factor * one for factor, one in zip(factors, spacing, strict=True)]
            # rows and columns go together: a pixel stays as square as it is
            if widths[0] < min(widths[1:]):
                factors[0] += 1
            else:
                factors[1:] = [factors[1] + 1, factors[2] + 1]
        return cls(shape, spacing, (factors[0], factors[1], factors[2]))

    @property
    def coarse_spacing(self) -> Spacing:
        """Of the coarse voxels, mm."""
        a, b, c = (factor * one for factor, one in zip(self.factors, self.spacing, strict=True))
        return a, b, c

    @property
    def coarse_shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns of the coarse grid; the last voxels of an axis may be made of fewer."""
        a, b, c = (-(-size // factor) for size, factor in zip(self.shape, self.factors, strict=True))
        return a, b, c

    def shrink(self, volume: np.ndarray[Any, Any]) -> Floats:
        """Mean HU of each coarse voxel, without a copy of the whole volume."""
        out = np.empty(self.coarse_shape, np.float32)
        for frame, slab in self._slabs(volume):
            sums = slab[0].astype(np.int32)
            for other in slab[1:]:
                sums += other
            for axis in (0, 1):
                sums = _gathered(sums, axis, self.factors[axis + 1], np.add)
            out[frame] = sums
        for axis, (factor, size) in enumerate(zip(self.factors, self.shape, strict=True)):
            parts = np.full(self.coarse_shape[axis], factor, np.float32)
            parts[-1] = size - factor * (len(parts) - 1)
            out /= parts.reshape([-1 if own == axis else 1 for own in range(3)])
        return out

    def peaks(self, volume: np.ndarray[Any, Any]) -> Floats:
        """Highest HU in each coarse voxel: a thin cortex is not averaged away."""
        out = np.empty(self.coarse_shape, np.float32)
        for frame, slab in self._slabs(volume):
            highest = slab.max(0)
            for axis in (0, 1):
                highest = _gathered(highest, axis, self.factors[axis + 1], np.maximum)
            out[frame] = highest
        return out

    def _slabs(self, volume: np.ndarray[Any, Any]) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        deep = self.factors[0]
        for frame in range(self.coarse_shape[0]):
            yield frame, volume[frame * deep : (frame + 1) * deep]

    def place(self, index: tuple[float, float, float]) -> tuple[int, int, int]:
        """The coarse voxel around a (frame, row, column) of the volume, inside the grid."""
        a, b, c = (
            int(min(max(0, round(at) // factor), size - 1)) for at, factor, size in zip(index, self.factors, self.coarse_shape, strict=True)
        )
        return a, b, c

    def frame_of(self, coarse: Floats, frame: int) -> Floats:
        """The values of a coarse array at the voxels of one frame of the volume, linear between the middles."""
        fz, fy, fx = self.factors
        at = (frame + 0.5) / fz - 0.5
        low = min(max(int(np.floor(at)), 0), len(coarse) - 1)
        high = min(low + 1, len(coarse) - 1)
        part = np.float32(min(max(at - low, 0.0), 1.0))
        picture: Floats = coarse[low] * (1 - part) + coarse[high] * part
        for axis, factor in ((0, fy), (1, fx)):
            picture = _stretched(picture, axis, factor, self.shape[axis + 1])
        return picture


def _gathered(picture: np.ndarray[Any, Any], axis: int, factor: int, operation: np.ufunc) -> np.ndarray[Any, Any]:
    """Each `factor` neighbours along an axis made one; the last may be made of fewer."""
    lines = picture if axis == 0 else picture.T
    out = lines[::factor].copy()
    for start in range(1, factor):
        more = lines[start::factor]
        operation(out[: len(more)], more, out=out[: len(more)])
    return out if axis == 0 else out.T


def _stretched(picture: Floats, axis: int, factor: int, size: int) -> Floats:
    """One axis at `factor` times as many places, linear between the middles."""
    if factor == 1:
        return picture
    count = picture.shape[axis]
    at = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, count - 1)
    low = np.minimum(at.astype(np.intp), max(0, count - 2))
    part = (at - low).astype(np.float32)
    part = part[:, None] if axis == 0 else part[None, :]
    first = np.take(picture, low, axis)
    result: Floats = first + (np.take(picture, np.minimum(low + 1, count - 1), axis) - first) * part
    return result


def ball(spacing: Spacing, radius: float) -> Mask:
    """Voxels whose middle is at most `radius` mm from the middle one."""
    reach = [int(radius / one) for one in spacing]
    z, y, x = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    result: Mask = (z * spacing[0]) ** 2 + (y * spacing[1]) ** 2 + (x * spacing[2]) ** 2 <= radius**2 + 1e-6
    return result


def box_mean(values: Floats, size: int = 3) -> Floats:
    """Mean over a cube of `size` voxels."""
    result: Floats = ndimage.uniform_filter(values, size, mode="nearest")
    return result
