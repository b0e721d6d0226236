"""Routes of the caller's preference documents. Nobody's but his own can be named."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from ris.access.guard import PEOPLE, Db, Needs
from ris.access.scope import Caller
from ris.preferences import service

router = APIRouter(tags=["preferences"])
Key = Annotated[str, Path(max_length=64)]
Own = Annotated[Caller, Depends(Needs("self", PEOPLE))]


class PreferenceText(BaseModel):
    """A document with the version that was read (0: never written)."""

    version: Annotated[int, Field(ge=0)]
    document: dict[str, Any]


class PreferenceData(BaseModel):
    """A document as it is kept."""

    key: str
    version: int
    document: dict[str, Any]
    changed_at: str | None


@router.get("/me/preferences/{key}")
def preference(key: Key, db: Db, caller: Own) -> PreferenceData:
    """Return a preference document of the caller."""
    with db.read() as session:
        return PreferenceData(**service.read_preference(session, caller, key))


@router.put("/me/preferences/{key}")
def put_preference(key: Key, body: PreferenceText, db: Db, caller: Own) -> PreferenceData:
    """Keep a preference document of the caller (at most 64 kB of JSON); 409 when it was changed meanwhile."""
    with db.write() as session:
        return PreferenceData(**service.write_preference(session, caller, key, body.version, body.document))
