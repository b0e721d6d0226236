"""The state table of a project, and what its approval covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

STATES = ("draft", "approved", "closed")
TRANSITIONS: dict[str, dict[str, str]] = {
    "approve": {"draft": "approved"},
    "close": {"draft": "closed", "approved": "closed"},
}
"""Action → state before → state after. Nothing leads out of `closed`; after its last day a project is shut in whatever state."""

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")
"""Codes of projects: they are names of files and parts of addresses, too."""

TABLES = ("studies", "series", "exams")
"""De-identified tables that a project may have (`pipelines/research/tables.py` says what is in them)."""

COVERED = ("purpose", "expires_on", "tables", "pixels", "least", "cut_on")
"""What an approval is about: changed in an approved project only together with a new approval."""

LEAST_ALLOWED, LEAST_USUAL = 1, 5
"""Smallest size of a group that may be set, and the usual one. 1 shows everybody: for images of phantoms, or where the approval says so."""
LONGEST = timedelta(days=5 * 366)
"""No approval lasts longer."""
TOKEN_LONGEST = timedelta(days=366)
"""No token lasts longer; one that expires is replaced by a new one."""


def after(action: str, state: str) -> str | None:
    """Return the state after an action, None if it is not allowed."""
    return TRANSITIONS.get(action, {}).get(state)


def is_open(state: str, expires_on: date, today: date) -> bool:
    """Say whether data are given out today."""
    return state == "approved" and today <= expires_on


def normal_tables(tables: Iterable[str]) -> list[str]:
    """Return the tables in their usual order, each once."""
    wanted = set(tables)
    return [name for name in TABLES if name in wanted]


def needs_approval(before: Mapping[str, Any], after_change: Mapping[str, Any]) -> list[str]:
    """Return which of the things that an approval covers are changed."""
    return [name for name in COVERED if before[name] != after_change[name]]
