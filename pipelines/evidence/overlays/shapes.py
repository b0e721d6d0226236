"""The parts of an overlay. Points are the viewer's: [column, row] of a frame, (0, 0) the middle of its first pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#b3b3b3")
"""Colours that colour-blind eyes tell apart (Okabe and Ito 2008), for layers whose object names none."""
MOST_NUMBERS = 4_000_000
"""Run lengths and coordinates of one overlay: beyond this a browser would stand still."""


class TooLarge(ValueError):  # noqa: N818 - says what it is
    """The overlay has more parts than a page can draw."""


@dataclass
class Overlay:
    """Layers that can be shown one by one, their shapes, and warnings with how often."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[dict[str, Any]] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    window: dict[str, Any] | None = None
    """The window of a presentation state, `{center, width, function}`, for the images it refers to."""
    images: dict[str, set[int]] = field(default_factory=dict)
    """Series → positions of the images that it lies on or speaks of."""

    def refers(self, frame: dict[str, Any]) -> None:
        """It concerns a frame, whether anything is drawn on it or not."""
        self.images.setdefault(frame["series"], set()).add(frame["index"])

    def layer(self, label: str, colour: str | None = None, detail: str = "") -> int:
        """A new layer; its id."""
        number = len(self.layers)
        self.layers.append({"id": number, "label": label, "colour": colour or PALETTE[number % len(PALETTE)], "detail": detail})
        return number

    def _add(self, layer: int, frame: dict[str, Any], count: int, shape: dict[str, Any]) -> None:
        self.numbers += count
        if self.numbers > MOST_NUMBERS:
            raise TooLarge
        self.refers(frame)
        self.shapes.append(
            {
                "layer": layer,
                "series": frame["series"],
                "sop_uid": frame["sop_uid"],
                "frame": frame["frame"],
                "index": frame["index"],
                **shape,
            }
        )

    def line(self, layer: int, frame: dict[str, Any], kind: str, points: NDArray[np.float64], label: str = "") -> None:
        """`kind`: point, polyline, polygon (closed), ellipse (ends of its two axes), circle (middle, a point on it)."""
        told = {"label": label} if label else {}
        self._add(layer, frame, points.size, {"kind": kind, "points": np.round(points, 3).tolist(), **told})

    def text(self, layer: int, frame: dict[str, Any], at: Sequence[float], label: str) -> None:
        """Words at a place."""
        self._add(layer, frame, len(label), {"kind": "text", "points": [[round(float(part), 3) for part in at]], "label": label})

    def mask(self, layer: int, frame: dict[str, Any], pixels: NDArray[np.bool_], origin: tuple[int, int]) -> None:
        """Pixels (rows, columns) that are set; `origin`: column and row of the first in the frame. Runs are [start, length, …], row by row."""
        flat = np.concatenate([[False], pixels.ravel(), [False]])
        edges = np.flatnonzero(flat[1:] != flat[:-1])
        starts, ends = edges[::2], edges[1::2]
        if starts.size == 0:
            return
        runs = np.stack([starts, ends - starts], axis=1).ravel()
        rows, columns = pixels.shape
        shape = {
            "kind": "mask",
            "origin": list(origin),
            "rows": rows,
            "columns": columns,
            "runs": runs.tolist(),
            "pixels": int(pixels.sum()),
        }
        self._add(layer, frame, runs.size, shape)


def rgb_of_lab(lab: Sequence[int]) -> str:
    """CIELab D50 as DICOM packs it (PS3.3 C.10.7.1.1: 16 bits each) → `#rrggbb` in sRGB (IEC 61966-2-1, Bradford-adapted to D65)."""
    lightness, a, b = lab[0] * 100 / 65535, lab[1] * 255 / 65535 - 128, lab[2] * 255 / 65535 - 128
    middle = (lightness + 16) / 116
    parts = np.array([middle + a / 500, middle, middle - b / 200])
    cubes = np.where(parts > 6 / 29, parts**3, 3 * (6 / 29) ** 2 * (parts - 4 / 29))
    xyz = cubes * np.array([0.96422, 1.0, 0.82521])
    matrix = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]])
    linear = np.clip(matrix @ xyz, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in coded)
