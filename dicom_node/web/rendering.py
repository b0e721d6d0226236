"""A frame as a picture: value transformation, window, inversion (PS3.3 C.11.2), for previews and WADO-RS rendered."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from dicom_node.index import lut

Frame = dict[str, Any]


def window(values: np.ndarray[Any, Any], centre: float, width: float, function: str) -> np.ndarray[Any, Any]:
    """Values to 0…1 (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    return np.clip((values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)


def picture(
    array: np.ndarray[Any, Any],
    frame: Frame,
    chosen: tuple[float, float, str] | None = None,
    box: tuple[int, int] | None = None,
    luts: dict[str, dict[str, Any]] | None = None,
) -> Image.Image:
    """An 8-bit picture of a decoded frame, no larger than `box` (columns, rows); by its VOI LUT when it has no window."""
    if frame["samples"] == 3:
        image = Image.fromarray(array, "RGB")
    else:
        values = array.astype(np.float32) * frame["slope"] + frame["intercept"]
        if chosen is None and frame["windows"]:
            first = frame["windows"][0]
            chosen = (first["center"], first["width"], first["function"])
        table = _first_lut(frame, luts or {}) if chosen is None else None
        if chosen is None:
            inside = values if frame["padding"] is None else values[array != frame["padding"]]
            low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
            chosen = ((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")
        grey = ((window(values, *chosen) if table is None else table.grey(values)) * 255 + 0.5).astype(np.uint8)
        if frame.get("inverse", frame["photometric"] == "MONOCHROME1"):
            grey = 255 - grey
        image = Image.fromarray(grey, "L")
    if box is not None:
        image.thumbnail(box)
    return image


def _first_lut(frame: Frame, luts: dict[str, dict[str, Any]]) -> lut.Lut | None:
    named = frame.get("voi_luts") or []
    return lut.from_data(luts[named[0]["lut"]]) if named else None


def encode(image: Image.Image, media_type: str, quality: int = 90) -> bytes:
    """The picture as `image/png` or `image/jpeg`."""
    out = io.BytesIO()
    if media_type == "image/png":
        image.save(out, "PNG", compress_level=3)
    else:
        image.save(out, "JPEG", quality=quality)
    return out.getvalue()
