"""The door from the Lab's host name to each person's room: who has entered gets in, everybody else goes to the Hub.

Nothing a researcher's programs serve reaches anybody but himself, and no cookie or ticket reaches them: the door's own cookie is taken off.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from urllib.parse import quote, urlsplit

from tornado import web
from tornado.iostream import IOStream, StreamClosedError

from hub_config.lab.relay import quiet, refuse
from hub_config.lab.rooms import Room, Rooms

CHUNK = 65536
CLICK_BYTES = 48
"""A frame of a websocket longer than this is no keep-alive."""
_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "content-length", "cookie", "authorization", "forwarded", "host", "expect"}
)
_POLLED = (
    "api/kernels",
    "api/sessions",
    "api/terminals",
    "api/status",
    "api/me",
    "api/kernelspecs",
    "api/contents",
    "api/nbconvert",
    "lab/api",
)
"""What an open page asks for by itself."""


class Door(web.RequestHandler):
    """Every request to the Lab's host name."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(self, rooms: Rooms) -> None:
        """Where rooms are found."""
        self.rooms = rooms

    def set_default_headers(self) -> None:
        """Of our own answers; the room's go by unchanged."""
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    async def prepare(self) -> None:
        """All of it: the method does not matter to the door."""
        settings = self.rooms.settings
        host = self.request.host.partition(":")[0].lower()
        path = self.request.path
        if not settings.host or host != settings.host or not path.startswith("/"):
            self._to_hub("/hub/lab")
            return
        room = next((room for room in self.rooms.open.values() if path.startswith(room.base_url)), None)
        if room is None:
            self._to_hub("/hub/lab" if path.startswith("/user/") else path)
            return
        inner = path.removeprefix(room.base_url)
        if inner == "enter":
            self._enter(room)
        elif not room.knows(self.get_cookie(room.cookie)):
            self._to_hub("/hub/lab")
        elif self.request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"} and not self._is_visit():
            self._refuse()
        else:
            if not inner.startswith(_POLLED) or self.request.method not in {"GET", "HEAD"}:
                room.touched = time.monotonic()
            await self._into(room)

    def _is_visit(self) -> bool:
        """A link or a typed address: a page is opened, nothing is done."""
        return self.request.method == "GET" and self.request.headers.get("Sec-Fetch-Mode") == "navigate"

    def _to_hub(self, path: str) -> None:
        """The Hub knows everybody. What is no page gets 403: a script would follow a redirect into another site."""
        wants_page = self.request.method == "GET" and "websocket" not in self.request.headers.get("Upgrade", "").lower()
        if wants_page and self.request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
            self.redirect(self.rooms.settings.hub_url + quote(path if path.startswith("/") else "/", safe="/%"))
        else:
            self._refuse()

    def _refuse(self) -> None:
        refuse(
            self,
            403,
            "lab.closed",
            ("此科研工作台未对您打开", "请登录系统后再打开科研工作台"),
            ("This workbench is not open to you", "Sign in and open your own research workbench"),
        )

    def _enter(self, room: Room) -> None:
        """Change the Hub's invitation for the door's cookie."""
        browser = room.enter(self.get_query_argument("code", "")) if self.request.method == "GET" else None
        if browser is None:
            self._to_hub("/hub/lab")
            return
        secure = self.rooms.settings.secure
        self.set_cookie(room.cookie, browser, path=room.base_url, httponly=True, samesite="Lax", secure=secure)
        self.redirect(room.base_url + "lab")

    def _head(self, room: Room, *, upgrade: bool) -> bytes:
        """The request anew, for one connection with this one request."""
        request = self.request
        lines = [f"{request.method} {request.uri} HTTP/1.1", f"Host: {request.host}"]
        for name, value in request.headers.get_all():
            lower = name.lower()
            if lower not in _HOP and not lower.startswith("x-forwarded-") and lower != "x-real-ip":
                lines.append(f"{name}: {value}")
        kept = [f"{name}={morsel.coded_value}" for name, morsel in request.cookies.items() if name != room.cookie]
        if kept:
            lines.append("Cookie: " + "; ".join(kept))
        lines += ["Connection: Upgrade", "Upgrade: websocket"] if upgrade else ["Connection: close", f"Content-Length: {len(request.body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _into(self, room: Room) -> None:
        """Hand the request to the room, and what comes back to the browser, byte by byte, until either side ends."""
        upgrade = self.request.headers.get("Upgrade", "").lower() == "websocket"
        origin = self.request.headers.get("Origin")
        if upgrade and (origin is None or urlsplit(origin).netloc.lower() != self.request.host.lower()):
            self._refuse()
            return
        try:
            reader, writer = await asyncio.open_unix_connection(str(room.door))
        except OSError:
            refuse(
                self,
                503,
                "lab.away",
                ("科研工作台没有响应", "请稍后刷新页面；如仍未恢复，请从系统重新打开"),
                ("The workbench does not answer", "Reload shortly; if it stays like this open it anew from the hub"),
            )
            return
        head = self._head(room, upgrade=upgrade)
        body = self.request.body
        stream = self.detach()
        stream.set_nodelay(True)
        try:
            writer.write(head + body)
            if upgrade:
                await self._both_ways(room, stream, reader, writer)
            else:
                await self._back(reader, stream)
        except (OSError, StreamClosedError):
            pass
        finally:
            writer.close()
            stream.close()

    async def _back(self, reader: asyncio.StreamReader, stream: IOStream) -> None:
        while data := await reader.read(CHUNK):
            await stream.write(data)

    async def _both_ways(self, room: Room, stream: IOStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A websocket; it ends with either side, with the room, and when the room is locked."""

        async def forth() -> None:
            while room.ticket is not None:
                data = await stream.read_bytes(CHUNK, partial=True)
                if len(data) > CLICK_BYTES:
                    room.touched = time.monotonic()
                writer.write(data)
                await writer.drain()

        tasks = {asyncio.create_task(work) for work in (forth(), self._back(reader, stream))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Exception):
                await asyncio.gather(*tasks, return_exceptions=True)


class Health(web.RequestHandler):
    """`/services/lab/healthz`, asked by the supervisor directly."""

    def get(self) -> None:
        """Works."""
        self.write({"ok": True})


def door_application(rooms: Rooms) -> web.Application:
    """The Lab's host name. The health page answers only under 127.0.0.1 with our own port, which no user can type."""
    return web.Application(
        [(r"/services/lab/healthz", Health), (r"[\s\S]*", Door, {"rooms": rooms})],
        log_function=quiet,
        default_host="",
    )
