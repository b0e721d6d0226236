"""Routes of patients."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.audit.service import record
from ris.idempotency import Key, once
from ris.patients import service

router = APIRouter(tags=["patients"])


class Person(BaseModel):
    """A person as the registration form describes him."""

    patient_id: str | None = Field(default=None, max_length=64)
    name: str = Field(min_length=1, max_length=128)
    sex: str | None = Field(default=None, max_length=16)
    birth_date: date | None = None
    phone: str | None = Field(default=None, max_length=32)
    guardian: str | None = Field(default=None, max_length=64)


class NewPatient(Person):
    """A patient to register in an institution."""

    institution: str = Field(max_length=16)


@router.get("/patients")
def patients(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("exam.view"))],
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """Find patients by name, pinyin, initials, id, telephone."""
    with db.write() as session:
        record(session, caller, "patient.list", "patient", "-", None)
        return {"rows": service.list_patients(session, caller.scope("exam.view"), q, limit)}


@router.post("/patients", status_code=201)
def add_patient(body: NewPatient, db: Db, caller: Annotated[Caller, Depends(Needs("exam.register"))], key: Key = None) -> dict[str, Any]:
    """Register a patient."""
    what = {"route": "patients", **body.model_dump(mode="json")}
    done: dict[str, Any] = once(
        db, caller, key, what, lambda session: service.patient_as_data(service.add_patient(session, caller, body.model_dump()))
    )
    return done


@router.get("/patients/{patient_id}")
def patient(patient_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("exam.view"))]) -> dict[str, Any]:
    """Return a patient."""
    with db.write() as session:
        row = service.patient_in(session, caller.scope("exam.view"), patient_id)
        record(session, caller, "patient.view", "patient", str(row.id), row.institution)
        return service.patient_as_data(row)
