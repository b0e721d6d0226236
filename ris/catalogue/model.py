"""Tables of the catalogue: institution, department."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, UtcDateTime


class Institution(Base):
    """A hospital that sends exams, or the centre that reads them (`kind`: hospital | centre)."""

    __tablename__ = "institution"
    code: Mapped[str] = mapped_column(CODE, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    name_en: Mapped[str | None] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(CODE)
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Department(Base):
    """A department of an institution."""

    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("institution", "code"),)
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"))
    code: Mapped[str] = mapped_column(CODE)
    name: Mapped[str] = mapped_column(NAME)
    name_en: Mapped[str | None] = mapped_column(NAME)
