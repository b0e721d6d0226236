"""The two lung fields of a frontal chest radiograph: the darkest pair of large, whole, side by side regions that are not the air outside.

Grey is density here (dense is bright), planes are small copies of the image, rows and columns in pixels of that copy. Regions are sought
at many thresholds, for each lung its own, and the ones with the strongest edge all around are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, spatial

Plane = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Box = tuple[slice, slice]

SIDE = 256
"""Pixels of the longer side in which regions are sought."""
RIM = 3
"""Pixels of a collimator's blurred edge."""
LEVELS = 28
FLAT = 0.15
"""Share of the field over which slow changes of density are taken away."""
SIZES = (0.02, 0.36)
"""Share of the exposed field that one lung takes."""
HEIGHT = 0.2
"""Share of the field's height that a lung has at least."""
WHOLE = 0.68
"""Share of its convex hull that a lung fills at least (the heart is a dent)."""
WHOLLY = 0.15
"""How much a larger region is preferred: the power of its share of the field."""
OVERLAP = 0.65
"""Share of the rows of the shorter lung in which the other is too."""
APART = 0.5
"""Share of the width of both that lies between them at most."""
SIZES_APART = 2.6
"""How many times larger than the other a lung may be."""


class Unfit(Exception):  # noqa: N818 - not an error of ours: the image is no frontal chest that can be measured
    """The image cannot be measured, and why: a word of `problems.REFUSALS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Region:
    """One candidate for a lung."""

    mask: Mask
    box: Box
    edge: float
    """Rise of density outwards across its border, in units of the field's range of grey; more for a larger region."""

    @property
    def area(self) -> int:
        """Pixels."""
        return int(self.mask.sum())

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column of its centre."""
        rows, columns = np.nonzero(self.mask)
        return float(rows.mean()), float(columns.mean())


@dataclass(frozen=True)
class Pair:
    """The lungs as they lie in the picture: left and right of the picture, not of the child."""

    left: Region
    right: Region

    @property
    def score(self) -> float:
        """How sure it is that these are lungs; the weaker one counts most."""
        return min(self.left.edge, self.right.edge) + 0.25 * (self.left.edge + self.right.edge)


def field_of(grey: Plane) -> Box:
    """The part that was exposed: borders of one even grey (collimator, shutter, print) are cut off."""
    spread = float(np.subtract(*np.percentile(grey, (98, 2))))
    if not spread > 0:
        raise Unfit("contrast")
    cuts = []
    for axis in (0, 1):
        lines = grey if axis == 0 else grey.T
        even = ndimage.uniform_filter1d(lines, 5, axis=1).std(axis=1) < 0.03 * spread
        inside = np.flatnonzero(~even)
        if inside.size < 0.3 * len(lines):
            raise Unfit("contrast")
        # the blurred rim of what is cut off goes too
        start, stop = int(inside[0]), int(inside[-1]) + 1
        cuts.append(slice(start + RIM * (start > 0), stop - RIM * (stop < len(lines))))
    return cuts[0], cuts[1]


def lungs_of(grey: Plane) -> Pair:
    """The best pair of lungs in an exposed field, upright or upside down.

    @raises Unfit: there is none.
    """
    low, high = np.percentile(grey, (1, 99))
    even = np.clip((grey - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
    smooth = ndimage.gaussian_filter(even, 1.5)
    steepness = ndimage.gaussian_gradient_magnitude(even, 1.5)
    # also without the slow change of density over the body, so that one level fits a lung from top to bottom
    flat = smooth - 0.7 * ndimage.gaussian_filter(smooth, FLAT * max(smooth.shape))
    regions = [
        region
        for plane in (smooth, flat)
        for level in np.percentile(plane, 2) + np.linspace(0, 1, LEVELS) * np.subtract(*np.percentile(plane, (75, 2)))
        for region in _regions(plane < level, smooth, steepness)
    ]
    pairs = [Pair(*sorted((one, other), key=lambda each: each.middle[1])) for one, other in _candidates(regions)]
    if not pairs:
        raise Unfit("one_lung" if any(region.edge > 0.012 and region.area > 0.05 * grey.size for region in regions) else "no_lungs")
    return max(pairs, key=lambda pair: pair.score)


def _regions(dark: Mask, smooth: Plane, steepness: Plane) -> Iterator[Region]:
    """Pieces of what is dark that may be a lung."""
    rows, columns = dark.shape
    opened = ndimage.binary_opening(dark, iterations=2)
    labels, _ = ndimage.label(opened)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        if height < HEIGHT * rows or width > 0.62 * columns or height < 0.7 * width or width < 0.25 * height:
            continue
        # air beside the body, and lungs that the border of the field cuts
        if box[1].start <= RIM or box[1].stop >= columns - RIM:
            continue
        mask = labels == number
        mask[box] = ndimage.binary_fill_holes(mask[box])
        share = mask.sum() / mask.size
        if not SIZES[0] <= share <= SIZES[1] or _touching(mask) > 0.12 or _whole(mask[box]) < WHOLE:
            continue
        border = mask & ~ndimage.binary_erosion(mask)
        clear = float(_rise(smooth, mask) * 0.5 + np.mean(steepness[border]))
        yield Region(mask, box, clear * (share / 0.1) ** WHOLLY)


def _touching(mask: Mask) -> float:
    """Share of the region's width that lies on the upper or lower border of the field."""
    width = int(mask.any(0).sum())
    return float(max(mask[:RIM].any(0).sum(), mask[-RIM:].any(0).sum()) / max(width, 1))


def _whole(mask: Mask) -> float:
    """Share of its convex hull that a region fills."""
    points = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    if len(points) < 10:
        return 0.0
    try:
        hull = spatial.ConvexHull(points)
    except spatial.QhullError:
        return 0.0
    return float(mask.sum() / max(hull.volume + hull.area / 2, 1.0))


def _rise(smooth: Plane, mask: Mask) -> float:
    """How much denser it is around a region than inside its border."""
    outer = ndimage.binary_dilation(mask, iterations=5) & ~ndimage.binary_dilation(mask, iterations=1)
    inner = mask & ~ndimage.binary_erosion(mask, iterations=5)
    return float(np.median(smooth[outer]) - np.median(smooth[inner])) if outer.any() and inner.any() else 0.0


def _candidates(regions: list[Region]) -> Iterator[tuple[Region, Region]]:
    """Pairs that lie as lungs do: side by side, alike in size and height, something dense between them."""
    for at, one in enumerate(regions):
        for other in regions[at + 1 :]:
            left, right = sorted((one, other), key=lambda each: each.box[1].start)
            shared = min(left.box[0].stop, right.box[0].stop) - max(left.box[0].start, right.box[0].start)
            heights = [each.box[0].stop - each.box[0].start for each in (left, right)]
            sizes = sorted((left.area, right.area))
            if shared < OVERLAP * min(heights) or max(heights) > 1.7 * min(heights) or sizes[1] > SIZES_APART * sizes[0]:
                continue
            across = right.box[1].stop - left.box[1].start
            gap = right.box[1].start - left.box[1].stop
            if (
                gap > APART * across
                or (left.mask & right.mask).any()
                or left.box[1].stop > right.box[1].start + 0.2 * across
                or across < 0.7 * max(heights)
            ):
                continue
            yield left, right
