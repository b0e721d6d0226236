"""Making, approving, changing and closing research projects, and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.model import Account
from ris.access.rules import normal_username
from ris.access.scope import Caller
from ris.audit.service import record
from ris.clock import iso, now
from ris.database import clean
from ris.feed import publish
from ris.problems import Problem
from ris.projects import rules
from ris.projects.model import ProjectMember, ProjectToken, ResearchProject

MANAGE, USE = "project.manage", "research.use"
TOKEN_MARK = "rt_"  # noqa: S105 - how a token begins, not one
PLAIN = ("title", "title_en", "purpose", "expires_on", "pixels", "least", "cut_on")


def today_in(zone: ZoneInfo) -> date:
    """Return the day it is where the hospitals are."""
    return datetime.now(zone).date()


def project_as_data(row: ResearchProject) -> dict[str, Any]:
    """Return a project as the API says it to who manages it."""
    approval = {"number": row.approval_number, "by": row.approved_by, "day": _day(row.approved_on)} if row.approval_number else None
    return {
        "code": row.code,
        "version": row.version,
        "title": row.title,
        "title_en": row.title_en or row.title,
        "purpose": row.purpose,
        "state": row.state,
        "approval": approval,
        "expires_on": row.expires_on.isoformat(),
        "members": [one.username for one in row.members],
        "tables": row.tables,
        "pixels": row.pixels,
        "least": row.least,
        "cut_on": _day(row.cut_on),
        "tokens": [_token_as_data(one) for one in row.tokens],
        "changed_at": iso(row.changed_at),
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _token_as_data(row: ProjectToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "label": row.label,
        "expires_on": row.expires_on.isoformat(),
        "made_by": row.made_by,
        "made_at": iso(row.made_at),
        "revoked": row.revoked_at is not None,
    }


def _manager(caller: Caller) -> None:
    """Data of all institutions go into a project: whoever manages only some may not."""
    if not caller.scope(MANAGE).everywhere:
        raise Problem("right.missing", operation=MANAGE)


def list_projects(session: Session, caller: Caller) -> list[dict[str, Any]]:
    """Return all projects, by code."""
    _manager(caller)
    return [project_as_data(row) for row in session.scalars(select(ResearchProject).order_by(ResearchProject.code))]


def own_projects(session: Session, username: str, today: date) -> list[dict[str, Any]]:
    """Return the projects that give data to this member today, as a member sees them."""
    query = select(ResearchProject).join(ProjectMember).where(ProjectMember.username == username).order_by(ResearchProject.code)
    shown = ("code", "title", "title_en", "purpose", "expires_on", "tables", "pixels", "least", "cut_on")
    rows = [row for row in session.scalars(query) if rules.is_open(row.state, row.expires_on, today)]
    return [{name: value for name, value in project_as_data(row).items() if name in shown} for row in rows]


def project_in(session: Session, caller: Caller, code: str, *, lock: bool = False) -> ResearchProject:
    """Return a project, or raise `row.not_found`."""
    _manager(caller)
    row = session.get(ResearchProject, code, with_for_update=True if lock else None)
    if row is None:
        raise Problem("row.not_found")
    return row


def _members(session: Session, usernames: Iterable[str]) -> list[str]:
    """Return the usernames in their one form; each must be of an account that can log in and is a researcher."""
    names, refused = set[str](), list[str]()
    for typed in usernames:
        name = normal_username(typed)
        account = session.get(Account, name) if name else None
        if name is None or account is None or account.disabled or all(one.role != "researcher" for one in account.assignments):
            refused.append(typed)
        else:
            names.add(name)
    if refused:
        raise Problem("project.member", members=refused)
    return sorted(names)


def _tell(session: Session, caller: Caller, row: ResearchProject, action: str, detail: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the change down, in the feed with what the research service needs to know a token by."""
    row.version += 1
    row.changed_at = now()
    session.flush()
    session.refresh(row)
    data = project_as_data(row)
    digests = {one.id: one.digest for one in row.tokens}
    told = {**data, "tokens": [{**one, "digest": digests[one["id"]]} for one in data["tokens"]]}
    publish(session, "project.changed", None, "project", row.code, told)
    record(session, caller, f"project.{action}", "project", row.code, None, detail)
    return data


def _settle(session: Session, row: ResearchProject, data: dict[str, Any], today: date) -> None:
    if not today <= data["expires_on"] <= today + rules.LONGEST:
        raise Problem("project.expiry")
    for name in PLAIN:
        setattr(row, name, clean(data[name]) if isinstance(data[name], str) else data[name])
    row.tables = rules.normal_tables(data["tables"])
    names = _members(session, data["members"])
    kept = {one.username: one for one in row.members}
    row.members = [kept.get(name) or ProjectMember(username=name) for name in names]


def add_project(session: Session, caller: Caller, data: dict[str, Any], today: date) -> dict[str, Any]:
    """Add a project as a draft."""
    _manager(caller)
    if not rules.CODE.fullmatch(data["code"]):
        raise Problem("request.invalid", fields=[{"where": "code", "what": rules.CODE.pattern}])
    if session.get(ResearchProject, data["code"]) is not None:
        raise Problem("row.exists")
    row = ResearchProject(code=data["code"], state="draft", version=0, changed_at=now())
    _settle(session, row, data, today)
    session.add(row)
    session.flush()
    return _tell(session, caller, row, "add")


def _approve(row: ResearchProject, approval: dict[str, Any]) -> None:
    row.approval_number, row.approved_by, row.approved_on = approval["number"].strip(), approval["by"].strip(), approval["day"]


def change_project(session: Session, caller: Caller, code: str, data: dict[str, Any], today: date) -> dict[str, Any]:
    """Change a project; what its approval covers only with a new approval."""
    row = project_in(session, caller, code, lock=True)
    if data["version"] != row.version:
        raise Problem("row.version", current=project_as_data(row))
    if row.state == "closed":
        raise Problem("project.transition", state=row.state)
    before = {name: getattr(row, name) for name in rules.COVERED}
    _settle(session, row, data, today)
    changed = rules.needs_approval(before, {name: getattr(row, name) for name in rules.COVERED})
    if row.state == "approved" and changed:
        approval = data.get("approval")
        if approval is None or approval["number"].strip() == row.approval_number:
            raise Problem("project.approval", changed=changed)
        _approve(row, approval)
    return _tell(session, caller, row, "change", {"members": [one.username for one in row.members], "changed": changed})


def move_project(session: Session, caller: Caller, code: str, data: dict[str, Any], today: date) -> dict[str, Any]:
    """Approve or close a project."""
    row = project_in(session, caller, code, lock=True)
    if data["version"] != row.version:
        raise Problem("row.version", current=project_as_data(row))
    state = rules.after(data["action"], row.state)
    if state is None:
        raise Problem("project.transition", state=row.state)
    if data["action"] == "approve":
        if data.get("approval") is None:
            raise Problem("project.approval", changed=[])
        if row.expires_on < today:
            raise Problem("project.expiry")
        _approve(row, data["approval"])
    row.state = state
    return _tell(session, caller, row, data["action"], {"approval": row.approval_number})


def add_token(session: Session, caller: Caller, code: str, data: dict[str, Any], today: date) -> dict[str, Any]:
    """Make a token of an approved project; it is in this answer and nowhere else."""
    row = project_in(session, caller, code, lock=True)
    if not rules.is_open(row.state, row.expires_on, today):
        raise Problem("project.transition", state=row.state)
    if not today <= data["expires_on"] <= min(today + rules.TOKEN_LONGEST, row.expires_on):
        raise Problem("project.expiry")
    token = TOKEN_MARK + secrets.token_urlsafe(32)
    made = ProjectToken(
        id=secrets.token_hex(6),
        project=code,
        digest=hashlib.sha256(token.encode()).hexdigest(),
        label=data["label"].strip(),
        expires_on=data["expires_on"],
        made_by=caller.username,
        made_at=now(),
        revoked_at=None,
    )
    session.add(made)
    _tell(session, caller, row, "token", {"token": made.id})
    return {**_token_as_data(made), "token": token}


def revoke_token(session: Session, caller: Caller, code: str, token: str) -> dict[str, Any]:
    """Make a token worthless; twice the same as once."""
    row = project_in(session, caller, code, lock=True)
    found = next((one for one in row.tokens if one.id == token), None)
    if found is None:
        raise Problem("row.not_found")
    if found.revoked_at is not None:
        return project_as_data(row)
    found.revoked_at = now()
    return _tell(session, caller, row, "revoke", {"token": token})
