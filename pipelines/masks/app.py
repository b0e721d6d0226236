"""The masks service: routes under /services/masks/api/v1. Each asks the node, with the caller's own ticket, whether he may see the series."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from pipelines.cardiothoracic.routes import Proposals, routes
from pipelines.masks.access import Caller, Door
from pipelines.masks.computing import Task
from pipelines.masks.jobs import Jobs
from pipelines.masks.kept import Kept, Wish, unpacked
from pipelines.masks.problems import PROBLEMS
from pipelines.masks.segmentation import segmentation
from pipelines.masks.series import geometry_of
from pipelines.masks.settings import Settings
from pipelines.serving.problems import Problem

PREFIX = "/services/masks"
CLAUSES = {"bone": "V-34", "table": "V-35"}
"""The function of the viewer that a mask belongs to."""
log = structlog.get_logger("masks")
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Coordinate = Annotated[float, Field(ge=-10_000, le=10_000, allow_inf_nan=False)]
Points = Annotated[list[tuple[Coordinate, Coordinate, Coordinate]], Field(max_length=100)]


class Asked(BaseModel):
    """What is to be masked, and the places a reader has pointed at, LPS mm."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["bone", "table"]
    keep: Points = Field(default_factory=list, description="of the bone mask: this is no bone")
    remove: Points = Field(default_factory=list, description="of the bone mask: this is bone")


class Service:
    """What the routes share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.door = Door(settings.ticket_key, settings.images_url)
        self.kept = Kept(settings.data, settings.kept_bytes)
        self.jobs = Jobs(self.kept, settings.memory_bytes)
        self.exporting = threading.Lock()
        self.proposals = Proposals(self.door)

    def permitted(self, request: Request, study: str, series: str) -> Caller:
        """The caller of a request for something of a series that he may see."""
        caller = self.door.enter(request, *CLAUSES.values())
        self.door.permit(caller, study, series)
        return caller

    def result(self, name: str, study: str, series: str) -> bytes:
        """A finished mask of this series, packed; a problem when there is none."""
        job = self.jobs.told(name, study, series)
        if job and job["state"] in {"queued", "running"}:
            raise Problem("mask.not_ready")
        content = self.kept.read(name)
        if content is None:
            raise Problem("mask.unknown")
        return content


def build(service: Service) -> FastAPI:
    """The application; there are no pages of documentation here that would load scripts from elsewhere."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.jobs.stop)
        log.info("masks.stopped")

    app = FastAPI(
        title="Masks of the radiology hub",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    PROBLEMS.add_to(app)

    @app.get(f"{PREFIX}/healthz")
    def healthz() -> dict[str, str]:
        """200 when masks can be asked for."""
        return {"status": "ok"}

    app.include_router(_routes(service), prefix=f"{PREFIX}/api/v1/studies/{{study}}/series/{{series}}/masks")
    app.include_router(routes(service.proposals), prefix=f"{PREFIX}/api/v1/studies/{{study}}/series/{{series}}/cardiothoracic")
    return app


def _said(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


def _bytes(content: bytes, kind: str, **headers: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": "private, no-store", **headers})


def _routes(service: Service) -> APIRouter:
    router = APIRouter()
    door, jobs, kept, settings = service.door, service.jobs, service.kept, service.settings

    @router.post("")
    def ask(request: Request, study: Uid, series: Uid, asked: Asked) -> JSONResponse:
        """Ask for a mask: 200 when it is there, 202 when it will be."""
        caller = door.enter(request, CLAUSES[asked.kind])
        if asked.kind == "table" and (asked.keep or asked.remove):
            raise Problem("request.invalid", "keep, remove: only for kind bone")
        header = door.header(caller, study, series)
        geometry = geometry_of(header["frames"], door.modality(caller, study, series), settings.voxels)
        wish = Wish(study, series, asked.kind, tuple(asked.keep), tuple(asked.remove))
        name = wish.name(geometry)
        if kept.has(name):
            return _said({"id": name, "kind": asked.kind, "state": "done", "percent": 100})
        return _said(jobs.ask(name, Task(wish, geometry, caller, settings.images_url, kept.path(name)), caller.sid), 202)

    @router.get("/{name}.dcm")
    def dicom(request: Request, study: Uid, series: Uid, name: Name) -> Response:
        """The mask as DICOM Segmentation."""
        caller = service.permitted(request, study, series)
        content = service.result(name, study, series)
        headers = door.metadata(caller, study, series)
        with service.exporting:  # one at a time: it holds the mask three times
            about, mask, unsure = unpacked(content)
            if {frame["sop_uid"] for frame in about["frames"]} - {header["00080018"]["Value"][0] for header in headers}:
                raise Problem("mask.unknown")  # of another series, or of images that have gone
            file = segmentation(name, about, mask, unsure, headers)
        return _bytes(file, "application/dicom", **{"Content-Disposition": f'attachment; filename="{about["kind"]}-{name[:8]}.dcm"'})

    @router.get("/{name}/voxels")
    def voxels(request: Request, study: Uid, series: Uid, name: Name) -> Response:
        """The mask's bits (`kept.packed`)."""
        caller = service.permitted(request, study, series)
        content = service.result(name, study, series)
        frames = {(frame["sop_uid"], int(frame["frame"] or 0)) for frame in door.header(caller, study, series)["frames"]}
        about, _, _ = unpacked(content)
        if {(frame["sop_uid"], frame["frame"]) for frame in about["frames"]} - frames:
            raise Problem("mask.unknown")
        return _bytes(content, "application/x-series-mask", **{"Content-Encoding": "gzip"})

    @router.get("/{name}")
    def state(request: Request, study: Uid, series: Uid, name: Name) -> JSONResponse:
        """How far it is."""
        service.permitted(request, study, series)
        told = jobs.told(name, study, series)
        if told is None:
            raise Problem("mask.unknown")
        return _said(told)

    @router.delete("/{name}")
    def cancel(request: Request, study: Uid, series: Uid, name: Name) -> JSONResponse:
        """Say that this session no longer wants it."""
        caller = service.permitted(request, study, series)
        told = jobs.cancel(name, study, series, caller.sid)
        if told is None:
            raise Problem("mask.unknown")
        return _said(told)

    return router
