"""Tables of patients: patient, patient_token."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, UtcDateTime


class Patient(Base):
    """A person as one institution knows it.

    `id_key` is the normalised PatientID, unique in the institution. It is empty for a person made from images whose
    PatientID belongs to somebody else already: such a row must never be taken for that somebody.
    """

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("institution", "id_key"), Index("ix_patient_name", "institution", "name_key"))
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    patient_id: Mapped[str | None] = mapped_column(NAME)
    id_key: Mapped[str | None] = mapped_column(NAME)
    name: Mapped[str] = mapped_column(NAME)
    name_key: Mapped[str] = mapped_column(NAME)
    pinyin: Mapped[str | None] = mapped_column(String(512))
    sex: Mapped[str | None] = mapped_column(String(1))
    """M, F or O; none: unknown."""
    birth_date: Mapped[date | None] = mapped_column(Date)
    phone: Mapped[str | None] = mapped_column(CODE)
    guardian: Mapped[str | None] = mapped_column(NAME)
    origin: Mapped[str] = mapped_column(CODE)
    """`registered` by somebody, or made from `images`."""
    haystack: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PatientToken(Base):
    """A gram of a patient's haystack."""

    __tablename__ = "patient_token"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    patient: Mapped[int] = mapped_column(ForeignKey("patient.id"), primary_key=True, index=True)
