"""The kernel side of the page that shows one series in itkwidgets, inside the reading desk. Runs in the environment of the notebooks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx

from apps.desk import Desk
from apps.itk import bridge
from apps.itk.bridge.calls import Conversation
from apps.itk.bridge.importing import show
from apps.itk.bridge.lps import MOST_SIDE, NoVolumeError, to_lps
from apps.itk.series import read_volume, window_of
from dicom_node.client import NodeClient, NodeError

bridge.install()

SOFTWARE_SIDE = 128
"""Voxels a side where the browser draws without a graphics device."""
MODES = {"XPlane", "YPlane", "ZPlane", "Volume"}
STEP = 20
"""Progress is told about so many times."""


class ItkDesk(Desk):
    """One series, shown once. Messages of the page follow.

    - `{"type": "open", "study", "series", "software": bool}` → `{"type": "progress", "done", "of"}` …, then
      `{"type": "shown", "original": [x, y, z], "shown": [x, y, z]}` or `{"type": "refused", "zh", "en"}`
    - `{"type": "mode", "mode"}`: plane or volume
    - `{"type": "page", "message"}` and back: the talk with the viewer page (`Conversation`)
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._conversation: Conversation | None = None
        self._viewer: Any = None

    def on_message(self, content: Any, buffers: list[Any]) -> None:  # noqa: ARG002 - the base gives them
        """Answer the page; what is no question is left alone."""
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "open" and self._viewer is None:
            self._open(content)
        elif kind == "mode" and self._viewer is not None and content.get("mode") in MODES:
            self._viewer.set_view_mode(content["mode"])
        elif kind == "page" and self._conversation is not None:
            self._conversation.receive(content.get("message"))

    def _open(self, content: dict[str, Any]) -> None:
        try:
            self._show(str(content.get("study")), str(content.get("series")), SOFTWARE_SIDE if content.get("software") else MOST_SIDE)
        except NoVolumeError as reason:
            self._refuse(reason.zh, reason.en)
        except NodeError as fault:
            zh, en = (fault.words.get(lang, {}) for lang in ("zh", "en"))
            self._refuse(zh.get("title") or "影像服务拒绝了请求", en.get("title") or "The image service refused")
        except (OSError, httpx.HTTPError) as fault:
            self.log.warning("series not read: %s", type(fault).__name__)
            self._refuse("影像服务没有应答，请稍后重试", "The image service does not answer: try again in a moment")

    def _refuse(self, zh: str, en: str) -> None:
        self.send({"type": "refused", "zh": zh, "en": en})

    def _show(self, study: str, series: str, limit: int) -> None:
        ticket = Path(os.environ["DESK_DIR"]) / "ticket"
        frames: list[dict[str, Any]] = []

        def tell(done: int, of: int) -> None:
            if done == of or done % max(1, of // STEP) == 0:
                self.send({"type": "progress", "done": done, "of": of})

        with NodeClient(os.environ["IMAGES_URL"], lambda: ticket.read_text(encoding="ascii").strip()) as node:

            def parts() -> Any:
                for header, index, data in node.series_frames(study, series):
                    if index is None:
                        frames.extend(header["frames"])
                    yield header, index, data

            volume = read_volume(parts(), tell)
        shown = to_lps(volume, limit)
        from itkwidgets import view

        from apps.itk.bridge.store import write_store

        turn = show.set(self._talk)
        try:
            low, high = window_of(frames, volume)
            # a slice first: a volume rendering keeps a machine without graphics device busy for minutes
            self._viewer = view(
                image=write_store(shown),
                cmap="Grayscale",
                color_range=[low, high],
                view_mode="ZPlane",
                ui_collapsed=True,
                units="mm",
                bg_color=[0.2, 0.2, 0.2],
            )
        finally:
            show.reset(turn)
        self.send({"type": "shown", "original": list(volume.size), "shown": list(shown.size)})

    def _talk(self, plugin: Any) -> None:
        self._conversation = Conversation(plugin, lambda message, buffers: self.send({"type": "page", "message": message}, buffers))
