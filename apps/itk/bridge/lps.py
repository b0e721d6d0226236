"""Any regular stack of cuts → voxels along the patient's axes (PS3.3 C.7.6.2.1.1: x to the left, y to the back, z to the head; LPS, mm).

The viewer knows spacing and origin of a volume but not its direction: a feet-first or coronal series would be shown mirrored or lying,
and nothing would say so. Whatever is shown in it went through `to_lps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its usual short name

Array = np.ndarray[Any, Any]

MOST_SIDE = 256
"""Voxels along a side that are shown at most, unless more are asked for."""
FEWEST_CUTS = 3


class NoVolumeError(ValueError):
    """What cannot be shown as a volume; `zh` and `en` say why and what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Volume:
    """Voxels and where they are.

    `values`: (z, y, x). `axes`: 3×3, its columns are the ways from one voxel to the next along x, y and z, LPS mm; they need not be at right
    angles (a tilted gantry). `origin`: middle of the first voxel, LPS mm.
    """

    values: Array
    axes: Array
    origin: Array

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or min(self.values.shape) < 1:
            raise NoVolumeError(
                f"需要三维灰度体数据，得到的形状为 {self.values.shape}",
                f"a grey volume with three axes is needed, this has the shape {self.values.shape}",
            )
        if min(self.values.shape) < FEWEST_CUTS:
            raise NoVolumeError(
                f"每个方向至少需要 {FEWEST_CUTS} 层，请选择层数更多的序列",
                f"at least {FEWEST_CUTS} voxels are needed along each axis: choose a series with more images",
            )
        if abs(float(np.linalg.det(self.axes))) < 1e-9:
            raise NoVolumeError("体素间距为零或各层重合，无法构成体数据", "voxels without a distance between them are no volume")

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        z, y, x = self.values.shape
        return x, y, z

    @property
    def spacing(self) -> Array:
        """Mm between voxels along x, y, z of the array."""
        lengths: Array = np.linalg.norm(self.axes, axis=0)
        return lengths

    @property
    def aligned(self) -> bool:
        """Whether the axes of the array are those of the patient."""
        return bool(np.allclose(self.axes, np.diag(self.spacing), atol=1e-6 * float(self.spacing.max())))

    def place(self, index: tuple[float, float, float]) -> Array:
        """LPS mm of an index (x, y, z)."""
        point: Array = self.origin + self.axes @ np.asarray(index, float)
        return point


def to_lps(volume: Volume, limit: int = MOST_SIDE, *, nearest: bool = False) -> Volume:
    """The same body on a grid along the patient's axes, at most `limit` voxels a side.

    Linear between voxels, after averaging where voxels become wider; `nearest` for labels. Outside of what was measured: the smallest
    value. A volume that already lies so and is small enough comes back as it is.
    """
    values = _supported(volume.values)
    if volume.aligned and max(volume.size) <= limit:
        return Volume(values, volume.axes, volume.origin)
    corners = np.array([volume.place(tuple(np.array(which) * (np.array(volume.size) - 1))) for which in np.ndindex(2, 2, 2)])
    low, high = corners.min(0), corners.max(0)
    ways = np.abs(volume.axes / volume.spacing)
    spacing = np.maximum((ways * volume.spacing).sum(1) / ways.sum(1), (high - low) / (limit - 1))
    size = np.ceil((high - low) / spacing - 1e-6).astype(int) + 1
    image = sitk.GetImageFromArray(values)  # in index space: spacing 1, no origin, so that any axes are one affine map
    if not nearest:
        wider = (ways * spacing[:, None]).sum(0) / ways.sum(0) / volume.spacing
        factors = [max(1, min(int(ratio + 1e-6), count)) for ratio, count in zip(wider, volume.size, strict=True)]
        if max(factors) > 1:
            image = sitk.BinShrink(image, factors)
    back = np.linalg.inv(volume.axes)
    map_back = sitk.AffineTransform(3)
    map_back.SetMatrix(back.ravel().tolist())
    map_back.SetTranslation((-back @ volume.origin).tolist())
    resampled = sitk.Resample(
        image,
        [int(count) for count in size],
        map_back,
        sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear,
        low.tolist(),
        spacing.tolist(),
        np.eye(3).ravel().tolist(),
        0.0 if nearest else float(values.min()),
        image.GetPixelID(),
    )
    return Volume(sitk.GetArrayFromImage(resampled), np.diag(spacing), low)


def _supported(values: Array) -> Array:
    """In a type that the viewer has: no 64 bit integers, no half floats, no truth values."""
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        low, high = int(values.min()), int(values.max())
        return values.astype(np.int32 if low >= -(2**31) and high < 2**31 else np.float32)
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype.kind not in "iu":
        raise NoVolumeError(f"不支持的数据类型 {values.dtype}", f"values of the type {values.dtype} cannot be shown")
    return values.astype(values.dtype.newbyteorder("="))
