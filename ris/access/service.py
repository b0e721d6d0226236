"""Managing accounts: adding, changing, disabling. Who manages reaches only accounts of his own institutions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.access.model import Account, LoginSession, RoleAssignment
from ris.access.passwords import hash_password
from ris.access.rules import OPERATIONS, acceptable_password, normal_username
from ris.access.scope import Caller, Scope
from ris.access.sessions import end_session
from ris.audit.service import record
from ris.catalogue.model import Institution
from ris.clock import iso, now
from ris.feed import publish
from ris.problems import Problem


def account_as_data(account: Account) -> dict[str, Any]:
    """Return an account as the API says it."""
    return {
        "username": account.username,
        "name": account.display_name,
        "disabled": account.disabled,
        "assignments": [{"role": one.role, "institution": one.institution} for one in account.assignments],
        "version": account.version,
        "created_at": iso(account.created_at),
        "changed_at": iso(account.changed_at),
    }


def _within(scope: Scope, account: Account) -> bool:
    """An account is manageable when *all* its assignments are in reach, so that nobody touches a stronger one."""
    return scope.everywhere or (bool(account.assignments) and all(scope.covers(one.institution) for one in account.assignments))


def list_accounts(session: Session, scope: Scope) -> list[dict[str, Any]]:
    """Return the accounts in scope."""
    return [account_as_data(one) for one in session.scalars(select(Account).order_by(Account.username)) if _within(scope, one)]


def _check_assignments(session: Session, scope: Scope, assignments: list[dict[str, str]]) -> list[tuple[str, str]]:
    wanted = list(dict.fromkeys((one["role"], one["institution"]) for one in assignments))
    for role, institution in wanted:
        if role not in OPERATIONS or session.get(Institution, institution) is None:
            raise Problem(
                "request.invalid", fields=[{"where": "body.assignments", "what": f"unknown role or institution: {role}, {institution}"}]
            )
        if not scope.covers(institution):
            raise Problem("account.beyond")
    if not wanted and not scope.everywhere:
        raise Problem("account.beyond")
    return wanted


def _publish(session: Session, account: Account) -> None:
    data = {
        **account_as_data(account),
        "not_before": account.not_before.timestamp() if account.not_before is not None else None,
    }
    publish(session, "account.changed", None, "account", account.username, data)


def add_account(session: Session, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Add an account with its assignments."""
    scope = caller.scope("account.manage")
    username = normal_username(data["username"])
    if username is None:
        raise Problem("request.invalid", fields=[{"where": "body.username", "what": "1-64 letters, digits, . _ @ -"}])
    if not acceptable_password(data["password"], username):
        raise Problem("account.password")
    if session.get(Account, username) is not None:
        raise Problem("row.exists")
    wanted = _check_assignments(session, scope, data["assignments"])
    moment = now()
    account = Account(
        username=username,
        display_name=data.get("name") or username,
        password_hash=hash_password(data["password"]),
        disabled=False,
        not_before=None,
        preferences={},
        version=1,
        created_at=moment,
        changed_at=moment,
        assignments=[RoleAssignment(role=role, institution=institution) for role, institution in wanted],
    )
    session.add(account)
    session.flush()
    session.refresh(account)
    _publish(session, account)
    record(session, caller, "account.add", "account", username, wanted[0][1] if wanted else None, {"assignments": data["assignments"]})
    return account_as_data(account)


def change_account(session: Session, caller: Caller, username: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Disable or enable, set a password, replace assignments. Any of them kills the tickets issued before."""
    scope = caller.scope("account.manage")
    account = session.get(Account, normal_username(username) or "")
    if account is None or not _within(scope, account):
        raise Problem("row.not_found")
    if changes.get("version") is not None and changes["version"] != account.version:
        raise Problem("row.version", current=account.version)
    own = account.username == caller.username
    if own and (changes.get("disabled") or changes.get("assignments") is not None):
        raise Problem("account.self")
    end_all = False
    if changes.get("name"):
        account.display_name = changes["name"]
    if changes.get("password") is not None:
        if not acceptable_password(changes["password"], account.username):
            raise Problem("account.password")
        account.password_hash = hash_password(changes["password"])
        account.not_before, end_all = now(), True
    if changes.get("assignments") is not None:
        wanted = _check_assignments(session, scope, changes["assignments"])
        keep = [one for one in account.assignments if (one.role, one.institution) in wanted]
        have = {(one.role, one.institution) for one in keep}
        account.assignments = keep + [RoleAssignment(role=role, institution=place) for role, place in wanted if (role, place) not in have]
        account.not_before = now()
    if changes.get("disabled") is not None:
        if changes["disabled"] and not account.disabled:
            account.not_before, end_all = now(), True
        account.disabled = changes["disabled"]
    account.version += 1
    account.changed_at = now()
    session.flush()
    session.refresh(account)
    if end_all:
        for one in session.scalars(select(LoginSession).where(LoginSession.username == account.username, LoginSession.ended_at.is_(None))):
            end_session(session, one)
    _publish(session, account)
    told = {key: value for key, value in changes.items() if value is not None and key != "password"}
    record(session, caller, "account.change", "account", account.username, None, {**told, "password": changes.get("password") is not None})
    return account_as_data(account)


def set_preferences(session: Session, caller: Caller, preferences: dict[str, Any]) -> None:
    """Keep the caller's own preferences."""
    account = session.get_one(Account, caller.username)
    account.preferences = preferences


def preferences_of(session: Session, caller: Caller) -> dict[str, Any]:
    """Return the caller's own preferences."""
    account = session.get(Account, caller.username)
    return dict(account.preferences or {}) if account is not None else {}
