"""Table of markings: marking."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ris.authored import Authored
from ris.database import BIG_ID, CODE, Base, JsonText


class Marking(Authored, Base):
    """A measurement on an image. It belongs to the study, so that it goes with the images when they are linked to another exam."""

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
