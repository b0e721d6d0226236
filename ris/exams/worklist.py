"""The worklist: one indexed query over ready-made rows; counts of every view; the live stream's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from ris.access.scope import Scope
from ris.exams.model import ExamToken, WorklistRow
from ris.exams.row import for_reader
from ris.exams.rules import VIEWS
from ris.feed import last_number
from ris.search import narrowed


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader chose."""

    view: str = "all"
    typed: str = ""
    modality: str | None = None
    institution: str | None = None
    date_from: date | None = None
    date_to: date | None = None
    limit: int = 500


def _of_view(query: Select[Any], view: str, username: str) -> Select[Any]:
    if view == "all":
        return query
    query = query.where(WorklistRow.stage.in_(VIEWS[view]))
    if view == "mine":
        return query.where(or_(WorklistRow.author == username, WorklistRow.reviewer == username))
    if view == "stat":
        return query.where(WorklistRow.stat.is_(True))
    if view == "unscheduled":
        return query.where(WorklistRow.scheduled.is_(False))
    return query


def read_worklist(session: Session, scope: Scope, username: str, filters: Filters) -> bytes:
    """Return `{rows, counts, seq}` as JSON. `seq` is taken first: what changes meanwhile comes again by the stream."""
    seq = last_number(session)
    query = select(WorklistRow.row, WorklistRow.author, WorklistRow.reviewer).where(scope.condition(WorklistRow.institution))
    query = _of_view(query, filters.view, username)
    if filters.typed.strip():
        query = narrowed(query, filters.typed, WorklistRow.exam, WorklistRow.haystack, ExamToken.token, ExamToken.exam)
    if filters.modality is not None:
        query = query.where(WorklistRow.modality == filters.modality)
    if filters.institution is not None:
        query = query.where(WorklistRow.institution == filters.institution)
    if filters.date_from is not None:
        query = query.where(WorklistRow.day >= filters.date_from)
    if filters.date_to is not None:
        query = query.where(WorklistRow.day <= filters.date_to)
    query = query.order_by(WorklistRow.sort_rank, WorklistRow.sort_at, WorklistRow.exam).limit(filters.limit)
    texts = []
    for text, author, reviewer in session.execute(query):
        if username in {author, reviewer}:
            texts.append(orjson.dumps(for_reader(orjson.loads(text), username)))
        else:
            texts.append(text.encode())
    counts = count_views(session, scope, username)
    return b'{"rows":[' + b",".join(texts) + b'],"counts":' + orjson.dumps(counts) + b',"seq":' + str(seq).encode() + b"}"


def count_views(session: Session, scope: Scope, username: str) -> dict[str, int]:
    """Return how many rows every view has in scope, without filters."""
    counts = dict.fromkeys(VIEWS, 0)
    grouped = select(WorklistRow.stage, WorklistRow.stat, WorklistRow.scheduled, func.count()).where(
        scope.condition(WorklistRow.institution)
    )
    for stage, stat, scheduled, number in session.execute(grouped.group_by(WorklistRow.stage, WorklistRow.stat, WorklistRow.scheduled)):
        for view, stages in VIEWS.items():
            if stage in stages and view != "mine" and (view != "stat" or stat) and (view != "unscheduled" or not scheduled):
                counts[view] += number
    own = select(func.count()).select_from(WorklistRow).where(scope.condition(WorklistRow.institution))
    counts["mine"] = session.execute(_of_view(own, "mine", username)).scalar_one()
    return counts


def rows_of_patient(session: Session, scope: Scope, patient: int, username: str, *, without: int) -> list[dict[str, Any]]:
    """Return the rows of a patient's other exams, newest first."""
    query = (
        select(WorklistRow.row)
        .where(scope.condition(WorklistRow.institution), WorklistRow.patient == patient, WorklistRow.exam != without)
        .order_by(WorklistRow.day.desc(), WorklistRow.exam.desc())
        .limit(200)
    )
    return [for_reader(orjson.loads(text), username) for text in session.scalars(query)]


def row_in(session: Session, scope: Scope, exam: int, username: str) -> dict[str, Any] | None:
    """Return the row of an exam in scope."""
    kept = session.get(WorklistRow, exam)
    if kept is None or not scope.covers(kept.institution):
        return None
    return for_reader(orjson.loads(kept.row), username)
