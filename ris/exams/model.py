"""Tables of exams: exam, study, exam_study, worklist_row, exam_token, number_series."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ris.catalogue.model import Institution
from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime
from ris.orders.model import Order
from ris.patients.model import Patient


class Exam(Base):
    """One examination. `accession_key` is unique in its institution; exams made from images have none."""

    __tablename__ = "exam"
    __table_args__ = (UniqueConstraint("institution", "accession_key"), Index("ix_exam_place_id", "institution", "id"))
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    patient: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("exam_order.id"), index=True)
    origin: Mapped[str] = mapped_column(CODE)
    """`order`, or `images` for an unscheduled study."""
    accession: Mapped[str | None] = mapped_column(NAME)
    accession_key: Mapped[str | None] = mapped_column(NAME)
    modality: Mapped[str | None] = mapped_column(CODE)
    description: Mapped[str | None] = mapped_column(NAME)
    body_part: Mapped[str | None] = mapped_column(NAME)
    priority: Mapped[str] = mapped_column(CODE)
    complex: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(CODE)
    unscheduled_code: Mapped[str | None] = mapped_column(CODE)
    technician_message: Mapped[str | None] = mapped_column(Text)
    state_times: Mapped[dict[str, str]] = mapped_column(JsonText)
    """State → when it was first reached (ISO, UTC)."""
    ordered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    performed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    arrived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    person: Mapped[Patient] = relationship(lazy="joined")
    place: Mapped[Institution] = relationship(lazy="joined")
    order: Mapped[Order | None] = relationship(lazy="joined")
    studies: Mapped[list[Study]] = relationship(secondary="exam_study", order_by="Study.study_uid", lazy="selectin")


class Study(Base):
    """A study as the node knows it. Its institution is that of the device that sent it, for ever."""

    __tablename__ = "study"
    __table_args__ = (Index("ix_study_accession", "institution", "accession_key"),)
    study_uid: Mapped[str] = mapped_column(CODE, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    images_seq: Mapped[int] = mapped_column(BIG_ID, autoincrement=False)
    """Number of the images feed up to which this row knows."""
    accession_key: Mapped[str | None] = mapped_column(NAME)
    headers: Mapped[dict[str, Any]] = mapped_column(JsonText)
    """The last Arrival as it was sent."""
    notes: Mapped[list[str]] = mapped_column(JsonText)
    """What in the headers could not be read, and how it was taken."""
    quiet: Mapped[bool] = mapped_column(Boolean, default=False)
    instances: Mapped[int] = mapped_column(Integer, default=0)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ExamStudy(Base):
    """An exam has n studies, a study may serve n exams."""

    __tablename__ = "exam_study"
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), primary_key=True)
    study: Mapped[str] = mapped_column(ForeignKey("study.study_uid"), primary_key=True, index=True)


class WorklistRow(Base):
    """The worklist's row of an exam, derived from exam, patient, studies and report in the transaction that changes them."""

    __tablename__ = "worklist_row"
    __table_args__ = (
        Index("ix_worklist_row_order", "sort_rank", "sort_at", "exam"),
        Index("ix_worklist_row_place", "institution", "sort_rank", "sort_at", "exam"),
        Index("ix_worklist_row_stage", "stage", "sort_rank", "sort_at", "exam"),
        Index("ix_worklist_row_count", "institution", "stage", "stat", "scheduled"),
        Index("ix_worklist_row_author", "author", "stage"),
        Index("ix_worklist_row_reviewer", "reviewer", "stage"),
        Index("ix_worklist_row_patient", "patient"),
    )
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), primary_key=True, autoincrement=False)
    institution: Mapped[str] = mapped_column(CODE)
    patient: Mapped[int] = mapped_column(BIG_ID, autoincrement=False)
    stage: Mapped[str] = mapped_column(CODE)
    stat: Mapped[bool] = mapped_column(Boolean)
    scheduled: Mapped[bool] = mapped_column(Boolean)
    modality: Mapped[str | None] = mapped_column(CODE)
    day: Mapped[date | None] = mapped_column(Date)
    author: Mapped[str | None] = mapped_column(CODE)
    reviewer: Mapped[str | None] = mapped_column(CODE)
    sort_rank: Mapped[int] = mapped_column(Integer)
    sort_at: Mapped[float] = mapped_column(Float(53))
    haystack: Mapped[str] = mapped_column(Text)
    row: Mapped[str] = mapped_column("row_json", Text)
    """The row as it is served, JSON."""


class ExamToken(Base):
    """A gram of a worklist row's haystack."""

    __tablename__ = "exam_token"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), primary_key=True, index=True)


class NumberSeries(Base):
    """The last number of a series of accession numbers (institution and day)."""

    __tablename__ = "number_series"
    name: Mapped[str] = mapped_column(CODE, primary_key=True)
    last: Mapped[int] = mapped_column(Integer)
