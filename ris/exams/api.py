"""Routes of exams: worklist, exams, repair list, arrivals."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from ris.access.guard import Db, Needs, Ris
from ris.access.scope import Caller
from ris.audit.service import record
from ris.exams import linking, service, worklist
from ris.idempotency import Key, once

router = APIRouter(tags=["exams"])
View = Literal["all", "to_write", "to_review", "mine", "stat", "unscheduled", "done"]


class NewExam(BaseModel):
    """An exam to book."""

    accession: str | None = Field(default=None, max_length=64)
    modality: str | None = Field(default=None, max_length=16)
    description: str | None = Field(default=None, max_length=200)
    body_part: str | None = Field(default=None, max_length=64)
    priority: Literal["stat", "urgent", "routine"] | None = None
    complex: bool | None = None


class NewExamOfOrder(NewExam):
    """An exam to book for an order."""

    order_id: int


class ExamAction(BaseModel):
    """An action on an exam."""

    action: str = Field(max_length=32)
    version: int
    technician_message: str | None = Field(default=None, max_length=4000)


class Target(BaseModel):
    """The exam that images belong to."""

    exam_id: int


class Arrival(BaseModel):
    """The state of a study as the node knows it (interfaces.md, section 4). Values are what devices wrote: taken leniently."""

    model_config = ConfigDict(extra="ignore")

    images_seq: int = Field(ge=0)
    study_uid: str = Field(min_length=1, max_length=64)
    institution: str = Field(min_length=1, max_length=64)
    accession: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    modality: str | None = None
    modalities: list[str] | None = None
    description: str | None = None
    body_part: str | None = None
    study_date: str | None = None
    study_time: str | None = None
    series: int = 0
    instances: int = 0
    quiet: bool = False
    calling_aet: str | None = None


class Arrivals(BaseModel):
    """A batch of studies."""

    arrivals: list[Arrival] = Field(max_length=500)


@router.get("/worklist")
def read_worklist(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("exam.view"))],
    view: View = "all",
    q: Annotated[str, Query(max_length=200)] = "",
    modality: Annotated[str | None, Query(max_length=16)] = None,
    institution: Annotated[str | None, Query(max_length=64)] = None,
    date_from: date | None = None,
    date_to: date | None = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> Response:
    """Return the worklist: `{rows, counts, seq}`, STAT first, then who waits longest."""
    filters = worklist.Filters(view, q, modality or None, institution or None, date_from, date_to, limit)
    with db.write() as session:
        record(session, caller, "worklist.view", "worklist", view, institution, {"searched": bool(q.strip())})
    with db.read() as session:
        body = worklist.read_worklist(session, caller.scope("exam.view"), caller.username, filters)
    return Response(body, media_type="application/json")


@router.get("/exams/{exam_id}")
def exam(exam_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("exam.view"))]) -> dict[str, Any]:
    """Return an exam in full."""
    with db.write() as session:
        return service.open_exam(session, caller.scope("exam.view"), caller, exam_id)


@router.post("/exams", status_code=201)
def book_exam(
    body: NewExamOfOrder, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("exam.register"))], key: Key = None
) -> dict[str, Any]:
    """Book an exam of an order; studies that wait under its accession number are linked at once."""
    zone = ZoneInfo(ris.settings.timezone)

    def act(session: Any) -> dict[str, Any]:
        order = service.order_to_book(session, caller.scope("exam.register"), body.order_id)
        booked = service.book_exam(session, caller, order, body.model_dump(), zone)
        return worklist.row_in(session, caller.scope("exam.view"), booked.id, caller.username) or {}

    done: dict[str, Any] = once(db, caller, key, {"route": "exams", **body.model_dump()}, act)
    return done


@router.post("/exams/{exam_id}/transitions")
def move_exam(
    exam_id: int, body: ExamAction, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("exam.view"))], key: Key = None
) -> dict[str, Any]:
    """Move an exam through its states; the operation depends on the action."""
    zone = ZoneInfo(ris.settings.timezone)
    what = {"route": f"exams/{exam_id}", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.move_exam(session, caller, exam_id, body.model_dump(), zone))
    return done


@router.get("/repair")
def repair_list(
    db: Db, caller: Annotated[Caller, Depends(Needs("study.link"))], limit: Annotated[int, Query(ge=1, le=1000)] = 500
) -> dict[str, Any]:
    """Return the unscheduled studies with the reason."""
    with db.write() as session:
        record(session, caller, "repair.view", "study", "-", None)
        return {"rows": linking.list_unscheduled(session, caller.scope("study.link"), limit)}


@router.post("/repair/{study_uid}/link")
def link_study(
    study_uid: str, body: Target, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("study.link"))], key: Key = None
) -> dict[str, Any]:
    """Move an unscheduled study to the exam it belongs to."""
    zone = ZoneInfo(ris.settings.timezone)

    def act(session: Any) -> dict[str, Any]:
        target = linking.link_study(session, caller, study_uid, body.exam_id, zone)
        return worklist.row_in(session, caller.scope("study.link"), target.id, caller.username) or {}

    done: dict[str, Any] = once(db, caller, key, {"route": f"repair/{study_uid}", **body.model_dump()}, act)
    return done


@router.post("/studies/arrivals")
def arrivals(
    body: Arrivals, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("study.link", frozenset({"service"})))]
) -> dict[str, Any]:
    """Take the state of studies as the node knows them; each in its own transaction."""
    zone = ZoneInfo(ris.settings.timezone)
    results = []
    for one in body.arrivals:
        with db.write() as session:
            results.append(linking.take_arrival(session, caller, one.model_dump(), zone))
    return {"results": results}
