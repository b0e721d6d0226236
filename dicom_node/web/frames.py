"""Frames and bulk data over WADO-RS (PS3.18 10.4.1.1.6, 10.4.1.1.5): decoded or as stored, one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.index.frames import frame_count, integer
from dicom_node.web import answers, pixels
from dicom_node.web import negotiation as n
from dicom_node.web.answers import Part
from dicom_node.web.context import Context
from dicom_node.web.library import Row
from dicom_node.web.problems import ProblemError

EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
PIXELS = "7FE00010"
Frames = list[dict[str, Any]]
# media types of compressed frames (PS3.18 8.7.3.3.2)
_COMPRESSED = {
    "1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg", "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg", "1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2", "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc", "1.2.840.10008.1.2.4.203": "image/jphc", "1.2.840.10008.1.2.5": "image/dicom-rle",
}  # fmt: skip


def numbers(text: str, count: int) -> list[int]:
    """The frame list of an address; ProblemError 404 when a number is not one of 1 to `count`."""
    parts = text.split(",", count + 1)
    if len(parts) > count or not all(part.isascii() and part.isdecimal() and len(part) < 9 and 1 <= int(part) <= count for part in parts):
        raise ProblemError("image.unknown", f"frames 1 to {count}")
    return [int(part) for part in parts]


def answer(here: Context, request: Request, row: Row, listed: str | None) -> Response:
    """Frames: native little endian by default, the stored code stream where its media type or any transfer syntax is asked for."""
    known = here.frames(row)
    chosen = known if listed is None else [known[i - 1] for i in numbers(listed, len(known))]
    stored = _COMPRESSED.get(row["transfer_syntax"])
    for wish in n.wishes(request):
        syntax = wish.parameters.get("transfer-syntax")
        if stored is not None and (
            (wish.media_type == stored and syntax in {None, "*", row["transfer_syntax"]})
            or (wish.multipart and wish.media_type in {n.OCTETS, "*/*"} and syntax in {"*", row["transfer_syntax"]})
        ):
            kind = f"{stored};transfer-syntax={row['transfer_syntax']}"
            return _send(here, request, row, chosen, wish, kind, stored)
        if wish.media_type in {n.OCTETS, "*/*", "application/*"} and syntax in {None, "*", EXPLICIT}:
            return _send(here, request, row, chosen, wish, n.OCTETS, n.OCTETS)
    raise ProblemError("media.unsupported", 'multipart/related; type="application/octet-stream"' + (f', type="{stored}"' if stored else ""))


def _send(here: Context, request: Request, row: Row, chosen: Frames, wish: n.Wish, part_type: str, media_type: str) -> Response:
    alone = not wish.multipart and len(chosen) == 1 and wish.media_type != "*/*"
    tag = answers.entity_tag(row["digest"], [f["frame"] for f in chosen], part_type, alone or here.base_url)
    if same := answers.unchanged(request, tag):
        return same
    path = here.path(row)
    found = _native(path, row, chosen) if media_type == n.OCTETS else _stored(path, chosen)
    try:
        first = next(found)  # what cannot be decoded at all is answered in words
    except (pixels.UndecodableError, OSError) as error:
        raise ProblemError("image.unshowable", str(error)) from error
    if alone:
        return answers.content(request, part_type, tag, first)
    return answers.multipart(request, media_type, tag, _parts(here, row, chosen, chain((first,), found), part_type))


def _parts(here: Context, row: Row, chosen: Frames, found: Iterator[bytes], part_type: str) -> Iterator[Part]:
    for frame, data in zip(chosen, found, strict=True):
        yield part_type, f"{here.url(row)}/frames/{frame['frame']}", len(data), (data,)


def _stored(path: Path, chosen: Frames) -> Iterator[bytes]:
    ds = pixels.open_file(path)
    total = frame_count(ds) or 1
    for frame in chosen:
        try:
            yield get_frame(ds.PixelData, frame["frame"] - 1, number_of_frames=total)
        except (ValueError, IndexError) as error:
            raise pixels.UndecodableError("the frame's fragments cannot be found") from error


def _native(path: Path, row: Row, chosen: Frames) -> Iterator[bytes]:
    opened: dict[Path, pydicom.Dataset] = {}
    for frame in chosen:
        data = pixels.fetch(path, row["pixel_offset"], frame, opened, as_stored=True)
        ds = opened.get(path)
        if ds is not None and integer(ds, "BitsAllocated") == 1:
            data = np.packbits(np.frombuffer(data, np.uint8), bitorder="little").tobytes()
        yield data


def bulk(here: Context, request: Request, row: Row, path: str) -> Response:
    """A long binary value, named by tags and item numbers from the top: `<tag>` or `<tag>/<item>/<tag>`; little endian."""
    if path.upper() == PIXELS and row["pixel_length"] == -1 and row["unshowable"] is None:
        return answer(here, request, row, None)  # compressed pixels are frames, not a value
    wish = next((w for w in n.wishes(request) if w.media_type in {n.OCTETS, "*/*", "application/*"}), None)
    if wish is None:
        raise ProblemError("media.unsupported", f'{n.OCTETS}, multipart/related; type="{n.OCTETS}"')
    alone = not wish.multipart and wish.media_type == n.OCTETS
    tag = answers.entity_tag(row["digest"], path.upper(), alone or here.base_url)
    if same := answers.unchanged(request, tag):
        return same
    size, read = _bulk_value(here, row, path)
    if alone:
        return answers.single(request, n.OCTETS, tag, size, read)
    return answers.multipart(request, n.OCTETS, tag, [(n.OCTETS, f"{here.url(row)}/bulkdata/{path}", size, read(0, size))])


def _bulk_value(here: Context, row: Row, path: str) -> tuple[int, Any]:
    big = row["transfer_syntax"] == BIG_ENDIAN
    if path.upper() == PIXELS and row["pixel_offset"] is not None and not big:
        return row["pixel_length"], answers.of_file(here.path(row), row["pixel_offset"])
    value, vr = _element(pixels.open_file(here.path(row)), path)
    width = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(vr, 1)
    if big and width > 1 and len(value) % width == 0:
        value = np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()
    return len(value), answers.of_bytes(value)


def _element(ds: Dataset, path: str) -> tuple[bytes, str]:
    """Value and VR of the binary element at `path`; ProblemError 404 when there is none."""
    steps = path.split("/", 64)
    with suppress(Exception):  # whatever is wrong with the path or the data set: there is no such value
        for at in range(0, len(steps) - 1, 2):
            items = dict(enumerate(ds[_tag(steps[at])].value, 1))
            ds = items[int(steps[at + 1])]
        element = ds[_tag(steps[-1])]
        if len(steps) % 2 and isinstance(element.value, bytes):
            return element.value, str(element.VR)
    raise ProblemError("image.unknown", "no such binary element")


def _tag(text: str) -> int:
    if len(text) != 8:
        raise ValueError(text)
    return int(text, 16)
