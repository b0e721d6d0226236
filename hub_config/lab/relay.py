"""The way from a room to the research service: nothing but `/services/research/…`, with the ticket of the room's own person.

Requests come out of the sandbox through the socket that is bound into it; none is handed on as it is: method, path and headers are checked
and made anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from tornado import web
from tornado.iostream import StreamClosedError

from hub_config.lab.settings import LabSettings
from hub_config.pages.identity import problem

if TYPE_CHECKING:
    from hub_config.lab.rooms import Room

log = structlog.get_logger("lab")

_PATH = re.compile(r"/services/research(?:/[A-Za-z0-9._~:@!$&'()*+,=-]+)*/?")
_QUERY = re.compile(r"[\x21-\x7e]*")
_ASKED = ("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Range")
_ANSWERED = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Retry-After",
    "Vary",
)


def allowed_path(path: str) -> bool:
    """Whether a raw path, as sent, is one below /services/research: no way up, no escapes, no empty parts."""
    return bool(_PATH.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def refuse(handler: web.RequestHandler, status: int, code: str, zh: tuple[str, str], en: tuple[str, str]) -> None:
    """An answer of ours, in words (RFC 9457)."""
    handler.set_status(status)
    handler.set_header("Content-Type", "application/problem+json")
    handler.finish(problem(status, code, zh, en))


async def hand_on(handler: web.RequestHandler, room: Room, client: httpx.AsyncClient | None, path: str) -> None:
    """Ask the research service in the name of the room's person, and stream the answer back."""
    request = handler.request
    if not allowed_path(path) or not _QUERY.fullmatch(request.query):
        refuse(
            handler,
            404,
            "lab.no_route",
            ("没有这个地址", "此处只能访问 /services/research/ 下的地址，请检查地址"),
            ("There is no such address", "Only addresses below /services/research/ lead anywhere from here: check it"),
        )
        return
    if room.ticket is None:
        refuse(
            handler,
            401,
            "lab.locked",
            ("登录已结束", "请重新登录系统并再次打开科研工作台"),
            ("Your login has ended", "Sign in again and open the research workbench"),
        )
        return
    if client is None:
        refuse(
            handler,
            503,
            "service.away",
            ("科研数据服务未运行", "请稍后再试，或联系运维人员"),
            ("The research data service does not run", "Try again later, or ask the operator"),
        )
        return
    headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
    headers |= {"Authorization": f"Bearer {room.ticket}", "Accept-Encoding": headers.get("Accept-Encoding", "identity")}
    target = path + (f"?{request.query}" if request.query else "")
    body = request.body if request.method == "POST" else None
    try:
        async with client.stream(request.method or "GET", target, headers=headers, content=body) as answer:
            handler.set_status(answer.status_code, answer.reason_phrase or "Answer")
            handler.clear_header("Content-Type")
            for name in _ANSWERED:
                if name in answer.headers:
                    handler.set_header(name, answer.headers[name])
            if request.method == "HEAD" or answer.status_code in {204, 304}:
                await handler.finish()
                return
            async for chunk in answer.aiter_raw(1 << 18):
                handler.write(chunk)
                await handler.flush()
        await handler.finish()
    except StreamClosedError:
        return
    except httpx.HTTPError as fault:
        log.warning("research_away", user=room.username, error=type(fault).__name__)
        if handler._headers_written:  # noqa: SLF001 - tornado has no other word for it
            request.connection.stream.close()  # type: ignore[union-attr]
            return
        refuse(
            handler,
            503,
            "service.away",
            ("科研数据服务暂时不可用", "请稍后再试；已保存的内容不受影响"),
            ("The research data service is not reachable", "Try again shortly; nothing saved is lost"),
        )


class FromInside(web.RequestHandler):
    """Requests out of one sandbox."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")

    def initialize(self, room: Room, client: httpx.AsyncClient | None) -> None:
        """Whose sandbox it is."""
        self.room, self.client = room, client

    def set_default_headers(self) -> None:
        """Nothing to say about ourselves."""
        self.clear_header("Server")

    async def get(self) -> None:
        """Ask the research service."""
        await hand_on(self, self.room, self.client, self.request.path)

    head = get
    post = get


_clients: dict[str, httpx.AsyncClient] = {}


def research_client(settings: LabSettings) -> httpx.AsyncClient | None:
    """The one client of the research service, or None where there is no such service. It follows no redirects."""
    url = settings.research_url
    if not url:
        return None
    if url not in _clients:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        _clients[url] = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(300, connect=3), trust_env=False, limits=limits)
    return _clients[url]


def quiet(handler: web.RequestHandler) -> None:
    """No log line for each request: a query may hold what a researcher looks for; the service behind audits."""
    del handler


def research_application(room: Room, settings: LabSettings) -> web.Application:
    """What listens on the socket inside one sandbox. Every address leads to the one handler, which knows what it refuses."""
    given: dict[str, Any] = {"room": room, "client": research_client(settings)}
    return web.Application([(r"[\s\S]*", FromInside, given)], log_function=quiet, default_host="")
