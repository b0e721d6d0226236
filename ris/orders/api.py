"""Routes of orders."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator

from ris.access.guard import Db, Needs, Ris
from ris.access.scope import Caller
from ris.audit.service import record
from ris.exams.api import NewExam
from ris.idempotency import Key, once
from ris.orders import service
from ris.patients.api import Person

router = APIRouter(tags=["orders"])
Text = Annotated[str | None, Field(max_length=8000)]


class Content(BaseModel):
    """The medical content of an order."""

    placer_number: str | None = Field(default=None, max_length=64)
    department: str | None = Field(default=None, max_length=128)
    clinician: str | None = Field(default=None, max_length=128)
    history: Text = None
    diagnosis: Text = None
    question: Text = None
    allergy: Text = None


class NewOrder(Content):
    """An order to place: for a registered patient (`patient_id`, the row's id), or for the `patient` described."""

    institution: str = Field(max_length=16)
    patient_id: int | None = None
    patient: Person | None = None
    priority: Literal["stat", "urgent", "routine"] = "routine"
    complex: bool = False
    exams: list[NewExam] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def one_patient(self) -> NewOrder:
        """An order is for exactly one patient."""
        if (self.patient_id is None) == (self.patient is None):
            raise ValueError("give either patient_id or patient")
        return self


class OrderAction(Content):
    """An action on an order."""

    action: Literal["change", "cancel"]
    version: int


@router.post("/orders", status_code=201)
def place_order(
    body: NewOrder, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("order.place"))], key: Key = None
) -> dict[str, Any]:
    """Place an order, with its exams if they are known."""
    zone = ZoneInfo(ris.settings.timezone)
    what = {"route": "orders", **body.model_dump(mode="json")}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.place_order(session, caller, body.model_dump(), zone))
    return done


@router.get("/orders")
def orders(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("exam.view"))],
    state: Annotated[str | None, Query(max_length=16)] = None,
    institution: Annotated[str | None, Query(max_length=16)] = None,
    patient: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Return orders, newest first."""
    with db.write() as session:
        record(session, caller, "order.list", "order", "-", institution)
        scope = caller.scope("exam.view")
        return {"rows": service.list_orders(session, scope, state=state, institution=institution, patient=patient, limit=limit)}


@router.get("/orders/{order_id}")
def order(order_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("exam.view"))]) -> dict[str, Any]:
    """Return an order."""
    with db.write() as session:
        scope = caller.scope("exam.view")
        row = service.order_in(session, scope, order_id)
        record(session, caller, "order.view", "order", str(row.id), row.institution)
        return service.order_as_data(session, scope, row)


@router.post("/orders/{order_id}/transitions")
def move_order(
    order_id: int, body: OrderAction, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("order.place"))], key: Key = None
) -> dict[str, Any]:
    """Change or cancel an order."""
    zone = ZoneInfo(ris.settings.timezone)
    what = {"route": f"orders/{order_id}", **body.model_dump()}
    done: dict[str, Any] = once(
        db, caller, key, what, lambda session: service.move_order(session, caller, order_id, body.model_dump(), zone)
    )
    return done
