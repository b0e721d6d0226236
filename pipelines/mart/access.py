"""Who asks, and for which rows: the ticket of a request becomes a `Reader` or the request ends here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from pipelines.mart.figures import Scope
from pipelines.mart.store import MartStore
from pipelines.serving.problems import Problem
from pipelines.serving.tickets import shown
from ris.client import Ticket, TicketVerifier

OPERATION = "statistics.view"
ROLES = frozenset({"administrator"})
"""Roles that carry the operation (docs/interfaces.md, section 2)."""


@dataclass(frozen=True)
class Reader:
    """Who reads, what of, and until when (seconds since 1970) the ticket may be used without asking again."""

    username: str
    sid: str
    scope: Scope
    issued: float
    until: float


class Door:
    """Checks tickets with the public key of the records service and the revocations the mart has learned from its feed."""

    def __init__(self, key: Path, store: MartStore) -> None:
        self._store = store
        # Revocations are asked of the store, where they are in the same transaction as the cursor: a restart forgets none.
        self._verifier = TicketVerifier(key, self._revoked)

    def _revoked(self, ticket: Ticket) -> bool:
        return self._store.revoked(ticket.username, ticket.sid, ticket.issued_at)

    def enter(self, request: Request) -> Reader:
        """The reader of this request: 401 without a live ticket, 403 without the right to statistics."""
        ticket = shown(request, self._verifier).ticket
        if not ticket.may(OPERATION):
            raise Problem("right.missing")
        return Reader(ticket.username, ticket.sid, self._scope(ticket), ticket.issued_at, ticket.expires_at)

    def _scope(self, ticket: Ticket) -> Scope:
        """The institutions whose figures the account may see: where it holds a role that carries the right, within the ticket's data scope.

        A person may be administrator of one hospital and doctor of the centre; the doctor's wide scope must not widen the administrator.
        """
        homes = frozenset(institution for role, institution in ticket.assignments if role in ROLES)
        if "*" not in ticket.institutions:
            return Scope(homes & frozenset(ticket.institutions))
        return Scope(None if homes & self._store.centres() else homes)

    def alive(self, reader: Reader) -> bool:
        """Whether the ticket still counts now: not expired, and neither account nor session revoked after it was issued."""
        return time.time() < reader.until and not self._store.revoked(reader.username, reader.sid, reader.issued)
