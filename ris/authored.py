"""Columns of what a doctor leaves on a study's images: markings and key images."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import CODE, NAME, UtcDateTime


class Authored:
    """Who made a row, who changed it last and when, and its version.

    A removed one stays, with who removed it (`changed_by`) and when (`removed_at`); what it said before each change is in the audit.
    """

    author: Mapped[str] = mapped_column(CODE)
    author_name: Mapped[str] = mapped_column(NAME)
    changed_by: Mapped[str] = mapped_column(CODE)
    changed_by_name: Mapped[str] = mapped_column(NAME)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
