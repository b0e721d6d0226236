"""Routes of markings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.markings import service

router = APIRouter(tags=["markings"])
Uid = Annotated[str, Field(min_length=1, max_length=64)]
MarkingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{8,64}$")]


class Measurement(BaseModel):
    """A measurement as the viewer says it (apps/viewer/measurements.ts); further members are kept as they are.

    `id`, `author` and `created` are said by the record: whatever is sent for them is dropped.
    """

    model_config = ConfigDict(extra="allow")

    kind: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    study: Uid
    series: Uid
    sop_uid: str = Field(max_length=64)
    """'' on a plane computed from the series."""
    frame: int = Field(ge=0, le=10_000_000)
    index: int = Field(ge=-1, le=10_000_000)
    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(min_length=1, max_length=2000)
    """[column, row] of the frame (or of `plane`), pixels; (0, 0) is the middle of the first."""
    value: FiniteFloat | Annotated[list[FiniteFloat], Field(max_length=16)] | None = None
    unit: str = Field(default="", max_length=32)


class MarkingText(BaseModel):
    """A measurement to keep; `version` is the one that was changed, none for a new one."""

    version: int | None = Field(default=None, ge=1)
    measurement: Measurement


@router.get("/exams/{exam_id}/markings")
def markings(
    exam_id: int,
    db: Db,
    caller: Annotated[Caller, Depends(Needs("image.view"))],
    removed: Annotated[bool, Query()] = False,
) -> dict[str, Any]:
    """Return the markings of an exam; with `removed` also those that were removed."""
    with db.write() as session:
        return {"rows": service.list_markings(session, caller.scope("image.view"), caller, exam_id, removed=removed)}


@router.put("/exams/{exam_id}/markings/{marking_id}")
def put_marking(
    exam_id: int, marking_id: MarkingId, body: MarkingText, db: Db, caller: Annotated[Caller, Depends(Needs("marking.edit"))]
) -> dict[str, Any]:
    """Keep a measurement under the id its page gave it; may be sent twice."""
    with db.write() as session:
        return service.put_marking(session, caller, exam_id, marking_id, body.measurement.model_dump(), body.version)


@router.delete("/exams/{exam_id}/markings/{marking_id}")
def remove_marking(
    exam_id: int,
    marking_id: MarkingId,
    db: Db,
    caller: Annotated[Caller, Depends(Needs("marking.edit"))],
    version: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Remove a marking from view; may be sent twice."""
    with db.write() as session:
        return service.remove_marking(session, caller, exam_id, marking_id, version)
