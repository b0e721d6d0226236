"""Table of markings: marking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime


class Marking(Base):
    """A measurement on an image. It belongs to the study, so that it goes with the images when they are linked to another exam.

    A removed one stays, with who removed it (`changed_by`) and when (`removed_at`); what it said before each change is in the audit.
    """

    __tablename__ = "marking"
    study: Mapped[str] = mapped_column(ForeignKey("study.study_uid"), primary_key=True)
    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    """Made by the page that drew it."""
    series_uid: Mapped[str] = mapped_column(CODE)
    sop_uid: Mapped[str | None] = mapped_column(CODE)
    """None: drawn on a plane computed from the series; `data` has the plane."""
    frame: Mapped[int] = mapped_column(BIG_ID, autoincrement=False)
    kind: Mapped[str] = mapped_column(CODE)
    data: Mapped[dict[str, Any]] = mapped_column(JsonText)
    """The measurement as its page sent it, without id, author and time."""
    author: Mapped[str] = mapped_column(CODE)
    author_name: Mapped[str] = mapped_column(NAME)
    changed_by: Mapped[str] = mapped_column(CODE)
    changed_by_name: Mapped[str] = mapped_column(NAME)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
