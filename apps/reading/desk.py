"""The reading desk in the kernel: which case is open, and what a report template says about it.

Lists, pixels and typed text travel straight between the page and the services; nothing here is the only copy of anything.
"""

from __future__ import annotations

from typing import Any

import traitlets

from apps.desk import Desk
from apps.reading.case import Case, Lang, UnreadableCaseError, read_case
from apps.reading.placeholders import expand

SECTIONS = ("findings", "impression")
LONGEST = 60_000
"""Characters of one section, as in ris."""


class ReadingDesk(Desk):
    """Holds the open case and the state of the list. Both are told by the page, so no right follows from them.

    Messages, each with the page's number `id`, which the answer carries too:

    - `{"type": "expand", "template": {"findings", "impression"}, "row": Row, "priors": [Row]}` →
      `{"type": "expanded", "findings", "impression", "unknown": [names to fill in by hand]}`
    - `{"type": "context", "row": Row, "priors": [Row]}` → `{"type": "context", "heading", "comparison"}`
    - a message that cannot be read → `{"type": "problem", "problem": words}`
    """

    exam = traitlets.Dict(allow_none=True, default_value=None, help="Row of the open case, None while the list is shown").tag(sync=True)
    view = traitlets.Dict(help="state of the list: view, search, filters").tag(sync=True)

    def on_message(self, content: Any, buffers: list[Any]) -> None:  # noqa: ARG002 - the base gives them
        """Answer a question of the page; what is no question is left alone."""
        if not isinstance(content, dict) or content.get("type") not in {"expand", "context"}:
            return
        number = content.get("id")
        try:
            case = read_case(content.get("row"), content.get("priors"))
            answer = self._expand(content, case) if content["type"] == "expand" else self._context(case)
        except UnreadableCaseError as problem:
            answer = {"type": "problem", "problem": str(problem)}
        self.send({**answer, "id": number})

    @property
    def _lang(self) -> Lang:
        return "en" if self.lang == "en" else "zh"

    def _expand(self, content: dict[str, Any], case: Case) -> dict[str, Any]:
        template = content.get("template")
        if not isinstance(template, dict):
            raise UnreadableCaseError("没有模板内容 / the message holds no template")
        texts = {name: str(template.get(name) or "")[:LONGEST] for name in SECTIONS}
        done = {name: expand(text, case, self._lang) for name, text in texts.items()}
        unknown = dict.fromkeys(name for each in done.values() for name in each.unknown)
        return {"type": "expanded", **{name: each.text for name, each in done.items()}, "unknown": list(unknown)}

    def _context(self, case: Case) -> dict[str, Any]:
        return {"type": "context", "heading": case.heading(self._lang), "comparison": case.comparison(self._lang)}
