"""The records feed over HTTP: long poll for services, server-sent events for the worklists of people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from ris.access.guard import PEOPLE, Needs, Parts, Ris
from ris.access.scope import Caller
from ris.access.sessions import caller_of_ticket
from ris.exams.row import for_reader
from ris.feed import FeedRow, last_number, row_as_data, rows_after
from ris.markings.service import for_reader as marking_for_reader
from ris.problems import Problem
from ris.tickets import Ticket

router = APIRouter(tags=["feed"])
BEAT = 15.0
"""Seconds between comments on a silent stream; the account is looked at again as often."""
PAGE = 200
STREAMED = ("exam.changed", "marking.changed", "key_image.changed")
"""Kinds of feed rows that open desks are told."""


async def _wait(parts: Parts, event: asyncio.Event, seconds: float) -> None:
    if parts.sequencer.stopping:
        return
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()


@router.get("/feed")
async def feed(
    ris: Ris,
    caller: Annotated[Caller, Depends(Needs("feed.follow", frozenset({"service"})))],
    since: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
) -> dict[str, Any]:
    """Return rows behind `since`, in order; waits up to `wait` seconds for the first."""
    scope = caller.scope("feed.follow")

    def look() -> list[dict[str, Any]]:
        with ris.database.read() as session:
            return [row_as_data(row) for row in rows_after(session, scope, since, limit)]

    event = ris.sequencer.listen()
    try:
        until = time.monotonic() + wait
        rows = await run_in_threadpool(look)
        while not rows and (left := until - time.monotonic()) > 0 and not ris.sequencer.stopping:
            await _wait(ris, event, left)
            rows = await run_in_threadpool(look)
    finally:
        ris.sequencer.forget(event)
    return {"rows": rows, "next": rows[-1]["seq"] if rows else since}


def _message(row: FeedRow, caller: Caller) -> bytes | None:
    """Return what a caller is sent of a row in his scope, None when it is nothing for him: markings and key images are for who reads there."""
    if row.kind == "marking.changed":
        if row.institution is None or not caller.may("marking.edit", row.institution):
            return None
        event, shown = b"marking", marking_for_reader(row.data, caller, row.institution)
    elif row.kind == "key_image.changed":
        if row.institution is None or not caller.may("report.write", row.institution):
            return None
        event, shown = b"key_image", row.data
    else:
        whole = {name: value for name, value in row.data.items() if name not in {"order_id", "origin", "state_times"}}
        event, shown = b"exam", for_reader(whole, caller.username)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row.seq, event, orjson.dumps(shown))


class _Stream:
    """One open worklist stream."""

    def __init__(self, parts: Parts, ticket: Ticket, caller: Caller, since: int | None) -> None:
        self.parts = parts
        self.ticket = ticket
        self.caller = caller
        self.position = since

    def look(self) -> tuple[list[bytes], bool]:
        """Look at the caller again, then return (messages behind the position, whether there may be more)."""
        with self.parts.database.read() as session:
            self.caller = caller_of_ticket(session, self.ticket)
            if "exam.view" not in self.caller.operations:
                raise Problem("right.missing", operation="exam.view")
            last = last_number(session)
            since = last if self.position is None else self.position
            rows = rows_after(session, self.caller.scope("exam.view"), since, PAGE, STREAMED)
        more = len(rows) == PAGE
        self.position = rows[-1].seq if more else max(last, since, rows[-1].seq if rows else 0)
        messages = [_message(row, self.caller) for row in rows]
        return [message for message in messages if message is not None], more

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what is sent, until the browser leaves, the service stops, or the caller's access has ended."""
        event = self.parts.sequencer.listen()
        try:
            messages, more = await run_in_threadpool(self.look)
            yield b'retry: 1000\nevent: hello\ndata: {"seq":%d}\n\n' % (self.position or 0)
            while True:
                for message in messages:
                    yield message
                if not more:
                    before = time.monotonic()
                    await _wait(self.parts, event, BEAT)
                    if self.parts.sequencer.stopping:
                        return
                    if time.monotonic() - before >= BEAT:
                        yield b": beat\n\n"
                messages, more = await run_in_threadpool(self.look)
        except Problem as problem:
            yield b"event: ended\ndata: %s\n\n" % orjson.dumps({"code": problem.code})
        finally:
            self.parts.sequencer.forget(event)


@router.get("/worklist/stream")
async def worklist_stream(
    request: Request,
    ris: Ris,
    caller: Annotated[Caller, Depends(Needs("exam.view", PEOPLE))],
    since: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Send worklist rows, and to who reads there markings and key images, as they change; resumes behind `Last-Event-ID` or `since`."""
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        since = int(last_event_id)
    stream = _Stream(ris, request.state.ticket, caller, since)
    return StreamingResponse(stream.messages(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
