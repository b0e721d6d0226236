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
from pipelines.masks.marrow import hole_levels, layer_around, marrow
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
DENSE = 420.0
"""HU from which a voxel is bone where no vessel is as bright."""
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
SPONGY = 220.0
"""HU below which marrow is sought in any case."""
SOLID = 2.0
"""mm: half of the width from which a place in a very bright piece is solid."""
COMPACT = 0.3
"""Share of a very bright piece that is solid when the piece is hardly a cortex."""
HOLLOW = 1.1
"""A piece that grows by this factor when its holes are filled in each cut is a shell."""
SOLID_PIECE = 60_000.0
"""mm³: such a piece up to this size changes its kind as a whole when it is pointed at."""
DARKER = 0.8
"""Share of the faintest vessel's HU below which a hole in bone holds no vessel."""
CLICK = 3.0
"""mm around a place that a reader points at."""
NARROW = 4.4
"""mm: half of the width up to which a hole in bone is filled in a cut whatever it holds: fatty marrow of flat bones, but no vertebral canal."""
GAP = 2
"""Coarse voxels: half of the gap in a cortex that still counts as closed."""
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
    cortex: Mask
    """Ring around marrow, and bright voxels within it."""
    marrow: Mask
    """Of the coarse grid: what such a ring encloses."""
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
    found = marrow(net.mask, hu, top - np.float32(lifted), max(SPONGY, DARKER * levels[0]) if levels else DENSE, grid)
    cortex = (found.ring | found.inside)[net.mask] & ~_of_vessel(cores, is_bone)
    thin &= ~cortex
    vessel_level = levels[1] if levels else 0.0
    dense = peaks[net.mask] > max(DENSE, vessel_level + 120.0) + lift
    progress(0.7)
    faintest = levels[0] if levels else float("inf")
    return Prepared(grid, net, values, cores, is_bone, thin, dense & ~thin, cortex, found.inside, faintest, mean)


def _of_vessel(cores: Ints, is_bone: dict[int, bool | None]) -> Mask:
    """Voxels of the cores that are vessels."""
    flag = np.zeros(int(cores.max(initial=0)) + 1, bool)
    for label, kind in is_bone.items():
        flag[label] = kind is False
    return flag[cores]


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
    refused = _refused(prepared, keep)
    bone, vessel, open_ = _seeds(prepared, keep, remove, refused)
    chance = probability(net, prepared.values, bone, vessel, CONTRAST)
    progress(0.5)
    likely = np.zeros(net.mask.shape, np.float32)
    likely[net.mask] = chance
    doubt = np.zeros(net.mask.shape, bool)
    doubt[net.mask] = ((chance > UNSURE[0]) & (chance < UNSURE[1])) | open_
    seen = np.zeros(net.mask.shape, bool)
    seen[net.mask] = _reached(net, vessel) & (chance <= 0.5)
    filled = _enclosed(likely > 0.5, seen, prepared.marrow & ~refused, prepared)
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


@dataclass(frozen=True)
class DensePieces:
    """Connected pieces of very bright voxels; masks are over the voxels of the net."""

    own: Ints
    """Number of the piece of each voxel, 0 where it is none."""
    whole: Mask
    """For each number, whether the piece changes its kind as a whole."""
    large: Mask
    """Voxels in a piece too large for a plaque in a vessel's wall."""
    solid: Mask
    """Voxels in a large piece that is no shell: undiluted contrast in a vein, or metal, or a very dense bone."""


def _seeds(prepared: Prepared, keep: Sequence[Index], remove: Sequence[Index], refused: Mask) -> tuple[Mask, Mask, Mask]:
    """Seeds of bone and of vessel among the voxels of the net, and what could be either; `refused` is no marrow after all."""
    net, cores = prepared.net, prepared.cores
    kinds = dict(prepared.is_bone)
    pieces = _dense_pieces(prepared)
    said = np.where(layer_around(refused)[net.mask], np.int8(-1), np.int8(0)) if refused.any() else np.zeros(net.size, np.int8)
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
            for piece in np.unique(pieces.own[voxels]):
                if pieces.whole[piece]:
                    said[pieces.own == piece] = sign
            said[voxels] = sign
    flag = np.zeros(int(cores.max(initial=0)) + 1, np.int8)
    for label, kind in kinds.items():
        flag[label] = 0 if kind is None else 1 if kind else -1
    kind_of = flag[cores]
    bone = ((kind_of > 0) | prepared.cortex | (prepared.dense & pieces.large)) & (said >= 0) | (said > 0)
    vessel = (((kind_of < 0) | prepared.thin) & (said <= 0) & ~(prepared.dense & pieces.large)) | (said < 0)
    doubtful = (cores > 0) & (kind_of == 0)
    if np.isfinite(prepared.faintest):
        doubtful |= pieces.solid
    return bone & ~vessel, vessel, doubtful & (said == 0)


def _refused(prepared: Prepared, keep: Sequence[Index]) -> Mask:
    """The pieces of what was taken for marrow that a reader has pointed at, in them or in their innermost layer, as no bone."""
    if not keep or not prepared.marrow.any():
        return np.zeros_like(prepared.marrow)
    labels, _ = ndimage.label(layer_around(prepared.marrow))
    pointed = {int(labels[prepared.grid.place(place)]) for place in keep} - {0}
    return np.asarray(np.isin(labels, list(pointed)) & prepared.marrow)


def _dense_pieces(prepared: Prepared) -> DensePieces:
    """Connected pieces of very bright voxels."""
    inside = np.zeros(prepared.net.mask.shape, bool)
    inside[prepared.net.mask] = prepared.dense
    labels, count = ndimage.label(inside, np.ones((3, 3, 3), bool))
    own: Ints = labels[prepared.net.mask].astype(np.int32)
    number = np.bincount(own, minlength=count + 1)
    number[0] = 0
    volumes = number * float(np.prod(prepared.grid.coarse_spacing))
    steps = max(1, round(SOLID / min(prepared.grid.coarse_spacing[1:])))
    across = ndimage.generate_binary_structure(3, 1)
    across[[0, 2]] = False
    thick = ndimage.binary_opening(inside, across, iterations=steps)[prepared.net.mask]
    solid = (np.bincount(own, thick, count + 1) > COMPACT * number) & (volumes > PLAQUE) & (volumes < SOLID_PIECE)
    windows = ndimage.find_objects(labels)
    for piece in np.flatnonzero(solid).tolist():
        part = labels[windows[piece - 1]] == piece
        # the shaft of a long bone is thick, too, but hollow
        solid[piece] = sum(np.count_nonzero(ndimage.binary_fill_holes(cut)) for cut in part) < HOLLOW * number[piece]
    whole = (number > 0) & ((volumes < LOOSE_PIECE) | solid)
    return DensePieces(own, whole, np.asarray((volumes > PLAQUE)[own]), np.asarray(solid[own]))


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


def _enclosed(bone: Mask, vessel: Mask, marrow: Mask, prepared: Prepared) -> Floats:
    """What bone encloses in a cut and is no canal: marrow (brighter than the cord) and narrow holes. 1 where filled, and within bone."""
    steps = max(1, round(NARROW / min(prepared.grid.coarse_spacing[1:])))
    filled = np.zeros(bone.shape, np.float32)
    for frame in range(len(bone)):
        if not bone[frame].any():
            continue
        closed = ndimage.binary_closing(bone[frame], iterations=GAP)
        holes = ndimage.binary_fill_holes(closed) & ~bone[frame]
        # marrow darker than every vessel is marrow, though its noise may look like a vessel's; an artery in a canal of bone is brighter
        labels, _, means = hole_levels(holes, prepared.smooth[frame])
        dark = (means > MARROW) & (means < DARKER * prepared.faintest)
        dark[0] = False
        found = dark[labels]
        found |= marrow[frame] & ~vessel[frame]
        rest = holes & ~vessel[frame] & ~found
        labels, sizes, means = hole_levels(rest, prepared.smooth[frame])
        wide = np.bincount(labels.ravel(), ndimage.binary_erosion(rest, iterations=steps).ravel(), len(sizes)) > 0
        good = ~wide | (means > MARROW)
        good[0] = False
        found |= good[labels]
        # within bone a voxel that noise has made dark is bone too
        filled[frame] = found | ndimage.binary_erosion(found | bone[frame])
    return filled
