"""Routes of the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.audit import service

router = APIRouter(tags=["audit"])


class Entity(BaseModel):
    """What the act was about."""

    type: str = "-"
    id: str = "-"


class Entry(BaseModel):
    """An act that a service reports; members that are not named here go into the detail."""

    model_config = ConfigDict(extra="allow")

    key: str = Field(min_length=1, max_length=2000)
    at: AwareDatetime
    username: str = Field(max_length=2000)
    action: str = Field(max_length=2000)
    entity: Entity | str = Field(default_factory=Entity)
    institution: str | None = Field(default=None, max_length=2000)
    sid: str | None = Field(default=None, max_length=64)
    detail: dict[str, Any] | None = None


class Entries(BaseModel):
    """A batch of acts."""

    entries: list[Entry] = Field(max_length=1000)


def _as_told(one: Entry) -> dict[str, Any]:
    entity = {"type": one.entity, "id": "-"} if isinstance(one.entity, str) else one.entity.model_dump()
    more = {name: value for name, value in (one.model_extra or {}).items() if value is not None}
    return {
        **one.model_dump(include={"key", "at", "username", "action", "institution", "sid"}),
        "entity": entity,
        "detail": {**(one.detail or {}), **more},
    }


@router.post("/audit/entries")
def add_entries(body: Entries, db: Db, caller: Annotated[Caller, Depends(Needs("audit.write", frozenset({"service"})))]) -> dict[str, int]:
    """Add acts seen by another service, once per key."""
    with db.write() as session:
        return {"added": service.add_entries(session, caller, [_as_told(one) for one in body.entries])}


@router.get("/audit")
def entries(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("audit.view"))],
    username: Annotated[str | None, Query(max_length=256)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    entity_type: Annotated[str | None, Query(max_length=64)] = None,
    entity_id: Annotated[str | None, Query(max_length=200)] = None,
    institution: Annotated[str | None, Query(max_length=64)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Return acts, newest first; `before` (an id) pages on."""
    with db.write() as session:
        service.record(session, caller, "audit.view", "audit", "-", institution, {"username": username, "entity_id": entity_id})
        rows = service.list_entries(
            session,
            caller.scope("audit.view"),
            username=username,
            action=action,
            entity_type=entity_type,
            entity_id=entity_id,
            institution=institution,
            since=since,
            until=until,
            before=before,
            limit=limit,
        )
    return {"rows": rows, "next": rows[-1]["id"] if len(rows) == limit else None}
