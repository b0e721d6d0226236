"""Listing, keeping and removing the markings of an exam."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.clock import iso, now
from ris.exams.model import Exam
from ris.exams.row import locked, report_of
from ris.exams.service import exam_in
from ris.feed import publish
from ris.markings.model import Marking
from ris.markings.rules import MOST_OF_STUDY, fault_of, kept_part, may_change
from ris.problems import Problem
from ris.reports.rules import IN_FORCE


def marking_as_data(row: Marking) -> dict[str, Any]:
    """Return a marking as the feed says it; `measurement` is what a viewer draws."""
    return {
        "id": row.id,
        "version": row.version,
        "measurement": {**row.data, "id": row.id, "author": row.author, "created": iso(row.created_at)},
        "author": {"username": row.author, "name": row.author_name},
        "changed_by": {"username": row.changed_by, "name": row.changed_by_name},
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "removed": row.removed_at is not None,
    }


def operations_at(caller: Caller, institution: str) -> frozenset[str]:
    """Return what the caller may do with markings on images of an institution."""
    return frozenset(one for one in ("marking.edit", "report.review") if caller.may(one, institution))


def for_reader(data: dict[str, Any], caller: Caller, institution: str) -> dict[str, Any]:
    """Return a marking as one reader sees it: `changeable` when he may change or remove it."""
    return {**data, "changeable": may_change(data["author"]["username"], caller.username, operations_at(caller, institution))}


def list_markings(session: Session, scope: Scope, caller: Caller, exam_id: int, *, removed: bool) -> list[dict[str, Any]]:
    """Return the markings on the studies of an exam, oldest first; `removed`: those too that were removed. Audited as a view.

    They are part of the reading: who does not read there sees them when the report is in force, else `report.not_signed`.
    """
    exam = exam_in(session, scope, exam_id)
    if not caller.may("marking.edit", exam.institution):
        report = report_of(session, exam.id)
        if report is None or report.state not in IN_FORCE:
            raise Problem("report.not_signed")
    query = select(Marking).where(Marking.study.in_([study.study_uid for study in exam.studies]))
    if not removed:
        query = query.where(Marking.removed_at.is_(None))
    record(session, caller, "marking.view", "exam", str(exam.id), exam.institution)
    rows = session.scalars(query.order_by(Marking.created_at, Marking.id))
    return [for_reader(marking_as_data(row), caller, exam.institution) for row in rows]


def _exam_to_mark(session: Session, caller: Caller, exam_id: int) -> Exam:
    """Return the exam whose markings the caller may change; others wait until the transaction ends."""
    exam = exam_in(session, caller.scope("image.view"), exam_id)
    caller.require("marking.edit", exam.institution)
    return locked(session, exam.id)


def _marking_of(session: Session, exam: Exam, marking_id: str) -> Marking | None:
    """Return a marking by its id, on whichever study of the exam."""
    studies = [study.study_uid for study in exam.studies]
    return session.scalars(select(Marking).where(Marking.id == marking_id, Marking.study.in_(studies))).first()


def _tell(session: Session, caller: Caller, exam: Exam, row: Marking, action: str, before: dict[str, Any] | None = None) -> dict[str, Any]:
    row.changed_by, row.changed_by_name, row.updated_at = caller.username, caller.name, now()
    session.flush()
    data = marking_as_data(row)
    publish(session, "marking.changed", exam.institution, "marking", row.id, data)
    detail = {"exam": exam.id, "version": row.version, **({"before": before} if before is not None else {})}
    record(session, caller, f"marking.{action}", "marking", row.id, exam.institution, detail)
    return for_reader(data, caller, exam.institution)


def put_marking(
    session: Session, caller: Caller, exam_id: int, marking_id: str, measurement: dict[str, Any], version: int | None
) -> dict[str, Any]:
    """Keep a measurement under its id: add it, change it, or bring a removed one back.

    `version` is the one that the page changed, None when the page made it. The same again changes nothing: an answer may get lost.
    """
    exam = _exam_to_mark(session, caller, exam_id)
    fault = fault_of(measurement)
    if fault is not None:
        raise Problem("request.invalid", fields=[{"where": fault[0], "what": fault[1]}])
    data = kept_part(measurement)
    if data["study"] not in {study.study_uid for study in exam.studies}:
        raise Problem("marking.study")
    row = _marking_of(session, exam, marking_id)
    if row is None:
        return _add(session, caller, exam, marking_id, data)
    same = row.removed_at is None and row.data == data
    if same and (version in {row.version, row.version - 1} or (version is None and row.author == caller.username)):
        return for_reader(marking_as_data(row), caller, exam.institution)
    if not may_change(row.author, caller.username, operations_at(caller, exam.institution)):
        raise Problem("marking.author")
    if version != row.version:
        raise Problem("row.version", current=for_reader(marking_as_data(row), caller, exam.institution))
    if (row.study, row.series_uid, row.sop_uid or "", row.kind) != tuple(data[name] for name in ("study", "series", "sop_uid", "kind")):
        raise Problem("marking.image")
    before, action = row.data, "change" if row.removed_at is None else "restore"
    row.data, row.frame, row.removed_at = data, data["frame"], None
    row.version += 1
    return _tell(session, caller, exam, row, action, before)


def _add(session: Session, caller: Caller, exam: Exam, marking_id: str, data: dict[str, Any]) -> dict[str, Any]:
    there = select(func.count()).select_from(Marking).where(Marking.study == data["study"], Marking.removed_at.is_(None))
    if session.execute(there).scalar_one() >= MOST_OF_STUDY:
        raise Problem("marking.too_many", most=MOST_OF_STUDY)
    moment = now()
    row = Marking(
        study=data["study"],
        id=marking_id,
        series_uid=data["series"],
        sop_uid=data["sop_uid"] or None,
        frame=data["frame"],
        kind=data["kind"],
        data=data,
        author=caller.username,
        author_name=caller.name,
        changed_by=caller.username,
        changed_by_name=caller.name,
        version=1,
        created_at=moment,
        updated_at=moment,
        removed_at=None,
    )
    session.add(row)
    return _tell(session, caller, exam, row, "add")


def remove_marking(session: Session, caller: Caller, exam_id: int, marking_id: str, version: int | None) -> dict[str, Any]:
    """Remove a marking from view, and return it; the row stays. `version` None: whatever it is now. Twice is as once."""
    exam = _exam_to_mark(session, caller, exam_id)
    row = _marking_of(session, exam, marking_id)
    if row is None:
        raise Problem("row.not_found")
    if not may_change(row.author, caller.username, operations_at(caller, exam.institution)):
        raise Problem("marking.author")
    if row.removed_at is not None:
        return for_reader(marking_as_data(row), caller, exam.institution)
    if version is not None and version != row.version:
        raise Problem("row.version", current=for_reader(marking_as_data(row), caller, exam.institution))
    row.removed_at = now()
    row.version += 1
    return _tell(session, caller, exam, row, "remove")
