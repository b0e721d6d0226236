"""Reading and changing the catalogue."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.catalogue.model import Department, Institution
from ris.catalogue.rules import KINDS, acceptable_code
from ris.clock import now
from ris.database import clean
from ris.feed import publish
from ris.problems import Problem


def institution_as_data(row: Institution) -> dict[str, Any]:
    """Return an institution as the API and the feed say it."""
    return {"code": row.code, "name": row.name, "name_en": row.name_en or row.name, "kind": row.kind, "version": row.version}


def department_as_data(row: Department) -> dict[str, Any]:
    """Return a department as the API says it."""
    return {"id": row.id, "institution": row.institution, "code": row.code, "name": row.name, "name_en": row.name_en or row.name}


def list_institutions(session: Session, scope: Scope) -> list[dict[str, Any]]:
    """Return the institutions in scope."""
    rows = session.scalars(select(Institution).where(scope.condition(Institution.code)).order_by(Institution.code))
    return [institution_as_data(row) for row in rows]


def list_departments(session: Session, scope: Scope) -> list[dict[str, Any]]:
    """Return the departments of institutions in scope."""
    rows = session.scalars(
        select(Department).where(scope.condition(Department.institution)).order_by(Department.institution, Department.code)
    )
    return [department_as_data(row) for row in rows]


def add_institution(session: Session, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Add an institution; only somebody whose right reaches all institutions may."""
    if not caller.scope("catalogue.edit").everywhere:
        raise Problem("right.missing", operation="catalogue.edit")
    if not acceptable_code(data["code"]) or data["kind"] not in KINDS:
        raise Problem(
            "request.invalid",
            fields=[{"where": "body.code", "what": "1-16 of A-Z a-z 0-9 _ -"}, {"where": "body.kind", "what": " | ".join(KINDS)}],
        )
    if session.get(Institution, data["code"]) is not None:
        raise Problem("row.exists")
    row = Institution(
        code=data["code"], name=data["name"], name_en=clean(data.get("name_en")), kind=data["kind"], version=1, changed_at=now()
    )
    session.add(row)
    session.flush()
    publish(session, "institution.changed", row.code, "institution", row.code, institution_as_data(row))
    record(session, caller, "institution.add", "institution", row.code, row.code)
    return institution_as_data(row)


def add_department(session: Session, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Add a department to an institution in the caller's reach."""
    if not caller.may("catalogue.edit", data["institution"]) or session.get(Institution, data["institution"]) is None:
        raise Problem("row.not_found")
    if not acceptable_code(data["code"]):
        raise Problem("request.invalid", fields=[{"where": "body.code", "what": "1-16 of A-Z a-z 0-9 _ -"}])
    there = session.scalars(
        select(Department).where(Department.institution == data["institution"], Department.code == data["code"])
    ).first()
    if there is not None:
        raise Problem("row.exists")
    row = Department(institution=data["institution"], code=data["code"], name=data["name"], name_en=clean(data.get("name_en")))
    session.add(row)
    session.flush()
    record(session, caller, "department.add", "department", str(row.id), row.institution)
    return department_as_data(row)
