"""Booking exams, moving them through their states, reading one in full."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.clock import iso, now
from ris.database import clean
from ris.exams.linking import claim_waiting, enter_state
from ris.exams.model import Exam, NumberSeries
from ris.exams.row import locked, refresh
from ris.exams.rules import OPERATION, accession_key
from ris.exams.worklist import row_in, rows_of_patient
from ris.orders.model import Order
from ris.problems import Problem
from ris.reports.model import Report, ReportExam
from ris.reports.reading import summary_of


def next_accession(session: Session, institution: str, zone: ZoneInfo) -> str:
    """Return the next accession number of an institution and day: `H01-261123-0001`, no gap, no clash.

    At most 16 characters (SH, PS3.5 6.2): a device would cut a longer one, and its images would not find their exam.
    """
    day = f"{now().astimezone(zone):%y%m%d}"
    name = f"{institution}-{day}"
    series = session.get(NumberSeries, name, with_for_update=True)
    if series is None:
        series = NumberSeries(name=name, last=0)
        session.add(series)
    series.last += 1
    session.flush()
    return f"{institution[:4]}-{day}-{series.last:04d}"


def order_to_book(session: Session, scope: Scope, order: int) -> Order:
    """Return the order in scope that an exam is booked for, or raise `row.not_found`."""
    row = session.get(Order, order)
    if row is None or not scope.covers(row.institution):
        raise Problem("row.not_found")
    return row


def book_exam(session: Session, caller: Caller, order: Order, data: dict[str, Any], zone: ZoneInfo) -> Exam:
    """Book an exam of an order; without an accession number it gets the institution's next."""
    caller.require("exam.register", order.institution)
    if order.state == "cancelled":
        raise Problem("order.transition", state=order.state)
    accession = clean(data.get("accession")) or next_accession(session, order.institution, zone)
    key = accession_key(accession)
    there = session.scalars(select(Exam.id).where(Exam.institution == order.institution, Exam.accession_key == key)).first()
    if there is not None:
        raise Problem("row.exists", exam_id=there)
    moment = now()
    exam = Exam(
        institution=order.institution,
        patient=order.patient,
        order_id=order.id,
        origin="order",
        accession=accession,
        accession_key=key,
        modality=clean(data.get("modality")),
        description=clean(data.get("description")),
        body_part=clean(data.get("body_part")),
        priority=data.get("priority") or order.priority,
        complex=bool(data.get("complex") if data.get("complex") is not None else order.complex),
        state="booked",
        unscheduled_code=None,
        technician_message=None,
        state_times={"booked": iso(moment)},
        ordered_at=order.placed_at,
        performed_at=None,
        arrived_at=None,
        version=0,
        changed_at=moment,
    )
    session.add(exam)
    session.flush()
    session.refresh(exam)
    record(session, caller, "exam.book", "exam", str(exam.id), exam.institution, {"accession": accession})
    refresh(session, exam, zone)
    claim_waiting(session, caller, exam, zone)
    return exam


def exam_in(session: Session, scope: Scope, exam: int) -> Exam:
    """Return an exam in scope, or raise `row.not_found`."""
    row = session.get(Exam, exam)
    if row is None or not scope.covers(row.institution):
        raise Problem("row.not_found")
    return row


def move_exam(session: Session, caller: Caller, exam_id: int, body: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Do an action of the state table; `technician_message` may come with it."""
    scope = caller.scope("exam.view")
    exam_in(session, scope, exam_id)
    exam = locked(session, exam_id)
    operation = OPERATION.get(body["action"])
    if operation is None:
        raise Problem("exam.transition", state=exam.state)
    caller.require(operation, exam.institution)
    if body["version"] != exam.version:
        raise Problem("row.version", current=row_in(session, scope, exam_id, caller.username))
    if not enter_state(exam, body["action"]):
        raise Problem("exam.transition", state=exam.state)
    if body.get("technician_message") is not None:
        exam.technician_message = clean(body["technician_message"])
    record(session, caller, f"exam.{body['action']}", "exam", str(exam.id), exam.institution)
    refresh(session, exam, zone)
    return row_in(session, scope, exam_id, caller.username) or {}


def open_exam(session: Session, scope: Scope, caller: Caller, exam_id: int) -> dict[str, Any]:
    """Return an exam in full; the opening is audited."""
    exam = exam_in(session, scope, exam_id)
    record(session, caller, "exam.view", "exam", str(exam.id), exam.institution)
    order = exam.order
    reports = session.scalars(
        select(Report).join(ReportExam, ReportExam.report == Report.id).where(ReportExam.exam == exam.id).order_by(Report.id)
    )
    return {
        **(row_in(session, scope, exam_id, caller.username) or {}),
        "order": None
        if order is None
        else {
            "id": order.id,
            "state": order.state,
            "placer_number": order.placer_number,
            "department": order.department,
            "clinician": order.clinician,
            "placed_at": iso(order.placed_at),
        },
        "clinical": {name: getattr(order, name) if order is not None else None for name in ("history", "diagnosis", "question", "allergy")},
        "technician_message": exam.technician_message,
        "state_times": exam.state_times,
        "studies": [
            {
                "study_uid": study.study_uid,
                "modality": study.headers.get("modality"),
                "description": study.headers.get("description"),
                "instances": study.instances,
                "series": study.headers.get("series"),
                "study_date": study.headers.get("study_date"),
                "quiet": study.quiet,
                "notes": study.notes,
            }
            for study in exam.studies
        ],
        "reports": [summary_of(report) for report in reports],
        "priors": rows_of_patient(session, scope, exam.patient, caller.username, without=exam.id),
    }
