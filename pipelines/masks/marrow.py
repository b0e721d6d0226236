"""Marrow: what a thin bright ring encloses in a cut, darker than the ring and brighter than what lies around it.

Brightness alone tells no cortex from contrast where the bone is thin or poor in calcium. Its build does: no vessel has a bright rim
around something darker. A kidney or a heart may have, but their bright parts are thick; bowel holds water; what liver vessels enclose
is as bright as what lies outside of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.masks.grid import Floats, Grid, Mask

Plane = np.ndarray[Any, Any]

RING = 2.4
"""mm: about as thick as a cortex is with its partial volume."""
AROUND = 4.0
"""mm from the marrow in which its ring is."""
OUTSIDE = 4.5
"""mm from the bone in which it is looked at what lies around it."""
EXCESS = 0.3
"""Share by which the ring is brighter than what it encloses."""
SURFACE = 0.45
"""Share of what lies around marrow that must be ring and not the inside of something thick."""
WATER = 60.0
"""HU: the mean of what is taken for marrow is above."""
DARK_OUTSIDE = 25.0
"""HU by which the surroundings are darker than marrow."""
LEAST = 60.0
"""mm³ of marrow that is believed."""


@dataclass(frozen=True)
class Marrow:
    """Masks in the coarse grid: what is enclosed, and the innermost layer of the bright ring around it."""

    inside: Mask
    ring: Mask


def marrow(bright: Mask, hu: Floats, top: Floats, below: float, grid: Grid) -> Marrow:
    """Marrow and its ring; `top` is the highest HU near each voxel without what noise adds, `below` the HU that marrow never reaches."""
    inside = np.zeros(bright.shape, bool)
    pixel = min(grid.coarse_spacing[1:])
    thick, around, outside = (max(1, round(length / pixel)) for length in (RING, AROUND, OUTSIDE))
    for frame in range(len(bright)):
        if not bright[frame].any():
            continue
        filled = bright[frame] | ndimage.binary_closing(bright[frame])
        holes, _, means = hole_levels(ndimage.binary_fill_holes(filled) & ~filled, hu[frame])
        # the vertebral canal is no marrow, and what borders on it is the surface of the bone
        means[0] = 0.0
        filled |= means[holes] > WATER
        inner = ndimage.binary_erosion(filled, iterations=thick)
        labels, count = ndimage.label(inner & (hu[frame] > 0) & (hu[frame] < below))
        surface = filled & ~inner
        beyond = ~filled
        for number, window in enumerate(ndimage.find_objects(labels), 1):
            wide = tuple(slice(max(0, part.start - around - outside), part.stop + around + outside) for part in window)
            found = labels[wide] == number
            if np.count_nonzero(found) < 4:
                continue
            level = float(hu[frame][wide][found].mean())
            near = ndimage.binary_dilation(found, iterations=around) & filled[wide] & ~found
            rim = near & surface[wide]
            if level < WATER or np.count_nonzero(rim) < SURFACE * np.count_nonzero(near):
                continue
            # the rind of a kidney is still bright just within its surface
            edge = found & ndimage.binary_dilation(surface[wide], iterations=thick)
            within = max(level, float(np.median(hu[frame][wide][edge if edge.any() else found])))
            if np.median(top[frame][wide][rim]) < (1 + EXCESS) * within:
                continue
            far = ndimage.binary_dilation(rim, iterations=outside) & beyond[wide]
            if not far.any() or np.median(hu[frame][wide][far]) > level - DARK_OUTSIDE:
                continue
            inside[frame][wide] |= found
    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(grid.coarse_spacing))
    sizes[0] = 0
    inside = (sizes >= LEAST)[labels]
    return Marrow(inside, layer_around(inside) & bright & ~inside)


def layer_around(inside: Mask) -> Mask:
    """Marrow with one voxel around it in each cut: no more, for an artery may lie on the bone."""
    across = ndimage.generate_binary_structure(3, 1)
    across[[0, 2]] = False
    return np.asarray(ndimage.binary_dilation(inside, across))


def hole_levels(holes: Plane, hu: Floats) -> tuple[Plane, Plane, Plane]:
    """Number of the hole of each place (0: none), and for each number its size and mean HU without its edge (bright by partial volume)."""
    labels, count = ndimage.label(holes)
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=count + 1)
    inner = np.where(ndimage.binary_erosion(holes).ravel(), flat, 0)
    inside = np.bincount(inner, minlength=count + 1)
    means = np.bincount(inner, hu.ravel(), count + 1) / np.maximum(inside, 1)
    # a hole as thin as its edge is judged as a whole
    whole = np.bincount(flat, hu.ravel(), count + 1) / np.maximum(sizes, 1)
    return labels, sizes, np.where(inside > 0, means, whole)
