r"""Between the viewer's points and DICOM's coordinates. Pure.

The viewer's points are [column, row] in pixels with (0, 0) in the middle of the first pixel. SCOORD (PS3.3 C.18.6) and graphic
annotations (C.10.5.1.2) count from the top left corner of the first pixel, whose middle is 0.5\0.5. Points on a computed plane
become SCOORD3D: LPS mm in the Frame of Reference of the series (C.18.9). Both are kept as 32-bit numbers; 1/1000 pixel, the step
of the record, survives that up to 8192 pixels from the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MIDDLE = 0.5
DIGITS = 3
"""Decimals of a point as the record keeps it (apps/viewer/geometry.ts)."""
RIGHT_ANGLE = 1e-3
"""Cosine under which two half axes count as perpendicular."""


def to_image(points: Sequence[Sequence[float]] | Array) -> Array:
    """Viewer's points (n, 2) → columns and rows from the corner of the image, (n, 2)."""
    return np.asarray(points, float) + MIDDLE


def from_image(graphic: Sequence[float] | Array) -> Array:
    """GraphicData of SCOORD, or of a graphic annotation in pixels → viewer's points (n, 2), rounded as the record rounds."""
    return np.round(np.asarray(graphic, float).reshape(-1, 2) - MIDDLE, DIGITS)


def to_patient(plane: Mapping[str, Any], points: Sequence[Sequence[float]] | Array) -> Array:
    """Points (n, 2) of a computed plane → LPS mm (n, 3). `spacing` is mm between rows and between columns."""
    at = np.asarray(points, float)
    between_rows, between_columns = plane["spacing"]
    along = at[:, :1] * between_columns * np.asarray(plane["row"], float)
    found: Array = np.asarray(plane["origin"], float) + along + at[:, 1:] * between_rows * np.asarray(plane["column"], float)
    return found


def from_patient(plane: Mapping[str, Any], graphic: Sequence[float] | Array) -> Array:
    """GraphicData of SCOORD3D → points (n, 2) of a plane (their feet on it), rounded as the record rounds."""
    offset = np.asarray(graphic, float).reshape(-1, 3) - np.asarray(plane["origin"], float)
    between_rows, between_columns = plane["spacing"]
    across = offset @ np.asarray(plane["row"], float) / between_columns
    return np.round(np.stack([across, offset @ np.asarray(plane["column"], float) / between_rows], axis=1), DIGITS)


def principal_axes(points: Sequence[Sequence[float]] | Array) -> Array:
    """Ends of two conjugate diameters of an ellipse (4, 2) → ends of its major, then of its minor axis (PS3.3 C.18.6.1.2).

    A hand that draws on a turned picture, or on pixels that are not square, gives diameters that are not perpendicular. Right-angled
    ones stay the same points.
    """
    ends = np.asarray(points, float)
    centre = (ends[0] + ends[1] + ends[2] + ends[3]) / 4
    u, v = (ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2
    sizes = np.hypot(*u), np.hypot(*v)
    if abs(float(u @ v)) > RIGHT_ANGLE * sizes[0] * sizes[1]:
        turned, scale, _ = np.linalg.svd(np.stack([u, v], axis=1))
        u, v = turned[:, 0] * scale[0], turned[:, 1] * scale[1]
        return np.stack([centre - u, centre + u, centre - v, centre + v])
    return ends if sizes[0] >= sizes[1] else ends[[2, 3, 0, 1]]


def outline(points: Sequence[Sequence[float]] | Array, shape: str) -> Array:
    """Corners of a region in their order around it, the first one again at the end."""
    corners = np.asarray(points, float)
    if shape == "parallelogram":  # corner, its two neighbours, the opposite one
        corners = corners[[0, 1, 3, 2]]
    return np.concatenate([corners, corners[:1]])


def corners(around: Array, shape: str) -> Array:
    """The reverse of `outline`."""
    open_ = around[:-1]
    return open_[[0, 1, 3, 2]] if shape == "parallelogram" and len(open_) == 4 else open_
