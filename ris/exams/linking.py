"""Arriving studies: linked to the exam they belong to, or shown as unscheduled with the reason; repaired later by people."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.catalogue.model import Institution
from ris.clock import iso, now
from ris.exams.model import Exam, ExamStudy, Study
from ris.exams.row import locked, refresh, report_of
from ris.exams.rules import REASONS, Candidate, accession_key, after, dicom_date, linking, study_moment
from ris.feed import publish
from ris.patients.rules import Identity
from ris.patients.service import find_patient, make_patient
from ris.problems import Problem
from ris.reports.model import ReportExam


def _identity(headers: dict[str, Any]) -> Identity:
    return Identity(headers.get("patient_id"), headers.get("patient_name"), dicom_date(headers.get("birth_date"))[0])


def identity_of(exam: Exam) -> Identity:
    """Return who an exam is of."""
    return Identity(exam.person.patient_id, exam.person.name, exam.person.birth_date)


def take_arrival(session: Session, caller: Caller, arrival: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Take the state of one study as the node knows it; idempotent by (study_uid, images_seq). Returns `{study_uid, linked, exam_id, reason}`."""
    uid, institution = arrival["study_uid"], arrival["institution"]
    if not caller.may("study.link", institution) or session.get(Institution, institution) is None:
        return _refused(uid, "institution_unknown", "没有登记此机构", "This institution is not in the catalogue")
    study = session.get(Study, uid, with_for_update=True)
    if study is not None and study.institution != institution:
        # Hospitals' UIDs collide; whose study it is was decided when it came first (design: Linking).
        return _refused(uid, "other_institution", "此检查实例号已属于另一机构", "This study UID belongs to another institution already")
    if study is None and not arrival["instances"]:
        # all of its images were rejected before we heard of any: there is nothing to read, and nothing to repair
        return _refused(uid, "no_images", "此检查没有可显示的影像", "This study has no images to show")
    if study is not None and arrival["images_seq"] <= study.images_seq:
        return _answer(session, uid)
    moment, notes = study_moment(arrival.get("study_date"), arrival.get("study_time"), zone)
    birth_fault = dicom_date(arrival.get("birth_date"))[1]
    if birth_fault:
        notes = [*notes, f"birth_date: {birth_fault}"]
    first = study is None
    if study is None:
        study = Study(
            study_uid=uid,
            institution=institution,
            first_at=now(),
            quiet=False,
            instances=0,
            notes=[],
            headers={},
            images_seq=0,
            changed_at=now(),
        )
        session.add(study)
    study.images_seq = arrival["images_seq"]
    study.accession_key = accession_key(arrival.get("accession"))
    study.headers, study.notes = arrival, notes
    study.quiet, study.instances = bool(arrival["quiet"]), int(arrival["instances"])
    study.changed_at = now()
    session.flush()
    exams = [_home(session, caller, study, zone)] if first else _exams_of(session, study)
    for exam in exams:
        _images_came(exam, study, moment)
        refresh(session, exam, zone)
    return _answer(session, uid)


def _refused(uid: str, code: str, zh: str, en: str) -> dict[str, Any]:
    return {"study_uid": uid, "linked": False, "exam_id": None, "reason": {"code": code, "zh": zh, "en": en}}


def _exams_of(session: Session, study: Study) -> list[Exam]:
    ids = session.scalars(select(ExamStudy.exam).where(ExamStudy.study == study.study_uid).order_by(ExamStudy.exam)).all()
    return [locked(session, one) for one in ids]


def _answer(session: Session, uid: str) -> dict[str, Any]:
    query = (
        select(Exam.id, Exam.unscheduled_code).join(ExamStudy, ExamStudy.exam == Exam.id).where(ExamStudy.study == uid).order_by(Exam.id)
    )
    found = session.execute(query).first()
    exam_id, code = (found[0], found[1]) if found else (None, None)
    reason = None if code is None else {"code": code, "zh": REASONS[code][0], "en": REASONS[code][1]}
    return {"study_uid": uid, "linked": code is None and exam_id is not None, "exam_id": exam_id, "reason": reason}


def _home(session: Session, caller: Caller, study: Study, zone: ZoneInfo) -> Exam:
    """Return the exam a new study goes to: the one it belongs to, else a new one of origin `images`."""
    headers = study.headers
    found: Exam | None = None
    if study.accession_key is not None:
        query = select(Exam.id).where(Exam.institution == study.institution, Exam.accession_key == study.accession_key)
        exam_id = session.scalars(query).first()
        found = None if exam_id is None else locked(session, exam_id)
    arrived = _identity(headers)
    reason = linking(headers.get("accession"), None if found is None else Candidate(found.state, identity_of(found)), arrived)
    exam = found if reason is None and found is not None else _unscheduled_exam(session, study, arrived, reason, zone)
    session.add(ExamStudy(exam=exam.id, study=study.study_uid))
    session.flush()
    session.refresh(exam)
    _publish_link(session, caller, study, exam)
    return exam


def _publish_link(session: Session, caller: Caller, study: Study, exam: Exam) -> None:
    data = {
        "study_uid": study.study_uid,
        "exam_id": exam.id,
        "linked": exam.unscheduled_code is None,
        "reason": exam.unscheduled_code,
        "images_seq": study.images_seq,
    }
    publish(session, "study.linked", study.institution, "study", study.study_uid, data)
    record(session, caller, "study.link", "study", study.study_uid, study.institution, {"exam": exam.id, "reason": exam.unscheduled_code})


def _unscheduled_exam(session: Session, study: Study, arrived: Identity, reason: str | None, zone: ZoneInfo) -> Exam:
    headers = study.headers
    patient = find_patient(session, study.institution, arrived)
    if patient is None:
        data = {"patient_id": arrived.patient_id, "name": arrived.name, "sex": headers.get("sex"), "birth_date": arrived.birth_date}
        patient = make_patient(session, study.institution, data, "images")
    modality = headers.get("modality") or next(iter(headers.get("modalities") or []), None)
    exam = Exam(
        institution=study.institution,
        patient=patient.id,
        order_id=None,
        origin="images",
        accession=(headers.get("accession") or "").strip()[:64] or None,
        accession_key=None,
        modality=modality[:16] if modality else None,
        description=(headers.get("description") or "").strip()[:256] or None,
        body_part=(headers.get("body_part") or "").strip()[:64] or None,
        priority="routine",
        complex=False,
        state="in_progress",
        unscheduled_code=reason,
        technician_message=None,
        state_times={},
        ordered_at=None,
        performed_at=study_moment(headers.get("study_date"), headers.get("study_time"), zone)[0],
        arrived_at=now(),
        version=0,
        changed_at=now(),
    )
    session.add(exam)
    session.flush()
    session.refresh(exam)
    return exam


def enter_state(exam: Exam, action: str) -> bool:
    """Move an exam by an action of the state table and note when; False when the table does not allow it."""
    target = after(action, exam.state)
    if target is None:
        return False
    exam.state = target
    exam.state_times = {target: iso(now()) or "", **exam.state_times}
    return True


def _images_came(exam: Exam, study: Study, moment: Any) -> None:
    if exam.arrived_at is None:
        exam.arrived_at = study.first_at
    if exam.performed_at is None:
        exam.performed_at = moment
    if exam.modality is None:
        exam.modality = study.headers.get("modality")
    enter_state(exam, "images_arrive")
    if "in_progress" not in exam.state_times:
        exam.state_times = {**exam.state_times, "in_progress": iso(study.first_at) or ""}
    if all(one.quiet for one in exam.studies):
        enter_state(exam, "images_quiet")


def claim_waiting(session: Session, caller: Caller, exam: Exam, zone: ZoneInfo) -> None:
    """Give a newly booked exam the unscheduled studies that arrived before it under its accession number."""
    query = select(Study).where(Study.institution == exam.institution, Study.accession_key == exam.accession_key)
    for study in session.scalars(query).all():
        sources = [one for one in _exams_of(session, study) if one.unscheduled_code is not None]
        if not sources or linking(exam.accession, Candidate(exam.state, identity_of(exam)), _identity(study.headers)) is not None:
            continue
        if any(report_of(session, source.id) is not None for source in sources) and report_of(session, exam.id) is not None:
            continue
        _move_study(session, caller, study, sources, exam, zone)


def link_study(session: Session, caller: Caller, study_uid: str, exam_id: int, zone: ZoneInfo) -> Exam:
    """Move an unscheduled study, with its report if it has one, to the exam a person says it belongs to."""
    scope = caller.scope("study.link")
    study = session.get(Study, study_uid, with_for_update=True)
    if study is None or not scope.covers(study.institution):
        raise Problem("row.not_found")
    target = locked(session, exam_id)
    if not scope.covers(target.institution):
        raise Problem("row.not_found")
    if target.institution != study.institution:
        raise Problem("study.institution")
    exams = _exams_of(session, study)
    if any(one.id == target.id for one in exams):
        return target
    sources = [one for one in exams if one.unscheduled_code is not None]
    if not sources:
        raise Problem("study.scheduled")
    if target.state == "cancelled":
        raise Problem("exam.cancelled")
    if report_of(session, target.id) is not None and any(report_of(session, source.id) is not None for source in sources):
        raise Problem("study.reported")
    _move_study(session, caller, study, sources, target, zone)
    return target


def _move_study(session: Session, caller: Caller, study: Study, sources: list[Exam], target: Exam, zone: ZoneInfo) -> None:
    session.execute(delete(ExamStudy).where(ExamStudy.study == study.study_uid, ExamStudy.exam.in_([one.id for one in sources])))
    session.add(ExamStudy(exam=target.id, study=study.study_uid))
    session.flush()
    for source in sources:
        session.refresh(source)
        if not source.studies:
            for link in session.scalars(select(ReportExam).where(ReportExam.exam == source.id)).all():
                session.delete(link)
                session.flush()
                session.add(ReportExam(report=link.report, exam=target.id))
            enter_state(source, "dissolve")
            source.unscheduled_code = None
        refresh(session, source, zone)
    session.refresh(target)
    moment, _ = study_moment(study.headers.get("study_date"), study.headers.get("study_time"), zone)
    _images_came(target, study, moment)
    _publish_link(session, caller, study, target)
    refresh(session, target, zone)


def list_unscheduled(session: Session, scope: Scope, limit: int) -> list[dict[str, Any]]:
    """Return unscheduled studies in scope with the reason, newest first."""
    query = (
        select(Study, Exam)
        .join(ExamStudy, ExamStudy.study == Study.study_uid)
        .join(Exam, Exam.id == ExamStudy.exam)
        .where(scope.condition(Study.institution), Exam.unscheduled_code.is_not(None), Exam.state != "cancelled")
        .order_by(Study.first_at.desc(), Study.study_uid)
        .limit(limit)
    )
    return [
        {
            "study_uid": study.study_uid,
            "institution": study.institution,
            "exam_id": exam.id,
            "reason": {
                "code": exam.unscheduled_code,
                "zh": REASONS[exam.unscheduled_code or ""][0],
                "en": REASONS[exam.unscheduled_code or ""][1],
            },
            "accession": exam.accession,
            "patient": {"patient_id": exam.person.patient_id, "name": exam.person.name, "birth_date": exam.person.birth_date},
            "modality": exam.modality,
            "description": exam.description,
            "instances": study.instances,
            "notes": study.notes,
            "arrived_at": iso(study.first_at),
        }
        for study, exam in session.execute(query).unique()
    ]
