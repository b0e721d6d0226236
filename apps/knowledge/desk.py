"""The knowledge desk in the kernel.

Entries travel straight between the page and the records service, so that a dead kernel loses no text; the kernel knows which entry is
open, for Python code that works beside the page.
"""

from __future__ import annotations

from typing import Any

import traitlets

from apps.desk import Desk


class KnowledgeDesk(Desk):
    """Holds which entry is open. Like every synced trait it is user input: reading the entry asks the records service for the right."""

    opened = traitlets.Int(None, allow_none=True, help="id of the open entry").tag(sync=True)

    def on_message(self, content: Any, buffers: list[Any]) -> None:  # noqa: ARG002 - the base gives them
        """`{"type": "opened", "id": 7}`: the page opened another entry, or none (`null`)."""
        if not isinstance(content, dict) or content.get("type") != "opened":
            return
        entry = content.get("id")
        if entry is None or (isinstance(entry, int) and not isinstance(entry, bool) and entry > 0):
            self.opened = entry
