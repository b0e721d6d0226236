"""Where the shadow of a heart ends: two ways to tell its border from that of the spine within it, and from vessels and ribs in the lung.

Both say for each place of one half of the thorax how likely the heart ends there (1: nothing is against it). They judge by different
things, so that what both find is probably right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.cardiothoracic.lungs import Mask, Plane

Line = np.ndarray[Any, Any]

DEEP = 0.15
"""Share of the half thorax; so deep within what was found to be lung the heart's border is half as likely."""
BESIDE = 4
"""Columns from a border to what counts as beside it."""
LUNG_ENDS = 0.9
"""Share of the half thorax up to which lung is looked at; then the chest wall begins."""
BELOW = 0.3
"""How much a row below the top of the diaphragm counts."""
FARTHER = (0.3, 0.7)
"""The greatest step farther out, as a share of a border's own: from here on the border is less likely, from there on not the heart's."""
MET = (0.3, 0.7)
"""Least density between the midline and a border as a share of the density within it: from here on likely, from there on surely."""


@dataclass(frozen=True)
class Half:
    """One half of the thorax below the hilum: the rows looked at, and in each of them the column of the midline."""

    grey: Plane
    """Of the whole image; dense is bright."""
    lung: Mask
    rows: Line
    middle: Line
    ends: tuple[Line, Line]
    """Distances of the lung's inner and outer end from the midline."""
    dome: float
    """Row of the diaphragm's top."""
    side: int
    """−1: to the left of the midline in the image, 1: to the right."""

    @property
    def off(self) -> Plane:
        """Distance of each place from the midline, outwards."""
        return np.asarray((np.arange(self.grey.shape[1])[None, :] - self.middle[:, None]) * self.side, np.float64)

    @property
    def room(self) -> Plane:
        """Half the width of the thorax, as a column of the rows."""
        return np.asarray(self.ends[1][:, None])


Likely = Callable[[Half], Plane]


def lung_beside(half: Half) -> Plane:
    """What lies outwards is as dark as this lung; not deep in what was found to be lung, though that may take in some of the heart."""
    deep = (half.off - half.ends[0][:, None]) / (DEEP * half.room)
    return np.asarray(_lunglike(half) / (1 + np.clip(deep, 0, None) ** 2), np.float32)


def _lunglike(half: Half) -> Plane:
    """How much what lies outwards of a place is as dark as this lung (1) or as dense as the mediastinum (0).

    The edge of the spine within the heart's shadow is steep too, but has heart and not lung beside it.
    """
    rows = half.rows.astype(int)
    part = half.grey[rows]
    columns = np.arange(half.grey.shape[1])
    inside = ndimage.binary_erosion(half.lung, iterations=2)[rows]
    lung = _each_row(part, inside, 40)
    near = np.abs(columns[None, :] - half.middle[:, None]) < 0.05 * half.grey.shape[1]
    dense = _each_row(part, near, 60)
    smooth = ndimage.uniform_filter1d(ndimage.gaussian_filter(part, 1), 5, axis=1)
    beside = ndimage.shift(smooth, (0, -BESIDE * half.side), order=0, mode="nearest")
    share = (beside - lung[:, None]) / np.maximum(dense - lung, 1e-3)[:, None]
    return np.asarray(np.clip(1 - (share - 0.15) / 0.4, 0.03, 1), np.float32)


def _each_row(part: Plane, where: Mask, percent: float) -> Line:
    """A percentile of the marked pixels of each row, smoothed along the rows; rows without any take their neighbours'."""
    here = [at for at in range(len(part)) if where[at].sum() > 2]
    if not here:
        return np.full(len(part), float(np.median(part)))
    levels = [float(np.percentile(part[at][where[at]], percent)) for at in here]
    line = np.interp(np.arange(len(part)), here, levels)
    return np.asarray(ndimage.gaussian_filter1d(line, max(2.0, len(part) / 12), mode="nearest"), np.float64)


def dense_within(half: Half) -> Plane:
    """It is dense all the way from the midline, and no comparable step follows farther out.

    The edge of the spine within the heart's shadow is steeper than a faint heart's own, but farther out it gets darker once more; a vessel,
    a rib or a dense patch has lung on the midline's side. Both are told by the density that they leave or meet, as a share of their own
    step, so that neither the spine's density nor the heart's needs to be known.
    """
    part = ndimage.gaussian_filter(half.grey, (2.5, 1))[half.rows.astype(int)]
    part = ndimage.uniform_filter1d(part, 5, axis=1)
    off = half.off / half.room
    if half.side < 0:
        part, off = part[:, ::-1], off[:, ::-1]
    # from here on columns run from the midline outwards
    outside = ndimage.shift(part, (0, -BESIDE), order=0, mode="nearest")
    inside = ndimage.shift(part, (0, BESIDE), order=0, mode="nearest")
    within = (off > 0) & (off < LUNG_ENDS)
    darkest = np.where(within, part, np.inf).min(1)[:, None]
    valley = np.minimum.accumulate(np.where(within, inside, np.inf), axis=1)
    met = (valley - darkest) / np.maximum(inside - darkest, 1e-3)
    whole = np.clip((met - MET[0]) / (MET[1] - MET[0]), 0.1, 1)
    step = np.maximum(inside - outside, 1e-3)
    farther = np.maximum.accumulate((np.where(within, inside - outside, 0) * whole)[:, ::-1], axis=1)[:, ::-1]
    farther = ndimage.shift(farther, (0, -BESIDE), order=0, mode="nearest")
    likely = whole * np.clip(1 - (farther / step - FARTHER[0]) / (FARTHER[1] - FARTHER[0]), 0.03, 1)
    likely = np.where(within & np.isfinite(likely), likely, 0.03)
    # what lies below the diaphragm's top must not draw the path away from the heart above
    likely[half.rows > half.dome] *= BELOW
    return np.asarray(likely[:, ::-1] if half.side < 0 else likely, np.float32)
