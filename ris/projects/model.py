"""Tables of research projects: research_project, project_member, project_token."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ris.database import CODE, NAME, Base, JsonText, UtcDateTime


class ResearchProject(Base):
    """A project. Closed ones stay, for the audit."""

    __tablename__ = "research_project"
    code: Mapped[str] = mapped_column(CODE, primary_key=True)
    title: Mapped[str] = mapped_column(NAME)
    title_en: Mapped[str | None] = mapped_column(NAME)
    purpose: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(CODE)
    approval_number: Mapped[str | None] = mapped_column(NAME)
    approved_by: Mapped[str | None] = mapped_column(NAME)
    """Who approved it outside of this system: an ethics committee, a board."""
    approved_on: Mapped[date | None] = mapped_column(Date)
    expires_on: Mapped[date] = mapped_column(Date)
    """The last day on which data are given out."""
    tables: Mapped[list[str]] = mapped_column(JsonText)
    pixels: Mapped[bool] = mapped_column(Boolean)
    least: Mapped[int] = mapped_column(Integer)
    """Children that a group must have to be shown."""
    cut_on: Mapped[date | None] = mapped_column(Date)
    """Last study day that is in the data."""
    version: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    members: Mapped[list[ProjectMember]] = relationship(cascade="all, delete-orphan", order_by="ProjectMember.username", lazy="selectin")
    tokens: Mapped[list[ProjectToken]] = relationship(order_by="ProjectToken.id", lazy="selectin")


class ProjectMember(Base):
    """A researcher of a project."""

    __tablename__ = "project_member"
    project: Mapped[str] = mapped_column(ForeignKey("research_project.code"), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("account.username"), primary_key=True, index=True)


class ProjectToken(Base):
    """A token of a project for a platform that is no person; what is kept is its hash."""

    __tablename__ = "project_token"
    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("research_project.code"), index=True)
    digest: Mapped[str] = mapped_column(CODE, unique=True)
    """SHA-256 (hex)."""
    label: Mapped[str] = mapped_column(NAME)
    expires_on: Mapped[date] = mapped_column(Date)
    made_by: Mapped[str] = mapped_column(CODE)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
