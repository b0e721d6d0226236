"""Whole objects over WADO-RS and WADO-URI: byte for byte as stored, or in Explicit VR Little Endian when that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from dicom_node import logs
from dicom_node.web import answers, transcoding
from dicom_node.web import negotiation as n
from dicom_node.web.answers import Part
from dicom_node.web.context import Context
from dicom_node.web.library import Row
from dicom_node.web.pixels import UndecodableError
from dicom_node.web.problems import ProblemError
from dicom_node.web.transcoding import EXPLICIT

log = logs.get(__name__)
STORED = "*"


def syntaxes(rows: list[Row], wanted: str) -> list[str] | None:
    """The transfer syntax in which each object can be given when `wanted` is asked for (`*`: any); None: not all of them can."""
    found = [
        row["transfer_syntax"] if wanted in {STORED, row["transfer_syntax"]}
        else EXPLICIT if wanted == EXPLICIT and transcoding.convertible(row)
        else ""
        for row in rows
    ]  # fmt: skip
    return found if all(found) else None


def answer(here: Context, request: Request, rows: list[Row], *, single: bool) -> Response:
    """The objects as multipart, or the one object itself where it was asked for in a single part."""
    for wish in n.wishes(request):
        if wish.media_type not in {n.DICOM, "*/*", "application/*"}:
            continue
        given = syntaxes(rows, wish.parameters.get("transfer-syntax", STORED))
        if given is None:
            continue
        if single and not wish.multipart and wish.media_type == n.DICOM:
            return one(here, request, rows[0], given[0])
        tag = answers.entity_tag(here.base_url, [(row["digest"], syntax) for row, syntax in zip(rows, given, strict=True)])
        return answers.unchanged(request, tag) or answers.multipart(request, n.DICOM, tag, _parts(here, rows, given))
    raise ProblemError(
        "media.unsupported", f'multipart/related; type="{n.DICOM}"; transfer-syntax=*, or {EXPLICIT} where it can be decoded'
    )


def one(here: Context, request: Request, row: Row, syntax: str) -> Response:
    """One object as application/dicom."""
    if syntax == row["transfer_syntax"]:
        tag = f'"{row["digest"]}"'
        return answers.unchanged(request, tag) or answers.single(request, n.DICOM, tag, row["size"], answers.of_file(here.path(row)))
    tag = answers.entity_tag(row["digest"], syntax)
    if same := answers.unchanged(request, tag):
        return same
    try:
        found = transcoding.explicit(here.path(row))
    except UndecodableError as error:
        raise ProblemError("image.unshowable", str(error)) from error
    return answers.single(request, n.DICOM, tag, found.size, lambda _start, _count: found.pieces, ranges=False)


def _parts(here: Context, rows: list[Row], given: list[str]) -> Iterator[Part]:
    for row, syntax in zip(rows, given, strict=True):
        kind = f"{n.DICOM};transfer-syntax={syntax}"
        if syntax == row["transfer_syntax"]:
            yield kind, here.url(row), row["size"], answers.of_file(here.path(row))(0, row["size"])
            continue
        try:
            found = transcoding.explicit(here.path(row))
        except UndecodableError as error:
            # given as it is stored, and said so in the part's type: one bad image must not withhold the others
            log.warning("object.undecodable", sop_uid=row["sop_uid"], reason=str(error))
            kind = f"{n.DICOM};transfer-syntax={row['transfer_syntax']}"
            yield kind, here.url(row), row["size"], answers.of_file(here.path(row))(0, row["size"])
            continue
        yield kind, here.url(row), found.size, found.pieces
