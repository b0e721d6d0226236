"""Accept headers of DICOMweb (PS3.18 8.7): multipart or single part, media type, transfer syntax."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from starlette.requests import Request

DICOM, OCTETS = "application/dicom", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Wish:
    """One acceptable representation."""

    media_type: str
    multipart: bool
    parameters: dict[str, str] = field(default_factory=dict)
    quality: float = 1.0


def _parse(part: str) -> Wish | None:
    pieces = [piece.strip() for piece in part.split(";")]
    kind = pieces[0].lower()
    parameters = {}
    for piece in pieces[1:]:
        name, _, value = piece.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    if not kind:
        return None
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    if kind == "multipart/related":
        return Wish(parameters.pop("type", "*/*").lower(), True, parameters, quality)
    return Wish(kind, False, parameters, quality)


def wishes(request: Request) -> list[Wish]:
    """What the client accepts, best first; anything when it says nothing. The query parameter `accept` wins."""
    header = request.query_params.get("accept") or request.headers.get("accept") or "*/*"
    found = [wish for part in _split(header) if (wish := _parse(part)) is not None and wish.quality > 0]
    return sorted(found, key=lambda wish: -wish.quality)


def _split(header: str) -> Iterator[str]:
    """At commas outside quotes."""
    part, quoted = "", False
    for c in header[:4000]:
        if c == '"':
            quoted = not quoted
        if c == "," and not quoted:
            yield part
            part = ""
        else:
            part += c
    yield part


def boundary() -> str:
    """A boundary that no content has."""
    return uuid.uuid4().hex


def content_type(media_type: str, mark: str) -> str:
    """Content-Type of a multipart answer."""
    return f'multipart/related; type="{media_type}"; boundary={mark}'


def part_head(mark: str, media_type: str, size: int, location: str) -> bytes:
    """Head of one part."""
    return f"--{mark}\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\nContent-Location: {location}\r\n\r\n".encode()


async def close(body: AsyncIterator[bytes], mark: str) -> AsyncIterator[bytes]:
    """The parts of `body` and the final boundary."""
    async for chunk in body:
        yield chunk
    yield f"--{mark}--\r\n".encode()
