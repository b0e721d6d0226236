"""The viewer as a widget in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .calls import Conversation


class ItkFrame(anywidget.AnyWidget):
    """An inner page with the viewer, below the cell; it starts when it is first seen."""

    _esm = Path(__file__).with_name("frame.js")
    height = traitlets.Int(520).tag(sync=True)

    def __init__(self, plugin: Any, **values: Any) -> None:
        super().__init__(**values)
        self._conversation = Conversation(plugin, self.send)
        plugin.widget = self
        self.on_msg(lambda _widget, message, _buffers: self._conversation.receive(message))
