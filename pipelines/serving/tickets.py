"""Whose request it is: the ticket in its cookie or its header, checked here; revocations are the business of the caller of this."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi import Request

from pipelines.serving.problems import Problem
from ris.client import COOKIE, Ticket, TicketError, TicketVerifier

BROWSER = "browser"


@dataclass(frozen=True)
class Shown:
    """A ticket that was checked, its compact form to be passed on, and whether it came as a browser's cookie."""

    ticket: Ticket
    token: str = field(repr=False)
    browser: bool


def shown(request: Request, verifier: TicketVerifier) -> Shown:
    """The ticket of a request; Problem `ticket.missing` or `ticket.invalid` (401)."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme and (scheme.lower() != "bearer" or not bearer.strip()):
        raise Problem("ticket.invalid")
    token = bearer.strip() if scheme else request.cookies.get(COOKIE, "")
    if not token:
        raise Problem("ticket.missing")
    try:
        ticket = verifier.verify(token)
    except TicketError as error:
        raise Problem("ticket.invalid") from error
    browser = not scheme
    # A browser's ticket lives in its HttpOnly cookie only: found in a header it was taken out of a browser.
    if (ticket.kind == BROWSER) is not browser:
        raise Problem("ticket.invalid")
    return Shown(ticket, token, browser)


def same_origin(request: Request) -> bool:
    """Proof that a page of our own sent a request that carries the cookie (docs/interfaces.md, section 2)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", "")).split(",")[0].strip()
    found = urlsplit(origin)
    return (found.scheme, found.netloc) == (scheme, host)
