"""Login sessions and tickets: made at the Hub's login, renewed, ended."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ris.access.licence import image_functions
from ris.access.model import Account, LoginAttempt, LoginSession
from ris.access.passwords import verify_password
from ris.access.rules import SERVICE_OPERATIONS, Assignment, normal_username
from ris.access.scope import Caller
from ris.audit.service import record_access
from ris.clock import iso, now
from ris.database import Database
from ris.feed import publish
from ris.problems import Problem
from ris.settings import Settings
from ris.tickets import Kind, Ticket, TicketSigner


def caller_of(account: Account, kind: Kind, sid: str, desk: str | None = None) -> Caller:
    """Return the caller an account is, with its assignments of now."""
    assignments = tuple(Assignment(one.role, one.institution, one.place.kind == "centre") for one in account.assignments)
    return Caller(account.username, account.display_name, kind, sid, assignments, desk=desk)


def caller_of_ticket(session: Session, ticket: Ticket) -> Caller:
    """Look at the account and session rows behind a verified ticket; raise when either is dead."""
    if ticket.kind == "service":
        return Caller(ticket.username, ticket.name, "service", "", service_operations=SERVICE_OPERATIONS.get(ticket.username, frozenset()))
    account = session.get(Account, ticket.username)
    if account is None or account.disabled:
        raise Problem("ticket.revoked")
    if account.not_before is not None and ticket.issued_at < account.not_before.timestamp():
        raise Problem("ticket.revoked")
    if ticket.kind in {"browser", "kernel"}:
        there = session.get(LoginSession, ticket.sid)
        if there is None or there.username != account.username or there.ended_at is not None or there.expires_at <= now():
            raise Problem("session.ended")
    return caller_of(account, ticket.kind, ticket.sid, ticket.desk)


class TicketOffice:
    """Issues tickets of every kind with the lives of the settings."""

    def __init__(self, signer: TicketSigner, settings: Settings) -> None:
        self.signer = signer
        self.lives: dict[Kind, float] = {
            "browser": settings.browser_ticket_seconds,
            "kernel": settings.kernel_ticket_seconds,
            "script": settings.script_ticket_seconds,
            "service": settings.service_ticket_seconds,
        }

    def issue(self, caller: Caller, kind: Kind, desk: str | None = None) -> tuple[str, datetime]:
        """Return (ticket, when it expires)."""
        token, expires = self.signer.sign(
            kind,
            caller.username,
            self.lives[kind],
            name=caller.name,
            sid=caller.sid,
            assignments=tuple((one.role, one.institution) for one in caller.assignments),
            operations=caller.operations,
            institutions=caller.data_scope.claim(),
            desk=desk,
            functions=image_functions(caller.assignments),
        )
        return token, datetime.fromtimestamp(expires, UTC)


class FrontDoor:
    """What the Hub asks: may this person come in, is the session alive, end it."""

    def __init__(self, database: Database, office: TicketOffice, settings: Settings) -> None:
        self._database = database
        self._office = office
        self._settings = settings

    def login(self, typed_name: str, password: str) -> dict[str, Any]:
        """Check name and password; return the login with its first browser ticket, or raise a `login.*` problem."""
        username = normal_username(typed_name)
        if username is None:
            verify_password(None, password)
            raise Problem("login.wrong")
        # The try is counted before the password is looked at, so that many guesses at the same moment count, too.
        with self._database.write() as session:
            tries, locked = self._count_try(session, username)
            account = session.get(Account, username)
            stored = account.password_hash if account is not None else None
        if locked is not None:
            verify_password(None, password)
            raise Problem("login.locked", until=iso(locked))
        if not verify_password(stored, password):
            with self._database.write() as session:
                if tries >= self._settings.login_tries:
                    until = now() + timedelta(minutes=self._settings.lock_minutes)
                    session.execute(update(LoginAttempt).where(LoginAttempt.username == username).values(locked_until=until))
                record_access(session, username, "login.wrong", detail={"tries": tries})
            raise Problem("login.wrong")
        with self._database.write() as session:
            session.execute(delete(LoginAttempt).where(LoginAttempt.username == username))
            account = session.get(Account, username)
            if account is None or account.disabled:
                record_access(session, username, "login.disabled")
                raise_after = True
            else:
                raise_after = False
                answer = self._open(session, account)
        if raise_after:
            raise Problem("login.disabled")
        return answer

    def _count_try(self, session: Session, username: str) -> tuple[int, datetime | None]:
        moment = now()
        session.execute(delete(LoginAttempt).where(LoginAttempt.last_at < moment - timedelta(days=1)))
        attempt = session.get(LoginAttempt, username, with_for_update=True)
        if attempt is None:
            attempt = LoginAttempt(username=username, tries=0, last_at=moment, locked_until=None)
            session.add(attempt)
        if attempt.locked_until is not None and attempt.locked_until > moment:
            return attempt.tries, attempt.locked_until
        if attempt.locked_until is not None:
            attempt.tries, attempt.locked_until = 0, None
        attempt.tries += 1
        attempt.last_at = moment
        if attempt.tries > self._settings.login_tries:
            attempt.locked_until = moment + timedelta(minutes=self._settings.lock_minutes)
        return attempt.tries, attempt.locked_until

    def _open(self, session: Session, account: Account) -> dict[str, Any]:
        refresh = secrets.token_urlsafe(32)
        sid = secrets.token_urlsafe(12)
        moment = now()
        # Sessions that ended a month ago are of no use to anybody: the audit keeps who logged in.
        session.execute(delete(LoginSession).where(LoginSession.expires_at < moment - timedelta(days=30)))
        session.add(
            LoginSession(
                sid=sid,
                username=account.username,
                refresh_hash=_digest(refresh),
                created_at=moment,
                expires_at=moment + timedelta(hours=self._settings.session_hours),
                ended_at=None,
            )
        )
        record_access(session, account.username, "login", sid)
        return self._answer(caller_of(account, "browser", sid), refresh)

    def _answer(self, caller: Caller, refresh: str) -> dict[str, Any]:
        token, expires = self._office.issue(caller, "browser")
        return {
            "username": caller.username,
            "name": caller.name,
            "roles": list(dict.fromkeys(one.role for one in caller.assignments)),
            "assignments": [{"role": one.role, "institution": one.institution} for one in caller.assignments],
            "landing": next(iter(caller.desks), None),
            "ticket": token,
            "expires_at": iso(expires),
            "refresh": refresh,
        }

    def refresh(self, secret: str) -> dict[str, Any]:
        """Give a new browser ticket to who holds the session's refresh secret, and keep the session alive."""
        with self._database.write() as session:
            there = session.scalars(select(LoginSession).where(LoginSession.refresh_hash == _digest(secret))).first()
            if there is None or there.ended_at is not None or there.expires_at <= now():
                raise Problem("session.ended")
            account = session.get(Account, there.username)
            if account is None or account.disabled:
                raise Problem("login.disabled")
            prolong(there, self._settings)
            return self._answer(caller_of(account, "browser", there.sid), secret)

    def logout(self, secret: str) -> None:
        """End the session of a refresh secret; an unknown one is no fault (a click may arrive twice)."""
        with self._database.write() as session:
            there = session.scalars(select(LoginSession).where(LoginSession.refresh_hash == _digest(secret))).first()
            if there is not None and there.ended_at is None:
                end_session(session, there)
                record_access(session, there.username, "logout", there.sid)

    def active(self, usernames: list[str]) -> dict[str, bool]:
        """Say which accounts exist and are not disabled."""
        with self._database.read() as session:
            alive = set(session.scalars(select(Account.username).where(Account.username.in_(usernames), Account.disabled.is_(False))))
        return {name: name in alive for name in usernames}


def prolong(there: LoginSession, settings: Settings) -> None:
    """Let a session live on from now; written at most once a minute."""
    wanted = now() + timedelta(hours=settings.session_hours)
    if wanted - there.expires_at > timedelta(minutes=1):
        there.expires_at = wanted


def end_session(session: Session, there: LoginSession) -> None:
    """End a login session and tell the feed."""
    there.ended_at = now()
    data = {"username": there.username, "sid": there.sid, "not_before": there.ended_at.timestamp()}
    publish(session, "session.ended", None, "session", there.sid, data)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
