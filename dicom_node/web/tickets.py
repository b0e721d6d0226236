"""Tickets: who asks. A compact JWT signed by ris (Ed25519), verified here with the public half; nothing else is believed."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.requests import Request

from dicom_node.annotations import Annotations
from dicom_node.query.search import Scope
from dicom_node.web.problems import ProblemError

COOKIE = "hub-ticket"
ISSUER, AUDIENCE = "ris", "hub"
LEEWAY = 5  # seconds of clock difference
REMEMBERED = 2000  # tickets whose signature need not be checked again


@dataclass(frozen=True, slots=True)
class Reader:
    """The person or service behind a request."""

    username: str
    kind: str
    sid: str
    operations: frozenset[str]
    scope: Scope


class Tickets:
    """Verifies tickets."""

    def __init__(self, public_key: Path, annotations: Annotations) -> None:
        self._path, self._annotations = public_key, annotations
        self._stamp = 0
        self._key: Ed25519PublicKey | None = None
        self._signed: dict[str, tuple[Ed25519PublicKey, dict[str, Any]]] = {}

    def _public_key(self) -> Ed25519PublicKey:
        stamp = self._path.stat().st_mtime_ns
        if self._key is None or stamp != self._stamp:
            key = serialization.load_pem_public_key(self._path.read_bytes())
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError(f"{self._path} holds no Ed25519 public key")
            self._key, self._stamp = key, stamp
        return self._key

    def reader(self, request: Request) -> Reader:
        """The reader of `request`; ProblemError 401 when there is no good ticket."""
        header = request.headers.get("authorization", "")
        if header:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise ProblemError("ticket.invalid")
            return self.verify(token.strip(), cookie=False)
        token = request.cookies.get(COOKIE, "")
        if not token:
            raise ProblemError("ticket.missing")
        return self.verify(token, cookie=True)

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token with a good signature, which is checked once; whether it is still alive is asked at each use."""
        key = self._public_key()
        signed_by, claims = self._signed.get(token, (None, {}))
        if signed_by is not key:
            claims = jwt.decode(
                token, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )  # fmt: skip
            if len(self._signed) >= REMEMBERED:
                self._signed.clear()
            self._signed[token] = (key, claims)
        now = time.time()
        if now >= float(claims["exp"]) + LEEWAY:
            raise jwt.ExpiredSignatureError
        return claims

    def verify(self, token: str, *, cookie: bool) -> Reader:
        """Check signature, life, kind and revocation."""
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError as error:
            raise ProblemError("ticket.expired") from error
        except (jwt.PyJWTError, OSError, ValueError) as error:
            raise ProblemError("ticket.invalid") from error
        kind = claims.get("kind")
        # a browser's ticket lives only in the HttpOnly cookie; any other kind only in the header
        if (kind == "browser") is not cookie or kind not in {"browser", "kernel", "script", "service"}:
            raise ProblemError("ticket.invalid")
        operations, institutions = _texts(claims.get("operations")), _texts(claims.get("institutions"))
        sid = str(claims.get("sid") or "")
        if self._annotations.revoked(claims["sub"], sid, float(claims["iat"])):
            raise ProblemError("ticket.revoked")
        scope = Scope(None if "*" in institutions else frozenset(institutions))
        return Reader(claims["sub"], kind, sid, frozenset(operations), scope)


def _texts(found: object) -> list[str]:
    """A list of strings, or the ticket is not ours."""
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ProblemError("ticket.invalid")
    return found


def make_pair(private: Path, public: Path) -> None:
    """An own key pair for a node that stands alone; the private half is readable by its owner only."""
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    fd = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(pem)
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def make_ticket(
    private: Path, username: str, institutions: list[str], operations: list[str], *, kind: str = "script", minutes: float = 60
) -> str:
    """A ticket signed with an own key (standalone use)."""
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + int(minutes * 60), "jti": uuid.uuid4().hex, "kind": kind,
        "sub": username, "name": username, "sid": uuid.uuid4().hex, "assignments": [], "operations": operations,
        "institutions": institutions,
    }  # fmt: skip
    return jwt.encode(claims, key, algorithm="EdDSA")  # type: ignore[arg-type]
