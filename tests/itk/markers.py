"""A body with two balls whose places are known, cut by any series: one 40 mm to the left, one 50 mm towards the head. LPS, mm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

LEFT, HEAD = np.array([40.0, -6.0, 4.0]), np.array([0.0, 10.0, 50.0])
LEFT_VALUE, HEAD_VALUE, BODY, AIR = 1200, 700, 40, -1000
RADIUS = 9.0

GEOMETRIES: dict[str, tuple[Any, Any, Any]] = {
    # name: direction of a row, direction of a column, way from cut to cut (not unit: relative to the normal's step)
    "axial": ((1, 0, 0), (0, 1, 0), None),
    "axial feet first": ((-1, 0, 0), (0, 1, 0), None),
    "axial tilted": ((1, 0, 0), (0, np.cos(np.radians(20)), np.sin(np.radians(20))), None),
    "coronal": ((1, 0, 0), (0, 0, -1), None),
    "sagittal": ((0, 1, 0), (0, 0, -1), None),
    "oblique": (*np.linalg.qr(np.array([[1, 0.2, 0.3], [-0.3, 1, 0.2], [0.2, -0.3, 1]]))[0].T[:2], None),
    "sheared by gantry tilt": ((1, 0, 0), (0, np.cos(np.radians(20)), np.sin(np.radians(20))), (0, 0, 1)),
}


def body(points: np.ndarray) -> np.ndarray:
    """The value at places (…, 3), with edges as soft as 2 mm."""

    def inside(center: np.ndarray, radius: float) -> np.ndarray:
        return np.clip((radius - np.linalg.norm(points - center, axis=-1)) / 2 + 0.5, 0, 1)

    value = AIR + (BODY - AIR) * inside(np.zeros(3), 74)
    for center, high in ((LEFT, LEFT_VALUE), (HEAD, HEAD_VALUE)):
        part = inside(center, RADIUS)
        value = value * (1 - part) + high * part
    return value


def series(
    name: str, *, pixel: float = 2.5, step: float = 3.0, columns: int = 72, rows: int = 64, cuts: int = 56
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Frames as the node tells them, in the order of another day, and their stored values (frames, rows, columns)."""
    row, column, way = (None if each is None else np.asarray(each, float) for each in GEOMETRIES[name])
    assert row is not None and column is not None
    normal = np.cross(row, column)
    between = normal * step if way is None else way * step / float(way @ normal)
    first = -row * pixel * (columns - 1) / 2 - column * pixel * (rows - 1) / 2 - between * (cuts - 1) / 2
    order = np.random.default_rng(1).permutation(cuts)
    frames, stored = [], np.empty((cuts, rows, columns), "<u2")
    x, y = np.meshgrid(np.arange(columns) * pixel, np.arange(rows) * pixel)
    for index, cut in enumerate(order):
        place = first + cut * between
        stored[index] = np.rint(body(place + x[..., None] * row + y[..., None] * column) + 1024)
        frames.append(
            {
                "index": index, "rows": rows, "columns": columns, "bits": 16, "signed": False, "samples": 1, "slope": 1.0, "intercept": -1024.0,
                "spacing": [pixel, pixel], "position": place.tolist(), "orientation": [*row.tolist(), *column.tolist()],
                "frame_of_reference": "2.25.1", "windows": [{"center": 300.0, "width": 1600.0}],
            }
        )  # fmt: skip
    return frames, stored


def stream(frames: list[dict[str, Any]], stored: np.ndarray) -> Iterator[tuple[dict[str, Any], int | None, bytes]]:
    """As `NodeClient.series_frames` gives it, middle outwards."""
    header = {"frames": frames}
    yield header, None, b""
    for index in sorted(range(len(frames)), key=lambda each: abs(each - len(frames) // 2)):
        yield header, index, stored[index].tobytes()
