"""What a bright ring encloses: marrow of a bone, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from pipelines.masks.grid import Grid
from pipelines.masks.marrow import marrow

MUSCLE = 55
GRID = Grid.over((6, 80, 80), (2.0, 1.5, 1.5))
Y, X = np.mgrid[:80, :80].astype(float) * GRID.coarse_spacing[1]


def rings(inner: float, outer: float, within: int, ring: int, around: int = MUSCLE) -> np.ndarray:
    """A tube of `outer` mm across all frames, hollow up to `inner` mm."""
    away = np.hypot(Y - 60, X - 60)
    cut = np.where(away < inner, within, np.where(away < outer, ring, around)).astype(np.float32)
    return np.repeat(ndimage.gaussian_filter(cut, 0.4)[None], 6, 0)


def found(hu: np.ndarray) -> tuple[int, int]:
    """Voxels of marrow and of its ring."""
    assert GRID.factors == (1, 1, 1)
    seen = marrow(hu > 140, hu, ndimage.maximum_filter(hu, (1, 5, 5)), 300, GRID)
    assert not (seen.inside & seen.ring).any()
    return int(seen.inside.sum()), int(seen.ring.sum())


@pytest.mark.clause("V-34")
def test_a_thin_bright_ring_with_something_darker_within_is_bone() -> None:
    inside, ring = found(rings(14, 17, 110, 420))
    assert inside > 6 * 150
    assert ring > 6 * 50


@pytest.mark.clause("V-34")
@pytest.mark.parametrize(
    ("why", "hu"),
    [
        ("a vessel has no rim", rings(14, 17, 400, 380)),
        ("the rind of a kidney is thick", rings(14, 21, 110, 220)),
        ("what liver vessels enclose is as bright as what lies around", rings(14, 17, 110, 300, around=112)),
        ("bowel holds water", rings(14, 17, 15, 200, around=-100)),
        ("a bronchus holds air", rings(14, 17, -900, 200)),
    ],
)
def test_what_only_looks_like_it_is_none(why: str, hu: np.ndarray) -> None:
    assert found(hu) == (0, 0), why


@pytest.mark.clause("V-34")
def test_a_speck_is_not_believed() -> None:
    hu = np.full((6, 80, 80), MUSCLE, np.float32)
    hu[2, 30:39, 30:39] = 420
    hu[2, 33:36, 33:36] = 110
    assert found(hu) == (0, 0)
