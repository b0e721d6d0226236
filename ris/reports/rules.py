"""The state table of a report, as data: drafting, written, in review 1…n, signed, delivered; returned, recalled, addendum."""

from __future__ import annotations

from dataclasses import dataclass

STATES = ("drafting", "written", "in_review", "signed", "delivered", "returned", "recalled", "addendum")
EDITABLE = ("drafting", "returned", "recalled", "addendum")
"""States in which the author types."""
IN_FORCE = ("signed", "delivered")

TRANSITIONS: dict[str, dict[str, str]] = {
    "submit": dict.fromkeys(EDITABLE, "written"),
    "review": {"written": "in_review"},
    "return": {"written": "returned", "in_review": "returned"},
    "sign": {"written": "signed", "in_review": "signed"},
    "recall": {"written": "recalled", "signed": "recalled", "delivered": "recalled"},
    "addendum": {"signed": "addendum", "delivered": "addendum"},
    "deliver": {"signed": "delivered"},
}
"""Action → state before → state after. `deliver` happens when the exam's own institution first opens the signed report."""

OPERATION = {
    "submit": "report.write",
    "addendum": "report.write",
    "review": "report.review",
    "return": "report.review",
    "sign": "report.review",
}
"""Action → operation. `recall`: the author (report.write) before signing, a reviewer (report.review) after."""

NEEDS_REASON = frozenset({"return", "recall"})
KEEPS_TEXT = frozenset({"submit", "return", "sign", "recall"})
"""Actions whose text is kept as a version."""
MAY_BRING_TEXT = frozenset({"submit", "sign", "return"})
"""Actions that may carry a newer text: the author's last words, a reviewer's correction."""

REVIEW_LEVELS: dict[str | None, int] = {None: 1}
"""Institution → levels of review until a report is signed; None: everywhere else."""


def levels_for(institution: str) -> int:
    """Return how many reviews a report of an institution needs."""
    return REVIEW_LEVELS.get(institution, REVIEW_LEVELS[None])


def after(action: str, state: str, level: int = 1, levels: int = 1) -> str | None:
    """Return the state after an action, None if it is not allowed. Signing below the last level leads to the next review."""
    found = TRANSITIONS.get(action, {}).get(state)
    return "written" if found == "signed" and level < levels else found


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether somebody may act on a report."""

    state: str
    author: str
    reviewer: str | None


def refusal(action: str, report: Standing, username: str, operations: frozenset[str]) -> str | None:
    """Return the code of the problem that keeps a person from an action, None when he may.

    `operations` are those he has in the exam's institution.
    """
    if action not in TRANSITIONS or action == "deliver" or report.state not in TRANSITIONS[action]:
        return "report.transition"
    if action == "recall":
        before_signing = report.state == "written"
        if before_signing and username == report.author and "report.write" in operations:
            return None
        return None if not before_signing and "report.review" in operations else "right.missing"
    if OPERATION[action] not in operations:
        return "right.missing"
    if action in {"submit", "addendum"}:
        return None if username == report.author else "report.author"
    if username == report.author:
        return "report.own"
    if report.state == "in_review" and report.reviewer not in {None, username}:
        return "report.reviewer"
    return None


def allowed(report: Standing, username: str, operations: frozenset[str]) -> list[str]:
    """Return the actions a person may do now."""
    return [action for action in TRANSITIONS if refusal(action, report, username, operations) is None]
