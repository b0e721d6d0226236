"""What researchers hand to `view` → the store that the viewer gets, with left on the left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .lps import MOST_SIDE, NoVolumeError, Volume, to_lps

Upstream = Callable[..., Any]
SPATIAL = ("z", "y", "x")
UNEVEN = 0.01
"""Coordinates may differ from even ones by this part of a step."""


def volume_of(image: Any) -> Volume | None:
    """An image with three spatial axes as a volume; None for what itkwidgets shall take in its own way (2D, colour, stores, meshes)."""
    return _numpy(image) or _simple_itk(image) or _itk(image) or _xarray(image)


def is_simple_itk(image: Any) -> bool:
    """Without importing what nobody has imported."""
    module = sys.modules.get("SimpleITK")
    return module is not None and isinstance(image, module.Image)


def image_reader(upstream: Upstream) -> Upstream:
    """In place of itkwidgets' `_get_viewer_image(image, label)`: volumes by way of `to_lps`, the rest as ever."""

    def read(image: Any, label: bool = False) -> Any:
        volume = volume_of(image)
        if volume is None:
            return upstream(image, label)
        shown = to_lps(volume, nearest=label)
        if max(volume.size) > MOST_SIDE:
            before, after = (" × ".join(map(str, each.size)) for each in (volume, shown))
            sys.stdout.write(
                f"原始大小 {before}，为流畅显示缩至 {after}，数据本身不变 / {before} voxels, shown with {after}; your data stay\n"
            )
        from .store import write_store

        return write_store(shown, nearest=label)

    return read


def _numpy(image: Any) -> Volume | None:
    """An array has no place: its axes are taken as z (to the head), y (to the back), x (to the left), 1 mm apart."""
    if type(image) is not np.ndarray or image.ndim != 3 or min(image.shape) <= 4:
        return None
    return Volume(image, np.eye(3), np.zeros(3))


def _simple_itk(image: Any) -> Volume | None:
    if not is_simple_itk(image):
        return None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise NoVolumeError(
            "SimpleITK 图像须为三维、单通道",
            "a SimpleITK image must have three dimensions and one component: take a slice as an array instead",
        )
    import SimpleITK as sitk  # noqa: N813 - its usual short name

    axes = np.array(image.GetDirection(), float).reshape(3, 3) * np.array(image.GetSpacing(), float)
    return Volume(sitk.GetArrayFromImage(image), axes, np.array(image.GetOrigin(), float))


def _itk(image: Any) -> Volume | None:
    module = sys.modules.get("itk")
    if module is None or not hasattr(image, "GetImageDimension") or not hasattr(image, "GetDirection"):
        return None
    if image.GetImageDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        return None
    axes = np.asarray(module.array_from_matrix(image.GetDirection()), float) * np.array(list(image.GetSpacing()), float)
    return Volume(np.asarray(module.array_from_image(image)), axes, np.array(list(image.GetOrigin()), float))


def _xarray(image: Any) -> Volume | None:
    """By the names and coordinates of its axes; coordinates are LPS mm and even."""
    module = sys.modules.get("xarray")
    if module is None or not isinstance(image, module.DataArray) or set(image.dims) != set(SPATIAL):
        return None
    ordered = image.transpose(*SPATIAL)
    steps, first = [], []
    for name in reversed(SPATIAL):
        at = np.asarray(ordered[name], float) if name in ordered.coords else np.arange(ordered.sizes[name], dtype=float)
        step = float(np.diff(at).mean()) if len(at) > 1 else 1.0
        if step == 0 or (len(at) > 1 and np.abs(np.diff(at) - step).max() > UNEVEN * abs(step)):
            raise NoVolumeError(
                f"坐标 {name} 间隔不均匀，请先重采样", f"the coordinate {name} is not even: resample first, for example with interp"
            )
        steps.append(step)
        first.append(float(at[0]))
    return Volume(ordered.to_numpy(), np.diag(steps), np.array(first))
