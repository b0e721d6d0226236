"""Rendered images over WADO-RS and WADO-URI: one frame as JPEG or PNG with the window, size and quality that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.web import answers, pixels, rendering
from dicom_node.web import negotiation as n
from dicom_node.web.context import Context
from dicom_node.web.frames import numbers
from dicom_node.web.library import Row
from dicom_node.web.problems import ProblemError

JPEG, PNG = "image/jpeg", "image/png"
THUMBNAIL = (200, 200)
MAX_VIEWPORT = 4096
RENDERING = 2  # part of every picture's entity tag: another number when the same request gives other pixels
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is made: window (centre, width, function), largest size (columns, rows), JPEG quality."""

    window: tuple[float, float, str] | None = None
    box: tuple[int, int] | None = None
    quality: int = 90


def kind(request: Request) -> str:
    """The picture's media type by the Accept header; ProblemError 406."""
    kinds = [w.media_type for w in n.wishes(request)]
    found = next((k for k in kinds if k in {PNG, JPEG}), None)
    if found is None and not {"*/*", "image/*"} & set(kinds):
        raise ProblemError("media.unsupported", f"{JPEG}, {PNG}")
    return found or JPEG


def answer(here: Context, request: Request, rows: list[Row], number: int | None, media_type: str, look: Look) -> Response:
    """The asked, or the middle, frame of the middle showable instance."""
    shown = [row for row in rows if row["unshowable"] is None]
    if not shown:
        raise ProblemError("image.unshowable", f"reason: {rows[0]['unshowable']}")
    row = shown[len(shown) // 2]
    known = here.frames(row)
    frame = known[numbers(str(number), len(known))[0] - 1] if number is not None else known[len(known) // 2]
    tag = answers.entity_tag(row["digest"], frame["frame"], media_type, look, RENDERING)
    if same := answers.unchanged(request, tag):
        return same
    try:
        data = pixels.fetch(here.path(row), row["pixel_offset"], frame, {})
    except (pixels.UndecodableError, OSError) as error:
        raise ProblemError("image.unshowable", str(error)) from error
    shape = (frame["rows"], frame["columns"]) + ((3,) if frame["samples"] == 3 else ())
    array = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(shape)
    body = rendering.encode(rendering.picture(array, frame, look.window, look.box, here.luts(row)), media_type, look.quality)
    return answers.content(request, media_type, tag, body)


def look(query: Mapping[str, str], *, small: bool) -> Look:
    """What the query parameters of PS3.18 8.3.5 ask for; ProblemError 400 when they are nonsense."""
    window: tuple[float, float, str] | None = None
    box = THUMBNAIL if small else None
    try:
        if "window" in query:
            centre, width, *function = query["window"].split(",")
            window = (float(centre), float(width), _FUNCTIONS[function[0].lower()] if function else "LINEAR")
        if "viewport" in query:
            wide, high = (int(float(part)) for part in query["viewport"].split(",")[:2])
            box = (wide, high)
        return checked(Look(window, box, int(query.get("quality", "90"))))
    except (ValueError, KeyError, OverflowError) as error:
        raise ProblemError("request.invalid", "window=centre,width[,linear|linear-exact|sigmoid]; viewport=w,h; quality=1-100") from error


def checked(found: Look) -> Look:
    """`found` when it can be drawn, else ValueError."""
    if found.window is not None and not (found.window[1] > 0 and np.isfinite(found.window[0]) and np.isfinite(found.window[1])):
        raise ValueError("window")
    if found.box is not None and not all(1 <= side <= MAX_VIEWPORT for side in found.box):
        raise ValueError("viewport")
    if not 1 <= found.quality <= 100:
        raise ValueError("quality")
    return found
