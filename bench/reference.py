"""Hand-checked truth about CTs of the corpus: outlines drawn by hand over the images (`references/*.toml`), made into masks.

An outline only says where; which voxels within it count is decided by a threshold, so that no pixel of the corpus is copied here.
None of it is taken from the masks under test. `python -m bench.reference <name> <folder>` draws it over the images, to be looked at.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from bench.corpus import corpus, ct_part

FOLDER = Path(__file__).resolve().parent / "references"
TISSUE = ("other", "bone", "vessel", "doubt")
"""Labels within the body; `doubt` counts neither as lost nor as removed."""
SIDES = ("other", "body", "table")
SMOOTH = 0.6
"""Pixels of blur before a threshold is asked: against noise, less than a cortex is wide."""
LARGEST_HOLE = 1500.0
"""mm²: a hole up to this size in a filled region belongs to it (the marrow of a vertebra)."""
COLOURS = {"bone": (255, 60, 60), "vessel": (60, 140, 255), "doubt": (255, 220, 0), "body": (60, 220, 60), "table": (255, 0, 255)}

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Points = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Reference:
    """A part of a series in HU (frames, rows, columns; spacing mm along the same axes) and the truth about it."""

    name: str
    volume: np.ndarray[Any, np.dtype[np.int16]]
    spacing: tuple[float, float, float]
    bone: Mask
    vessel: Mask
    body: Mask
    table: Mask
    doubt: Mask
    note: str
    """What a reader of the figures must know about this part of the series."""


def names() -> list[str]:
    """Of all references, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def reference(name: str) -> Reference:
    """The truth about one CT; `FileNotFoundError` in words where the corpus is absent."""
    told = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    volume, spacing, numbers = ct_part(corpus() / told["series"], *told["images"])
    truth = {layer: np.zeros(volume.shape, np.uint8) for layer in ("tissue", "side")}
    for region in told["region"]:
        layer, labels = ("side", SIDES) if region["label"] in SIDES[1:] else ("tissue", TISSUE)
        if region.get("clear"):
            truth[layer][_region({"outline": region["outline"]}, volume, spacing, numbers)] = 0
        truth[layer][_region(region, volume, spacing, numbers)] = labels.index(region["label"])
    tissue, side = truth["tissue"], truth["side"]
    return Reference(name, volume, spacing, tissue == 1, tissue == 2, side == 1, side == 2, tissue == 3, told.get("note", ""))


def _region(region: dict[str, Any], volume: np.ndarray[Any, np.dtype[np.int16]], spacing: Sequence[float], numbers: list[int]) -> Mask:
    """Voxels of a region: within its outline, between its thresholds, in pieces of at least `least` mm³ (or the largest alone)."""
    chosen = np.zeros(volume.shape, bool)
    places = [numbers.index(outline["image"]) for outline in region["outline"]]
    for frame in range(min(places), max(places) + 1):
        inside = within(_between(region["outline"], places, frame), volume.shape[1:])
        hu = ndimage.gaussian_filter(volume[frame].astype(np.float32), SMOOTH)
        found = inside & (hu > region.get("above", -np.inf)) & (hu < region.get("below", np.inf))
        chosen[frame] = _filled(found, spacing, region["holes"]) & inside if "holes" in region else found
    if "least" in region or region.get("largest"):
        labels, count = ndimage.label(chosen)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        good = sizes == sizes.max() if region.get("largest") else sizes * float(np.prod(spacing)) >= region["least"]
        good[0] = False
        chosen = good[labels]
    return chosen


def _filled(found: Mask, spacing: Sequence[float], largest: float) -> Mask:
    """With gaps of a pixel closed and holes up to `largest` mm² filled."""
    closed = found | ndimage.binary_closing(found)
    labels, count = ndimage.label(ndimage.binary_fill_holes(closed) & ~closed)
    small = np.bincount(labels.ravel(), minlength=count + 1) * spacing[1] * spacing[2] <= largest
    small[0] = False
    return np.asarray(closed | small[labels])


def _between(outlines: Sequence[dict[str, Any]], places: list[int], frame: int) -> np.ndarray[Any, Any]:
    """The outline in a frame: linear between the two drawn ones around it, which have as many points."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    low = max((number for number in order if places[number] <= frame), key=lambda number: places[number])
    high = min((number for number in order if places[number] >= frame), key=lambda number: places[number])
    first, second = (np.asarray(outlines[number]["points"], float) for number in (low, high))
    if places[low] == places[high]:
        return first
    part = (frame - places[low]) / (places[high] - places[low])
    return first + (second - first) * part


def within(points: np.ndarray[Any, Any], shape: Sequence[int]) -> Mask:
    """Pixels whose middle lies inside a polygon of (column, row) points."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside = np.zeros((shape[0], shape[1]), bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, 0), strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def drawn(truth: Reference, frame: int, centre: float = 150, width: float = 700) -> Image.Image:
    """One frame with the edges of every label in its colour."""
    grey = np.clip((truth.volume[frame] - (centre - width / 2)) / width * 255, 0, 255)
    picture = np.repeat(grey.astype(np.uint8)[:, :, None], 3, 2)
    for label, colour in COLOURS.items():
        mask = getattr(truth, label)[frame]
        picture[mask & ~ndimage.binary_erosion(mask)] = colour
    return Image.fromarray(picture)


def _drawings(name: str) -> Iterator[tuple[int, Image.Image]]:
    truth = reference(name)
    for frame in range(len(truth.volume)):
        yield frame, drawn(truth, frame)


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for frame, picture in _drawings(sys.argv[1]):
        picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST).save(target / f"{sys.argv[1]}-{frame:02}.png")
