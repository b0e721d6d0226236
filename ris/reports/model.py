"""Tables of reports: report, report_exam, report_version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime


class Report(Base):
    """The report as it stands; its text is the newest, kept or not."""

    __tablename__ = "report"
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Grows with every change, autosaves too."""
    state: Mapped[str] = mapped_column(CODE)
    findings: Mapped[str | None] = mapped_column(Text)
    impression: Mapped[str | None] = mapped_column(Text)
    positive: Mapped[bool | None] = mapped_column(Boolean)
    key_images: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    """In the order in which they are printed: id, digest of the picture, caption, made."""
    author: Mapped[str] = mapped_column(CODE)
    author_name: Mapped[str] = mapped_column(NAME)
    reviewer: Mapped[str | None] = mapped_column(CODE)
    reviewer_name: Mapped[str | None] = mapped_column(NAME)
    review_level: Mapped[int] = mapped_column(Integer, default=1)
    """The level of review that is next, or running."""
    signed_number: Mapped[int | None] = mapped_column(Integer)
    """Number of the kept version that is in force; none before signing and after a recall."""
    return_reason: Mapped[str | None] = mapped_column(Text)
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state_times: Mapped[dict[str, str]] = mapped_column(JsonText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReportExam(Base):
    """Reports and exams are n–m: one report for chest and abdomen, two reports on one exam."""

    __tablename__ = "report_exam"
    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), primary_key=True, index=True)


class ReportVersion(Base):
    """A text that somebody submitted, returned, recalled or signed; never altered."""

    __tablename__ = "report_version"
    __table_args__ = (Index("ix_report_version_reason", "action", "at"),)
    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    action: Mapped[str] = mapped_column(CODE)
    state: Mapped[str] = mapped_column(CODE)
    findings: Mapped[str | None] = mapped_column(Text)
    impression: Mapped[str | None] = mapped_column(Text)
    positive: Mapped[bool | None] = mapped_column(Boolean)
    key_images: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    reason: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str] = mapped_column(CODE)
    display_name: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
