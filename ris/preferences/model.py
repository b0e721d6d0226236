"""Table of preferences: preference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from ris.database import CODE, Base, JsonText, UtcDateTime


class Preference(Base):
    """One document of one account; `version` grows with every change."""

    __tablename__ = "preference"
    username: Mapped[str] = mapped_column(ForeignKey("account.username"), primary_key=True)
    document_key: Mapped[str] = mapped_column(CODE, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonText)
    version: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
