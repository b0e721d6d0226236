"""Routes of reports."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs, Ris
from ris.access.scope import Caller
from ris.audit.service import record
from ris.idempotency import Key, once
from ris.keyimages.api import PICTURES, picture_answer
from ris.keyimages.rules import LONGEST_CAPTION, MOST_OF_EXAM
from ris.problems import Problem
from ris.reports import reading, service

router = APIRouter(tags=["reports"])
Text = Annotated[str, Field(max_length=60_000)]


class TakenKeyImage(BaseModel):
    """A key image that the report prints; their order is that of the list."""

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{8,64}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    caption: str = Field(default="", max_length=LONGEST_CAPTION)


KeyImages = Annotated[list[TakenKeyImage], Field(max_length=MOST_OF_EXAM)]


class NewReport(BaseModel):
    """The exams a report is about."""

    exam_ids: list[int] = Field(min_length=1, max_length=10)


class Draft(BaseModel):
    """What the author typed so far."""

    version: int
    findings: Text = ""
    impression: Text = ""
    positive: bool | None = None
    key_images: KeyImages | None = None
    """None: as they are."""


class ReportAction(BaseModel):
    """An action on a report."""

    action: Literal["submit", "review", "return", "sign", "recall", "addendum"]
    version: int
    reason: str | None = Field(default=None, max_length=4000)
    findings: Text | None = None
    impression: Text | None = None
    positive: bool | None = None
    key_images: KeyImages | None = None


@router.post("/reports", status_code=201)
def begin_report(
    body: NewReport, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("report.write"))], key: Key = None
) -> dict[str, Any]:
    """Begin a report, or return the caller's open one."""
    zone = ZoneInfo(ris.settings.timezone)
    what = {"route": "reports", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.begin_report(session, caller, body.exam_ids, zone))
    return done


@router.get("/reports/{report_id}")
def read_report(report_id: int, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("report.view"))]) -> dict[str, Any]:
    """Return a report as the caller may see it."""
    scope = caller.scope("report.view")
    with db.write() as session:
        reading.words_for(session, scope, caller, reading.report_in(session, scope, report_id))
        report = service.open_report(session, caller, report_id, ZoneInfo(ris.settings.timezone), "view")
        return reading.report_as_data(session, scope, caller, report)


@router.put("/reports/{report_id}/draft")
def save_draft(report_id: int, body: Draft, db: Db, caller: Annotated[Caller, Depends(Needs("report.write"))]) -> dict[str, Any]:
    """Keep what the author typed: `{version, saved_at}`."""
    with db.write() as session:
        return service.save_draft(session, caller, report_id, body.model_dump())


@router.post("/reports/{report_id}/transitions")
def move_report(
    report_id: int, body: ReportAction, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("report.view"))], key: Key = None
) -> dict[str, Any]:
    """Submit, review, return, sign, recall, or begin an addendum; the right depends on the action."""
    zone = ZoneInfo(ris.settings.timezone)
    what = {"route": f"reports/{report_id}", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.act(session, caller, report_id, body.model_dump(), zone))
    return done


@router.get("/reports/{report_id}/versions")
def versions(report_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("report.view"))]) -> dict[str, Any]:
    """Return every kept text, oldest first; only for who writes or reviews reports there."""
    scope = caller.scope("report.view")
    with db.write() as session:
        report = reading.report_in(session, scope, report_id)
        if not reading.operations_at(caller, report.institution) & {"report.write", "report.review"}:
            raise Problem("right.missing", operation="report.write")
        record(session, caller, "report.versions", "report", str(report.id), report.institution)
        return {"rows": [reading.version_as_data(one) for one in reading.versions_of(session, scope, report)]}


@router.get("/reports/{report_id}/key-images/{digest}", response_class=Response, responses=PICTURES)
def report_picture(
    report_id: int,
    digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    db: Db,
    caller: Annotated[Caller, Depends(Needs("report.view"))],
) -> Response:
    """Return a picture of a report as the report has it, whatever became of the key image since."""
    scope = caller.scope("report.view")
    with db.read() as session:
        return picture_answer(reading.picture_for(session, scope, caller, reading.report_in(session, scope, report_id), digest))
