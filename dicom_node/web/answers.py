"""Bytes as an HTTP answer (RFC 9110): entity tags, If-None-Match, a single range, HEAD; multipart answers (PS3.18 8.6.1.2).

An entity tag is made of the digests of the stored files and of everything else the bytes depend on, so it can be compared
before a file is opened. No answer may be kept by a shared or a disk cache: `no-store`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_node.web import negotiation as n
from dicom_node.web.problems import ProblemError

CHUNK = 1 << 20
HEADERS = {"Cache-Control": "private, no-store", "Vary": "Accept"}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
_HEAD = "hub.head"


def entity_tag(*parts: object) -> str:
    """A strong entity tag of everything the content depends on."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:40]}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """304 when the client has this content already (If-None-Match, weak comparison: RFC 9110 13.1.2)."""
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "")[:8000].split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers={**HEADERS, "ETag": tag})
    return None


def single(
    request: Request, media_type: str, tag: str, size: int, read: Callable[[int, int], Iterator[bytes]], *, ranges: bool = True
) -> Response:
    """Content of `size` bytes, of which `read(start, count)` gives any piece; a single range of it when one is asked for."""
    headers = {**HEADERS, "ETag": tag, "Accept-Ranges": "bytes" if ranges else "none"}
    start, count, status = 0, size, 200
    if ranges and (wanted := _range(request, tag, size)) is not None:
        start, count = wanted
        status, headers["Content-Range"] = 206, f"bytes {start}-{start + count - 1}/{size}"
    headers["Content-Length"] = str(count)
    return _stream(request, read(start, count), status, headers, media_type)


def _range(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """(start, count) of the one range asked for; None: the whole, also for several ranges and for nonsense (RFC 9110 14.2)."""
    found = _RANGE.match(request.headers.get("range", "").strip())
    if found is None or found.groups() == ("", "") or request.headers.get("if-range", tag) != tag:
        return None
    first, last = found.groups()
    if not first:  # the last bytes
        count = min(int(last), size)
        start = size - count
    else:
        start = int(first)
        if last and int(last) < start:
            return None
        count = min(int(last) if last else size - 1, size - 1) - start + 1
    if count <= 0 or start >= size:
        raise ProblemError("range.beyond", f"the content has {size} bytes", size=size)
    return start, count


def _stream(request: Request, body: Iterator[bytes], status: int, headers: dict[str, str], media_type: str) -> Response:
    """The body in one piece when it is short: each further piece would take its own turn in a thread."""
    begun, size = list[bytes](), 0
    for piece in body:
        begun.append(piece)
        size += len(piece)
        if size > CHUNK:
            return StreamingResponse(iter(()) if request.scope.get(_HEAD) else chain(begun, body), status, headers, media_type)
    return Response(b"".join(begun), status, headers, media_type)


def of_file(path: Path, offset: int = 0) -> Callable[[int, int], Iterator[bytes]]:
    """Reads pieces of a file; what lies before `offset` does not belong to the content."""

    def read(start: int, count: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(offset + start)
            while count > 0:
                chunk = file.read(min(CHUNK, count))
                if not chunk:
                    raise OSError("the file is shorter than the index says")  # the connection breaks: never a short answer
                count -= len(chunk)
                yield chunk

    return read


def of_bytes(data: bytes) -> Callable[[int, int], Iterator[bytes]]:
    """Reads pieces of bytes at hand."""

    def read(start: int, count: int) -> Iterator[bytes]:
        yield data[start : start + count]

    return read


def content(request: Request, media_type: str, tag: str, data: bytes) -> Response:
    """Bytes at hand as a single part."""
    if "range" in request.headers:
        return single(request, media_type, tag, len(data), of_bytes(data))
    return Response(data, 200, {**HEADERS, "ETag": tag, "Accept-Ranges": "bytes"}, media_type)


Part = tuple[str, str, int, Iterable[bytes]]
"""Media type, location, bytes, content."""


def multipart(request: Request, media_type: str, tag: str, parts: Iterable[Part]) -> Response:
    """A multipart/related answer. Its boundary follows from the tag, so equal tags mean equal bytes."""
    mark = hashlib.sha256(tag.encode()).hexdigest()[:32]

    def body() -> Iterator[bytes]:
        for part_type, location, size, pieces in parts:
            yield n.part_head(mark, part_type, size, location)
            yield from pieces
            yield b"\r\n"
        yield n.last_mark(mark)

    return _stream(request, body(), 200, {**HEADERS, "ETag": tag}, n.content_type(media_type, mark))


class HeadAsGet:
    """HEAD of what lies under `prefixes` is answered as GET without its body (RFC 9110 9.3.2)."""

    def __init__(self, app: ASGIApp, prefixes: tuple[str, ...]) -> None:
        self._app, self._prefixes = app, prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn the request round and drop the body."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        turned: dict[str, Any] = {**scope, "method": "GET", _HEAD: True}
        await self._app(turned, receive, send_head)
