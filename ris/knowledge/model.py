"""Tables of the knowledge base: knowledge_entry, knowledge_token."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime


class KnowledgeEntry(Base):
    """An article. Removed ones stay, for the audit."""

    __tablename__ = "knowledge_entry"
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    title: Mapped[str] = mapped_column(NAME)
    body: Mapped[str] = mapped_column(Text)
    body_part: Mapped[str | None] = mapped_column(CODE)
    modality: Mapped[str | None] = mapped_column(CODE)
    tags: Mapped[list[str]] = mapped_column(JsonText)
    author: Mapped[str] = mapped_column(CODE)
    author_name: Mapped[str] = mapped_column(NAME)
    haystack: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KnowledgeToken(Base):
    """A gram of an entry's haystack."""

    __tablename__ = "knowledge_token"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    entry: Mapped[int] = mapped_column(ForeignKey("knowledge_entry.id"), primary_key=True, index=True)
