"""Finding, adding, changing and removing report templates."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.clock import iso, now
from ris.database import clean
from ris.feed import publish
from ris.problems import Problem
from ris.search import haystack_of, terms_of
from ris.templates.model import ReportTemplate
from ris.templates.rules import may_change, may_see


def template_as_data(row: ReportTemplate) -> dict[str, Any]:
    """Return a template as the API says it."""
    return {
        "id": row.id,
        "version": row.version,
        "name": row.title,
        "modality": row.modality,
        "body_part": row.body_part,
        "findings": row.findings or "",
        "impression": row.impression or "",
        "public": row.public,
        "author": row.author,
        "updated_at": iso(row.updated_at),
    }


def list_templates(
    session: Session, scope: Scope, username: str, *, modality: str | None, body_part: str | None, typed: str, limit: int
) -> list[dict[str, Any]]:
    """Return public templates and the reader's own; one without modality or body part fits every."""
    if not (scope.everywhere or scope.codes):
        return []
    query = select(ReportTemplate).where(
        ReportTemplate.removed_at.is_(None), or_(ReportTemplate.public.is_(True), ReportTemplate.author == username)
    )
    for column, value in ((ReportTemplate.modality, modality), (ReportTemplate.body_part, body_part)):
        if value is not None:
            query = query.where(or_(column == value, column.is_(None)))
    for term in terms_of(typed):
        query = query.where(ReportTemplate.haystack.contains(term, autoescape=True))
    return [template_as_data(row) for row in session.scalars(query.order_by(ReportTemplate.title, ReportTemplate.id).limit(limit))]


def template_in(session: Session, scope: Scope, username: str, template: int) -> ReportTemplate:
    """Return a template the reader sees, or raise `row.not_found`."""
    row = session.get(ReportTemplate, template, with_for_update=True)
    hidden = row is None or row.removed_at is not None or not may_see(row.author, username, public=row.public)
    if row is None or hidden or not (scope.everywhere or scope.codes):
        raise Problem("row.not_found")
    return row


def _settle(session: Session, caller: Caller, row: ReportTemplate, data: dict[str, Any], action: str) -> dict[str, Any]:
    row.title, row.modality, row.body_part = data["name"].strip(), clean(data.get("modality")), clean(data.get("body_part"))
    row.findings, row.impression, row.public = data["findings"] or None, data["impression"] or None, data["public"]
    row.haystack = haystack_of([row.modality, row.body_part], [row.title]) or "-"
    row.updated_at = now()
    session.flush()
    _tell(session, caller, row, action)
    return template_as_data(row)


def _tell(session: Session, caller: Caller, row: ReportTemplate, action: str) -> None:
    publish(session, "template.changed", None, "template", str(row.id), {**template_as_data(row), "removed": row.removed_at is not None})
    record(session, caller, f"template.{action}", "template", str(row.id), None)


def add_template(session: Session, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Add a template."""
    row = ReportTemplate(title="-", public=False, author=caller.username, haystack="-", version=1, updated_at=now(), removed_at=None)
    session.add(row)
    return _settle(session, caller, row, data, "add")


def _to_change(session: Session, caller: Caller, template: int) -> ReportTemplate:
    row = template_in(session, caller.scope("template.edit"), caller.username, template)
    if not may_change(row.author, caller.username, caller.operations, public=row.public):
        raise Problem("right.missing", operation="template.edit")
    return row


def change_template(session: Session, caller: Caller, template: int, data: dict[str, Any]) -> dict[str, Any]:
    """Change a template."""
    row = _to_change(session, caller, template)
    if data.get("version") is not None and data["version"] != row.version:
        raise Problem("row.version", current=template_as_data(row))
    row.version += 1
    return _settle(session, caller, row, data, "change")


def remove_template(session: Session, caller: Caller, template: int) -> None:
    """Remove a template from view."""
    row = _to_change(session, caller, template)
    row.removed_at = now()
    row.version += 1
    session.flush()
    _tell(session, caller, row, "remove")
