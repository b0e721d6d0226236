"""The route of a report's PDF."""

from __future__ import annotations

import base64
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from ris.access.guard import Db, Needs, Ris
from ris.access.scope import Caller
from ris.clock import parse_iso
from ris.exams.worklist import row_in
from ris.keyimages.taken import picture_named
from ris.reports import reading, service
from ris.reports.paper import html_of
from ris.reports.press import Press

router = APIRouter(tags=["reports"])


def _printed(session: Session, taken: dict[str, Any]) -> dict[str, str]:
    """Return a key image of a report as the page prints it: the press fetches nothing, so its picture goes with it."""
    picture = picture_named(session, taken["digest"])
    data = base64.b64encode(picture.content).decode()
    return {"source": f"data:{picture.media_type};base64,{data}", "caption": taken["caption"], "made": taken["made"]}


@router.get("/reports/{report_id}/pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def report_pdf(report_id: int, request: Request, db: Db, ris: Ris, caller: Annotated[Caller, Depends(Needs("report.view"))]) -> Response:
    """Return the report as A4 PDF; unsigned ones are marked as drafts."""
    scope = caller.scope("report.view")
    zone = ZoneInfo(ris.settings.timezone)
    with db.write() as session:
        words = reading.words_for(session, scope, caller, reading.report_in(session, scope, report_id))
        report = service.open_report(session, caller, report_id, zone, "pdf")
        rows = [row_in(session, scope, exam, caller.username) for exam in reading.exam_ids_of(session, scope, report)]
        performed = next((row["performed_at"] for row in rows if row and row["performed_at"]), None)
        html = html_of(
            {
                "rows": rows,
                "report_id": report.id,
                "version": report.version,
                "findings": words.findings,
                "impression": words.impression,
                "pictures": [_printed(session, one) for one in words.key_images],
                "author": report.author_name,
                "reviewer": report.reviewer_name,
                "performed_at": parse_iso(performed).astimezone(zone).strftime("%Y-%m-%d %H:%M") if performed else None,
                "signed_at": report.signed_at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if words.in_force and report.signed_at else None,
                "draft": not words.in_force,
            }
        )
    pdf = cast("Press", request.app.state.press).print(html)
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="report-{report_id}.pdf"', "Cache-Control": "no-store"},
    )
