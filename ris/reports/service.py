"""Writing reports: begin, autosave, submit, review, return, sign, recall, addendum, deliver."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller
from ris.audit.service import record
from ris.clock import iso, now
from ris.exams.model import Exam
from ris.exams.row import locked, refresh, report_of
from ris.feed import publish
from ris.keyimages.taken import taken_by_report
from ris.problems import Problem
from ris.reports.model import Report, ReportExam, ReportVersion
from ris.reports.reading import exam_ids_of, operations_at, report_as_data, report_in, standing_of, summary_of
from ris.reports.rules import EDITABLE, IN_FORCE, KEEPS_TEXT, MAY_BRING_TEXT, NEEDS_REASON, after, levels_for, refusal


def begin_report(session: Session, caller: Caller, exam_ids: list[int], zone: ZoneInfo) -> dict[str, Any]:
    """Begin the report of one or more exams of one patient, or return the caller's open one."""
    scope = caller.scope("report.write")
    exams: list[Exam] = []
    for exam_id in dict.fromkeys(exam_ids):
        exam = locked(session, exam_id)
        if not caller.may("exam.view", exam.institution):
            raise Problem("row.not_found")
        if not scope.covers(exam.institution):
            raise Problem("right.missing", operation="report.write")
        if exam.state == "cancelled":
            raise Problem("exam.cancelled")
        if not exam.studies:
            raise Problem("exam.no_images")
        exams.append(exam)
    if len({exam.patient for exam in exams}) != 1:
        raise Problem("exam.institutions")
    for exam in exams:
        there = report_of(session, exam.id)
        if there is None:
            continue
        if there.author == caller.username and there.state in EDITABLE:
            return report_as_data(session, scope, caller, there)
        raise Problem(
            "report.taken" if there.state in EDITABLE else "report.exists",
            report_id=there.id,
            author={"username": there.author, "name": there.author_name},
        )
    moment = now()
    report = Report(
        institution=exams[0].institution,
        version=1,
        state="drafting",
        findings=None,
        impression=None,
        positive=None,
        key_images=None,
        author=caller.username,
        author_name=caller.name,
        reviewer=None,
        reviewer_name=None,
        review_level=1,
        signed_number=None,
        return_reason=None,
        signed_at=None,
        state_times={"drafting": iso(moment) or ""},
        created_at=moment,
        updated_at=moment,
    )
    session.add(report)
    session.flush()
    session.add_all(ReportExam(report=report.id, exam=exam.id) for exam in exams)
    session.flush()
    record(session, caller, "report.begin", "report", str(report.id), report.institution, {"exams": [exam.id for exam in exams]})
    _tell(session, caller, report, exams, zone)
    return report_as_data(session, scope, caller, report)


def save_draft(session: Session, caller: Caller, report_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Keep what the author typed. Not an event; sending the same text again after a lost answer is no conflict."""
    report = report_in(session, caller.scope("report.view"), report_id, lock=True)
    if "report.write" not in operations_at(caller, report.institution):
        raise Problem("right.missing", operation="report.write")
    if report.author != caller.username:
        raise Problem("report.author")
    if report.state not in EDITABLE:
        raise Problem("report.transition", state=report.state)
    text = (body["findings"] or None, body["impression"] or None, body["positive"])
    chosen = _chosen(session, caller, report, body, report.key_images)
    same = text == (report.findings, report.impression, report.positive) and chosen == (report.key_images or [])
    if same and body["version"] in {report.version, report.version - 1}:
        return {"version": report.version, "saved_at": iso(report.updated_at)}
    _check_version(session, caller, report, body["version"])
    report.findings, report.impression, report.positive = text
    report.key_images = chosen or None
    report.version += 1
    report.updated_at = now()
    return {"version": report.version, "saved_at": iso(report.updated_at)}


def _chosen(
    session: Session, caller: Caller, report: Report, body: dict[str, Any], before: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Return the key images that a text brings with it; those of the report when it says nothing about them."""
    if body.get("key_images") is None:
        return report.key_images or []
    exams = exam_ids_of(session, caller.scope("report.view"), report)
    return taken_by_report(session, exams, body["key_images"], before)


def _check_version(session: Session, caller: Caller, report: Report, version: int) -> None:
    if version != report.version:
        raise Problem("report.version", current=report_as_data(session, caller.scope("report.view"), caller, report))


def act(session: Session, caller: Caller, report_id: int, body: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Do one action of the state table."""
    scope = caller.scope("report.view")
    report = report_in(session, scope, report_id, lock=True)
    action = body["action"]
    refused = refusal(action, standing_of(report), caller.username, operations_at(caller, report.institution))
    if refused in {"right.missing", "report.own", "report.author"}:
        raise Problem(refused)
    _check_version(session, caller, report, body["version"])
    if refused is not None:
        raise Problem(refused, state=report.state)
    reason = (body.get("reason") or "").strip() or None
    if action in NEEDS_REASON and reason is None:
        raise Problem("report.reason")
    if action in MAY_BRING_TEXT:
        for name in ("findings", "impression"):
            if body.get(name) is not None:
                setattr(report, name, body[name] or None)
        if body.get("positive") is not None:
            report.positive = body["positive"]
        report.key_images = _chosen(session, caller, report, body, report.key_images) or None
    if action in {"submit", "sign"} and report.key_images:
        # Nothing leaves with the picture of a study that is no longer of these exams.
        taken_by_report(session, exam_ids_of(session, scope, report), report.key_images, None)
    if action in {"submit", "sign"} and not ((report.findings or "").strip() and (report.impression or "").strip()):
        raise Problem("report.empty")
    levels = levels_for(report.institution)
    target = after(action, report.state, report.review_level, levels)
    if target is None:
        raise Problem("report.transition", state=report.state)
    if action == "sign" and report.review_level > 1 and _signed_this_round(session, report, caller.username):
        raise Problem("report.own")
    _move(report, caller, action, target, reason)
    if action in KEEPS_TEXT or action in {"review", "addendum"}:
        number = _keep(session, report, caller, action, reason, report.updated_at)
        if report.state == "signed":
            report.signed_number = number
    exams = [locked(session, exam) for exam in exam_ids_of(session, scope, report)]
    record(session, caller, f"report.{action}", "report", str(report.id), report.institution, {"reason": reason} if reason else None)
    _tell(session, caller, report, exams, zone)
    return report_as_data(session, scope, caller, report)


def _move(report: Report, caller: Caller, action: str, target: str, reason: str | None) -> None:
    moment = now()
    report.state = target
    report.version += 1
    report.updated_at = moment
    report.state_times = {**report.state_times, target: iso(moment) or ""}
    if action in {"review", "return", "sign"}:
        report.reviewer, report.reviewer_name = caller.username, caller.name
    if action == "return":
        report.return_reason, report.review_level = reason, 1
    if action == "submit":
        report.reviewer = report.reviewer_name = None
        report.review_level = 1
    if action == "sign" and target == "written":
        report.review_level += 1
        report.reviewer = report.reviewer_name = None
    if target == "signed":
        report.signed_at, report.return_reason = moment, None
    if action == "recall":
        report.signed_at = report.signed_number = None
        report.return_reason = reason


def _signed_this_round(session: Session, report: Report, username: str) -> bool:
    query = (
        select(ReportVersion.action, ReportVersion.username).where(ReportVersion.report == report.id).order_by(ReportVersion.number.desc())
    )
    for action, by in session.execute(query):
        if action == "submit":
            return False
        if action == "sign" and by == username:
            return True
    return False


def _keep(session: Session, report: Report, caller: Caller, action: str, reason: str | None, moment: datetime) -> int:
    last = session.execute(select(func.max(ReportVersion.number)).where(ReportVersion.report == report.id)).scalar() or 0
    session.add(
        ReportVersion(
            report=report.id,
            number=last + 1,
            action=action,
            state=report.state,
            findings=report.findings,
            impression=report.impression,
            positive=report.positive,
            key_images=report.key_images,
            reason=reason,
            username=caller.username,
            display_name=caller.name,
            at=moment,
        )
    )
    session.flush()
    return int(last) + 1


def _tell(session: Session, caller: Caller, report: Report, exams: list[Exam], zone: ZoneInfo) -> None:
    """Publish the report's new state (never its text) and refresh its exams' rows."""
    session.flush()
    data = {
        **summary_of(report),
        "positive": report.positive if report.state in IN_FORCE else None,
        "exam_ids": [exam.id for exam in exams],
        "institution": report.institution,
        "state_times": report.state_times,
        "by": caller.username,
    }
    publish(session, "report.changed", report.institution, "report", str(report.id), data)
    for exam in exams:
        refresh(session, exam, zone)


def open_report(session: Session, caller: Caller, report_id: int, zone: ZoneInfo, how: str) -> Report:
    """Note that the caller opens a report (`view` or `pdf`), and deliver it when its own institution sees it signed for the first time."""
    scope = caller.scope("report.view")
    report = report_in(session, scope, report_id, lock=True)
    if report.state == "signed" and report.institution in caller.homes:
        moment = now()
        report.state = "delivered"
        report.version += 1
        report.updated_at = moment
        report.state_times = {**report.state_times, "delivered": iso(moment) or ""}
        _tell(session, caller, report, [locked(session, exam) for exam in exam_ids_of(session, scope, report)], zone)
        record(session, caller, "report.deliver", "report", str(report.id), report.institution)
    record(session, caller, f"report.{how}", "report", str(report.id), report.institution)
    return report
