"""Reading reports: who sees which text. Before signing only who writes or reviews; then the text in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.clock import iso
from ris.keyimages.model import KeyPicture
from ris.keyimages.taken import picture_named
from ris.problems import Problem
from ris.reports.model import Report, ReportExam, ReportVersion
from ris.reports.rules import IN_FORCE, Standing, allowed


@dataclass(frozen=True, slots=True)
class Words:
    """The text of a report as one reader may see it."""

    findings: str
    impression: str
    positive: bool | None
    key_images: list[dict[str, Any]]
    """In the order in which they are printed: id, digest, caption, made."""
    in_force: bool
    """False: a preview, nobody has signed this."""


def report_in(session: Session, scope: Scope, report: int, *, lock: bool = False) -> Report:
    """Return a report in scope, or raise `row.not_found`; `lock` keeps others from changing it meanwhile."""
    row = session.get(Report, report, with_for_update=True if lock else None)
    if row is None or not scope.covers(row.institution):
        raise Problem("row.not_found")
    return row


def operations_at(caller: Caller, institution: str) -> frozenset[str]:
    """Return what the caller may do with reports of an institution."""
    return frozenset(one for one in ("report.view", "report.write", "report.review") if caller.may(one, institution))


def standing_of(report: Report) -> Standing:
    """Return what the rules need to know of a report."""
    return Standing(report.state, report.author, report.reviewer)


def words_for(session: Session, scope: Scope, caller: Caller, report: Report) -> Words:
    """Return the text that the caller may see, or raise `report.not_signed`."""
    if not scope.covers(report.institution):
        raise Problem("row.not_found")
    operations = operations_at(caller, report.institution)
    if report.state in IN_FORCE or operations & {"report.write", "report.review"}:
        return Words(report.findings or "", report.impression or "", report.positive, report.key_images or [], report.state in IN_FORCE)
    if report.signed_number is None:
        raise Problem("report.not_signed", state=report.state)
    kept = session.get_one(ReportVersion, (report.id, report.signed_number))
    return Words(kept.findings or "", kept.impression or "", kept.positive, kept.key_images or [], in_force=True)


def exam_ids_of(session: Session, scope: Scope, report: Report) -> list[int]:
    """Return the exams of a report in scope."""
    if not scope.covers(report.institution):
        return []
    return list(session.scalars(select(ReportExam.exam).where(ReportExam.report == report.id).order_by(ReportExam.exam)))


def versions_of(session: Session, scope: Scope, report: Report) -> list[ReportVersion]:
    """Return the kept versions of a report in scope, oldest first."""
    if not scope.covers(report.institution):
        return []
    return list(session.scalars(select(ReportVersion).where(ReportVersion.report == report.id).order_by(ReportVersion.number)))


def picture_for(session: Session, scope: Scope, caller: Caller, report: Report, digest: str) -> KeyPicture:
    """Return a picture of the text that the caller may see; who writes or reviews there also those of every kept version."""
    shown = words_for(session, scope, caller, report).key_images
    if operations_at(caller, report.institution) & {"report.write", "report.review"}:
        shown = shown + [one for version in versions_of(session, scope, report) for one in version.key_images or []]
    if digest not in {one["digest"] for one in shown}:
        raise Problem("row.not_found")
    return picture_named(session, digest)


def version_as_data(version: ReportVersion) -> dict[str, Any]:
    """Return a kept version as the API says it."""
    return {
        "number": version.number,
        "action": version.action,
        "state": version.state,
        "findings": version.findings or "",
        "impression": version.impression or "",
        "positive": version.positive,
        "key_images": version.key_images or [],
        "reason": version.reason,
        "by": {"username": version.username, "name": version.display_name},
        "at": iso(version.at),
    }


def summary_of(report: Report) -> dict[str, Any]:
    """Return a report without its text."""
    return {
        "id": report.id,
        "version": report.version,
        "state": report.state,
        "author": {"username": report.author, "name": report.author_name},
        "reviewer": {"username": report.reviewer, "name": report.reviewer_name or report.reviewer} if report.reviewer else None,
        "return_reason": report.return_reason,
        "signed_at": iso(report.signed_at),
        "created_at": iso(report.created_at),
        "updated_at": iso(report.updated_at),
    }


def report_as_data(session: Session, scope: Scope, caller: Caller, report: Report) -> dict[str, Any]:
    """Return the Report of interfaces.md, section 4, as the caller may see it."""
    words = words_for(session, scope, caller, report)
    kept = versions_of(session, scope, report)
    return {
        **summary_of(report),
        "findings": words.findings,
        "impression": words.impression,
        "positive": words.positive,
        "key_images": words.key_images,
        "in_force": words.in_force,
        "exam_ids": exam_ids_of(session, scope, report),
        "actions": allowed(standing_of(report), caller.username, operations_at(caller, report.institution)),
        "history": [
            {"at": iso(one.at), "by": {"username": one.username, "name": one.display_name}, "action": one.action, "reason": one.reason}
            for one in kept
        ],
    }
