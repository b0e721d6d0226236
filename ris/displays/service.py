"""Keeping a check of a display."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from ris.access.scope import Caller
from ris.audit.service import record
from ris.clock import iso, now
from ris.displays.rules import ACTION, ENTITY, DisplayCheck


def keep_check(session: Session, caller: Caller, check: DisplayCheck) -> dict[str, Any]:
    """Add the check to the audit, under the institution of the person who made it; return when and with what result."""
    detail = check.model_dump(exclude={"workstation"}) | {"passed": check.passed}
    record(session, caller, ACTION, ENTITY, check.workstation, next(iter(sorted(caller.homes)), None), detail)
    return {"at": iso(now()), "passed": check.passed}
