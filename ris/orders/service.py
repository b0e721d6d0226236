"""Placing, changing, cancelling and reading orders."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.catalogue.model import Institution
from ris.clock import iso, now
from ris.database import clean
from ris.exams.linking import enter_state
from ris.exams.model import Exam
from ris.exams.row import locked, order_as_data_short, refresh
from ris.exams.rules import BEFORE_IMAGES
from ris.exams.service import book_exam
from ris.feed import publish
from ris.orders.model import Order
from ris.orders.rules import after
from ris.patients.service import patient_as_data, patient_in, the_patient
from ris.problems import Problem

TEXTS = ("department", "clinician", "history", "diagnosis", "question", "allergy", "placer_number")


def order_as_data(session: Session, scope: Scope, order: Order) -> dict[str, Any]:
    """Return an order in scope with its patient and exams."""
    exams = session.execute(
        select(Exam.id, Exam.accession, Exam.state, Exam.version)
        .where(Exam.order_id == order.id, scope.condition(Exam.institution))
        .order_by(Exam.id)
    )
    return {
        **order_as_data_short(order),
        **{name: getattr(order, name) for name in TEXTS},
        "patient": patient_as_data(order.person),
        "exams": [{"exam_id": one.id, "accession": one.accession, "state": one.state, "version": one.version} for one in exams],
        "changed_at": iso(order.changed_at),
    }


def order_in(session: Session, scope: Scope, order: int) -> Order:
    """Return an order in scope, or raise `row.not_found`."""
    row = session.get(Order, order)
    if row is None or not scope.covers(row.institution):
        raise Problem("row.not_found")
    return row


def list_orders(
    session: Session, scope: Scope, *, state: str | None, institution: str | None, patient: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return orders in scope, newest first."""
    query = select(Order).where(scope.condition(Order.institution)).order_by(Order.id.desc()).limit(limit)
    for column, value in ((Order.state, state), (Order.institution, institution), (Order.patient, patient)):
        if value is not None:
            query = query.where(column == value)
    return [order_as_data(session, scope, order) for order in session.scalars(query).unique()]


def place_order(session: Session, caller: Caller, data: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Place an order for a patient (a registered one by `patient_id`, or described by `patient`), with its exams."""
    scope = caller.scope("order.place")
    institution = data["institution"]
    if not scope.covers(institution) or session.get(Institution, institution) is None:
        raise Problem("row.not_found")
    if data.get("patient_id") is not None:
        patient = patient_in(session, scope, data["patient_id"])
        if patient.institution != institution:
            raise Problem("row.not_found")
    else:
        patient = the_patient(session, caller, institution, data["patient"])
    moment = now()
    order = Order(
        institution=institution,
        patient=patient.id,
        state="placed",
        priority=data["priority"],
        complex=data["complex"],
        placed_at=moment,
        version=1,
        changed_at=moment,
        **{name: clean(data.get(name)) for name in TEXTS},
    )
    session.add(order)
    session.flush()
    session.refresh(order)
    publish(session, "order.changed", institution, "order", str(order.id), order_as_data_short(order))
    record(session, caller, "order.place", "order", str(order.id), institution)
    for exam in data.get("exams") or []:
        book_exam(session, caller, order, exam, zone)
    return order_as_data(session, scope, order)


def move_order(session: Session, caller: Caller, order_id: int, body: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Change an order's medical content or cancel it, with the exams that have no images yet."""
    scope = caller.scope("order.place")
    order_in(session, scope, order_id)
    order = session.get_one(Order, order_id, with_for_update={"of": Order}, populate_existing=True)
    if body["version"] != order.version:
        raise Problem("row.version", current=order_as_data(session, scope, order))
    target = after(body["action"], order.state)
    if target is None:
        raise Problem("order.transition", state=order.state)
    exams = [locked(session, one) for one in session.scalars(select(Exam.id).where(Exam.order_id == order.id).order_by(Exam.id)).all()]
    if body["action"] == "cancel" and any(exam.state not in {*BEFORE_IMAGES, "cancelled"} for exam in exams):
        raise Problem("order.transition", state=order.state)
    order.state = target
    order.version += 1
    order.changed_at = now()
    if body["action"] == "change":
        for name in TEXTS:
            if body.get(name) is not None:
                setattr(order, name, clean(body[name]))
    session.flush()
    publish(session, "order.changed", order.institution, "order", str(order.id), order_as_data_short(order))
    record(session, caller, f"order.{body['action']}", "order", str(order.id), order.institution)
    for exam in exams:
        if body["action"] == "cancel":
            enter_state(exam, "cancel")
        refresh(session, exam, zone)
    return order_as_data(session, scope, order)
