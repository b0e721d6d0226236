"""The evidence service: routes under /services/evidence. What is drawn here leaves as DICOM; what others drew is given as overlays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Path, Request
from fastapi.responses import Response

from pipelines.evidence import export, problems
from pipelines.evidence.access import Door, Sources
from pipelines.evidence.encapsulated import encapsulated
from pipelines.evidence.overlays.series import overlay_of, read
from pipelines.evidence.presentation import presentation_states
from pipelines.evidence.report import measurement_report

PREFIX = "/services/evidence"
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
log = structlog.get_logger("evidence")


def build(door: Door, zone: ZoneInfo) -> FastAPI:
    """The application."""
    app = FastAPI(title="Evidence objects", version="1", docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json")
    problems.add_to(app)
    app.state.door = door
    app.include_router(_routes(zone), prefix=PREFIX)
    return app


def _sources(request: Request) -> Iterator[Sources]:
    """The sources of this request; every route but healthz depends on them."""
    door: Door = request.app.state.door
    yield from door.enter(request)


Here = Annotated[Sources, Depends(_sources)]


def _routes(zone: ZoneInfo) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """200 when the service can work."""
        return {"status": "ok"}

    @router.get("/exams/{exam}/studies/{study}/measurement-report")
    def report(sources: Here, exam: int, study: Uid) -> Response:
        """The study's markings as DICOM SR (TID 1500); `Markings-Left-Out` counts those of a kind that has no code here."""
        ready, left_out = export.gather(sources, exam, study)
        return _download(export.file_of(export.made(measurement_report, ready, zone)), "application/dicom", "measurements.dcm", left_out)

    @router.get("/exams/{exam}/studies/{study}/presentation-states")
    def states(sources: Here, exam: int, study: Uid) -> Response:
        """The markings on images of the study as GSPS, in a zip archive; those on computed planes count as left out."""
        ready, left_out = export.gather(sources, exam, study)
        content = export.archive_of(export.made(presentation_states, ready, zone))
        return _download(content, "application/zip", "presentation-states.zip", left_out + sum(one.plane is not None for one in ready))

    @router.get("/series/{study}/{series}/overlay")
    def overlay(sources: Here, study: Uid, series: Uid) -> Response:
        """What the objects of a series that is no picture are, and what of them lies on images of the study."""
        found = overlay_of(sources.node, study, series)
        return Response(orjson.dumps(found), media_type="application/json", headers={"Cache-Control": "private, no-store"})

    @router.get("/instances/{study}/{series}/{instance}/document")
    def document(sources: Here, study: Uid, series: Uid, instance: Uid) -> Response:
        """The document inside an object: a PDF to be shown in the page, anything else as a file."""
        found = encapsulated(read(sources.node, study, series, instance))
        headers = {
            "Content-Disposition": f'{"inline" if found.shown else "attachment"}; filename="{found.name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
        }
        return Response(found.content, media_type=found.media, headers=headers)

    return router


def _download(content: bytes, media: str, name: str, left_out: int) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "Markings-Left-Out": str(left_out),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media, headers=headers)
