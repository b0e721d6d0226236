"""The figures service: routes under /services/mart. Each lets the reader in and asks `figures` with the reader's scope."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import duckdb
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.mart import answers, definitions, figures, rejects
from pipelines.mart.access import Door, Reader
from pipelines.mart.following import MartFollower
from pipelines.mart.problems import PROBLEMS
from pipelines.mart.store import MartStore
from pipelines.serving.problems import Problem

PREFIX = "/services/mart"
LOOK_EVERY = 0.5
COMMENT_EVERY = 15.0
ALIVE_EVERY = 5.0
log = structlog.get_logger("mart")
Code = Annotated[str, Field(min_length=1, max_length=64)]


class Asked(BaseModel):
    """Filters of every figure. An unknown name is refused: a misspelt filter must not silently count everything."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: date | None = Field(default=None, alias="from", description="first local day, included")
    last: date | None = Field(default=None, alias="to", description="last local day, included")
    institution: list[Code] = Field(default_factory=list, max_length=200, description="institution codes; none means all in scope")
    modality: list[Annotated[str, Field(max_length=16)]] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _ordered(self) -> Asked:
        if self.first and self.last and not 0 <= (self.last - self.first).days < figures.LONGEST:
            raise ValueError("from must not be after to, and the period not longer than ten years")
        return self

    def filters(self) -> figures.Filters:
        """The filters as the queries take them."""
        return figures.Filters(self.first, self.last, tuple(self.institution), tuple(self.modality))


class AskedBy(Asked):
    """Filters of a figure with a breakdown."""

    by: figures.By = "total"


class AskedRejects(Asked):
    """Filters of the rejected images, which have a breakdown of their own."""

    by: rejects.By = "total"


class AskedRows(Asked):
    """Filters of the table behind a figure, and the page of it."""

    status: figures.Status = "all"
    limit: int = Field(default=100, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=10_000_000)


class Service:
    """What the routes share: the store, the door, the followers, the time zone of the days."""

    def __init__(self, store: MartStore, door: Door, zone: ZoneInfo, followers: list[MartFollower]) -> None:
        self.store, self.door, self.zone, self.followers = store, door, zone, followers

    @property
    def ready(self) -> bool:
        """True once the records feed was read to its end: before that a revocation could still be unknown, so nobody is let in."""
        return all(follower.caught_up.is_set() for follower in self.followers if follower.name == "records")

    def enter(self, request: Request) -> Reader:
        """The reader, or a problem."""
        if not self.ready:
            raise Problem("mart.catching_up")
        return self.door.enter(request)

    @contextmanager
    def asking(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Any]]]:
        """A snapshot and the feed positions it stands for."""
        with self.store.reading() as connection:
            held: dict[str, int] = dict(connection.execute("SELECT feed, seq FROM cursors").fetchall())
            yield (
                connection,
                {"as_of_seq": held.get("records", 0), "as_of": {"records": held.get("records", 0), "images": held.get("images", 0)}},
            )


def _known(request: Request) -> Reader:
    """The reader of this request; every route but healthz depends on it."""
    service: Service = request.app.state.service
    return service.enter(request)


Known = Annotated[Reader, Depends(_known)]


def build(service: Service) -> FastAPI:
    """The application; there are no pages of documentation here that would load scripts from elsewhere."""
    app = FastAPI(title="Figures of the radiology hub", version="1", docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json")
    app.state.service = service
    PROBLEMS.add_to(app)
    app.include_router(_routes(service), prefix=PREFIX)
    return app


def _routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> JSONResponse:
        """200 when figures can be given; how far each feed was read."""
        states = [follower.health() for follower in service.followers]
        told = [
            {name: state[name] for name in ("follower", "seq", "state", "gaps", "failing_s")} | {"aside": len(state["aside"])}
            for state in states
        ]
        return JSONResponse({"status": "ok" if service.ready else "catching up", "followers": told}, 200 if service.ready else 503)

    def figure(shape: str, definition: definitions.Words, count: Callable[..., list[dict[str, Any]]]) -> Callable[..., Response]:
        def give(request: Request, reader: Known, asked: Annotated[AskedBy, Query()]) -> Response:
            filters = asked.filters()
            with service.asking() as (connection, at):
                rows = count(connection, reader.scope, filters, asked.by)
            return answers.answer(request, shape, rows, {"definition": definition, "filters": {**filters.shown(), "by": asked.by}, **at})

        return give

    for name, definition, count in (
        ("exams", definitions.exams(service.zone), figures.exams),
        ("turnaround", definitions.turnaround(service.zone), figures.turnaround),
        ("accesses", definitions.accesses(service.zone), figures.accesses),
    ):
        router.get(f"/figures/{name}", summary=definition["en"], name=name)(figure(name, definition, count))

    @router.get("/figures/rejects")
    def rejected(request: Request, reader: Known, asked: Annotated[AskedRejects, Query()]) -> Response:
        """Images that a rejection note has taken out of use."""
        filters = asked.filters()
        with service.asking() as (connection, at):
            rows = rejects.rejects(connection, reader.scope, filters, asked.by)
        about = {"definition": definitions.rejects(service.zone), "filters": {**filters.shown(), "by": asked.by}, **at}
        return answers.answer(request, "rejects", rows, about)

    @router.get("/figures/overview")
    def overview(request: Request, reader: Known, asked: Annotated[Asked, Query()]) -> Response:
        """The figures row: `current`, and `previous` when both ends of the period are given."""
        filters = asked.filters()
        with service.asking() as (connection, at):
            rows = rejects.beside_overview(connection, reader.scope, filters, figures.overview(connection, reader.scope, filters))
        words = definitions.overview(service.zone)
        about = {"definition": definitions.joined(*words.values()), "definitions": words, "filters": filters.shown(), **at}
        return answers.answer(request, "overview", rows, about)

    @router.get("/exams")
    def exams(request: Request, reader: Known, asked: Annotated[AskedRows, Query()]) -> Response:
        """The exams behind a figure, newest first, without names or numbers of patients."""
        filters = asked.filters()
        with service.asking() as (connection, at):
            rows, total = figures.exams_behind(
                connection, reader.scope, filters, status=asked.status, limit=asked.limit, offset=asked.offset
            )
        shown = {**filters.shown(), "status": asked.status, "limit": asked.limit, "offset": asked.offset}
        return answers.answer(request, "rows", rows, {"total": total, "definition": definitions.rows(service.zone), "filters": shown, **at})

    @router.get("/choices")
    def choices(request: Request, reader: Known) -> Response:
        """What the filters may offer, within the reader's scope."""
        with service.asking() as (connection, at):
            rows = figures.choices(connection, reader.scope)
        words = definitions.exams(service.zone)
        return answers.answer(request, "choices", rows, {"definition": words, "filters": {}, "timezone": service.zone.key, **at})

    @router.get("/stream")
    async def stream(request: Request, reader: Known) -> StreamingResponse:
        """Server-sent events: `moved` whenever counted rows changed (at most twice a second); ends when the ticket does."""
        return StreamingResponse(
            _moves(service, request, reader),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def _moves(service: Service, request: Request, reader: Reader) -> AsyncIterator[str]:
    """`hello`, then a `moved` for each change seen, also for one missed since `Last-Event-ID`; says nothing about the rows."""
    seen = request.headers.get("last-event-id") or service.store.mark
    yield f"retry: 2000\nid: {seen}\nevent: hello\ndata: {{}}\n\n"
    spoke = asked = time.monotonic()
    while not await request.is_disconnected():
        now = time.monotonic()
        if now - asked >= ALIVE_EVERY:
            asked = now
            if not await asyncio.to_thread(service.door.alive, reader):
                return
        if service.store.mark != seen:
            seen, spoke = service.store.mark, now
            yield f"id: {seen}\nevent: moved\ndata: {{}}\n\n"
        elif now - spoke >= COMMENT_EVERY:
            spoke = now
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)
