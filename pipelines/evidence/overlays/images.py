"""The images an overlay may lie on, as the node describes their frames, and where places of the patient fall on them (LPS mm)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_node.client import NodeClient, NodeError

Frame = dict[str, Any]
Array = NDArray[np.float64]
MOST_SERIES = 40
OFF_PLANE = 0.5
"""mm that a place may lie off a plane and still be on it, and not more than a quarter of the slice."""
WITHOUT_PICTURE = frozenset({"SEG", "RTSTRUCT", "SR", "PR", "KO"})


@dataclass(frozen=True)
class Plane:
    """A frame's plane: middle of the first pixel, directions of growing column and row, mm between columns and between rows."""

    origin: Array
    row: Array
    column: Array
    spacing: tuple[float, float]

    @property
    def normal(self) -> Array:
        """Unit vector across it."""
        return np.cross(self.row, self.column)

    def off(self, points: Array) -> Array:
        """Signed distances (n) of places (n, 3), mm."""
        found: Array = (points - self.origin) @ self.normal
        return found

    def index(self, points: Array) -> Array:
        """[column, row] (n, 2) of the feet of places (n, 3)."""
        offset = points - self.origin
        return np.stack([offset @ self.row / self.spacing[0], offset @ self.column / self.spacing[1]], axis=1)


def plane(position: Sequence[float] | None, orientation: Sequence[float] | None, spacing: Sequence[float] | None) -> Plane | None:
    """A plane from Image Position, Image Orientation and Pixel Spacing (rows, columns); None unless all are there."""
    if position is None or orientation is None or spacing is None:
        return None
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        return None
    cosines = np.asarray(orientation, float)
    return Plane(np.asarray(position, float), cosines[:3], cosines[3:], (float(spacing[1]), float(spacing[0])))


def plane_of(frame: Frame) -> Plane | None:
    """The plane of a frame of the node's series header."""
    return plane(frame["position"], frame["orientation"], frame["spacing"])


class Images:
    """Frames of the study by instance and by frame of reference."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self.frames = list(frames)
        self._by_image: dict[str, list[Frame]] = {}
        for frame in self.frames:
            self._by_image.setdefault(frame["sop_uid"], []).append(frame)

    def of(self, sop_uid: str, numbers: Sequence[int] = ()) -> list[Frame]:
        """Frames of an image; all, or those with these numbers (from 1)."""
        return [frame for frame in self._by_image.get(sop_uid, []) if not numbers or frame["frame"] in numbers]

    def in_space(self, space: str) -> list[Frame]:
        """Frames in a frame of reference."""
        return [frame for frame in self.frames if space and frame["frame_of_reference"] == space]


def on_plane(points: Array, frames: Iterable[Frame]) -> tuple[Frame, Array] | None:
    """The frame in whose plane all places (n, 3) lie, the nearest of several, and their [column, row] there; None when there is none."""
    best: tuple[float, Frame, Array] | None = None
    for frame in frames:
        at = plane_of(frame)
        if at is None:
            continue
        off = float(np.abs(at.off(points)).max())
        most = min(OFF_PLANE, 0.25 * frame["thickness"]) if frame.get("thickness") else OFF_PLANE
        if off <= most and (best is None or off < best[0]):
            best = (off, frame, at.index(points))
    return None if best is None else (best[1], best[2])


def gather(node: NodeClient, study: str, wanted: set[str], own: str) -> Images:
    """Frames of the series that an object names, else of all series of the study that are pictures."""
    series = [one for one in node.study_summary(study)["series"] if one["renderable"] and one["series_uid"] != own]
    pictures = [one for one in series if one["modality"] not in WITHOUT_PICTURE]
    named = [one for one in pictures if one["series_uid"] in wanted] or pictures
    frames: list[Frame] = []
    for one in named[:MOST_SERIES]:
        try:
            header = node.series_header(study, one["series_uid"])
        except NodeError as error:
            if error.status == 404:  # taken out of use meanwhile
                continue
            raise
        frames += [frame | {"series": one["series_uid"]} for frame in header["frames"]]
    return Images(frames)
