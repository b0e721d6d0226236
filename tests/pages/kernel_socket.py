"""A plain websocket client that speaks the v1 kernel protocol, for tests."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

V1 = "v1.kernel.websocket.jupyter.org"


async def connect(
    pages: Any, kernel_id: str, username: str | None, *, protocol: str | None = V1, origin: str | None = "own"
) -> WebSocketClientConnection:
    headers = {}
    if username:
        headers["Cookie"] = f"hub-ticket={pages.ticket(username)}"
    if origin:
        headers["Origin"] = pages.url if origin == "own" else origin
    url = f"ws{pages.url[4:]}/services/pages/api/kernels/{kernel_id}/channels?session_id={uuid.uuid4().hex}"
    request = HTTPRequest(url, headers=headers, connect_timeout=10, request_timeout=10)
    return await asyncio.wait_for(websocket_connect(request, subprotocols=[protocol] if protocol else None), 15)


def frame(channel: str, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> bytes:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "t",
        "username": "",
        "date": "2026-11-23T00:00:00Z",
        "version": "5.3",
    }
    parts = [channel.encode(), *(json.dumps(part).encode() for part in (header, {}, metadata or {}, content))]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return b"".join([len(offsets).to_bytes(8, "little"), *(each.to_bytes(8, "little") for each in offsets), *parts])


def read(data: bytes) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(message type, content, parent header)."""
    count = int.from_bytes(data[:8], "little")
    at = [int.from_bytes(data[8 * (n + 1) : 8 * (n + 2)], "little") for n in range(count)]
    header, parent, _metadata, content = (json.loads(data[at[n] : at[n + 1]]) for n in range(1, 5))
    return header["msg_type"], content, parent


async def next_message(socket: WebSocketClientConnection, kind: str, seconds: float = 10) -> dict[str, Any] | None:
    """Content of the next message of this type; None when the socket closed."""

    async def look() -> dict[str, Any] | None:
        while True:
            data = await socket.read_message()
            if data is None:
                return None
            assert isinstance(data, bytes)
            found, content, _ = read(data)
            if found == kind:
                return content

    return await asyncio.wait_for(look(), seconds)
