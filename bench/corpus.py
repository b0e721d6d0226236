"""The corpus of real images, and parts of its CTs as volumes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

AIR = -1024


def corpus() -> Path:
    """Its folder; `FileNotFoundError` in words where it is absent."""
    folder = Path(os.environ.get("HUB_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
    if not (folder / "index.csv").is_file():
        raise FileNotFoundError(f"no corpus of real images at {folder}: set HUB_CORPUS to its folder")
    return folder


def ct_part(folder: Path, first: int, last: int) -> tuple[np.ndarray[Any, np.dtype[np.int16]], tuple[float, float, float], list[int]]:
    """Images `first` to `last` (the number in the file's name) of a CT: HU in order along the normal of the cuts, spacing mm, their numbers.

    Frames, rows and columns; padding is air, as in `pipelines.masks.series`.
    """
    found: list[tuple[float, int, np.ndarray[Any, np.dtype[np.int16]]]] = []
    pixel = (1.0, 1.0)
    for path in folder.glob("*.dcm"):
        number = int(re.sub(r"\D", "", path.stem) or 0)
        if not first <= number <= last:
            continue
        ds = pydicom.dcmread(path)
        stored = ds.pixel_array
        hu = stored.astype(np.float32) * np.float32(ds.RescaleSlope) + np.float32(ds.RescaleIntercept)
        if ds.get("PixelPaddingValue") is not None:
            # some files write signed padding as an unsigned number
            hu[stored == np.int64(ds.PixelPaddingValue).astype(stored.dtype)] = AIR
        directions = np.asarray(ds.ImageOrientationPatient, float)
        depth = float(np.asarray(ds.ImagePositionPatient, float) @ np.cross(directions[:3], directions[3:]))
        pixel = (float(ds.PixelSpacing[0]), float(ds.PixelSpacing[1]))
        found.append((depth, number, np.clip(np.rint(hu), AIR, 3071 * 4).astype(np.int16)))
    found.sort(key=lambda one: one[0])
    step = float(np.median(np.diff([depth for depth, _, _ in found])))
    return np.stack([hu for _, _, hu in found]), (step, *pixel), [number for _, number, _ in found]
