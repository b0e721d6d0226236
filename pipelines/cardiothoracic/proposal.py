"""The cardiothoracic ratio of a frontal chest radiograph: where the three lines would be drawn, or why they cannot be.

The ratio is (MRD + MLD) / ID: the greatest distances of the heart's border from the midline to the right and to the left, over the greatest
inner diameter of the thorax (Danzer CS. The cardiothoracic ratio: an index of cardiac enlargement. Am J Med Sci 1919;157:513–521).
Points are (column, row) of the image, (0, 0) the middle of its first pixel. What is found is a proposal; a doctor confirms or corrects it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.cardiothoracic.borders import heart_border, midline, thorax_border
from pipelines.cardiothoracic.lungs import SIDE, Pair, Plane, Unfit, field_of, lungs_of
from pipelines.cardiothoracic.shadow import Likely, dense_within, lung_beside

Point = tuple[float, float]
Segment = tuple[Point, Point]
Progress = Callable[[float], None]

LEAST_PIXELS = 128
"""Of the shorter side of an image that is tried."""
TILT = 12.0
"""Degrees that the midline may lean."""
LIKELY = (0.28, 0.80)
"""Ratios outside are not believed."""
APART = 0.04
"""How much the ratio may differ when the borders are sought more coarsely."""
NARROWER = 0.03
"""How much narrower the thorax is at the lower end of an image upside down, share of its width."""
LEAST_CONTRAST = 0.07
"""Between lung and mediastinum, share of the field's range of grey."""
LEAST_SURE, SURE = 0.5, 0.7
"""Confidence from which a proposal is made, before it is doubted, and from which it is not called unsure."""
DOUBTED = (0.03, 0.09)
"""Difference between the ratios by two signs of the heart's border: from here on there is doubt, from there on most of the confidence is gone."""
COARSE, FINE = 2.2, 1.3
"""Pixels of the small copy over which borders are smoothed."""


@dataclass(frozen=True)
class Proposal:
    """The three lines; left and right are those of the picture."""

    midline: Segment
    heart: Segment
    thorax: Segment
    left: float
    """Greatest distance of the heart's border from the midline towards the left of the picture, pixels."""
    right: float
    ratio: float
    confidence: float
    """0…1: how clear the borders are and how well two ways of finding them agree."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        rounded = {name: [[round(part, 2) for part in point] for point in getattr(self, name)] for name in ("midline", "heart", "thorax")}
        numbers = {name: round(getattr(self, name), 4) for name in ("left", "right", "ratio", "confidence")}
        return {**rounded, **numbers, "unsure": self.confidence < SURE}


@dataclass(frozen=True)
class _Found:
    """What was measured in the small, upright copy."""

    tilt: float
    mid: tuple[Point, Point]
    left: Point
    right: Point
    row: float
    thorax: tuple[float, float, float]
    """Left column, right column and row."""
    middle: float
    strengths: tuple[float, float]

    @property
    def ratio(self) -> float:
        return (self.right[0] - self.left[0]) / (self.thorax[1] - self.thorax[0])


def propose(density: np.ndarray[Any, Any], progress: Progress = lambda _: None) -> Proposal:
    """The lines on an image of density (rows, columns; the denser the higher: of MONOCHROME1 the negative).

    @raises Unfit: it is no frontal chest that can be measured.
    """
    if min(density.shape) < LEAST_PIXELS:
        raise Unfit("too_small")
    if not np.isfinite(density).all():
        raise Unfit("contrast")
    small, step = _small(density)
    field = field_of(small)
    grey = small[field]
    if grey.shape[0] < 60 or grey.shape[1] < 60:
        raise Unfit("contrast")
    progress(0.2)
    try:
        pair = lungs_of(grey)
    except Unfit:
        _sideways(grey)
        raise
    progress(0.6)
    turned = upside_down(pair)
    if turned:
        grey, pair = grey[::-1, ::-1], _turned(pair)
    low, high = np.percentile(grey, (1, 99))
    even = np.asarray((grey - low) / max(high - low, 1e-6), np.float32)
    _check_contrast(even, pair)
    fine = _measured(even, pair, FINE, lung_beside)
    progress(0.7)
    coarse = _measured(even, pair, COARSE, lung_beside)
    _check(fine, coarse, pair, even)
    confidence = _confidence(fine, coarse, pair)
    if confidence < LEAST_SURE:
        raise Unfit("unsure")
    confidence *= _undoubted(fine, _measured(even, pair, FINE, dense_within))

    def place(point: Point) -> Point:
        column, row = (even.shape[1] - 1 - point[0], even.shape[0] - 1 - point[1]) if turned else point
        # the small copy's pixel 0 covers the image's first `step` pixels
        return (column + field[1].start + 0.5) * step[1] - 0.5, (row + field[0].start + 0.5) * step[0] - 0.5

    def segment(one: Point, other: Point) -> Segment:
        first, second = sorted((place(one), place(other)), key=lambda point: point[0])
        return first, second

    left, right = fine.middle - fine.left[0], fine.right[0] - fine.middle
    if turned:
        left, right = right, left
    top, bottom = sorted((place(fine.mid[0]), place(fine.mid[1])), key=lambda point: point[1])
    progress(1.0)
    return Proposal(
        (top, bottom),
        segment((fine.left[0], fine.row), (fine.right[0], fine.row)),
        segment((fine.thorax[0], fine.thorax[2]), (fine.thorax[1], fine.thorax[2])),
        left * step[1],
        right * step[1],
        fine.ratio,
        confidence,
    )


def _small(density: np.ndarray[Any, Any]) -> tuple[Plane, tuple[float, float]]:
    """A copy of at most `SIDE` pixels, each the mean of those it covers, and how many rows and columns those are."""
    factor = max(1.0, max(density.shape) / SIDE)
    rows, columns = (max(1, round(side / factor)) for side in density.shape)
    step = (density.shape[0] / rows, density.shape[1] / columns)
    small = np.asarray(density, np.float64)
    for axis, count in enumerate((rows, columns)):
        total = np.insert(np.cumsum(small, axis), 0, 0.0, axis)
        edges = np.linspace(0, small.shape[axis], count + 1)
        whole = np.minimum(edges.astype(int), small.shape[axis] - 1)
        part = edges - whole
        shape = (-1, 1) if axis == 0 else (1, -1)
        upto = total.take(whole, axis) + part.reshape(shape) * small.take(whole, axis)
        small = np.diff(upto, axis=axis) / step[axis]
    return np.asarray(small, np.float32), step


def _sideways(grey: Plane) -> None:
    """@raises Unfit: there are lungs when the picture is turned by a quarter."""
    try:
        lungs_of(np.ascontiguousarray(np.rot90(grey)))
    except Unfit:
        return
    raise Unfit("sideways")


def _turned(pair: Pair) -> Pair:
    """The pair in the picture turned by half."""
    sides = []
    for region in (pair.right, pair.left):
        rows, columns = region.mask.shape
        box = (
            slice(rows - region.box[0].stop, rows - region.box[0].start),
            slice(columns - region.box[1].stop, columns - region.box[1].start),
        )
        sides.append(type(region)(region.mask[::-1, ::-1], box, region.edge))
    return Pair(*sides)


def upside_down(pair: Pair) -> bool:
    """The thorax is narrow at the apices. Its outer borders say so whatever the heart takes of the lungs, or leaves to them."""
    top = min(pair.left.box[0].start, pair.right.box[0].start)
    bottom = max(pair.left.box[0].stop, pair.right.box[0].stop)
    widths = []
    for start, stop in ((0.05, 0.3), (0.65, 0.9)):
        rows = slice(int(top + start * (bottom - top)), int(top + stop * (bottom - top)))
        left, right = pair.left.mask[rows], pair.right.mask[rows]
        both = left.any(1) & right.any(1)
        if not both.any():
            return False
        widths.append(float(np.mean(right.shape[1] - 1 - right[both, ::-1].argmax(1) - left[both].argmax(1))))
    return widths[1] - widths[0] < -NARROWER * max(widths)


def _check_contrast(even: Plane, pair: Pair) -> None:
    """@raises Unfit: lung and mediastinum are almost the same grey."""
    lung = float(np.median(even[pair.left.mask | pair.right.mask]))
    top = max(pair.left.box[0].start, pair.right.box[0].start)
    rows = np.arange(top, min(pair.left.box[0].stop, pair.right.box[0].stop))
    middle = midline(pair, rows, 0.0).astype(int).clip(0, even.shape[1] - 1)
    if float(np.median(even[rows, middle])) - lung < LEAST_CONTRAST:
        raise Unfit("contrast")


def _measured(even: Plane, pair: Pair, sigma: float, likely: Likely) -> _Found:
    """The greatest widths of heart and thorax in level rows."""
    sides = [thorax_border(even, pair.left, -1, sigma), thorax_border(even, pair.right, 1, sigma)]
    start, stop = max(side.rows[0] for side in sides), min(side.rows[-1] for side in sides)
    rows = np.arange(start, stop + 1)
    if rows.size < 10:
        raise Unfit("unsure")
    columns = [ndimage.median_filter(np.interp(rows, side.rows, side.columns), 7, mode="nearest") for side in sides]
    widest = int((columns[1] - columns[0]).argmax())
    slope, offset = np.polyfit(rows, (columns[0] + columns[1]) / 2, 1)
    ends = []
    hearts = [heart_border(even, pair, side, sigma, likely) for side in (-1, 1)]
    for side, heart in zip((-1, 1), hearts, strict=True):
        reach = ndimage.median_filter(heart.columns, 3, mode="nearest") * side
        at = int(reach.argmax())
        ends.append((float(heart.columns[at]), float(heart.rows[at])))
    row = (ends[0][1] + ends[1][1]) / 2
    top, bottom = float(rows[0]), float(rows[-1])
    strengths = (min(side.strength for side in sides), min(heart.strength for heart in hearts))
    return _Found(
        float(np.degrees(np.arctan(slope))),
        ((offset + slope * top, top), (offset + slope * bottom, bottom)),
        ends[0],
        ends[1],
        row,
        (float(columns[0][widest]), float(columns[1][widest]), float(rows[widest])),
        offset + slope * row,
        strengths,
    )


def _check(fine: _Found, coarse: _Found, pair: Pair, even: Plane) -> None:
    """@raises Unfit: what was found is not what a chest from the front can be."""
    left, right, _ = fine.thorax
    width = right - left
    height = max(pair.left.box[0].stop, pair.right.box[0].stop) - min(pair.left.box[0].start, pair.right.box[0].start)
    if left < 2 or right > even.shape[1] - 3:
        raise Unfit("cut")
    if abs(fine.tilt) > TILT:
        raise Unfit("askew")
    if not 0.45 < height / width < 1.7:
        raise Unfit("no_lungs")
    reach = (fine.middle - fine.left[0], fine.right[0] - fine.middle)
    if min(reach) < 0.03 * width or max(reach) > 0.49 * width or not LIKELY[0] <= fine.ratio <= LIKELY[1]:
        raise Unfit("unsure")
    if abs(fine.ratio - coarse.ratio) > APART:
        raise Unfit("unsure")


def _confidence(fine: _Found, coarse: _Found, pair: Pair) -> float:
    """Agreement of both ways, clearness of the borders and of the lungs, alike lungs; each 0…1, the geometric mean."""
    agreement = 1 - abs(fine.ratio - coarse.ratio) / APART
    clear = [min(1.0, strength / 0.02) for strength in fine.strengths]
    lungs = min(1.0, pair.score / 0.1)
    sizes = sorted((pair.left.area, pair.right.area))
    alike = min(1.0, 1.6 * sizes[0] / sizes[1])
    return float(np.prod([max(part, 1e-3) for part in (0.4 + 0.6 * agreement, *clear, lungs, alike)]) ** 0.2)


def _undoubted(found: _Found, other: _Found) -> float:
    """What is left of the confidence when the heart's border is sought by another sign as well: it may be the spine's, a vessel's, a rib's."""
    doubt = (abs(found.ratio - other.ratio) - DOUBTED[0]) / (DOUBTED[1] - DOUBTED[0])
    return 1 - 0.7 * min(1.0, max(0.0, doubt))
