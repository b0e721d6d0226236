"""Bone of a CT with contrast vessels: seeds found by how bright regions end, then a random walker between them.

A vessel is brightest within and falls off to its rim; bone has a rim (the cortex) that is brighter than what it encloses. So each even
bright region (a *core*) is judged by its rim, whatever the height of the contrast. Very bright voxels are bone. From these seeds the
random walker decides the rest; two clicks of a reader are seeds like the others, only stronger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.masks.grid import Floats, Grid, Mask, Spacing, ball, box_mean
from pipelines.masks.walker import Ints, Net, probability

Index = tuple[float, float, float]
"""(frame, row, column) of a volume."""
Progress = Callable[[float], None]
Levels = tuple[float, float] | None
Plane = np.ndarray[Any, Any]

BRIGHT = 140.0
"""HU from which a coarse voxel takes part."""
RIM = 2.6
"""mm from the edge in which the brightest place is sought."""
REACH = 5.0
"""mm between an even region and its rim: a cortex fits in between."""
DENSEST_VESSEL = 700.0
SURE = (0.2, 0.35)
"""Relative excess of the rim: below the first a core is vessel, above the second bone."""
UNSURE = (0.25, 0.75)
"""Chance of bone between which the image says that it is not sure."""
LARGE = 500.0
"""mm³ from which a core is judged by its rim alone."""
THIN = 40.0
"""mm³ that a piece of a thin vessel has at least."""
CONTRAST = 120.0
"""HU: the step between neighbours that a walker seldom crosses."""
EDGE = 130.0
"""HU from which a voxel of the images belongs to what its coarse voxel is."""
PLAQUE = 150.0
"""mm³: a very bright piece up to this size may be a plaque in the wall of a vessel."""
LOOSE_PIECE = 3000.0
"""mm³: a very bright piece up to this size changes its kind as a whole when it is pointed at."""
DARKER = 0.8
"""Share of the faintest vessel's HU below which a hole in bone holds no vessel."""
CLICK = 3.0
"""mm around a place that a reader points at."""
HOLE = 60.0
"""mm² of a cut: a hole in bone up to this size is filled whatever it holds."""
MARROW = 80.0
"""HU: a larger hole is filled when its mean is above; the vertebral canal is below."""


@dataclass
class Prepared:
    """What is worked out once for a volume, so that a reader's seeds need only the walk."""

    grid: Grid
    net: Net
    values: Floats
    cores: Ints
    is_bone: dict[int, bool | None]
    thin: Mask
    """Vessels too thin for a core."""
    dense: Mask
    faintest: float
    """Mean HU of the faintest larger vessel; endless where there is none."""
    smooth: Floats
    """Coarse HU, for filling what the cortex encloses."""


def prepare(
    volume: np.ndarray[tuple[int, int, int], np.dtype[np.int16]], spacing: Spacing, progress: Progress = lambda _: None
) -> Prepared:
    """Cores, their kinds, and the net of bright voxels of a volume in HU; `spacing` in mm as (frames, rows, columns)."""
    grid = Grid.over(volume.shape, spacing)
    hu, peaks = grid.shrink(volume), grid.peaks(volume)
    progress(0.2)
    mean = box_mean(hu)
    spread = np.sqrt(np.maximum(box_mean(hu * hu) - mean * mean, 0))
    around = [2 * max(1, round(RIM / one)) + 1 for one in grid.coarse_spacing]
    top = ndimage.maximum_filter(peaks, around, mode="nearest")
    tissue = (mean > 0) & (mean < 100) & (spread < 60)
    noise = float(np.percentile(spread[tissue], 30)) if tissue.any() else 15.0
    # by how much noise alone lifts the highest of a neighbourhood, and of one voxel
    lifted = float(np.median((top - mean)[tissue])) if tissue.any() else 0.0
    lift = float(np.percentile((peaks - mean)[tissue], 99)) if tissue.any() else 0.0
    progress(0.4)
    net = Net.of(hu > BRIGHT)
    values, level, rough = hu[net.mask], mean[net.mask], spread[net.mask]
    whole = np.bincount(np.concatenate([net.first, net.second]), minlength=net.size) == 6
    even = whole & (rough < max(35.0, 3.0 * noise)) & (level < DENSEST_VESSEL)
    cores = _cores(net, even, grid)
    progress(0.6)
    own_top = top[net.mask] - np.float32(lifted)
    is_bone, levels = _judge(net, cores, whole, values, own_top, grid)
    thin = _thin(net, cores, values, own_top, levels, grid)
    vessel_level = levels[1] if levels else 0.0
    dense = peaks[net.mask] > max(420.0, vessel_level + 120.0) + lift
    progress(0.7)
    return Prepared(grid, net, values, cores, is_bone, thin, dense & ~thin, levels[0] if levels else float("inf"), mean)


def _cores(net: Net, even: Mask, grid: Grid) -> Ints:
    """Number of the even region of each voxel, 0 where it is none or too small."""
    inside = np.zeros(net.mask.shape, bool)
    inside[net.mask] = even
    labels, count = ndimage.label(inside)
    least = max(4, round(60.0 / float(np.prod(grid.coarse_spacing))))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept: Ints = np.where(sizes[labels[net.mask]] >= least, labels[net.mask], 0).astype(np.int32)
    return kept


def _judge(net: Net, cores: Ints, whole: Mask, values: Floats, top: Floats, grid: Grid) -> tuple[dict[int, bool | None], Levels]:
    """Bone, vessel or neither (None) for each core, and the lowest and highest mean HU of the larger vessels."""
    near = net.spread(cores, round(REACH / min(grid.coarse_spacing)))
    rim = (near > 0) & ~whole
    count = int(cores.max(initial=0)) + 1
    sizes = np.bincount(cores, minlength=count)
    levels = np.bincount(cores, values, count) / np.maximum(sizes, 1)
    sizes[0] = 0
    edges = np.split(top[rim][np.argsort(near[rim], kind="stable")], np.cumsum(np.bincount(near[rim], minlength=count))[:-1])
    volumes = sizes * float(np.prod(grid.coarse_spacing))
    kinds: dict[int, bool | None] = {}
    for label in np.flatnonzero(sizes).tolist():
        excess = float(np.median(edges[label])) / levels[label] - 1 if edges[label].size else 0.0
        kinds[label] = False if excess < SURE[0] else True if excess > SURE[1] else None
    vessels = [label for label, kind in kinds.items() if kind is False and volumes[label] > LARGE]
    known = sorted(float(levels[label]) for label in vessels)
    for label, kind in kinds.items():
        # a small core is a vessel only when it is about as bright as a large one; noise makes small even regions in marrow
        if kind is False and volumes[label] <= LARGE and known and not known[0] * 0.8 < levels[label] < known[-1] * 1.2:
            kinds[label] = None
    return kinds, (known[0], known[-1]) if known else None


def _thin(net: Net, cores: Ints, values: Floats, top: Floats, levels: Levels, grid: Grid) -> Mask:
    """Voxels as bright as the larger vessels with nothing brighter near, away from all cores: vessels too thin for a core."""
    if levels is None:
        return np.zeros(net.size, bool)
    beside = net.spread(cores, 3) > 0
    alike = (values > 0.75 * levels[0]) & (values < 1.2 * levels[1]) & (top < 1.25 * levels[1]) & ~beside
    inside = np.zeros(net.mask.shape, bool)
    inside[net.mask] = alike
    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(sizes[labels[net.mask]] * float(np.prod(grid.coarse_spacing)) > THIN)


@dataclass(frozen=True)
class Result:
    """Masks in the grid of the images: what is taken away, and where that is not sure."""

    mask: Mask
    unsure: Mask


def solve(
    prepared: Prepared,
    volume: np.ndarray[tuple[int, int, int], np.dtype[np.int16]],
    keep: Sequence[Index] = (),
    remove: Sequence[Index] = (),
    progress: Progress = lambda _: None,
) -> Result:
    """The bone of the prepared volume; `keep` and `remove` are places a reader has pointed at: no bone, and bone."""
    net = prepared.net
    bone, vessel, open_ = _seeds(prepared, keep, remove)
    chance = probability(net, prepared.values, bone, vessel, CONTRAST)
    progress(0.5)
    likely = np.zeros(net.mask.shape, np.float32)
    likely[net.mask] = chance
    doubt = np.zeros(net.mask.shape, bool)
    doubt[net.mask] = ((chance > UNSURE[0]) & (chance < UNSURE[1])) | open_
    seen = np.zeros(net.mask.shape, bool)
    seen[net.mask] = _reached(net, vessel) & (chance <= 0.5)
    filled = _enclosed(likely > 0.5, seen, prepared)
    share = box_mean(net.mask.astype(np.float32))
    likely = np.where(net.mask, likely, box_mean(likely) / np.maximum(share, np.float32(1e-6)))
    mask = np.zeros(volume.shape, bool)
    unsure = np.zeros(volume.shape, bool)
    doubtful = doubt.astype(np.float32)
    for frame in range(len(volume)):
        bright = volume[frame] > EDGE
        mask[frame] = (prepared.grid.frame_of(likely, frame) > 0.5) & bright
        mask[frame] |= prepared.grid.frame_of(filled, frame) > 0.5
        unsure[frame] = (prepared.grid.frame_of(doubtful, frame) > 0.5) & bright
        if frame % 16 == 0:
            progress(0.5 + 0.5 * frame / len(volume))
    progress(1.0)
    return Result(mask, unsure)


def _seeds(prepared: Prepared, keep: Sequence[Index], remove: Sequence[Index]) -> tuple[Mask, Mask, Mask]:
    """Seeds of bone and of vessel among the voxels of the net, and the cores that could be either."""
    net, cores = prepared.net, prepared.cores
    kinds = dict(prepared.is_bone)
    grown, number, sizes = _dense_pieces(prepared)
    said = np.zeros(net.size, np.int8)
    order = np.cumsum(net.mask.ravel(), dtype=np.int64).reshape(net.mask.shape) - 1 if keep or remove else None
    for places, sign in ((keep, -1), (remove, 1)):
        for place in places:
            around = _around(prepared, place)
            if order is None or not around.any():
                continue
            voxels = order[around]
            own = np.bincount(cores[voxels]) if cores[voxels].any() else np.zeros(1, int)
            if own[1:].sum() * 2 > len(voxels):
                kinds[int(own[1:].argmax()) + 1] = sign > 0
            pieces = np.unique(grown[voxels])
            for piece in pieces[pieces > 0]:
                if number[piece] * float(np.prod(prepared.grid.coarse_spacing)) < LOOSE_PIECE:
                    said[grown == piece] = sign
            said[voxels] = sign
    flag = np.zeros(int(cores.max(initial=0)) + 1, np.int8)
    for label, kind in kinds.items():
        flag[label] = 0 if kind is None else 1 if kind else -1
    kind_of = flag[cores]
    bone = ((kind_of > 0) | (prepared.dense & sizes)) & (said >= 0) | (said > 0)
    vessel = (((kind_of < 0) | prepared.thin) & (said <= 0) & ~(prepared.dense & sizes)) | (said < 0)
    return bone & ~vessel, vessel, (cores > 0) & (kind_of == 0) & (said == 0)


def _dense_pieces(prepared: Prepared) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.int64]], Mask]:
    """Connected pieces of very bright voxels, their sizes, and which voxels lie in a piece too large for a plaque in a vessel's wall."""
    inside = np.zeros(prepared.net.mask.shape, bool)
    inside[prepared.net.mask] = prepared.dense
    labels, count = ndimage.label(inside, np.ones((3, 3, 3), bool))
    own: Ints = labels[prepared.net.mask].astype(np.int32)
    number = np.bincount(own, minlength=count + 1)
    number[0] = 0
    large = number * float(np.prod(prepared.grid.coarse_spacing)) > PLAQUE
    return own, number, np.asarray(large[own])


def _around(prepared: Prepared, place: Index) -> Mask:
    """The bright voxels around a place, or around the one next to it when the reader has missed by a little."""
    grid, mask = prepared.grid, prepared.net.mask
    centre = grid.place(place)
    result = np.zeros(mask.shape, bool)
    for radius in (CLICK, 2 * CLICK, 3 * CLICK):
        shape = ball(grid.coarse_spacing, radius)
        reach = [size // 2 for size in shape.shape]
        window = tuple(slice(max(0, at - n), at + n + 1) for at, n in zip(centre, reach, strict=True))
        part = tuple(slice(max(0, n - at), n + min(n, size - 1 - at) + 1) for at, n, size in zip(centre, reach, mask.shape, strict=True))
        found = mask[window] & shape[part]
        if found.any():
            result[window] = found
            return result
    return result


def _reached(net: Net, seeds: Mask) -> Mask:
    """Voxels of the pieces that hold a seed."""
    pieces = net.pieces()
    return np.asarray((np.bincount(pieces, seeds, int(pieces.max(initial=-1)) + 1) > 0)[pieces])


def _enclosed(bone: Mask, vessel: Mask, prepared: Prepared) -> Floats:
    """What bone encloses in a cut and is no canal: marrow (brighter than the cord) and small holes. 1 where filled, and within bone."""
    _, row, column = prepared.grid.coarse_spacing
    filled = np.zeros(bone.shape, np.float32)
    for frame in range(len(bone)):
        if not bone[frame].any():
            continue
        closed = ndimage.binary_closing(bone[frame], iterations=1)
        holes = ndimage.binary_fill_holes(closed) & ~bone[frame]
        # marrow darker than every vessel is marrow, though its noise may look like a vessel's; an artery in a canal of bone is brighter
        labels, _, means = _levels(holes, prepared.smooth[frame])
        marrow = (means > MARROW) & (means < DARKER * prepared.faintest)
        marrow[0] = False
        found = marrow[labels]
        labels, sizes, means = _levels(holes & ~vessel[frame] & ~found, prepared.smooth[frame])
        good = (sizes * row * column < HOLE) | (means > MARROW)
        good[0] = False
        found |= good[labels]
        # within bone a voxel that noise has made dark is bone too
        filled[frame] = found | ndimage.binary_erosion(found | bone[frame])
    return filled


def _levels(holes: Plane, hu: Floats) -> tuple[Plane, Plane, Plane]:
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
