"""The hub's own routes: study summary, series header and stream, images feed, annotations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from dicom_node.annotations import TABLES, Annotation
from dicom_node.web import planes as planes_view
from dicom_node.web import series as series_view
from dicom_node.web.context import Context, Node, context
from dicom_node.web.gate import PREFIX
from dicom_node.web.library import Series
from dicom_node.web.problems import ProblemError

router = APIRouter(tags=["hub"])
Here = Annotated[Context, Depends(context)]
STREAM_TYPE = "application/x-series-stream"
HEARTBEAT = 15.0  # seconds between comments on a silent event stream


@router.get(PREFIX + "/studies/{study}/summary")
def summary(here: Here, study: str) -> JSONResponse:
    """A study with its series; one `study.opened` row per person, study and session."""
    found = series_view.summary(here.node.library, here.reader, study)
    here.node.library.opened(here.reader, study, found["institution"])
    return JSONResponse(found)


@router.get(PREFIX + "/series/{study}/{series}/header")
def header(here: Here, study: str, series: str) -> Response:
    """Frames in order, the order of the stream, warning codes."""
    found = here.node.library.series(here.reader.scope, study, series)
    _opened(here, study, found)
    return Response(orjson.dumps(series_view.header(found)), media_type="application/json")


@router.get(PREFIX + "/series/{study}/{series}/planes")
def planes(here: Here, study: str, series: str) -> Response:
    """Overlay planes of the images of a series, as masks."""
    found = here.node.library.series(here.reader.scope, study, series)
    _opened(here, study, found)
    return Response(orjson.dumps(planes_view.of_series(found, here.node.archive)), media_type="application/json")


@router.get(PREFIX + "/series/{study}/{series}/stream")
def stream(here: Here, study: str, series: str) -> StreamingResponse:
    """Header and pixels of a whole series in one response, middle outwards."""
    found = here.node.library.series(here.reader.scope, study, series)
    _opened(here, study, found)
    body = series_view.stream(found, here.node.archive, here.node.pool)
    return StreamingResponse(body, media_type=STREAM_TYPE, headers={"Cache-Control": "private, no-store"})


def _opened(here: Context, study: str, found: Series) -> None:
    institution = next(iter(found.instances.values()))["institution"]
    here.node.library.opened(here.reader, study, institution)


class _Signal:
    """Wakes waiting requests of the event loop when rows were added (from any thread)."""

    def __init__(self, node: Node) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        node.feed.listen(self._from_thread)

    def _from_thread(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    @property
    def event(self) -> asyncio.Event:
        """Take this before looking at the feed, wait on it after."""
        return self._event


def _signal(request: Request) -> _Signal:
    state = request.app.state
    if not hasattr(state, "signal"):
        state.signal = _Signal(state.node)
    found: _Signal = state.signal
    return found


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


@router.get(PREFIX + "/changes")
async def changes(
    here: Here,
    request: Request,
    since: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
) -> Response:
    """Rows of the images feed after `since`; with `wait` the answer comes when there is one, or after so many seconds."""
    signal = _signal(request)
    scope = here.reader.scope.institutions
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        event = signal.event
        rows, following = await run_in_threadpool(here.node.feed.read, since, limit, scope)
        left = deadline - asyncio.get_running_loop().time()
        if rows or following > since or left <= 0:
            return Response(orjson.dumps({"rows": rows, "next": following}), media_type="application/json")
        await _wait(event, left)


@router.get(PREFIX + "/changes/stream")
async def changes_stream(here: Here, request: Request, since: Annotated[int, Query(ge=0)] = 0) -> StreamingResponse:
    """The images feed as server-sent events; resumes by `Last-Event-ID`."""
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdecimal() else since
    body = _events(here, _signal(request), start)
    return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _events(here: Context, signal: _Signal, since: int) -> AsyncIterator[bytes]:
    scope = here.reader.scope.institutions
    yield b"event: hello\ndata: {}\n\n"
    while True:
        event = signal.event
        rows, since = await run_in_threadpool(here.node.feed.read, since, 500, scope)
        if rows:
            yield b"".join(b"id: %d\nevent: %s\ndata: %s\n\n" % (r["seq"], r["kind"].encode(), orjson.dumps(r)) for r in rows)
            continue
        await _wait(event, HEARTBEAT)
        if not event.is_set():
            yield b": still here\n\n"


class AnnotationRows(BaseModel):
    """Rows of a follower, any tables mixed."""

    model_config = ConfigDict(extra="forbid")
    rows: list[Annotation] = Field(max_length=5000)


@router.post(PREFIX + "/annotations")
def annotate(here: Here, body: AnnotationRows) -> dict[str, Any]:
    """Take rows that are newer than those there."""
    return {"taken": here.node.annotations.put(body.rows)}


@router.get(PREFIX + "/annotations/{table}")
def annotation_table(here: Here, table: str) -> dict[str, Any]:
    """All rows of one table."""
    if table not in TABLES:
        raise ProblemError("route.unknown", "tables: " + ", ".join(TABLES))
    return {"rows": here.node.annotations.table(table)}
