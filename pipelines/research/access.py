"""Who asks for which project: the ticket or the project's token of a request becomes a `Project`, or the request ends here.

A project that is not approved, has expired, was closed, is unknown, or of which the caller is no member is the same 404: nobody learns
which projects there are. This is the one place that decides; every route below a project calls `Door.project_of` first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from fastapi import Request

from dicom_node.client import NodeClient
from pipelines.research.identities import Identities
from pipelines.research.projects import ProjectRecord
from pipelines.research.pseudonyms import Pseudonyms
from pipelines.serving.problems import Problem
from pipelines.serving.tickets import shown
from ris.client import Ticket, TicketVerifier

OPERATION = "research.use"
DESK = "research"
TOKEN_MARK = "rt_"  # noqa: S105 - how a token begins, not one


@dataclass(frozen=True, slots=True)
class Project:
    """A project as one caller has it: approved, not expired, and he may."""

    code: str
    pseudonyms: Pseudonyms = field(repr=False)
    pixels: bool
    username: str
    """Of the member; `token:<project>/<id>` of a project's token."""
    record: ProjectRecord = field(repr=False)


class Research(Protocol):
    """What modules with routes of their own are given (`images_api`): the service, narrowed to what they need."""

    node: NodeClient
    """The node, asked with the ticket of this service: it sees every institution. Never with a UID that the caller gave."""

    def project_of(self, request: Request, code: str) -> Project:
        """The project for this caller; a Problem (401, 403, 404, 429, 503) otherwise. First thing in every route."""

    def identities(self, code: str) -> Identities:
        """Pseudonymous UID → real one, of what the project's tables show."""

    def published(self) -> Path:
        """Folder of the node's published tables, for `dicom_node.client.read_published`."""

    def release(self, project: Project, kind: str, entity: str, size: int, **detail: Any) -> None:
        """Before bytes go out: count them against the caller's day, and write the audit, one entry for a person, entity and hour.

        `kind` is the audit's word (`series`, `instance`, `table`), `entity` a pseudonymous UID or a name; nothing real may be in
        `detail`. Problem 429 `limit.bytes` when the day's volume is used up.
        """


class Membership(Protocol):
    """What the door needs of the records that the service follows."""

    def project(self, code: str) -> ProjectRecord | None:
        """The project's newest record."""

    def projects(self) -> list[ProjectRecord]:
        """All of them, by code."""

    def project_of_token(self, digest: str) -> tuple[ProjectRecord, str, date, bool] | None:
        """(project, id of the token, last day, whether it was revoked) of a token's SHA-256 (hex)."""

    def revoked(self, username: str, sid: str, issued: float) -> bool:
        """Whether a ticket of this account and session was revoked after it was issued."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person, or a platform with a project's token, which has this one project only."""

    username: str
    token_of: str | None = None


class Door:
    """Checks tickets with the public key of the records service, tokens by their hash, and membership by the records that came by feed."""

    def __init__(self, key: Path, records: Membership, zone: ZoneInfo, pseudonyms_of: Callable[[str], Pseudonyms]) -> None:
        self._records, self._zone, self._pseudonyms_of = records, zone, pseudonyms_of
        self._verifier = TicketVerifier(key, self._revoked)

    def _revoked(self, ticket: Ticket) -> bool:
        return self._records.revoked(ticket.username, ticket.sid, ticket.issued_at)

    def today(self) -> date:
        """The day it is where the hospitals are."""
        return datetime.now(self._zone).date()

    def enter(self, request: Request) -> Caller:
        """The caller: 401 without a living ticket or token, 403 without the right to research."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.strip().startswith(TOKEN_MARK):
            return self._by_token(bearer.strip())
        ticket = shown(request, self._verifier).ticket
        # Only out of the researcher's room or from a script: a kernel of another desk has nothing to do with research data.
        fitting = ticket.kind == "script" or (ticket.kind == "kernel" and ticket.desk == DESK)
        if not fitting or not ticket.may(OPERATION):
            raise Problem("right.missing")
        return Caller(ticket.username)

    def _by_token(self, token: str) -> Caller:
        found = self._records.project_of_token(hashlib.sha256(token.encode()).hexdigest())
        if found is None:
            raise Problem("token.invalid")
        project, name, last, revoked = found
        if revoked or self.today() > last:
            raise Problem("token.invalid")
        return Caller(f"token:{project.code}/{name}", project.code)

    def allows(self, caller: Caller, project: ProjectRecord) -> bool:
        """Whether this caller has this project now."""
        if not project.open_on(self.today()):
            return False
        return caller.token_of == project.code if caller.token_of else caller.username in project.members

    def projects_of(self, caller: Caller) -> list[ProjectRecord]:
        """The caller's projects, by code."""
        return [project for project in self._records.projects() if self.allows(caller, project)]

    def project_of(self, caller: Caller, code: str) -> Project:
        """The project `code` as this caller has it; Problem `project.unknown` (404)."""
        record = self._records.project(code)
        if record is None or not self.allows(caller, record):
            raise Problem("project.unknown")
        return Project(code, self._pseudonyms_of(code), record.pixels, caller.username, record)
