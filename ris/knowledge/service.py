"""Finding, adding, changing and removing knowledge entries. The knowledge is one for all institutions: it holds no patient."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.clock import iso, now
from ris.database import clean
from ris.feed import publish
from ris.knowledge.model import KnowledgeEntry, KnowledgeToken
from ris.knowledge.rules import normal_tags
from ris.problems import Problem
from ris.search import haystack_of, narrowed, tokens_of


def entry_as_data(entry: KnowledgeEntry) -> dict[str, Any]:
    """Return an entry as the API says it."""
    return {
        "id": entry.id,
        "version": entry.version,
        "title": entry.title,
        "body": entry.body,
        "body_part": entry.body_part,
        "modality": entry.modality,
        "tags": entry.tags,
        "author": {"username": entry.author, "name": entry.author_name},
        "updated_at": iso(entry.updated_at),
    }


def _readable(scope: Scope) -> bool:
    """Whoever has the operation anywhere reads all entries."""
    return scope.everywhere or bool(scope.codes)


def list_entries(
    session: Session, scope: Scope, *, typed: str, modality: str | None, body_part: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return entries that contain what was typed (Chinese, pinyin, initials), newest first."""
    if not _readable(scope):
        return []
    query = (
        select(KnowledgeEntry)
        .where(KnowledgeEntry.removed_at.is_(None))
        .order_by(KnowledgeEntry.updated_at.desc(), KnowledgeEntry.id.desc())
    )
    query = narrowed(query.limit(limit), typed, KnowledgeEntry.id, KnowledgeEntry.haystack, KnowledgeToken.token, KnowledgeToken.entry)
    for column, value in ((KnowledgeEntry.modality, modality), (KnowledgeEntry.body_part, body_part)):
        if value is not None:
            query = query.where(column == value)
    return [entry_as_data(row) for row in session.scalars(query)]


def entry_in(session: Session, scope: Scope, entry: int, *, lock: bool = False) -> KnowledgeEntry:
    """Return an entry, or raise `row.not_found`."""
    row = session.get(KnowledgeEntry, entry, with_for_update=True if lock else None)
    if row is None or row.removed_at is not None or not _readable(scope):
        raise Problem("row.not_found")
    return row


def _settle(session: Session, caller: Caller, entry: KnowledgeEntry, data: dict[str, Any], action: str) -> dict[str, Any]:
    entry.title, entry.body = data["title"].strip(), data["body"]
    entry.body_part, entry.modality = clean(data.get("body_part")), clean(data.get("modality"))
    entry.tags = normal_tags(data.get("tags") or [])
    entry.updated_at = now()
    entry.haystack = haystack_of([entry.body_part, entry.modality, entry.body], [entry.title, *entry.tags])
    session.flush()
    session.execute(delete(KnowledgeToken).where(KnowledgeToken.entry == entry.id))
    session.execute(insert(KnowledgeToken), [{"token": token, "entry": entry.id} for token in sorted(tokens_of(entry.haystack))])
    _tell(session, caller, entry, action)
    return entry_as_data(entry)


def _tell(session: Session, caller: Caller, entry: KnowledgeEntry, action: str) -> None:
    publish(
        session, "knowledge.changed", None, "knowledge", str(entry.id), {**entry_as_data(entry), "removed": entry.removed_at is not None}
    )
    record(session, caller, f"knowledge.{action}", "knowledge", str(entry.id), None)


def add_entry(session: Session, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Add an entry."""
    entry = KnowledgeEntry(
        title="-",
        body="-",
        tags=[],
        author=caller.username,
        author_name=caller.name,
        haystack="-",
        version=1,
        updated_at=now(),
        removed_at=None,
    )
    session.add(entry)
    return _settle(session, caller, entry, data, "add")


def change_entry(session: Session, caller: Caller, entry_id: int, data: dict[str, Any]) -> dict[str, Any]:
    """Change an entry."""
    entry = entry_in(session, caller.scope("knowledge.edit"), entry_id, lock=True)
    if data["version"] != entry.version:
        raise Problem("row.version", current=entry_as_data(entry))
    entry.version += 1
    return _settle(session, caller, entry, data, "change")


def remove_entry(session: Session, caller: Caller, entry_id: int) -> None:
    """Remove an entry from view."""
    entry = entry_in(session, caller.scope("knowledge.edit"), entry_id, lock=True)
    entry.removed_at = now()
    entry.version += 1
    session.execute(delete(KnowledgeToken).where(KnowledgeToken.entry == entry.id))
    session.flush()
    _tell(session, caller, entry, "remove")
