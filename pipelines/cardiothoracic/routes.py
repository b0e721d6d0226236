"""The proposal as a route of the masks service: asked of the node with the caller's own ticket, computed one at a time, kept by image."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from pipelines.cardiothoracic.image import check_view, density, frame_of
from pipelines.cardiothoracic.lungs import Unfit
from pipelines.cardiothoracic.proposal import propose
from pipelines.serving.problems import Problem

if TYPE_CHECKING:
    from pipelines.masks.access import Caller, Door

log = structlog.get_logger("cardiothoracic")
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
KEPT = 500
"""Answers that are remembered."""
MOST_WAITING = 8
CLAUSE = "V-18"
AGAIN = frozenset({"image_unknown", "undecodable"})
"""Reasons that may be gone next time: the image may come, or be sent again."""
Key = tuple[str, str, str, int]
Answer = dict[str, Any] | str
"""A proposal as JSON, or the reason why there is none."""


class Asked(BaseModel):
    """The image on which the ratio is to be proposed."""

    model_config = ConfigDict(extra="forbid")

    sop_uid: str = Field(pattern=r"^[0-9.]{1,64}$")
    frame: int = Field(default=1, ge=1, le=100_000, description="as the node counts them, from 1")


class Proposals:
    """Answers by image, and the one place where they are computed."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._lock = threading.Lock()
        self._computing = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def ask(self, request: Request, study: str, series: str, asked: Asked) -> dict[str, Any]:
        """The proposal for an image that the caller may see; a problem with the reason when there is none."""
        caller = self._door.enter(request, CLAUSE)
        header = self._door.header(caller, study, series)
        key = (study, series, asked.sop_uid, asked.frame)
        answer = self._remembered(key)
        if answer is None:
            if not self._waiting.acquire(blocking=False):
                raise Problem("cardiothoracic.busy")
            try:
                with self._computing:
                    answer = self._remembered(key) or self._computed(caller, key, header)
            finally:
                self._waiting.release()
        if isinstance(answer, str):
            raise Problem(f"cardiothoracic.{answer}")
        return answer

    def _remembered(self, key: Key) -> Answer | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _computed(self, caller: Caller, key: Key, header: dict[str, Any]) -> Answer:
        study, series, sop_uid, number = key
        started = time.monotonic()
        answer: Answer
        try:
            frame_of(header["frames"], sop_uid, number)
            check_view(self._door.modality(caller, study, series), self._door.metadata(caller, study, series), sop_uid)
            with self._door.reading(caller) as node:
                grey = density(node, study, series, sop_uid, number)
            answer = propose(grey).told()
        except Unfit as unfit:
            answer = unfit.reason
        if not (isinstance(answer, str) and answer in AGAIN):
            with self._lock:
                self._kept[key] = answer
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        log.info(
            "cardiothoracic.asked", answer=answer if isinstance(answer, str) else "proposed", seconds=round(time.monotonic() - started, 2)
        )
        return answer


def routes(proposals: Proposals) -> APIRouter:
    """The routes below `/studies/{study}/series/{series}/cardiothoracic`."""
    router = APIRouter()

    @router.post("")
    def ask(request: Request, study: Uid, series: Uid, asked: Asked) -> JSONResponse:
        """Where the lines of the cardiothoracic ratio would be drawn."""
        return JSONResponse(proposals.ask(request, study, series, asked), 200, {"Cache-Control": "no-store"})

    return router
