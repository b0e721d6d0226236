"""Adding to and reading the audit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.model import AuditEntry
from ris.audit.rules import cut
from ris.clock import iso, now


def record(
    session: Session,
    caller: Caller,
    action: str,
    entity_type: str,
    entity_id: str,
    institution: str | None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add what the caller did to the running transaction."""
    session.add(
        AuditEntry(
            at=now(),
            username=caller.username,
            action=action,
            entity_type=entity_type,
            entity_id=entity_id,
            institution=institution,
            sid=caller.sid or None,
            detail=detail,
        )
    )


def record_access(session: Session, username: str, action: str, sid: str | None = None, detail: dict[str, Any] | None = None) -> None:
    """Add what happened at the front door (login, logout), where there is no ticket yet."""
    session.add(
        AuditEntry(
            at=now(), username=cut("username", username), action=action, entity_type="session", entity_id=sid or "-", sid=sid, detail=detail
        )
    )


def add_entries(session: Session, sender: Caller, entries: Iterable[dict[str, Any]]) -> int:
    """Add entries of a service once each (by key); return how many were new."""
    wanted = {cut("key", one["key"]): one for one in entries}
    known = set(session.scalars(select(AuditEntry.entry_key).where(AuditEntry.entry_key.in_(list(wanted)))))
    for key, one in wanted.items():
        if key in known:
            continue
        entity = one.get("entity") or {}
        session.add(
            AuditEntry(
                entry_key=key,
                at=one["at"],
                username=cut("username", one["username"]),
                action=cut("action", one["action"]),
                entity_type=cut("type", str(entity.get("type", "-"))),
                entity_id=cut("id", str(entity.get("id", "-"))),
                institution=cut("institution", one["institution"]) if one.get("institution") else None,
                sid=one.get("sid"),
                detail={**(one.get("detail") or {}), "by": sender.username},
            )
        )
    session.flush()
    return len(wanted) - len(known)


def list_entries(
    session: Session,
    scope: Scope,
    *,
    username: str | None = None,
    action: str | None = None,
    entity_type: str | None = None,
    entity_id: str | None = None,
    institution: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Return entries in scope, newest first; entries of no institution only to who sees all."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if not scope.everywhere:
        query = query.where(scope.condition(AuditEntry.institution))
    exact = (
        (AuditEntry.username, username),
        (AuditEntry.action, action),
        (AuditEntry.entity_type, entity_type),
        (AuditEntry.entity_id, entity_id),
    )
    for column, value in (*exact, (AuditEntry.institution, institution)):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return [
        {
            "id": row.id,
            "at": iso(row.at),
            "username": row.username,
            "action": row.action,
            "entity": {"type": row.entity_type, "id": row.entity_id},
            "institution": row.institution,
            "sid": row.sid,
            "detail": row.detail or {},
        }
        for row in session.scalars(query)
    ]
