"""The table of a CT: what lies beside the body through the whole series.

The body is what survives an opening that a thin shell does not survive; it takes back what grows on it (skin, ears, fingers).
The table is among the rest what stays at the same place from frame to frame. Where the two meet, the body has precedence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from pipelines.masks.grid import Floats, Grid, Mask, Spacing, ball

Progress = Callable[[float], None]

BODY = -350.0
"""HU above which something is tissue or shell, with partial volume half of it."""
FOAM = -965.0
"""HU above which something is foam, mattress or cloth: air with noise averaged over a coarse voxel is below."""
OPENING = 3.2
"""mm: half of the thickness below which a part is taken for a shell."""
LIMB = 6.0
"""mm: half of the thickness that a piece beside the trunk has somewhere when it is a limb."""
FATTY = -160.0
"""HU: the mean of a piece of the body is above."""
CONTACT = 60.0
"""mm along which the patient may lie on the shell itself."""
GROWN = 14.0
"""mm that thin parts may stand out from the body."""
LASTING = 0.6
"""Share of the frames in which a voxel of the table is there, along the table."""
EDGE = 2
"""Voxels of the images by which the body is wider than its coarse voxels say."""
MARGIN = 2.5
"""mm of partial volume around the table, and kept around the body."""


def table(volume: np.ndarray[tuple[int, int, int], np.dtype[np.int16]], spacing: Spacing, progress: Progress = lambda _: None) -> Mask:
    """True where the table is, in the grid of the volume (HU; `spacing` in mm as frames, rows, columns). No table: False everywhere."""
    grid = Grid.over(volume.shape, spacing)
    hu = grid.shrink(volume)
    progress(0.2)
    solid = hu > BODY
    own, core = _body(solid, hu, grid)
    progress(0.6)
    near = ndimage.binary_dilation(own, ball(grid.coarse_spacing, MARGIN))
    found = _lasting((hu > FOAM) & ~near, hu)
    progress(0.7)
    if found.any():
        found = _joined(found, solid & ~core, grid)
        own &= ~found
        found = ndimage.binary_dilation(found, ball(grid.coarse_spacing, MARGIN)) & ~own
    result = np.zeros(volume.shape, bool)
    if not found.any():
        return result
    coarse, body = found.astype(np.float32), own.astype(np.float32)
    for frame in range(len(volume)):
        kept = grid.frame_of(body, frame) >= 0.02
        taken = (grid.frame_of(coarse, frame) > 0.5) & ~kept
        # a voxel of the skin may lie in a coarse one that is mostly air: what is solid beside the body is kept with it
        solid = volume[frame] > BODY
        result[frame] = taken & ~ndimage.binary_dilation(kept & solid, iterations=EDGE, mask=solid)
        if frame % 16 == 0:
            progress(0.7 + 0.3 * frame / len(volume))
    progress(1.0)
    return result


def _body(solid: Mask, hu: Floats, grid: Grid) -> tuple[Mask, Mask]:
    """The patient with lungs and bowel gas, and its thick parts alone."""
    core, thick = _opened(solid, grid)
    labels, count = ndimage.label(core)
    found = labels.ravel()
    sizes = np.bincount(found, minlength=count + 1)
    level = np.bincount(found, hu.ravel(), count + 1) / np.maximum(sizes, 1)
    # arms and legs are pieces of their own
    good = (np.bincount(found, thick.ravel(), count + 1) > 0) & (level > FATTY)
    good[0] = False
    core = good[labels]
    steps = round(GROWN / min(grid.coarse_spacing[1:]))
    grown: Mask = ndimage.binary_dilation(core, iterations=steps, mask=solid)
    for frame in range(len(grown)):
        grown[frame] = ndimage.binary_fill_holes(grown[frame])
    return grown, core


def _opened(solid: Mask, grid: Grid) -> tuple[Mask, Mask]:
    """What a disc of radius `OPENING` fits in, by two distance maps in each cut (a shell is thin in the cut), and where a limb's would."""
    _, row, column = grid.coarse_spacing
    result, thick = np.zeros_like(solid), np.zeros_like(solid)
    for frame in range(len(solid)):
        if not solid[frame].any():
            continue
        depth = ndimage.distance_transform_edt(solid[frame], (row, column))
        thick[frame] = depth > LIMB
        inner = depth > OPENING
        if inner.any():
            result[frame] = ndimage.distance_transform_edt(~inner, (row, column)) <= OPENING
    return result & solid, thick


def _joined(found: Mask, thin: Mask, grid: Grid) -> Mask:
    """The table with those thin parts that close a gap in it from side to side: where the patient lies on it directly."""
    reach = max(1, round(CONTACT / grid.coarse_spacing[2] / 2))
    closed = ndimage.binary_closing(np.pad(found, ((0, 0), (0, 0), (reach, reach))), np.ones((1, 1, 2 * reach + 1), bool))
    result: Mask = found | (closed[:, :, reach:-reach] & thin)
    return result


def _lasting(rest: Mask, hu: Floats) -> Mask:
    """Pieces of the rest that hold voxels which stay through `LASTING` of the frames; small passing things (tubes, arms) are none."""
    stays = rest.mean(0) >= LASTING
    if not stays.any():
        return np.zeros_like(rest)
    wide = ndimage.binary_dilation(stays, iterations=2)
    labels, count = ndimage.label(rest & wide)
    counts = np.bincount(labels.ravel(), minlength=count + 1)
    shell = np.bincount(labels.ravel(), (hu > -700).ravel(), count + 1)
    good = (counts > 0.002 * rest.size / 10) & (shell > 0)
    good[0] = False
    return np.asarray(good[labels])
