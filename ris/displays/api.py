"""Route of the display checks; they are listed by `GET /audit?action=display.check`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from ris.access.guard import PEOPLE, Db, Needs
from ris.access.scope import Caller
from ris.displays import service
from ris.displays.rules import DisplayCheck

router = APIRouter(tags=["displays"])


class CheckKept(BaseModel):
    """When a check was kept, and whether everything was seen."""

    at: str
    passed: bool


@router.post("/display-checks", status_code=201)
def add_check(body: DisplayCheck, db: Db, caller: Annotated[Caller, Depends(Needs("image.view", PEOPLE))]) -> CheckKept:
    """Keep the check of a workstation's display as an act of the caller."""
    with db.write() as session:
        return CheckKept(**service.keep_check(session, caller, body))
