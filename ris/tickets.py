"""Tickets: compact JWTs (EdDSA over Ed25519) that say who someone is. ris signs, every service verifies.

The claims are in docs/interfaces.md, section 2. `iat` has milliseconds, so that a revocation and the next login
can happen in the same second and are still told apart.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ISSUER, AUDIENCE, ALGORITHM = "ris", "hub", "EdDSA"
COOKIE, COOKIE_PATH = "hub-ticket", "/services/"
Kind = Literal["browser", "kernel", "script", "service"]
KINDS: tuple[Kind, ...] = ("browser", "kernel", "script", "service")
_REQUIRED = ["iss", "aud", "iat", "exp", "jti", "kind", "sub", "sid", "operations", "institutions", "assignments"]


class TicketError(Exception):
    """A ticket that must not be believed; `code` is the problem's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a verified ticket says. Times are seconds since 1970 (UTC)."""

    kind: Kind
    username: str
    name: str
    sid: str
    assignments: tuple[tuple[str, str], ...]
    """(role, institution code)"""
    operations: frozenset[str]
    institutions: tuple[str, ...]
    """Data scope: ("*",) or codes."""
    issued_at: float
    expires_at: float
    id: str
    desk: str | None = None
    functions: tuple[str, ...] = ()
    """Functions of the image viewer the account is licensed for: clauses, or ("*",)."""

    def may(self, operation: str) -> bool:
        """Say whether the account has the operation."""
        return operation in self.operations

    def licensed(self, *clauses: str) -> bool:
        """Say whether the account is licensed for one of these functions of the image viewer, by clause."""
        return "*" in self.functions or any(clause in self.functions for clause in clauses)

    def covers(self, institution: str) -> bool:
        """Say whether rows and images of an institution are in the data scope."""
        return "*" in self.institutions or institution in self.institutions


class TicketSigner:
    """Makes tickets; only ris holds the private key."""

    def __init__(self, private_pem: bytes) -> None:
        key = serialization.load_pem_private_key(private_pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("票据私钥必须是 Ed25519。 The ticket key must be an Ed25519 private key (PEM)")
        self._key = key
        self.public_pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(
        self,
        kind: Kind,
        username: str,
        life: float,
        *,
        name: str = "",
        sid: str = "",
        assignments: tuple[tuple[str, str], ...] = (),
        operations: frozenset[str] = frozenset(),
        institutions: tuple[str, ...] = (),
        desk: str | None = None,
        functions: tuple[str, ...] = (),
    ) -> tuple[str, float]:
        """Return (ticket, when it expires, seconds since 1970)."""
        issued = int(time.time() * 1000) / 1000
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + life,
            "jti": secrets.token_urlsafe(12),
            "kind": kind,
            "sub": username,
            "name": name,
            "sid": sid,
            "assignments": [{"role": role, "institution": institution} for role, institution in assignments],
            "operations": sorted(operations),
            "institutions": list(institutions),
            "functions": list(functions),
        }
        if desk is not None:
            claims["desk"] = desk
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), issued + life


class TicketVerifier:
    """Verifies tickets with the public key, and remembers revocations.

    `public_key_file` is re-read when it changes. `revoked(ticket)` is an additional hook: True kills the ticket.
    """

    def __init__(self, public_key_file: Path | str, revoked: Callable[[Ticket], bool] | None = None) -> None:
        self._file = Path(public_key_file)
        self._hook = revoked
        self._lock = threading.Lock()
        self._read_at: float = -1
        self._public: Ed25519PublicKey | None = None
        self._accounts: dict[str, float] = {}
        self._sessions: set[str] = set()

    def revoke(self, username: str, not_before: float) -> None:
        """Tickets of `username` issued before `not_before` (seconds since 1970) are dead."""
        with self._lock:
            self._accounts[username] = max(not_before, self._accounts.get(username, 0.0))

    def revoke_session(self, sid: str) -> None:
        """All tickets of a login session are dead."""
        with self._lock:
            self._sessions.add(sid)

    def follow(self, row: Mapping[str, Any]) -> None:
        """Take what a row of the records feed says about revocations; other rows are ignored."""
        data = row.get("data") or {}
        if row.get("kind") == "account.changed" and data.get("not_before"):
            self.revoke(str(data["username"]), float(data["not_before"]))
        elif row.get("kind") == "session.ended" and data.get("sid"):
            self.revoke_session(str(data["sid"]))

    def verify(self, token: str) -> Ticket:
        """Return what the ticket says, or raise TicketError."""
        ticket = read(token, self._key())
        with self._lock:
            dead = ticket.issued_at < self._accounts.get(ticket.username, 0.0) or (bool(ticket.sid) and ticket.sid in self._sessions)
        if dead or (self._hook is not None and self._hook(ticket)):
            raise TicketError("ticket.revoked")
        return ticket

    def _key(self) -> Ed25519PublicKey:
        changed = self._file.stat().st_mtime
        with self._lock:
            if self._public is None or changed != self._read_at:
                self._public, self._read_at = load_public(self._file.read_bytes()), changed
            return self._public


def load_public(pem: bytes) -> Ed25519PublicKey:
    """Read the public half of the ticket key."""
    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("票据公钥必须是 Ed25519。 The ticket key must be an Ed25519 public key (PEM)")
    return key


def read(token: str, key: Ed25519PublicKey) -> Ticket:
    """Verify signature, issuer, audience, times and shape; raise TicketError otherwise."""
    if len(token) > 16_000:
        raise TicketError("ticket.invalid")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=0,
            options={"require": _REQUIRED, "verify_iat": False},
        )
        # PyJWT cuts `exp` to whole seconds; ours has milliseconds.
        if float(claims["exp"]) <= time.time():
            raise TicketError("ticket.expired")
        if claims["kind"] not in KINDS or float(claims["iat"]) > time.time() + 60:
            raise TicketError("ticket.invalid")
        return Ticket(
            kind=cast("Kind", claims["kind"]),
            username=str(claims["sub"]),
            name=str(claims.get("name", "")),
            sid=str(claims["sid"]),
            assignments=tuple((str(one["role"]), str(one["institution"])) for one in claims["assignments"]),
            operations=frozenset(str(one) for one in claims["operations"]),
            institutions=tuple(str(one) for one in claims["institutions"]),
            issued_at=float(claims["iat"]),
            expires_at=float(claims["exp"]),
            id=str(claims["jti"]),
            desk=claims.get("desk"),
            functions=tuple(str(one) for one in claims.get("functions", ())),
        )
    except jwt.ExpiredSignatureError as error:
        raise TicketError("ticket.expired") from error
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
        raise TicketError("ticket.invalid") from error
