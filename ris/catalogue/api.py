"""Routes of the catalogue."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs
from ris.access.scope import Caller, Scope
from ris.catalogue import service

router = APIRouter(tags=["catalogue"])


class NewInstitution(BaseModel):
    """An institution to add."""

    code: str = Field(max_length=16)
    name: str = Field(min_length=1, max_length=128)
    name_en: str | None = Field(default=None, max_length=128)
    kind: str = Field(default="hospital", max_length=16)


class NewDepartment(BaseModel):
    """A department to add."""

    institution: str = Field(max_length=16)
    code: str = Field(max_length=16)
    name: str = Field(min_length=1, max_length=128)
    name_en: str | None = Field(default=None, max_length=128)


def _visible(caller: Caller) -> Scope:
    """Everybody knows his own institutions, and those whose rows he reads."""
    reach = caller.data_scope
    return Scope(reach.everywhere, reach.codes | caller.homes)


@router.get("/institutions")
def institutions(db: Db, caller: Annotated[Caller, Depends(Needs("self"))]) -> list[dict[str, Any]]:
    """Return the institutions the caller knows."""
    with db.read() as session:
        return service.list_institutions(session, _visible(caller))


@router.post("/institutions", status_code=201)
def add_institution(body: NewInstitution, db: Db, caller: Annotated[Caller, Depends(Needs("catalogue.edit"))]) -> dict[str, Any]:
    """Add an institution."""
    with db.write() as session:
        return service.add_institution(session, caller, body.model_dump())


@router.get("/departments")
def departments(db: Db, caller: Annotated[Caller, Depends(Needs("self"))]) -> list[dict[str, Any]]:
    """Return the departments of the institutions the caller knows."""
    with db.read() as session:
        return service.list_departments(session, _visible(caller))


@router.post("/departments", status_code=201)
def add_department(body: NewDepartment, db: Db, caller: Annotated[Caller, Depends(Needs("catalogue.edit"))]) -> dict[str, Any]:
    """Add a department."""
    with db.write() as session:
        return service.add_department(session, caller, body.model_dump())
