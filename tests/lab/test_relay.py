"""The relay between a room and the research service, spoken to byte by byte; behind it a service that writes down what reached it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket

from hub_config.lab.relay import allowed_path, research_application
from hub_config.lab.rooms import Room
from hub_config.lab.settings import LabSettings

pytestmark = pytest.mark.clause("H-4", "S-9")
TICKET = "ticket-of-this-room"


class Arrived(web.RequestHandler):
    """Writes down method, address, headers and body, and answers with more headers than a room may see."""

    def initialize(self, seen: list[dict[str, Any]]) -> None:
        self.seen = seen

    def prepare(self) -> None:
        request = self.request
        self.seen.append({"method": request.method, "uri": request.uri, "headers": dict(request.headers), "body": request.body})
        self.set_header("Set-Cookie", "hub-ticket=theirs")
        self.set_header("ETag", '"a1"')
        if request.path.endswith("/away"):
            self.set_header("Location", "http://127.0.0.1:1/services/ris/")
            self.set_status(302)
        self.finish(b"x" * 1000)


class Relay:
    """A room's socket, and what came out on the other side."""

    def __init__(self, socket: Path, room: Room, seen: list[dict[str, Any]]) -> None:
        self.socket, self.room, self.seen = socket, room, seen

    async def say(self, raw: bytes) -> bytes:
        """Send these bytes, read until the relay closes or is silent."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        writer.write(raw)
        answer = b""
        try:
            while chunk := await asyncio.wait_for(reader.read(65536), 0.5):
                answer += chunk
        except TimeoutError:
            pass
        writer.close()
        return answer

    async def status(self, target: str, method: str = "GET", headers: str = "") -> int:
        answer = await self.say(
            f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:8070\r\nConnection: close\r\n{headers}\r\n".encode("latin-1")
        )
        return int(answer.split(b" ", 2)[1])


@asynccontextmanager
async def relay(folder: Path, *, service: bool = True) -> AsyncIterator[Relay]:
    seen: list[dict[str, Any]] = []
    listening = bind_sockets(0, "127.0.0.1")
    behind = HTTPServer(web.Application([(r".*", Arrived, {"seen": seen})], log_function=lambda _: None))
    behind.add_sockets(listening)
    url = f"http://127.0.0.1:{listening[0].getsockname()[1]}" if service else ""
    settings = LabSettings(port=1, control=folder / "c", data=folder, ris_url="http://127.0.0.1:1", research_url=url)
    room = Room("somebody", "/user/somebody/", TICKET)
    front = HTTPServer(research_application(room, settings))
    front.add_socket(bind_unix_socket(str(folder / "r.sock")))
    try:
        yield Relay(folder / "r.sock", room, seen)
    finally:
        front.stop()
        behind.stop()


async def test_the_ticket_is_put_on_and_only_known_headers_go_either_way(tmp_path: Path) -> None:
    async with relay(tmp_path) as way:
        answer = await way.say(
            b"GET /services/research/api/v1/projects?limit=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-9\r\n"
            b"Authorization: Bearer forged\r\nCookie: hub-ticket=forged\r\nX-Forwarded-For: 1.2.3.4\r\nHub-User: admin\r\n\r\n"
        )
        arrived = way.seen[0]
        assert arrived["uri"] == "/services/research/api/v1/projects?limit=5"
        assert arrived["headers"]["Authorization"] == f"Bearer {TICKET}"
        assert arrived["headers"]["Range"] == "bytes=0-9"
        assert not {"Cookie", "X-Forwarded-For", "Hub-User"} & set(arrived["headers"])
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b'etag: "a1"' in head.lower()
        assert b"set-cookie" not in head.lower()
        assert TICKET.encode() not in answer
        assert body.endswith(b"x" * 1000)


@pytest.mark.parametrize(
    "target",
    [
        "/services/ris/api/v1/me",
        "/services/research/../ris/api/v1/me",
        "/services/research/%2e%2e/ris",
        "/services/research/..%2fris",
        "/services/research/%2E%2E%2Fris",
        "/services/research/./x",
        "/services/research//ris",
        "//services/research/api",
        "/services/research/api\\..\\..\\ris",
        "/services/research/%00",
        "/services/researchers/api",
        "/services/research;/../ris",
        "/hub/api/users",
        "/",
        "http://127.0.0.1:1/services/ris/",
        "http://127.0.0.1/services/research/api",
        "*",
        "services/research/api",
    ],
)
async def test_other_addresses_lead_nowhere(tmp_path: Path, target: str) -> None:
    async with relay(tmp_path) as way:
        assert await way.status(target) in {400, 404}
        assert way.seen == []


@pytest.mark.parametrize("method", ["CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_lead_nowhere(tmp_path: Path, method: str) -> None:
    async with relay(tmp_path) as way:
        target = "127.0.0.1:80" if method == "CONNECT" else "/services/research/api/v1/projects"
        assert await way.status(target, method) in {400, 405}
        assert way.seen == []


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /services/research/api HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /services/ris/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /services/research/api HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\nGET /services/ris/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /services/research/api HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\nAuthorization: Bearer other\r\n\r\n",
        b"GET /services/research/api HTTP/1.1\r\nHost: x\r\n\r\nGET /services/ris/api/v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /services/research/api?a=1 HTTP/1.1\r\nInjected: 1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_smuggled_requests_do_not_get_through(tmp_path: Path, raw: bytes) -> None:
    async with relay(tmp_path) as way:
        await way.say(raw)
        assert all(one["uri"].startswith("/services/research/api") for one in way.seen)
        assert all(one["headers"].get("Authorization") == f"Bearer {TICKET}" for one in way.seen)
        assert not [one for one in way.seen if {"Injected", "Upgrade"} & set(one["headers"]) or b"GET " in one["body"]]


async def test_a_redirect_of_the_service_is_not_followed_and_not_told(tmp_path: Path) -> None:
    async with relay(tmp_path) as way:
        answer = await way.say(b"GET /services/research/away HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"location" not in answer.lower()
        assert len(way.seen) == 1


async def test_results_are_posted(tmp_path: Path) -> None:
    async with relay(tmp_path) as way:
        body = bytes(range(256)) * 4
        head = (
            f"POST /services/research/api/v1/projects/p/results HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        )
        await way.say(head.encode() + b"Content-Type: application/dicom\r\n\r\n" + body)
        assert (way.seen[0]["method"], way.seen[0]["body"]) == ("POST", body)
        assert way.seen[0]["headers"]["Content-Type"] == "application/dicom"


async def test_a_locked_room_and_an_absent_service_are_said_in_words(tmp_path: Path) -> None:
    request = b"GET /services/research/api/v1/projects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with relay(tmp_path) as way:
        way.room.renewed(None)
        answer = await way.say(request)
        assert answer.startswith(b"HTTP/1.1 401")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["title"] == "登录已结束"
        assert way.seen == []
    async with relay(tmp_path, service=False) as way:
        answer = await way.say(request)
        assert answer.startswith(b"HTTP/1.1 503")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["words"]["en"]["title"] == "The research data service does not run"


def test_paths_of_the_interface_are_allowed() -> None:
    base = "/services/research/api/v1/projects/ped-ct"
    for path in ("", "/tables/studies", "/studies/2.25.123/series/2.25.4/instances/2.25.5", "/studies/2.25.1/series/2.25.2/volume"):
        assert allowed_path(base + path)
