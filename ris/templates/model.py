"""Table of report templates: report_template."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, UtcDateTime


class ReportTemplate(Base):
    """A template; a private one is seen by its author only."""

    __tablename__ = "report_template"
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    title: Mapped[str] = mapped_column(NAME)
    modality: Mapped[str | None] = mapped_column(CODE)
    body_part: Mapped[str | None] = mapped_column(CODE)
    findings: Mapped[str | None] = mapped_column(Text)
    impression: Mapped[str | None] = mapped_column(Text)
    public: Mapped[bool] = mapped_column("is_public", Boolean)
    author: Mapped[str] = mapped_column(CODE, index=True)
    haystack: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
