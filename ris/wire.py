"""What every answer passes through: body limit, the sliding ticket cookie, no caching of data, a line in the log."""

from __future__ import annotations

import time
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ris.problems import answer
from ris.tickets import COOKIE, COOKIE_PATH

log = structlog.get_logger("ris.http")
BIGGEST_BODY = 8 * 1024 * 1024


class TooLargeError(Exception):
    """The body grew beyond the limit."""


class Wire:
    """Plain ASGI, so that streams are not buffered."""

    def __init__(self, app: ASGIApp, *, cookie_life: float, secure: bool) -> None:
        self.app = app
        self._cookie = f"{{}}; Path={COOKIE_PATH}; HttpOnly; SameSite=Strict; Max-Age={int(cookie_life)}" + ("; Secure" if secure else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = time.monotonic()
        status = 0
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BIGGEST_BODY:
                raise TooLargeError
            return message

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                headers.append((b"x-content-type-options", b"nosniff"))
                renewed = scope["state"].get("renewed")
                if renewed:
                    headers.append((b"set-cookie", f"{COOKIE}={self._cookie.format(renewed)}".encode()))
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) > BIGGEST_BODY:
                raise TooLargeError  # noqa: TRY301 - answered like a declared length
            await self.app(scope, limited, finish)
        except TooLargeError:
            if status == 0:
                await answer(Request(scope), "request.too_large")(scope, receive, finish)
        finally:
            self._log(scope, status, time.monotonic() - started)

    @staticmethod
    def _log(scope: Scope, status: int, seconds: float) -> None:
        # The path template, never the query: a search term is a patient's name.
        route: Any = scope.get("route")
        path = getattr(route, "path", None) or "-"
        if not path.endswith("/healthz"):
            log.info("request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1))
