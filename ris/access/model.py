"""Tables of access: account, assignment, login_session, login_attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ris.catalogue.model import Institution
from ris.database import BIG_ID, CODE, NAME, Base, JsonText, UtcDateTime


class Account(Base):
    """Somebody who can log in. The key is the normalised user name."""

    __tablename__ = "account"
    username: Mapped[str] = mapped_column(CODE, primary_key=True)
    display_name: Mapped[str] = mapped_column(NAME)
    password_hash: Mapped[str] = mapped_column(String(256))
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Tickets issued before this are dead."""
    preferences: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    assignments: Mapped[list[RoleAssignment]] = relationship(cascade="all, delete-orphan", order_by="RoleAssignment.id", lazy="selectin")


class RoleAssignment(Base):
    """A role of an account in an institution."""

    __tablename__ = "assignment"
    __table_args__ = (UniqueConstraint("username", "role", "institution"),)
    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("account.username"), index=True)
    role: Mapped[str] = mapped_column(CODE)
    institution: Mapped[str] = mapped_column(ForeignKey("institution.code"), index=True)
    place: Mapped[Institution] = relationship(lazy="joined")


class LoginSession(Base):
    """One login at the Hub; its tickets die with it. Rows, so that a restart logs nobody out."""

    __tablename__ = "login_session"
    sid: Mapped[str] = mapped_column(CODE, primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("account.username"), index=True)
    refresh_hash: Mapped[str] = mapped_column(CODE, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LoginAttempt(Base):
    """Failed tries of a name, whether it exists or not (so that a lock tells nothing about existence)."""

    __tablename__ = "login_attempt"
    username: Mapped[str] = mapped_column(CODE, primary_key=True)
    tries: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
