"""The one gate of the API: who calls, with which ticket, and may he. Every route declares one of these, or is refused at start."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts

from ris.access.rules import OPERATIONS, SERVICE_OPERATIONS
from ris.access.scope import Caller
from ris.access.sessions import FrontDoor, TicketOffice, caller_of_ticket
from ris.database import Database
from ris.feed import Sequencer
from ris.problems import Problem
from ris.settings import Settings
from ris.tickets import COOKIE, Kind, Ticket, TicketError, load_public, read

KNOWN_OPERATIONS = frozenset().union(*OPERATIONS.values(), *SERVICE_OPERATIONS.values())
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PEOPLE: frozenset[Kind] = frozenset({"browser", "kernel", "script"})
EVERY_KIND: frozenset[Kind] = PEOPLE | {"service"}


class Services:
    """Names of our services and the sha256 of their secrets, from the file `RIS_SERVICES` (re-read when it changes)."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._read_at = -1.0
        self._digests: dict[str, str] = {}

    def known(self, name: str, secret: str) -> bool:
        """Say whether `secret` is the secret of `name`."""
        if self._file is not None and self._file.is_file():
            changed = self._file.stat().st_mtime
            if changed != self._read_at:
                self._digests, self._read_at = orjson.loads(self._file.read_bytes()), changed
        expected = self._digests.get(name, "0" * 64)
        return hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), expected.lower())


class Parts:
    """What the routes work with; made once by `ris.app`."""

    def __init__(self, settings: Settings, database: Database, office: TicketOffice, sequencer: Sequencer) -> None:
        self.settings = settings
        self.database = database
        self.office = office
        self.sequencer = sequencer
        self.services = Services(settings.services)
        self.front_door = FrontDoor(database, office, settings)
        self.public_key = load_public(office.signer.public_pem)


def parts_of(request: Request) -> Parts:
    """Return the parts of the running application."""
    return cast("Parts", request.app.state.parts)


def database_of(request: Request) -> Database:
    """Return the database of the running application."""
    return parts_of(request).database


Db = Annotated[Database, Depends(database_of)]
Ris = Annotated[Parts, Depends(parts_of)]


def ticket_of(request: Request) -> tuple[str, bool]:
    """Return (ticket, whether it came as the cookie); raise when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip(), False
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise Problem("ticket.missing")
    return cookie, True


def same_origin(request: Request) -> bool:
    """Say whether the browser proves that a page of this site sent the request (interfaces.md, section 2)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    scheme = (request.headers.get("x-forwarded-proto") or request.url.scheme).split(",")[0].strip()
    host = (request.headers.get("x-forwarded-host") or request.headers.get("host") or "").split(",")[0].strip()
    origin = request.headers.get("origin")
    return bool(host) and origin is not None and origin.lower() == f"{scheme}://{host}".lower()


class Needs:
    """Declares the operation a route needs; as a dependency it returns the Caller or refuses."""

    def __init__(self, operation: str, kinds: frozenset[Kind] = EVERY_KIND) -> None:
        if operation not in KNOWN_OPERATIONS and operation != "self":
            raise ValueError(f"no role or service has the operation {operation}")
        self.operation = operation
        """`self`: whatever concerns only the caller, any living account."""
        self.kinds = kinds

    def __call__(self, request: Request) -> Caller:
        """Check ticket, transport, origin, account, session and right, in this order."""
        parts = parts_of(request)
        token, by_cookie = ticket_of(request)
        ticket = self._read(parts, token)
        if by_cookie != (ticket.kind == "browser"):
            raise Problem("ticket.transport")
        if by_cookie and request.method not in SAFE_METHODS and not same_origin(request):
            raise Problem("request.cross_site")
        with parts.database.read() as session:
            caller = caller_of_ticket(session, ticket)
        if by_cookie and ticket.expires_at - time.time() < (ticket.expires_at - ticket.issued_at) / 2:
            request.state.renewed = parts.office.issue(caller, "browser")[0]
        if ticket.kind not in self.kinds or (self.operation != "self" and self.operation not in caller.operations):
            raise Problem("right.missing", operation=self.operation)
        request.state.ticket = ticket
        return caller

    @staticmethod
    def _read(parts: Parts, token: str) -> Ticket:
        try:
            return read(token, parts.public_key)
        except TicketError as error:
            raise Problem(error.code) from error


class NeedsService:
    """Declares that only the services named (none: any of ours) may call, by name and secret; returns the name."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, request: Request) -> str:
        """Check `Authorization: Service <name>:<secret>`."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        name, _, secret = rest.strip().partition(":")
        if scheme.lower() != "service" or not parts_of(request).services.known(name, secret):
            raise Problem("service.unknown")
        if self.names and name not in self.names:
            raise Problem("right.missing", operation="internal")
        return name


class NeedsHubToken:
    """Declares that the caller proves himself by a token of the Hub; returns the token."""

    def __call__(self, request: Request) -> str:
        """Read `Authorization: token <token>`; the route asks the Hub about it."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "token" or not 8 <= len(token) <= 512 or not token.isascii():
            raise Problem("hub.token")
        return token.strip()


class Public:
    """Declares that anybody may call: nothing of a hospital may be in the answer."""

    def __call__(self) -> None:
        """Let everybody in."""


GUARDS = (Needs, NeedsService, NeedsHubToken, Public)


@dataclass(frozen=True, slots=True)
class Door:
    """A route of the application as it is reached: whole path, methods, and what it declares (None: nothing)."""

    path: str
    methods: frozenset[str]
    guard: Needs | NeedsService | NeedsHubToken | Public | None


def doors_of(app: FastAPI) -> list[Door]:
    """Return every route, through included routers; a mount, a websocket or a plain route declares nothing."""
    doors = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        guard = next((one.call for one in dependant.dependencies if isinstance(one.call, GUARDS)), None) if dependant is not None else None
        doors.append(Door(route.path or repr(route.original_route), frozenset(route.methods or ()) - {"HEAD", "OPTIONS"}, guard))
    return doors


def refuse_undeclared(app: FastAPI) -> None:
    """Raise when a route lets people in without saying who: deny by default."""
    doors = doors_of(app)
    bare = [f"{sorted(door.methods)} {door.path}" for door in doors if door.guard is None]
    if bare or not doors:
        raise RuntimeError(f"routes without a declared operation: {bare or 'no route found at all'}")
