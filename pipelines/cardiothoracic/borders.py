"""Borders of the heart and of the thorax in rows of a chest radiograph, as paths of steepest change of density (dynamic programming).

Grey is density (dense is bright). A border is looked for from the lung towards what is dense; "outwards" is away from the lung.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.cardiothoracic.lungs import Mask, Pair, Plane, Region
from pipelines.cardiothoracic.shadow import Half, Likely

Line = np.ndarray[Any, Any]

TURNS = 1.25
"""Columns by row from which a border runs along the diaphragm and no longer along the heart."""
DOWNWARDS = 0.6
"""Columns by row below which a border runs down."""
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


def heart_border(grey: Plane, pair: Pair, side: int, sigma: float, likely: Likely) -> Border:
    """Border of the heart against a lung from the hilum down to the diaphragm, where it is steep and `likely`; rows without one are left out."""
    lung = pair.left if side < 0 else pair.right
    top, height = lung.box[0].start, lung.box[0].stop - lung.box[0].start
    rows = np.arange(int(top + HILUM * height), lung.box[0].stop)
    middle = _between(pair, rows, (pair.left.box[1].stop + pair.right.box[1].start) / 2)
    ends = [np.abs(_outermost(lung.mask, rows, one) - middle) for one in (-side, side)]
    dome = _dome(lung, float(np.median(middle)), side)
    half = Half(grey, lung.mask, rows, middle, (ends[0], ends[1]), dome, side)
    allowed = (half.off > 0.02 * half.room) & (half.off < 0.9 * half.room)
    rise = np.clip(_rise(grey, -side, sigma)[rows], 0, None)
    path = _path(rows, np.where(allowed, rise * likely(half), -1.0), 2)
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
