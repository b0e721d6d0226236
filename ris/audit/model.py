"""Table of the audit. Triggers of the first migration refuse UPDATE and DELETE on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime


class AuditEntry(Base):
    """One act of one person (or service)."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_username_id", "username", "id"),
        Index("ix_audit_entry_entity", "entity_type", "entity_id"),
        Index("ix_audit_entry_place_id", "institution", "id"),
    )
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    entry_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    """Set by services that may send an entry twice."""
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    username: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(CODE)
    entity_type: Mapped[str] = mapped_column(CODE)
    entity_id: Mapped[str] = mapped_column(String(200))
    institution: Mapped[str | None] = mapped_column(CODE)
    sid: Mapped[str | None] = mapped_column(CODE)
    detail: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
