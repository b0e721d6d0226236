"""Who a request is from: the ticket cookie, verified here with the public key of ris (docs/interfaces.md §2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tornado.httputil import HTTPServerRequest

COOKIE = "hub-ticket"


@dataclass(frozen=True)
class Person:
    """A verified browser ticket."""

    username: str
    name: str
    sid: str
    ticket: str
    operations: frozenset[str] = frozenset()


class TicketCookies:
    """Verifies the browser ticket of a request; only kind `browser` opens desks."""

    def __init__(self, key_file: Path) -> None:
        key = load_pem_public_key(key_file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError(f"PAGES_TICKET_KEY: {key_file} is not an Ed25519 public key")
        self._key = key

    def person(self, request: HTTPServerRequest) -> Person | None:
        """The person, or None when there is no ticket or it is forged, expired or of another kind."""
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                cookie.value,
                self._key,
                algorithms=["EdDSA"],
                audience="hub",
                issuer="ris",
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.InvalidTokenError:
            return None
        if claims.get("kind") != "browser":
            return None
        operations = claims.get("operations")
        may = frozenset(str(one) for one in operations) if isinstance(operations, list) else frozenset[str]()
        return Person(str(claims["sub"]), str(claims.get("name", "")), str(claims.get("sid", "")), cookie.value, may)


def own_origin(request: HTTPServerRequest) -> bool:
    """Whether the request's Origin is this site. Browsers send one with every websocket and every POST; without one it is refused."""
    origin = request.headers.get("Origin")
    if not origin:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    host = request.headers.get("X-Forwarded-Host", request.headers.get("Host", "")).split(",")[0].strip()
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def problem(status: int, code: str, zh: tuple[str, str], en: tuple[str, str]) -> bytes:
    """An RFC 9457 body (docs/interfaces.md §3)."""
    words = {"zh": {"title": zh[0], "action": zh[1]}, "en": {"title": en[0], "action": en[1]}}
    body = {"type": f"urn:hub:problem:{code}", "title": zh[0], "status": status, "code": code, "detail": zh[1], "words": words}
    return json.dumps(body, ensure_ascii=False).encode()
