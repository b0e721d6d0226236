"""Accept headers of DICOMweb (PS3.18 8.7): multipart or single part, media type, transfer syntax."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.requests import Request

from dicom_node.web.problems import ProblemError

DICOM, OCTETS = "application/dicom", "application/octet-stream"
DICOM_JSON, DICOM_XML = "application/dicom+json", "application/dicom+xml"


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


def content_type_of(request: Request) -> Wish | None:
    """The request's Content-Type, taken apart as an acceptable type is."""
    return _parse(request.headers.get("content-type", "")[:1000])


def choose(request: Request, *offers: str) -> str:
    """The offered media type that the client likes best, the first one when all are the same to it; ProblemError 406."""
    check_charset(request)
    for wish in wishes(request):
        for offer in offers:
            kind = offer.partition("/")[0]
            if wish.media_type in {offer, "*/*", kind + "/*"} or (wish.media_type, offer) == ("application/json", DICOM_JSON):
                return offer
    raise ProblemError("media.unsupported", ", ".join(offers))


def check_charset(request: Request) -> None:
    """Text is in UTF-8; a client that names other character sets only cannot be served (PS3.18 8.3.3.2)."""
    named = request.query_params.get("charset")
    if named is None:
        return
    sets = {part.partition(";")[0].strip().lower() for part in named[:1000].split(",")}
    if not sets & {"utf-8", "utf8", "iso_ir 192", "*"}:
        raise ProblemError("media.unsupported", "charset: utf-8")


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


def content_type(media_type: str, mark: str) -> str:
    """Content-Type of a multipart answer."""
    return f'multipart/related; type="{media_type}"; boundary={mark}'


def part_head(mark: str, media_type: str, size: int, location: str) -> bytes:
    """Head of one part."""
    return f"--{mark}\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\nContent-Location: {location}\r\n\r\n".encode()


def last_mark(mark: str) -> bytes:
    """The final boundary."""
    return f"--{mark}--\r\n".encode()
