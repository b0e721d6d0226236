"""Borders of the heart and of the thorax in rows of a chest radiograph, as paths of steepest change of density (dynamic programming).

Grey is density (dense is bright). A border is looked for from the lung towards what is dense; "outwards" is away from the lung.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.cardiothoracic.lungs import Mask, Pair, Plane, Region

Line = np.ndarray[Any, Any]

TURNS = 1.25
"""Columns by row from which a border runs along the diaphragm and no longer along the heart."""
DOWNWARDS = 0.6
"""Columns by row below which a border runs down."""
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
HILUM = 0.42
"""Share of the lung's height below which the heart's border is sought."""
ROUND = 0.75
"""The steepest place of a round body's shadow, smoothed over σ pixels, lies this many σ within its border."""
FAINT = 0.3
"""Share of the usual steepness of a border below which a row has none."""


@dataclass(frozen=True)
class Border:
    """Column of a border in each of its rows; `steep` is how much density rises there per pixel."""

    rows: Line
    columns: Line
    steep: Line

    @property
    def strength(self) -> float:
        """Usual steepness."""
        return float(np.median(self.steep))

    def moved(self, by: float) -> Border:
        """The same border so many columns farther to the right."""
        return Border(self.rows, self.columns + by, self.steep)


def thorax_border(grey: Plane, lung: Region, side: int, sigma: float) -> Border:
    """Inner rib margin of a lung; side −1 is the lung left in the picture."""
    top, height = lung.box[0].start, lung.box[0].stop - lung.box[0].start
    rows = np.arange(int(top + 0.12 * height), lung.box[0].stop)
    rise = _rise(grey, side, sigma)
    edge = _outermost(lung.mask, rows, side)
    reach = 0.13 * (lung.box[1].stop - lung.box[1].start) + 3
    near = np.abs(np.arange(grey.shape[1])[None, :] - edge[:, None]) <= reach
    # outside of what the mask has there is more room than inside: ribs make its own edge ragged
    return _path(rows, np.where(near, np.clip(rise[rows], 0, None), -1.0), 1).moved(ROUND * sigma * side)


def heart_border(grey: Plane, pair: Pair, side: int, sigma: float, falls: int) -> Border:
    """Border of the heart against a lung from the hilum down to the diaphragm; rows without one are left out."""
    lung = pair.left if side < 0 else pair.right
    top, height = lung.box[0].start, lung.box[0].stop - lung.box[0].start
    rows = np.arange(int(top + HILUM * height), lung.box[0].stop)
    middle = (pair.left.box[1].stop + pair.right.box[1].start) / 2
    middle = _between(pair, rows, middle)
    outer = _outermost(lung.mask, rows, side)
    room = np.abs(outer - middle)
    off = (np.arange(grey.shape[1])[None, :] - middle[:, None]) * side
    allowed = (off > 0.02 * room[:, None]) & (off < 0.9 * room[:, None])
    dome = _dome(lung, float(np.median(middle)), side)
    rise = np.clip(_rise(grey, -side, sigma)[rows], 0, None)
    # what lies below the diaphragm's top must not draw the path away from the heart above
    rise[rows > dome] *= BELOW
    path = _path(rows, np.where(allowed, rise * _silhouette(grey, rows, off / room[:, None], side, falls), -1.0), 2)
    path = path.moved(ROUND * sigma * side)
    return _heart_part(path, (path.columns - middle) * side, dome)


def _dome(lung: Region, middle: float, side: int) -> float:
    """Row of the diaphragm's top: where the outer half of a lung ends."""
    outer = float(_outermost(lung.mask, np.arange(lung.box[0].start, lung.box[0].stop), side)[-1])
    ends = sorted(int(middle + share * (outer - middle)) for share in (0.6, 0.9))
    part = lung.mask[:, max(0, ends[0]) : ends[1] + 1]
    bottoms = (part.shape[0] - 1 - part[::-1].argmax(0))[part.any(0)]
    return float(np.percentile(bottoms, 35)) if bottoms.size else float(lung.box[0].stop)


def _heart_part(path: Border, reach: Line, dome: float) -> Border:
    """The rows before the border turns into the diaphragm's, and those that have one.

    Above the top of the diaphragm that is where it runs outwards and never down again; below, a recess beside the heart may go on.
    """
    count = len(reach)
    span = max(3, round(0.06 * count))
    slope = np.array([reach[min(at + span, count - 1)] - reach[at] for at in range(count)]) / span
    above = int(np.searchsorted(path.rows, dome + 1))
    end = max(above, min(5, count))
    level = slope[:end] < DOWNWARDS
    if (slope[:end] > TURNS).any():
        last = int(np.flatnonzero(level)[-1]) + 1 if level.any() else 0
        turned = [at for at in np.flatnonzero(slope[:end] > TURNS) if at >= last]
        end = int(turned[0]) + 1 if turned and turned[0] > 0.15 * count else end
    usual = float(np.median(path.steep[: max(end, 3)]))
    if end >= above:
        while end < count and slope[end] < DOWNWARDS / 2 and path.steep[end] > 0.6 * usual:
            end += 1
    kept = np.arange(end)[path.steep[:end] > FAINT * usual]
    if kept.size < 5:
        kept = np.arange(max(end, 1))
    return Border(path.rows[kept], path.columns[kept], path.steep[kept])


def _rise(grey: Plane, side: int, sigma: float) -> Plane:
    """Rise of density per pixel towards a side."""
    return np.asarray(ndimage.gaussian_filter(grey, (1.5 * sigma, sigma), order=(0, 1)) * side, np.float32)


def _outermost(mask: Mask, rows: Line, side: int) -> Line:
    """Column farthest to a side of a mask in each row, over rows without one straight."""
    part = mask[rows.astype(int)]
    here = np.flatnonzero(part.any(1))
    ends = part.argmax(1) if side < 0 else part.shape[1] - 1 - part[:, ::-1].argmax(1)
    line = np.interp(np.arange(len(rows)), here, ends[here])
    return np.asarray(ndimage.median_filter(line, max(3, len(rows) // 8), mode="nearest"), np.float64)


def _between(pair: Pair, rows: Line, middle: float) -> Line:
    """Column of the midline in rows: through the middles of the thorax, which is alike on both sides where the heart is not."""
    top = max(pair.left.box[0].start, pair.right.box[0].start)
    bottom = min(pair.left.box[0].stop, pair.right.box[0].stop)
    places = np.arange(top + (bottom - top) // 6, bottom - (bottom - top) // 6)
    if places.size < 5:
        return np.full(len(rows), middle)
    middles = (_outermost(pair.left.mask, places, -1) + _outermost(pair.right.mask, places, 1)) / 2
    slope, start = np.polyfit(places, middles, 1)
    return np.asarray(start + slope * rows, np.float64)


midline = _between


def _silhouette(grey: Plane, rows: Line, off: Plane, side: int, falls: int) -> Plane:
    """How much a place is where the heart's shadow ends (1): it is dense all the way from the midline, and lung from there on (0.03: not).

    The edge of the spine within the heart's shadow is steeper than a faint heart's own, but farther out it gets darker once more; a vessel,
    a rib or a dense patch has lung on the midline's side. Both are told by the density that they leave or meet, as a share of their own
    step, so that neither the spine's density nor the heart's needs to be known.
    """
    part = ndimage.gaussian_filter(grey, (2.5, 1))[rows.astype(int)]
    part = ndimage.uniform_filter1d(part, 5, axis=1)
    if side < 0:
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
    # a round heart falls off slowly: its own step is taken over more columns
    slow = np.where(within, ndimage.shift(part, (0, falls), order=0, mode="nearest") - outside, 0) * whole
    farther = np.maximum.accumulate(slow[:, ::-1], axis=1)[:, ::-1]
    farther = ndimage.shift(farther, (0, BESIDE - 2 * falls), order=0, mode="nearest")
    likely = whole * np.clip(1 - (farther / step - FARTHER[0]) / (FARTHER[1] - FARTHER[0]), 0.03, 1)
    likely = np.where(within & np.isfinite(likely), likely, 0.03)
    return np.asarray(likely[:, ::-1] if side < 0 else likely, np.float32)


def _path(rows: Line, gain: Plane, steepest: int) -> Border:
    """The path down the rows that gains most; from row to row it moves by at most `steepest` columns. Negative gains are forbidden."""
    count, width = gain.shape
    best = np.empty((count, width))
    came = np.zeros((count, width), np.int8)
    price = 0.04 * float(np.percentile(gain[gain > 0], 90)) if (gain > 0).any() else 0.0
    barred = -1e6
    best[0] = np.where(gain[0] < 0, barred, gain[0])
    for row in range(1, count):
        options = np.full((2 * steepest + 1, width), -np.inf)
        for at, step in enumerate(range(-steepest, steepest + 1)):
            low, high = max(0, step), width + min(0, step)
            options[at, low:high] = best[row - 1, low - step : high - step] - price * abs(step)
        came[row] = options.argmax(0) - steepest
        best[row] = options.max(0) + np.where(gain[row] < 0, barred, gain[row])
    columns = np.empty(count, int)
    columns[-1] = int(best[-1].argmax())
    for row in range(count - 1, 0, -1):
        columns[row - 1] = columns[row] - came[row, columns[row]]
    steep = np.clip(gain[np.arange(count), columns], 0, None)
    return Border(np.asarray(rows, np.float64), ndimage.gaussian_filter1d(columns.astype(float), 1.5, mode="nearest"), steep)
