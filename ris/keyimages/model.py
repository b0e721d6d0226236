"""Tables of key images: key_picture, key_image."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from ris.authored import Authored
from ris.database import BIG_ID, CODE, NAME, Base, JsonText


class KeyPicture(Base):
    """The bytes of a picture under their own digest. Never altered and never removed: a signed report names them by it."""

    __tablename__ = "key_picture"
    digest: Mapped[str] = mapped_column(CODE, primary_key=True)
    """sha256 of `content`, hexadecimal."""
    media_type: Mapped[str] = mapped_column(CODE)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class KeyImage(Authored, Base):
    """A picture of what a view showed. It belongs to the study, so that it goes with the images when they are linked to another exam."""

    __tablename__ = "key_image"
    study: Mapped[str] = mapped_column(ForeignKey("study.study_uid"), primary_key=True)
    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    """Made by the page that took it."""
    series_uid: Mapped[str] = mapped_column(CODE)
    sop_uid: Mapped[str | None] = mapped_column(CODE)
    """None: computed from the series; `made` says how."""
    frame: Mapped[int] = mapped_column(BIG_ID, autoincrement=False)
    made: Mapped[str] = mapped_column(CODE)
    """image, mpr, cpr or rendering."""
    data: Mapped[dict[str, Any]] = mapped_column(JsonText)
    """The reference as its page sent it, without id, author and time."""
    picture: Mapped[str] = mapped_column(ForeignKey("key_picture.digest"))
    caption: Mapped[str | None] = mapped_column(NAME)
