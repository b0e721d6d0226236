"""Routes of access: internal login, tickets, the caller himself, accounts, roles."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from ris.access import service
from ris.access.guard import EVERY_KIND, PEOPLE, Db, Needs, NeedsHubToken, NeedsService, Ris
from ris.access.hub import HubTokens
from ris.access.licence import image_functions
from ris.access.model import Account
from ris.access.rules import DESKS, OPERATIONS, ROLE_NAMES, SERVICE_OPERATIONS, WITHOUT_ROWS
from ris.access.scope import Caller, Scope
from ris.access.sessions import caller_of
from ris.catalogue import service as catalogue
from ris.clock import iso
from ris.problems import Problem
from ris.tickets import Ticket

internal = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)
router = APIRouter(tags=["access"])


class Login(BaseModel):
    """Name and password as typed."""

    username: str = Field(max_length=256)
    password: str = Field(max_length=256)


class Refresh(BaseModel):
    """The session's refresh secret."""

    refresh: str = Field(max_length=256)


class Usernames(BaseModel):
    """Names to look up."""

    usernames: list[str] = Field(max_length=5000)


class Desk(BaseModel):
    """The desk a kernel serves."""

    desk: str = Field(max_length=64)


class AssignmentData(BaseModel):
    """A role in an institution."""

    role: str = Field(max_length=64)
    institution: str = Field(max_length=64)


class HomeData(BaseModel):
    """An institution in which the caller works, by name."""

    code: str
    name: str
    name_en: str


class NewAccount(BaseModel):
    """An account to add."""

    username: str = Field(max_length=256)
    name: str | None = Field(default=None, max_length=128)
    password: str = Field(max_length=256)
    assignments: list[AssignmentData] = Field(default_factory=list, max_length=200)


class AccountChanges(BaseModel):
    """What to change; what is absent stays."""

    version: int | None = None
    name: str | None = Field(default=None, max_length=128)
    disabled: bool | None = None
    password: str | None = Field(default=None, max_length=256)
    assignments: list[AssignmentData] | None = Field(default=None, max_length=200)


class TicketData(BaseModel):
    """A ticket and when it expires."""

    ticket: str
    expires_at: str


class MeData(BaseModel):
    """The caller as the desks know him."""

    username: str
    name: str
    assignments: list[AssignmentData]
    homes: list[HomeData]
    operations: list[str]
    institutions: list[str]
    desks: list[str]
    image_functions: list[str]
    landing: str | None
    preferences: dict[str, Any]


@internal.post("/login")
def login(body: Login, ris: Ris, _hub: Annotated[str, Depends(NeedsService("hub"))]) -> dict[str, Any]:
    """Check name and password for the Hub."""
    return ris.front_door.login(body.username, body.password)


@internal.post("/refresh")
def refresh(body: Refresh, ris: Ris, _hub: Annotated[str, Depends(NeedsService("hub"))]) -> dict[str, Any]:
    """Give the Hub a new browser ticket of a living session."""
    return ris.front_door.refresh(body.refresh)


@internal.post("/logout", status_code=204)
def logout(body: Refresh, ris: Ris, _hub: Annotated[str, Depends(NeedsService("hub"))]) -> None:
    """End a session: all its tickets are dead."""
    ris.front_door.logout(body.refresh)


@internal.post("/active")
def active(body: Usernames, ris: Ris, _hub: Annotated[str, Depends(NeedsService("hub"))]) -> dict[str, bool]:
    """Say which accounts are alive."""
    return ris.front_door.active(body.usernames)


@internal.post("/service-ticket")
def service_ticket(ris: Ris, name: Annotated[str, Depends(NeedsService())]) -> TicketData:
    """Give a service its ticket."""
    caller = Caller(name, name, "service", "", service_operations=SERVICE_OPERATIONS.get(name, frozenset()))
    token, expires = ris.office.issue(caller, "service")
    return TicketData(ticket=token, expires_at=iso(expires) or "")


@router.post("/tickets/kernel")
def kernel_ticket(body: Desk, ris: Ris, caller: Annotated[Caller, Depends(Needs("self", frozenset({"browser"})))]) -> TicketData:
    """Give the pages service a ticket for the kernel of the caller's desk."""
    if body.desk not in caller.desks:
        raise Problem("desk.forbidden", desk=body.desk)
    token, expires = ris.office.issue(caller, "kernel", body.desk)
    return TicketData(ticket=token, expires_at=iso(expires) or "")


@router.post("/tickets/renew")
def renew(request: Request, ris: Ris, caller: Annotated[Caller, Depends(Needs("self", EVERY_KIND))]) -> TicketData:
    """Renew the ticket of this request; a browser's comes back as the cookie, too."""
    ticket: Ticket = request.state.ticket
    if ticket.kind == "script":
        raise Problem("ticket.script_renew")
    if ticket.kind == "kernel" and ticket.desk not in caller.desks:
        raise Problem("desk.forbidden", desk=ticket.desk)
    token, expires = ris.office.issue(caller, ticket.kind, ticket.desk)
    if ticket.kind == "browser":
        request.state.renewed = token
    return TicketData(ticket=token, expires_at=iso(expires) or "")


@router.post("/tickets/script")
def script_ticket(request: Request, ris: Ris, token: Annotated[str, Depends(NeedsHubToken())]) -> TicketData:
    """Change a Hub token into a script ticket (1 h)."""
    hub: HubTokens | None = request.app.state.hub_tokens
    if hub is None:
        raise Problem("hub.away")
    username = hub.user_of(token)
    with ris.database.read() as session:
        account = session.get(Account, username)
        if account is None or account.disabled:
            raise Problem("login.disabled")
        ticket, expires = ris.office.issue(caller_of(account, "script", ""), "script")
    return TicketData(ticket=ticket, expires_at=iso(expires) or "")


@router.get("/me")
def me(db: Db, caller: Annotated[Caller, Depends(Needs("self"))]) -> MeData:
    """Say who the caller is, what he may do, and which desks he has."""
    with db.read() as session:
        preferences = service.preferences_of(session, caller)
        homes = catalogue.list_institutions(session, Scope(False, caller.homes))
    return MeData(
        username=caller.username,
        name=caller.name,
        assignments=[AssignmentData(role=one.role, institution=one.institution) for one in caller.assignments],
        homes=[HomeData(code=one["code"], name=one["name"], name_en=one["name_en"]) for one in homes],
        operations=sorted(caller.operations),
        institutions=list(caller.data_scope.claim()),
        desks=list(caller.desks),
        image_functions=list(image_functions(caller.assignments)),
        landing=next(iter(caller.desks), None),
        preferences=preferences,
    )


@router.put("/me/preferences", status_code=204)
def put_preferences(body: dict[str, Any], db: Db, caller: Annotated[Caller, Depends(Needs("self", PEOPLE))]) -> Response:
    """Keep the caller's preferences (a JSON object of at most 64 kB)."""
    if len(orjson.dumps(body)) > 64_000:
        raise Problem("request.too_large")
    with db.write() as session:
        service.set_preferences(session, caller, body)
    return Response(status_code=204)


@router.get("/roles")
def roles(_caller: Annotated[Caller, Depends(Needs("account.manage"))]) -> list[dict[str, Any]]:
    """Return the table of roles: names, operations, desks, whether they see rows at all."""
    return [
        {
            "role": role,
            "name": {"zh": ROLE_NAMES[role][0], "en": ROLE_NAMES[role][1]},
            "operations": sorted(operations),
            "desks": list(DESKS[role]),
            "rows": role not in WITHOUT_ROWS,
        }
        for role, operations in OPERATIONS.items()
    ]


@router.get("/accounts")
def accounts(db: Db, caller: Annotated[Caller, Depends(Needs("account.manage"))]) -> list[dict[str, Any]]:
    """Return the accounts the caller manages."""
    with db.read() as session:
        return service.list_accounts(session, caller.scope("account.manage"))


@router.post("/accounts", status_code=201)
def add_account(body: NewAccount, db: Db, caller: Annotated[Caller, Depends(Needs("account.manage"))]) -> dict[str, Any]:
    """Add an account."""
    with db.write() as session:
        return service.add_account(session, caller, body.model_dump())


@router.put("/accounts/{username}")
def change_account(
    username: str, body: AccountChanges, db: Db, caller: Annotated[Caller, Depends(Needs("account.manage"))]
) -> dict[str, Any]:
    """Change an account; disabling it ends all its sessions at once."""
    with db.write() as session:
        return service.change_account(session, caller, username, body.model_dump())
