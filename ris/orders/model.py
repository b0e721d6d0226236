"""Table of orders: exam_order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ris.database import BIG_ID, CODE, NAME, Base, UtcDateTime
from ris.patients.model import Patient


class Order(Base):
    """A clinician's order for one or more exams of a patient."""

    __tablename__ = "exam_order"
    __table_args__ = (Index("ix_exam_order_place_id", "institution", "id"),)
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    patient: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    placer_number: Mapped[str | None] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(CODE)
    priority: Mapped[str] = mapped_column(CODE)
    complex: Mapped[bool] = mapped_column(Boolean, default=False)
    department: Mapped[str | None] = mapped_column(NAME)
    clinician: Mapped[str | None] = mapped_column(NAME)
    history: Mapped[str | None] = mapped_column(Text)
    diagnosis: Mapped[str | None] = mapped_column(Text)
    question: Mapped[str | None] = mapped_column(Text)
    allergy: Mapped[str | None] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    person: Mapped[Patient] = relationship(lazy="joined")
