"""A series of the node as a volume in HU: which series are one, in which order its frames lie, and where a point of the patient is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.masks.grid import Spacing
from pipelines.serving.problems import Problem

FEWEST = 10
AIR = -1024
UPRIGHT = 0.7
"""Cosine of the angle between the normal of the cuts and the patient's long axis: a tilted gantry is axial, a coronal series is not."""
UNEVEN = 0.1
"""Share of the distance by which two neighbours may differ from the others."""


@dataclass(frozen=True)
class Geometry:
    """Frames of a series in the order of the volume: along the normal of the cuts, rising. Directions LPS, lengths mm."""

    order: tuple[int, ...]
    """Index of each frame in the series' header."""
    instances: tuple[tuple[str, int], ...]
    """SOP Instance UID and frame in it, of each."""
    rows: int
    columns: int
    spacing: Spacing
    positions: tuple[tuple[float, float, float], ...]
    row: tuple[float, float, float]
    column: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        return len(self.order), self.rows, self.columns

    def index(self, point: Sequence[float]) -> tuple[float, float, float]:
        """(frame, row, column) of a point of the patient: of the nearest cut, then within it."""
        place = np.asarray(point, float)
        normal = np.cross(self.row, self.column)
        depths = np.asarray(self.positions) @ normal
        frame = int(np.abs(depths - place @ normal).argmin())
        offset = place - self.positions[frame]
        return float(frame), float(offset @ self.column) / self.spacing[1], float(offset @ self.row) / self.spacing[2]

    def told(self) -> dict[str, Any]:
        """As the result's header has it."""
        return {
            "frames": [
                {"index": index, "sop_uid": uid, "frame": frame} for index, (uid, frame) in zip(self.order, self.instances, strict=True)
            ],
            "rows": self.rows,
            "columns": self.columns,
        }


def geometry_of(frames: Sequence[dict[str, Any]], modality: str, voxels: int) -> Geometry:
    """Order and places of the frames (`frames` of the series' header); a problem in words for what is no axial CT volume."""
    if modality != "CT" or any(frame["samples"] != 1 for frame in frames):
        raise Problem("mask.not_ct")
    if len(frames) < FEWEST:
        raise Problem("mask.few_images")
    first = frames[0]
    same = ("rows", "columns", "spacing", "frame_of_reference")
    if any(not frame["position"] or not frame["orientation"] or not frame["spacing"] for frame in frames) or any(
        frame[name] != first[name] for frame in frames for name in same
    ):
        raise Problem("mask.no_geometry")
    directions = np.asarray([frame["orientation"] for frame in frames], float)
    if np.abs(directions - directions[0]).max() > 1e-3:
        raise Problem("mask.no_geometry")
    row, column = directions[0, :3], directions[0, 3:]
    normal = np.cross(row, column)
    if abs(normal[2]) < UPRIGHT:
        raise Problem("mask.not_axial")
    positions = np.asarray([frame["position"] for frame in frames], float)
    depths = positions @ normal
    order = np.argsort(depths, kind="stable")
    gaps = np.diff(depths[order])
    step = float(np.median(gaps))
    if step <= 0.01 or np.abs(gaps - step).max() > UNEVEN * step + 0.05:
        raise Problem("mask.irregular")
    if len(frames) * first["rows"] * first["columns"] > voxels:
        raise Problem("mask.too_large")
    down, across = first["spacing"]

    def triple(vector: np.ndarray[Any, Any]) -> tuple[float, float, float]:
        x, y, z = (float(value) for value in vector)
        return x, y, z

    return Geometry(
        tuple(int(index) for index in order),
        tuple((str(frames[index]["sop_uid"]), int(frames[index]["frame"] or 0)) for index in order),
        int(first["rows"]),
        int(first["columns"]),
        (step, float(down), float(across)),
        tuple(triple(positions[index]) for index in order),
        triple(row),
        triple(column),
    )


def hounsfield(
    geometry: Geometry, parts: Iterable[tuple[dict[str, Any], int | None, bytes]], progress: Callable[[float], None]
) -> np.ndarray[tuple[int, int, int], np.dtype[np.int16]]:
    """The volume from a series stream (`NodeClient.series_frames`), frame by frame, padding as air."""
    volume = np.full(geometry.shape, AIR, np.int16)
    places = {index: place for place, index in enumerate(geometry.order)}
    frames: list[dict[str, Any]] = []
    for done, (header, index, data) in enumerate(parts):
        if index is None:
            frames = header["frames"]
            # the same frames as when the order was made, or the places would be others'
            if [
                (frame["sop_uid"], int(frame["frame"] or 0)) for frame in (frames[at] for at in geometry.order if at < len(frames))
            ] != list(geometry.instances):
                raise Problem("mask.failed", "the series has changed")
            continue
        if not data:
            raise Problem("mask.undecodable")
        frame = frames[index]
        stored = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(geometry.rows, geometry.columns)
        values = stored.astype(np.float32) * np.float32(frame["slope"]) + np.float32(frame["intercept"])
        if frame["padding"] is not None:
            # some files write signed padding as an unsigned number
            values[stored == np.int64(frame["padding"]).astype(stored.dtype)] = AIR
        volume[places[index]] = np.clip(np.rint(values), AIR, 3071 * 4)
        progress(done / len(frames))
    return volume
