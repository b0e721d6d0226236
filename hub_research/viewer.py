"""The doctors' image viewer in a researcher's notebook, showing the project's de-identified series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.viewer import DicomViewer as Widget
from apps.viewer.viewer import bundle_name
from hub_research.panel import with_tools
from hub_research.places import first_series, header, place_of
from hub_research.problems import PlaceError, ResearchError

EXTENSION = "server:hub-research"
"""Where `hub_research.server` answers, from the base URL of the notebook server that the page belongs to."""
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito's colours, which colour-blind people can tell apart."""
TOLERANCE = 0.01
"""mm by which the position of a slice may differ between volume and header."""


def _runs(mask: NDArray[np.bool_]) -> list[int]:
    """[start, length, …] of the set pixels, row by row (C order)."""
    flat = np.concatenate([[0], mask.ravel().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return [int(one) for start, end in zip(edges[::2], edges[1::2], strict=True) for one in (start, end - start)]


class DicomViewer(Widget):
    """A series of the project in the notebook: `DicomViewer(row)`, `DicomViewer("2.25.…")`, `DicomViewer(study="2.25.…")`.

    Traits go both ways: `index` (image, from 0), `window` (`{"center": 40, "width": 400}` in the unit of the values), `tool`, `layout_name`
    (`"1x2"`), `lang` (`zh`, `en`), `height`. `table()` gives the measurements as a DataFrame, `add_mask` draws a segmentation.
    """

    def __init__(
        self,
        series: object = None,
        *,
        study: str | None = None,
        project: str | None = None,
        window: tuple[float, float] | dict[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        """`series`: see `place_of`; or `study` alone for its first series with pictures. `window`: (center, width), or the trait's dict.

        PlaceError: there is no such series in the project.
        """
        if series is None and study is None:
            raise PlaceError("请给出序列或检查：DicomViewer(序列)", "give a series or a study: DicomViewer(series)")
        if series is None:
            place = first_series(study, project)
        elif study is not None:
            place = place_of((study, series), project)
        else:
            place = place_of(series, project)
        if not bundle_name():
            raise ResearchError("影像模块尚未构建：请联系管理员", "the image module is not built: ask an administrator")
        if window is not None:
            traits["window"] = window if isinstance(window, dict) else {"center": window[0], "width": window[1]}
        self.place = place
        self._header: dict[str, Any] | None = None
        super().__init__(
            study=place.study_uid,
            series=place.series_uid,
            base=f"{EXTENSION}/images/{place.project}",
            bundle=f"{EXTENSION}/static/{bundle_name()}",
            **traits,
        )

    def set_window(self, center: float, width: float) -> None:
        """Window of the picture, in the unit of the values (PS3.3 C.11.2.1.2)."""
        self.window = {"center": center, "width": width}

    def panel(self) -> Any:
        """The viewer below a bar with its commonest tools, and windows for CT."""
        return with_tools(self, ct=all(frame.get("rescale_type") == "HU" for frame in self.frames))

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The images of the series in their order, as the header describes them (docs/interfaces.md, §5)."""
        if self._header is None:
            self._header = header(self.place)
        return list(self._header["frames"])

    def add_mask(self, mask: NDArray[Any], label: str, *, positions: NDArray[np.float64] | None = None, colour: str | None = None) -> None:
        """Draw a segmentation over the images. `mask`: (z, y, x), not zero where it is; `positions`: (z, 3), those of the `Volume` it was made from.

        Without `positions` its slices are the images in their order. PlaceError: it does not fit the images.
        """
        frames = self.frames
        places = self._slices(frames, len(mask)) if positions is None else self._matched(frames, positions)
        data = dict(self.overlay) or {"layers": [], "shapes": []}
        layer = len(data["layers"])
        layers = [*data["layers"], {"id": layer, "label": label, "colour": colour or COLOURS[layer % len(COLOURS)], "detail": ""}]
        shapes = list(data["shapes"])
        for slice_, index in zip(np.asarray(mask).astype(bool), places, strict=True):
            frame = frames[index]
            if slice_.shape != (frame["rows"], frame["columns"]):
                raise PlaceError(
                    f"分割的层为 {slice_.shape}，影像为 ({frame['rows']}, {frame['columns']})",
                    f"a slice of the mask is {slice_.shape}, the image ({frame['rows']}, {frame['columns']})",
                )
            if not slice_.any():
                continue
            rows, columns = np.flatnonzero(slice_.any(1)), np.flatnonzero(slice_.any(0))
            part = slice_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            shapes.append({
                "kind": "mask", "layer": layer, "series": self.series, "sop_uid": frame["sop_uid"], "frame": int(frame["frame"]),
                "index": index, "origin": [int(columns[0]), int(rows[0])], "rows": part.shape[0], "columns": part.shape[1],
                "runs": _runs(part), "pixels": int(part.sum()),
            })  # fmt: skip
        self.overlay = {"layers": layers, "shapes": shapes}

    def clear_masks(self) -> None:
        """Take every segmentation away."""
        self.overlay = {}

    @staticmethod
    def _slices(frames: Sequence[dict[str, Any]], count: int) -> list[int]:
        if len(frames) != count:
            raise PlaceError(f"分割有 {count} 层，影像有 {len(frames)} 幅", f"the mask has {count} slices, the series {len(frames)} images")
        return list(range(count))

    @staticmethod
    def _matched(frames: Sequence[dict[str, Any]], positions: NDArray[np.float64]) -> list[int]:
        known = np.array([frame["position"] or [np.nan] * 3 for frame in frames], dtype=np.float64)
        found = []
        for one in np.asarray(positions):
            distance = np.linalg.norm(known - one, axis=1)
            if not np.nanmin(distance, initial=np.inf) <= TOLERANCE:
                raise PlaceError("分割的层与影像的位置不符", "a slice of the mask lies where the series has no image")
            found.append(int(np.nanargmin(distance)))
        return found
