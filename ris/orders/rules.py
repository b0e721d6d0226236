"""The state table of an order. 1 order → n exams; it is done when all its exams are signed or cancelled."""

from __future__ import annotations

STATES = ("placed", "changed", "cancelled", "done")
PRIORITIES = ("stat", "urgent", "routine")

TRANSITIONS: dict[str, dict[str, str]] = {
    "change": {"placed": "changed", "changed": "changed"},
    "cancel": {"placed": "cancelled", "changed": "cancelled"},
    "finish": {"placed": "done", "changed": "done"},
    "reopen": {"done": "changed"},
}
"""Action → state before → state after. `finish` and `reopen` (a report recalled) happen by themselves."""
BY_PEOPLE = ("change", "cancel")


def after(action: str, state: str) -> str | None:
    """Return the state after an action, None if it is not allowed."""
    return TRANSITIONS.get(action, {}).get(state)


def is_finished(stages: list[str]) -> bool:
    """Say whether an order whose exams stand at these stages is done."""
    return bool(stages) and all(stage in {"signed", "cancelled"} for stage in stages) and "signed" in stages
