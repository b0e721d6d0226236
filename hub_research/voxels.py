"""The voxels of a series with their place in the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hub_research.places import Place, place_of
from hub_research.problems import DamagedError
from hub_research.progress import Progress
from hub_research.service import service, split_header

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its usual name

LONGEST_SIDE = 256
"""Pixels of a side in `plot`, so that a notebook stays small."""
PLANES = (("矢状面", "sagittal"), ("冠状面", "coronal"), ("横断面", "axial"))
"""Planes across the patient's axes x (right to left), y (front to back), z (feet to head)."""


@dataclass(frozen=True, slots=True, repr=False)
class Volume:
    """A series as one block of voxels, in the patient's coordinates (LPS, mm; PS3.3 C.7.6.2)."""

    project: str
    study_uid: str
    series_uid: str
    array: NDArray[Any]
    """(z, y, x): slices, rows, columns; modality values in `unit`."""
    spacing: tuple[float, float, float]
    """mm between the middles of neighbouring voxels, in the order of the array's axes (z, y, x)."""
    origin: tuple[float, float, float]
    """LPS mm of the middle of voxel [0, 0, 0]."""
    direction: NDArray[np.float64]
    """(3, 3): its columns are the unit vectors of the x, y and z index in LPS, as ITK has them."""
    unit: str
    """Of the values: `HU` in CT, else as the object says; empty where it says nothing."""
    positions: NDArray[np.float64]
    """(z, 3): LPS mm of the middle of the first voxel of each slice."""

    def __repr__(self) -> str:
        size, spacing = (" × ".join(f"{one:g}" for one in three) for three in (self.shape, self.spacing))
        return f"Volume(z, y, x: {size}; {spacing} mm; {self.array.dtype}, {self.unit or '?'}; series {self.series_uid})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        z, y, x = self.array.shape
        return z, y, x

    def point(self, z: float, y: float, x: float) -> NDArray[np.float64]:
        """LPS mm of a voxel index (fractions allowed)."""
        steps = np.array([x * self.spacing[2], y * self.spacing[1], z * self.spacing[0]])
        place: NDArray[np.float64] = np.asarray(self.origin) + self.direction @ steps
        return place

    def to_sitk(self) -> sitk.Image:
        """The same as an image of SimpleITK (which counts x, y, z)."""
        import SimpleITK as sitk  # noqa: N813

        image: Any = sitk.GetImageFromArray(self.array)
        image.SetSpacing(tuple(reversed(self.spacing)))
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction.ravel().tolist())
        made: sitk.Image = image
        return made

    def plane(self, axis: int) -> tuple[str, str]:
        """Name (zh, en) of the plane across an axis of the array: axial, coronal or sagittal, whichever is nearest."""
        normal = np.abs(self.direction[:, 2 - axis])
        return PLANES[int(np.argmax(normal))]

    def plot(self, window: tuple[float, float] | None = None, *, height: int = 360) -> Any:
        """Picture (plotly) of the three middle planes, side by side in true proportion. `window`: (center, width) in `unit`; by default what 99 % of the values span."""
        import plotly.graph_objects
        from plotly.subplots import make_subplots

        go: Any = plotly.graph_objects  # without annotations of its own

        center, width = window or self._span()
        middle = [size // 2 for size in self.shape]
        figure = make_subplots(rows=1, cols=3, subplot_titles=[" · ".join(self.plane(axis)) for axis in range(3)], horizontal_spacing=0.03)
        for axis in range(3):
            down, across = (other for other in range(3) if other != axis)
            step = [max(1, -(-self.shape[other] // LONGEST_SIDE)) for other in (down, across)]
            image = np.take(self.array, middle[axis], axis)[:: step[0], :: step[1]]
            figure.add_trace(
                go.Heatmap(
                    z=image.astype(np.float32),
                    dx=self.spacing[across] * step[1],
                    dy=self.spacing[down] * step[0],
                    zmin=center - width / 2,
                    zmax=center + width / 2,
                    colorscale="gray",
                    showscale=axis == 2,
                    colorbar={"title": self.unit, "thickness": 12},
                    hovertemplate="%{x:.0f}, %{y:.0f} mm: %{z:.0f} " + self.unit + "<extra></extra>",
                ),
                row=1,
                col=axis + 1,
            )
            # Rows go down the picture; where the array's slices go up the patient, so do they.
            up = axis > 0 and self.direction[2, 2] > 0.5
            anchor = "x" if axis == 0 else f"x{axis + 1}"
            figure.update_yaxes(
                autorange=True if up else "reversed", scaleanchor=anchor, constrain="domain", visible=False, row=1, col=axis + 1
            )
            figure.update_xaxes(constrain="domain", visible=False, row=1, col=axis + 1)
        figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 36, "b": 8}, template="plotly_white")
        return figure

    def _span(self) -> tuple[float, float]:
        low, high = np.percentile(self.array[:: max(1, self.shape[0] // 16)], [0.5, 99.5])
        return float(low + high) / 2, float(max(high - low, 1))


def volume(series: object, project: str | None = None) -> Volume:
    """The voxels of a series. `series`: its pseudonymous UID, (study, series), or a row with both (`place_of`).

    RefusedError: not allowed, or the series is no volume (the service says why). DamagedError: what came is not what it says.
    """
    place = place_of(series, project)
    with Progress("影像 · volume") as progress:
        answer = service().pieces(place.route + "/volume", progress, whole_length)
    return read_volume(answer, place)


def whole_length(beginning: bytearray) -> int:
    """Bytes of an `application/x-hub-volume`, from its header; 0 while that is not there."""
    length = int.from_bytes(beginning[:4], "little")
    if len(beginning) < 4 + length:
        return 0
    head, _ = split_header(beginning)
    try:
        return int(4 + length + math.prod(head["shape"]) * np.dtype(head["dtype"]).itemsize)
    except (KeyError, TypeError):
        return 0


def read_volume(answer: bytearray, place: Place) -> Volume:
    """`application/x-hub-volume` (docs/research.md) as a `Volume`."""
    head, voxels = split_header(answer)
    try:
        z, y, x = (int(one) for one in head["shape"])
        dtype = np.dtype(head["dtype"]).newbyteorder("<")
        array = np.frombuffer(voxels, dtype=dtype).reshape(z, y, x)
        spacing = tuple(float(one) for one in head["spacing"])
        origin = tuple(float(one) for one in head["origin"])
        direction = np.array(head["direction"], dtype=np.float64).reshape(3, 3)
        positions = np.array(head["positions"], dtype=np.float64).reshape(z, 3)
    except (KeyError, TypeError, ValueError) as problem:
        raise DamagedError("收到的影像不完整：请重试", "the volume that was received is damaged: try again") from problem
    return Volume(
        place.project,
        place.study_uid,
        place.series_uid,
        array.astype(dtype.newbyteorder("="), copy=False),
        (spacing[0], spacing[1], spacing[2]),
        (origin[0], origin[1], origin[2]),
        direction,
        str(head.get("unit") or ""),
        positions,
    )
