"""WADO-RS (PS3.18 10.4): stored objects byte for byte, metadata, frames, bulk data, pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import numpy as np
import pydicom
from fastapi import APIRouter, Depends
from pydicom.encaps import get_frame
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from dicom_node.index.frames import frame_count, integer
from dicom_node.web import negotiation as n
from dicom_node.web import pixels, rendering
from dicom_node.web.context import Context, context
from dicom_node.web.gate import WEB
from dicom_node.web.library import Row
from dicom_node.web.problems import ProblemError

router = APIRouter(tags=["WADO-RS"])
Here = Annotated[Context, Depends(context)]
SERIES = WEB + "/studies/{study}/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
CHUNK = 1 << 20
THUMBNAIL = (200, 200)
MAX_VIEWPORT = 4096
# media types of compressed frames (PS3.18 8.7.3.3.2)
_COMPRESSED = {
    "1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg", "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg", "1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2", "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc", "1.2.840.10008.1.2.4.203": "image/jphc", "1.2.840.10008.1.2.5": "image/dicom-rle",
}  # fmt: skip


def _find(here: Context, study: str, series: str | None = None, instance: str | None = None, extra: str = "") -> list[Row]:
    rows = here.node.library.instances(here.reader.scope, study, series, instance, extra=extra)
    here.node.library.opened(here.reader, study, rows[0]["institution"])
    return rows


def _url(here: Context, row: Row) -> str:
    return f"{here.base_url}/studies/{row['study_uid']}/series/{row['series_uid']}/instances/{row['sop_uid']}"


def _objects(here: Context, request: Request, rows: list[Row], *, single: bool) -> Response:
    """Stored files: multipart, or the file itself where one was asked for in a single part."""
    for wish in n.wishes(request):
        if wish.media_type not in {n.DICOM, "*/*", "application/*"}:
            continue
        syntax = wish.parameters.get("transfer-syntax", "*")
        if syntax != "*" and any(row["transfer_syntax"] != syntax for row in rows):
            continue  # objects go out as they are stored
        if single and not wish.multipart and wish.media_type == n.DICOM:
            return FileResponse(
                here.node.archive.path(rows[0]["digest"]), media_type=n.DICOM, headers={"Cache-Control": "private, no-store"}
            )
        mark = n.boundary()
        return StreamingResponse(n.close(_parts(here, rows, mark), mark), media_type=n.content_type(n.DICOM, mark))
    raise ProblemError("media.unsupported", 'multipart/related; type="application/dicom"; transfer-syntax=*')


async def _parts(here: Context, rows: list[Row], mark: str) -> AsyncIterator[bytes]:
    for row in rows:
        path = here.node.archive.path(row["digest"])
        with path.open("rb") as file:
            yield n.part_head(mark, f"{n.DICOM};transfer-syntax={row['transfer_syntax']}", path.stat().st_size, _url(here, row))
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
        yield b"\r\n"


def _metadata(here: Context, rows: list[Row]) -> Response:
    """DICOM JSON of the headers, made when they arrived; long binary values are references."""
    parts = []
    for row in rows:
        reference = f'"BulkDataURI":"{_url(here, row)}/bulkdata/'
        parts.append(row["header"].replace('"BulkDataURI":"bulk/', reference))
    return Response("[" + ",".join(parts) + "]", media_type="application/dicom+json", headers={"Cache-Control": "private, no-store"})


@router.get(WEB + "/studies/{study}")
def study_objects(here: Here, request: Request, study: str) -> Response:
    """All objects of a study as stored."""
    return _objects(here, request, _find(here, study), single=False)


@router.get(WEB + "/studies/{study}/metadata")
def study_metadata(here: Here, study: str) -> Response:
    """Headers of a study."""
    return _metadata(here, _find(here, study, extra=", i.header"))


@router.get(SERIES)
def series_objects(here: Here, request: Request, study: str, series: str) -> Response:
    """All objects of a series as stored."""
    return _objects(here, request, _find(here, study, series), single=False)


@router.get(SERIES + "/metadata")
def series_metadata(here: Here, study: str, series: str) -> Response:
    """Headers of a series."""
    return _metadata(here, _find(here, study, series, extra=", i.header"))


@router.get(INSTANCE)
def instance_object(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """One object as stored."""
    return _objects(here, request, _find(here, study, series, instance), single=True)


@router.get(INSTANCE + "/metadata")
def instance_metadata(here: Here, study: str, series: str, instance: str) -> Response:
    """Header of one object."""
    return _metadata(here, _find(here, study, series, instance, extra=", i.header"))


@router.get(INSTANCE + "/bulkdata/{tag}")
def bulk_data(here: Here, study: str, series: str, instance: str, tag: str) -> Response:
    """A long binary value of the top level, named by its tag."""
    row = _find(here, study, series, instance)[0]
    try:
        number = int(tag, 16) if len(tag) == 8 else -1
        ds = pixels.open_file(here.node.archive.path(row["digest"]))
        value = ds[number].value
    except (KeyError, ValueError, OverflowError) as error:
        raise ProblemError("image.unknown", "no such element") from error
    if not isinstance(value, bytes):
        raise ProblemError("image.unknown", "not a binary element")
    mark = n.boundary()
    body = n.part_head(mark, n.OCTETS, len(value), f"{_url(here, row)}/bulkdata/{tag}") + value + f"\r\n--{mark}--\r\n".encode()
    return Response(body, media_type=n.content_type(n.OCTETS, mark))


def _frames_of(here: Context, row: Row) -> list[dict[str, Any]]:
    found = here.node.library.series(here.reader.scope, row["study_uid"], row["series_uid"]).frames
    frames = sorted((f for f in found if f["sop_uid"] == row["sop_uid"]), key=lambda f: f["frame"])
    if not frames:
        raise ProblemError("image.unshowable", f"reason: {row['unshowable']}")
    return frames


def _numbers(text: str, count: int) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= count for part in parts) or len(parts) > count:
        raise ProblemError("image.unknown", f"frames 1 to {count}")
    return [int(part) for part in parts]


@router.get(INSTANCE + "/frames/{frames}")
def frames(here: Here, request: Request, study: str, series: str, instance: str, frames: str) -> Response:
    """Frames: native little endian by default, the stored code stream where its media type or any transfer syntax is asked for."""
    row = _find(here, study, series, instance)[0]
    known = _frames_of(here, row)
    chosen = [known[i - 1] for i in _numbers(frames, len(known))]
    stored = _COMPRESSED.get(row["transfer_syntax"])
    for wish in n.wishes(request):
        syntax = wish.parameters.get("transfer-syntax")
        if stored is not None and (
            (wish.media_type == stored and syntax in {None, "*", row["transfer_syntax"]})
            or (wish.multipart and wish.media_type in {n.OCTETS, "*/*"} and syntax in {"*", row["transfer_syntax"]})
        ):
            ds = pixels.open_file(here.node.archive.path(row["digest"]))
            total = frame_count(ds) or 1
            data = [get_frame(ds.PixelData, f["frame"] - 1, number_of_frames=total) for f in chosen]
            return _frame_parts(here, row, chosen, data, f"{stored};transfer-syntax={row['transfer_syntax']}", stored, wish)
        if wish.media_type in {n.OCTETS, "*/*", "application/*"} and syntax in {None, "*", "1.2.840.10008.1.2.1"}:
            return _frame_parts(here, row, chosen, _native(here, row, chosen), n.OCTETS, n.OCTETS, wish)
    raise ProblemError("media.unsupported", 'multipart/related; type="application/octet-stream"' + (f', type="{stored}"' if stored else ""))


def _native(here: Context, row: Row, chosen: list[dict[str, Any]]) -> list[bytes]:
    path, opened = here.node.archive.path(row["digest"]), dict[Any, pydicom.Dataset]()
    try:
        data = [pixels.fetch(path, row["pixel_offset"], frame, opened) for frame in chosen]
    except (pixels.UndecodableError, OSError) as error:
        raise ProblemError("image.unshowable", str(error)) from error
    ds = opened.get(path)
    if ds is not None and integer(ds, "BitsAllocated") == 1:
        data = [np.packbits(np.frombuffer(d, np.uint8), bitorder="little").tobytes() for d in data]
    return data


def _frame_parts(
    here: Context, row: Row, chosen: list[dict[str, Any]], data: list[bytes], part_type: str, media_type: str, wish: n.Wish
) -> Response:
    if not wish.multipart and len(data) == 1 and wish.media_type != "*/*":
        return Response(data[0], media_type=part_type)
    mark = n.boundary()
    body = b"".join(
        n.part_head(mark, part_type, len(d), f"{_url(here, row)}/frames/{f['frame']}") + d + b"\r\n"
        for f, d in zip(chosen, data, strict=True)
    )
    return Response(body + f"--{mark}--\r\n".encode(), media_type=n.content_type(media_type, mark))


def _picture(
    here: Context, request: Request, study: str, series: str | None, instance: str | None, number: int | None, *, small: bool
) -> Response:
    """The asked, or the middle, frame as PNG or JPEG."""
    rows = _find(here, study, series, instance)
    shown = [row for row in rows if row["unshowable"] is None]
    if not shown:
        raise ProblemError("image.unshowable", f"reason: {rows[0]['unshowable']}")
    row = shown[len(shown) // 2]
    known = _frames_of(here, row)
    frame = known[_numbers(str(number), len(known))[0] - 1] if number is not None else known[len(known) // 2]
    kinds = [w.media_type for w in n.wishes(request)]
    kind = next((k for k in kinds if k in {"image/png", "image/jpeg"}), None)
    if kind is None:
        if not {"*/*", "image/*"} & set(kinds):
            raise ProblemError("media.unsupported", "image/jpeg, image/png")
        kind = "image/jpeg"
    chosen, box, quality = _picture_parameters(request, small=small)
    try:
        data = pixels.fetch(here.node.archive.path(row["digest"]), row["pixel_offset"], frame, {})
    except (pixels.UndecodableError, OSError) as error:
        raise ProblemError("image.unshowable", str(error)) from error
    shape = (frame["rows"], frame["columns"]) + ((3,) if frame["samples"] == 3 else ())
    array = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(shape)
    body = rendering.encode(rendering.picture(array, frame, chosen, box), kind, quality)
    return Response(body, media_type=kind, headers={"Cache-Control": "private, no-store"})


def _picture_parameters(request: Request, *, small: bool) -> tuple[tuple[float, float, str] | None, tuple[int, int] | None, int]:
    """(window, box, quality) of PS3.18 8.3.5."""
    chosen: tuple[float, float, str] | None = None
    box: tuple[int, int] | None = THUMBNAIL if small else None
    quality, bad = 90, False
    query = request.query_params
    try:
        if "window" in query:
            centre, width, *function = query["window"].split(",")
            names = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
            chosen = (float(centre), float(width), names[function[0].lower()] if function else "LINEAR")
            bad = bad or not (chosen[1] > 0 and np.isfinite(chosen[0]) and np.isfinite(chosen[1]))
        if "viewport" in query:
            wide, high = (int(float(part)) for part in query["viewport"].split(",")[:2])
            bad = bad or not (1 <= wide <= MAX_VIEWPORT and 1 <= high <= MAX_VIEWPORT)
            box = (wide, high)
        quality = int(query.get("quality", "90"))
        bad = bad or not 1 <= quality <= 100
    except (ValueError, KeyError, OverflowError):
        bad = True
    if bad:
        raise ProblemError("request.invalid", "window=centre,width[,linear|linear-exact|sigmoid]; viewport=w,h; quality=1-100")
    return chosen, box, quality


@router.get(WEB + "/studies/{study}/rendered")
def study_rendered(here: Here, request: Request, study: str) -> Response:
    """The middle image of a study as a picture."""
    return _picture(here, request, study, None, None, None, small=False)


@router.get(WEB + "/studies/{study}/thumbnail")
def study_thumbnail(here: Here, request: Request, study: str) -> Response:
    """The middle image of a study, small."""
    return _picture(here, request, study, None, None, None, small=True)


@router.get(SERIES + "/rendered")
def series_rendered(here: Here, request: Request, study: str, series: str) -> Response:
    """The middle image of a series as a picture."""
    return _picture(here, request, study, series, None, None, small=False)


@router.get(SERIES + "/thumbnail")
def series_thumbnail(here: Here, request: Request, study: str, series: str) -> Response:
    """The middle image of a series, small."""
    return _picture(here, request, study, series, None, None, small=True)


@router.get(INSTANCE + "/rendered")
def instance_rendered(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """An image (the middle frame of several) as a picture."""
    return _picture(here, request, study, series, instance, None, small=False)


@router.get(INSTANCE + "/thumbnail")
def instance_thumbnail(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """An image, small."""
    return _picture(here, request, study, series, instance, None, small=True)


@router.get(INSTANCE + "/frames/{frames}/rendered")
def frame_rendered(here: Here, request: Request, study: str, series: str, instance: str, frames: int) -> Response:
    """One frame as a picture."""
    return _picture(here, request, study, series, instance, frames, small=False)


@router.get(INSTANCE + "/frames/{frames}/thumbnail")
def frame_thumbnail(here: Here, request: Request, study: str, series: str, instance: str, frames: int) -> Response:
    """One frame, small."""
    return _picture(here, request, study, series, instance, frames, small=True)
