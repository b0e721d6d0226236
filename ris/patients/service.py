"""Finding, adding and changing patients."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.catalogue.model import Institution
from ris.clock import iso, now
from ris.database import clean
from ris.patients.model import Patient, PatientToken
from ris.patients.rules import Identity, agrees, display_name, id_key, name_keys, normal_sex
from ris.problems import Problem
from ris.search import haystack_of, narrowed, normal, pinyin_of, tokens_of


def patient_as_data(patient: Patient) -> dict[str, Any]:
    """Return a patient as the API says it."""
    return {
        "id": patient.id,
        "institution": patient.institution,
        "patient_id": patient.patient_id,
        "name": patient.name,
        "pinyin": patient.pinyin,
        "sex": patient.sex,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
        "phone": patient.phone,
        "guardian": patient.guardian,
        "origin": patient.origin,
        "version": patient.version,
        "changed_at": iso(patient.changed_at),
    }


def _settle(session: Session, patient: Patient) -> None:
    """Write what is derived from the name: pinyin, haystack, tokens."""
    patient.name_key = normal(patient.name)[:256]
    patient.pinyin = pinyin_of(patient.name)[0][:512]
    patient.haystack = haystack_of([patient.patient_id, patient.phone], [patient.name])
    patient.changed_at = now()
    session.flush()
    session.execute(delete(PatientToken).where(PatientToken.patient == patient.id))
    session.execute(insert(PatientToken), [{"token": token, "patient": patient.id} for token in sorted(tokens_of(patient.haystack))])


def find_patient(session: Session, institution: str, arrived: Identity) -> Patient | None:
    """Return the patient of an institution that `arrived` is, None when nobody agrees."""
    key = id_key(arrived.patient_id)
    if key is not None:
        row = session.scalars(select(Patient).where(Patient.institution == institution, Patient.id_key == key)).first()
        if row is not None:
            return row if agrees(Identity(row.patient_id, row.name, row.birth_date), arrived) else None
        return None
    query = select(Patient).where(Patient.institution == institution, Patient.name_key.in_(sorted(name_keys(arrived.name))))
    return next((one for one in session.scalars(query) if agrees(Identity(one.patient_id, one.name, one.birth_date), arrived)), None)


def make_patient(session: Session, institution: str, data: dict[str, Any], origin: str) -> Patient:
    """Add a patient row; the PatientID counts as its key only while nobody else in the institution has it."""
    key = id_key(data.get("patient_id"))
    taken = (
        key is not None
        and session.scalars(select(Patient.id).where(Patient.institution == institution, Patient.id_key == key)).first() is not None
    )
    patient = Patient(
        institution=institution,
        patient_id=clean(data.get("patient_id")),
        id_key=None if taken else key,
        name=display_name(data.get("name")) or "未知",
        name_key="-",
        pinyin=None,
        sex=normal_sex(data.get("sex")),
        birth_date=data.get("birth_date"),
        phone=clean(data.get("phone")),
        guardian=clean(data.get("guardian")),
        origin=origin,
        haystack="-",
        version=1,
        changed_at=now(),
    )
    session.add(patient)
    _settle(session, patient)
    return patient


def add_patient(session: Session, caller: Caller, data: dict[str, Any]) -> Patient:
    """Register a patient; a PatientID that the institution has already is refused."""
    institution = data["institution"]
    if not caller.may("exam.register", institution) or session.get(Institution, institution) is None:
        raise Problem("row.not_found")
    key = id_key(data.get("patient_id"))
    if key is not None:
        there = session.scalars(select(Patient).where(Patient.institution == institution, Patient.id_key == key)).first()
        if there is not None:
            raise Problem("row.exists", id=there.id)
    patient = make_patient(session, institution, data, "registered")
    record(session, caller, "patient.add", "patient", str(patient.id), institution)
    return patient


def the_patient(session: Session, caller: Caller, institution: str, data: dict[str, Any]) -> Patient:
    """Return the registered patient of an order: known by PatientID if it is the same person, else added."""
    key = id_key(data.get("patient_id"))
    if key is not None:
        there = session.scalars(select(Patient).where(Patient.institution == institution, Patient.id_key == key)).first()
        if there is not None:
            asked = Identity(data.get("patient_id"), data.get("name"), data.get("birth_date"))
            if not agrees(Identity(there.patient_id, there.name, there.birth_date), asked):
                raise Problem("row.exists", id=there.id)
            return there
    return add_patient(session, caller, {**data, "institution": institution})


def patient_in(session: Session, scope: Scope, patient: int) -> Patient:
    """Return a patient in scope, or raise `row.not_found`."""
    row = session.get(Patient, patient)
    if row is None or not scope.covers(row.institution):
        raise Problem("row.not_found")
    return row


def list_patients(session: Session, scope: Scope, typed: str, limit: int) -> list[dict[str, Any]]:
    """Return patients in scope whose name, pinyin, initials, id or telephone contain what was typed."""
    query = select(Patient).where(scope.condition(Patient.institution)).order_by(Patient.id.desc()).limit(limit)
    query = narrowed(query, typed, Patient.id, Patient.haystack, PatientToken.token, PatientToken.patient)
    return [patient_as_data(row) for row in session.scalars(query)]
