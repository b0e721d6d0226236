"""The worklist row of an exam: computed once per change, kept as JSON, served as it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ris.clock import iso, now
from ris.exams.model import Exam, ExamToken, WorklistRow
from ris.exams.rules import REASONS, dicom_date, order_of, stage_of
from ris.feed import publish
from ris.orders.rules import after as order_after
from ris.orders.rules import is_finished
from ris.patients.rules import age_at
from ris.problems import Problem
from ris.reports.model import Report, ReportExam
from ris.search import haystack_of, tokens_of


def report_of(session: Session, exam: int) -> Report | None:
    """Return the report that speaks for an exam: its newest."""
    query = (
        select(Report).join(ReportExam, ReportExam.report == Report.id).where(ReportExam.exam == exam).order_by(Report.id.desc()).limit(1)
    )
    return session.scalars(query).first()


def locked(session: Session, exam: int) -> Exam:
    """Return an exam as it is now and keep others from changing it until the transaction ends; raise `row.not_found`."""
    row = session.get(Exam, exam, with_for_update={"of": Exam}, populate_existing=True)
    if row is None:
        raise Problem("row.not_found")
    return row


def _reason(code: str | None) -> dict[str, str] | None:
    return None if code is None else {"code": code, "zh": REASONS[code][0], "en": REASONS[code][1]}


def _person(username: str | None, name: str | None) -> dict[str, str] | None:
    return None if username is None else {"username": username, "name": name or username}


def row_of(exam: Exam, report: Report | None, zone: ZoneInfo) -> dict[str, Any]:
    """Return the Row of interfaces.md, section 4; `mine` is filled in for each reader."""
    images = sum(study.instances for study in exam.studies)
    stage = stage_of(exam.state, images, report.state if report is not None else None)
    header_days = [day for day in (dicom_date(str(study.headers.get("study_date") or ""))[0] for study in exam.studies) if day is not None]
    moment = exam.performed_at or exam.arrived_at or exam.ordered_at or exam.changed_at
    day = min(header_days) if header_days else moment.astimezone(zone).date()
    waiting = _waiting_since(exam, report, stage)
    return {
        "exam_id": exam.id,
        "version": exam.version,
        "accession": exam.accession,
        "institution": {"code": exam.place.code, "name": exam.place.name, "name_en": exam.place.name_en or exam.place.name},
        "patient": {
            "id": exam.person.id,
            "patient_id": exam.person.patient_id,
            "name": exam.person.name,
            "pinyin": exam.person.pinyin,
            "sex": exam.person.sex,
            "birth_date": exam.person.birth_date.isoformat() if exam.person.birth_date else None,
            "age": age_at(exam.person.birth_date, day),
        },
        "modality": exam.modality,
        "description": exam.description,
        "body_part": exam.body_part,
        "exam_state": exam.state,
        "report_state": report.state if report is not None else None,
        "stage": stage,
        "priority": exam.priority,
        "complex": exam.complex,
        "scheduled": exam.unscheduled_code is None,
        "unscheduled_reason": _reason(exam.unscheduled_code),
        "study_uids": [study.study_uid for study in exam.studies],
        "images": images,
        "ordered_at": iso(exam.ordered_at),
        "performed_at": iso(exam.performed_at),
        "arrived_at": iso(exam.arrived_at),
        "waiting_since": iso(waiting),
        "report_id": report.id if report is not None else None,
        "author": _person(report.author, report.author_name) if report is not None else None,
        "reviewer": _person(report.reviewer, report.reviewer_name) if report is not None else None,
        "positive": report.positive if report is not None and stage == "signed" else None,
        "mine": False,
    }


def _waiting_since(exam: Exam, report: Report | None, stage: str) -> datetime:
    if stage == "signed" and report is not None and report.signed_at is not None:
        return report.signed_at
    if stage == "booked":
        return exam.ordered_at or exam.changed_at
    return exam.arrived_at or exam.ordered_at or exam.changed_at


def for_reader(row: dict[str, Any], username: str) -> dict[str, Any]:
    """Return a row as one reader sees it: `mine` when he writes or reviews it."""
    mine = any((row[part] or {}).get("username") == username for part in ("author", "reviewer"))
    return {**row, "mine": mine}


def refresh(session: Session, exam: Exam, zone: ZoneInfo) -> dict[str, Any]:
    """Write the worklist row of a changed exam, publish `exam.changed`, and finish its order when it was the last."""
    exam.version += 1
    exam.changed_at = now()
    session.flush()
    session.refresh(exam)
    report = report_of(session, exam.id)
    row = row_of(exam, report, zone)
    waiting = _waiting_since(exam, report, row["stage"])
    rank, sort_at = order_of(row["stage"], exam.priority, waiting)
    kept = session.get(WorklistRow, exam.id)
    fresh = kept is None
    if kept is None:
        kept = WorklistRow(exam=exam.id, haystack="")
        session.add(kept)
    kept.institution, kept.patient, kept.stage, kept.modality = exam.institution, exam.patient, row["stage"], exam.modality
    kept.stat, kept.scheduled = exam.priority == "stat", row["scheduled"]
    kept.day = (exam.performed_at or exam.arrived_at or exam.ordered_at or exam.changed_at).astimezone(zone).date()
    kept.author = report.author if report is not None else None
    kept.reviewer = report.reviewer if report is not None else None
    kept.sort_rank, kept.sort_at, kept.row = rank, sort_at, orjson.dumps(row).decode()
    haystack = haystack_of([exam.accession, exam.person.patient_id], [exam.person.name])
    session.flush()
    if fresh or kept.haystack != haystack:
        kept.haystack = haystack
        session.execute(delete(ExamToken).where(ExamToken.exam == exam.id))
        if tokens := tokens_of(haystack):
            session.execute(insert(ExamToken), [{"token": token, "exam": exam.id} for token in sorted(tokens)])
    times = {**exam.state_times, **(report.state_times if report is not None else {})}
    publish(
        session,
        "exam.changed",
        exam.institution,
        "exam",
        str(exam.id),
        {**row, "order_id": exam.order_id, "origin": exam.origin, "state_times": times},
    )
    _settle_order(session, exam)
    return row


def _settle_order(session: Session, exam: Exam) -> None:
    order = exam.order
    if order is None:
        return
    query = select(WorklistRow.stage).join(Exam, Exam.id == WorklistRow.exam).where(Exam.order_id == order.id)
    finished = is_finished(list(session.scalars(query)))
    state = order_after("finish" if finished else "reopen", order.state)
    if state is not None:
        order.state = state
        order.version += 1
        order.changed_at = now()
        publish(session, "order.changed", order.institution, "order", str(order.id), order_as_data_short(order))


def order_as_data_short(order: Any) -> dict[str, Any]:
    """Return the state of an order for the feed."""
    return {
        "id": order.id,
        "institution": order.institution,
        "state": order.state,
        "priority": order.priority,
        "complex": order.complex,
        "patient": order.patient,
        "placer_number": order.placer_number,
        "placed_at": iso(order.placed_at),
        "version": order.version,
    }
