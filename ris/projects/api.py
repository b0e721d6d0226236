"""Routes of research projects."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs, Ris
from ris.access.scope import Caller
from ris.audit.service import record
from ris.idempotency import Key, once
from ris.projects import service
from ris.projects.rules import CODE, LEAST_ALLOWED, LEAST_USUAL

router = APIRouter(tags=["projects"])
Code = Annotated[str, Field(pattern=f"^{CODE.pattern}$")]
Manager = Annotated[Caller, Depends(Needs(service.MANAGE))]
CodePath = Annotated[str, Path(max_length=64)]


class Approval(BaseModel):
    """Who approved it outside of this system, under which number, when."""

    number: str = Field(min_length=1, max_length=200, pattern=r"\S")
    by: str = Field(min_length=1, max_length=200, pattern=r"\S")
    day: date


class ProjectContent(BaseModel):
    """What a project is."""

    title: str = Field(min_length=1, max_length=200, pattern=r"\S")
    title_en: str | None = Field(default=None, max_length=200)
    purpose: str = Field(min_length=1, max_length=10_000, pattern=r"\S")
    expires_on: date
    members: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=200)
    tables: list[Literal["studies", "series", "exams"]] = Field(min_length=1, max_length=3)
    pixels: bool = False
    least: int = Field(default=LEAST_USUAL, ge=LEAST_ALLOWED, le=1000)
    cut_on: date | None = None


class NewProject(ProjectContent):
    """A project to add."""

    code: Code


class ChangedProject(ProjectContent):
    """A project with its changes; `version` is the one that was read."""

    version: int
    approval: Approval | None = None


class Move(BaseModel):
    """Approve or close."""

    action: Literal["approve", "close"]
    version: int
    approval: Approval | None = None


class NewToken(BaseModel):
    """A token for a platform."""

    label: str = Field(min_length=1, max_length=200, pattern=r"\S")
    expires_on: date


def _zone(ris: Ris) -> ZoneInfo:
    return ZoneInfo(ris.settings.timezone)


Zone = Annotated[ZoneInfo, Depends(_zone)]


@router.get("/me/projects")
def own(db: Db, zone: Zone, caller: Annotated[Caller, Depends(Needs(service.USE))]) -> dict[str, Any]:
    """List the projects that give data to the caller today."""
    with db.read() as session:
        return {"projects": service.own_projects(session, caller.username, service.today_in(zone))}


@router.get("/projects")
def projects(db: Db, caller: Manager) -> dict[str, Any]:
    """List all projects."""
    with db.read() as session:
        return {"rows": service.list_projects(session, caller)}


@router.post("/projects", status_code=201)
def add_project(body: NewProject, db: Db, zone: Zone, caller: Manager, key: Key = None) -> dict[str, Any]:
    """Add a project as a draft."""
    what, today = {"route": "projects", **body.model_dump()}, service.today_in(zone)
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.add_project(session, caller, body.model_dump(), today))
    return done


@router.get("/projects/{code}")
def project(code: CodePath, db: Db, caller: Manager) -> dict[str, Any]:
    """Return a project."""
    with db.write() as session:
        row = service.project_in(session, caller, code)
        record(session, caller, "project.view", "project", code, None)
        return service.project_as_data(row)


@router.put("/projects/{code}")
def change_project(code: CodePath, body: ChangedProject, db: Db, zone: Zone, caller: Manager, key: Key = None) -> dict[str, Any]:
    """Change a project; what its approval covers only with a new approval."""
    what, today = {"route": f"projects/{code}", **body.model_dump()}, service.today_in(zone)
    done: dict[str, Any] = once(
        db, caller, key, what, lambda session: service.change_project(session, caller, code, body.model_dump(), today)
    )
    return done


@router.post("/projects/{code}/transitions")
def move_project(code: CodePath, body: Move, db: Db, zone: Zone, caller: Manager, key: Key = None) -> dict[str, Any]:
    """Approve or close a project."""
    what, today = {"route": f"projects/{code}/transitions", **body.model_dump()}, service.today_in(zone)
    done: dict[str, Any] = once(
        db, caller, key, what, lambda session: service.move_project(session, caller, code, body.model_dump(), today)
    )
    return done


# No Idempotency-Key: the answer of a key is kept, and this one must not be.
@router.post("/projects/{code}/tokens", status_code=201)
def add_token(code: CodePath, body: NewToken, db: Db, zone: Zone, caller: Manager) -> dict[str, Any]:
    """Make a token; it is told this one time only."""
    with db.write() as session:
        return service.add_token(session, caller, code, body.model_dump(), service.today_in(zone))


@router.delete("/projects/{code}/tokens/{token}")
def revoke_token(code: CodePath, token: Annotated[str, Path(max_length=64)], db: Db, caller: Manager) -> dict[str, Any]:
    """Make a token worthless."""
    with db.write() as session:
        return service.revoke_token(session, caller, code, token)
