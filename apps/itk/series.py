"""A series of the node as a volume, or in words why it is none. Geometry: PS3.3 C.7.6.2.1.1; a gantry tilt is followed by the images' places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from apps.itk.bridge.lps import FEWEST_CUTS, NoVolumeError, Volume

Frame = dict[str, Any]
Part = tuple[dict[str, Any], int | None, bytes]

PARALLEL = 1e-3
"""Direction cosines of two images may differ by this much: headers round."""
UNEVEN = 0.01
"""A place may be off the even line by this part of the distance between images …"""
UNEVEN_MM = 0.1
"""… and this many mm."""
MOST_BYTES = 2 * 1024**3
"""Of decoded pixels that a kernel holds."""


def geometry_of(frames: Sequence[Frame]) -> tuple[list[int], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Order of the frames from the first cut to the last, the volume's `axes` and `origin` (`Volume`). NoVolumeError: they are none."""
    if any(frame["samples"] != 1 for frame in frames):
        raise NoVolumeError("彩色图像不能作三维显示，请选择灰度序列", "colour images cannot be shown in 3D: choose a grey series")
    if len(frames) < FEWEST_CUTS:
        raise NoVolumeError(
            f"该序列只有 {len(frames)} 幅图像，三维显示至少需要 {FEWEST_CUTS} 幅，请选择断层序列",
            f"this series has {len(frames)} images and 3D needs {FEWEST_CUTS}: choose a series of cuts",
        )
    first = frames[0]
    if any(not frame["position"] or not frame["orientation"] or not frame["spacing"] for frame in frames):
        raise NoVolumeError(
            "图像没有空间位置或像素间距，请选择断层序列", "the images have no place or no pixel spacing: choose a series of cuts"
        )
    if any(frame[name] != first[name] for frame in frames for name in ("rows", "columns", "spacing", "frame_of_reference")):
        raise NoVolumeError(
            "图像大小、像素间距或坐标系不一致，请选择单一的断层序列",
            "size, pixel spacing or frame of reference differ: choose one series of cuts",
        )
    directions = np.asarray([frame["orientation"] for frame in frames], float)
    if np.abs(directions - directions[0]).max() > PARALLEL:
        raise NoVolumeError(
            "各图像方向不一致（如定位像），请选择断层序列", "the images are not parallel (a localizer?): choose a series of cuts"
        )
    row, column = directions[0, :3], directions[0, 3:]
    places = np.asarray([frame["position"] for frame in frames], float)
    order = np.argsort(places @ np.cross(row, column), kind="stable")
    places = places[order]
    step = (places[-1] - places[0]) / (len(frames) - 1)
    off = np.linalg.norm(places - (places[0] + np.arange(len(frames))[:, None] * step), axis=1).max()
    if abs(float(step @ np.cross(row, column))) < 0.01 or off > UNEVEN * float(np.linalg.norm(step)) + UNEVEN_MM:
        raise NoVolumeError(
            "层间距不均匀、缺层或多期重叠，不能作三维显示，请选择层间距均匀的单期序列",
            "distances differ, images are missing or phases overlap: choose an evenly spaced series of one phase",
        )
    down, across = first["spacing"]
    return [int(index) for index in order], np.stack([row * across, column * down, step], axis=1), places[0]


def read_volume(parts: Iterable[Part], progress: Callable[[int, int], None]) -> Volume:
    """The volume from a series stream (`NodeClient.series_frames`), in modality values; `progress(images read, of)`."""
    frames: list[Frame] = []
    values = axes = origin = None
    at: dict[int, int] = {}
    whole = True
    for done, (header, index, data) in enumerate(parts):
        if index is None:
            frames = header["frames"]
            order, axes, origin = geometry_of(frames)
            at = {frame: place for place, frame in enumerate(order)}
            whole = all(float(frame[name]).is_integer() for frame in frames for name in ("slope", "intercept"))
            shape = (len(frames), frames[0]["rows"], frames[0]["columns"])
            if 4 * int(np.prod(shape)) > MOST_BYTES:
                raise NoVolumeError(
                    "序列过大，请使用图像区的容积再现（VR）", "the series is too large here: use the volume rendering (VR) of the images"
                )
            values = np.empty(shape, np.float32)
            continue
        if values is None or not data:
            raise NoVolumeError("部分图像无法解码，不能作三维显示", "an image of the series cannot be decoded")
        frame = frames[index]
        stored = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(values.shape[1:])
        values[at[index]] = stored * np.float32(frame["slope"]) + np.float32(frame["intercept"])
        progress(done, len(frames))
    if values is None or axes is None or origin is None:
        raise NoVolumeError("序列中没有图像", "the series has no images")
    low, high = float(values.min()), float(values.max())
    narrow = whole and low >= -(2**15) and high < 2**15
    return Volume(values.astype(np.int16) if narrow else values, axes, origin)


def window_of(frames: Sequence[Frame], volume: Volume) -> tuple[float, float]:
    """Lowest and highest value that are shown: the middle image's first window, else what lies between the outermost hundredths."""
    windows = frames[len(frames) // 2]["windows"] if frames else []
    if windows and windows[0]["width"] > 0:
        center, width = windows[0]["center"], windows[0]["width"]
        return float(center - width / 2), float(center + width / 2)
    low, high = np.percentile(volume.values[::4, ::4, ::4], (1, 99))
    return float(low), float(high if high > low else low + 1)
