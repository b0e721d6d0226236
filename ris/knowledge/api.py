"""Routes of the knowledge base."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.audit.service import record
from ris.idempotency import Key, once
from ris.knowledge import service

router = APIRouter(tags=["knowledge"])


class NewEntry(BaseModel):
    """An entry to add."""

    title: str = Field(min_length=1, max_length=200)
    body: str = Field(min_length=1, max_length=100_000)
    body_part: str | None = Field(default=None, max_length=64)
    modality: str | None = Field(default=None, max_length=16)
    tags: list[str] = Field(default_factory=list, max_length=50)


class ChangedEntry(NewEntry):
    """An entry with its changes; `version` is the one that was read."""

    version: int


@router.get("/knowledge")
def entries(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("knowledge.view"))],
    q: Annotated[str, Query(max_length=200)] = "",
    modality: Annotated[str | None, Query(max_length=16)] = None,
    body_part: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Find entries."""
    with db.read() as session:
        scope = caller.scope("knowledge.view")
        return {"rows": service.list_entries(session, scope, typed=q, modality=modality or None, body_part=body_part or None, limit=limit)}


@router.post("/knowledge", status_code=201)
def add_entry(body: NewEntry, db: Db, caller: Annotated[Caller, Depends(Needs("knowledge.edit"))], key: Key = None) -> dict[str, Any]:
    """Add an entry."""
    what = {"route": "knowledge", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.add_entry(session, caller, body.model_dump()))
    return done


@router.get("/knowledge/{entry_id}")
def entry(entry_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("knowledge.view"))]) -> dict[str, Any]:
    """Return an entry."""
    with db.write() as session:
        row = service.entry_in(session, caller.scope("knowledge.view"), entry_id)
        record(session, caller, "knowledge.view", "knowledge", str(row.id), None)
        return service.entry_as_data(row)


@router.put("/knowledge/{entry_id}")
def change_entry(
    entry_id: int, body: ChangedEntry, db: Db, caller: Annotated[Caller, Depends(Needs("knowledge.edit"))], key: Key = None
) -> dict[str, Any]:
    """Change an entry."""
    what = {"route": f"knowledge/{entry_id}", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.change_entry(session, caller, entry_id, body.model_dump()))
    return done


@router.delete("/knowledge/{entry_id}", status_code=204)
def remove_entry(entry_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("knowledge.edit"))]) -> Response:
    """Remove an entry."""
    with db.write() as session:
        service.remove_entry(session, caller, entry_id)
    return Response(status_code=204)
