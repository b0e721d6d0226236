"""WADO-URI (PS3.18 9): one object by query parameters, for workstations that know no DICOMweb. Scope and pictures are WADO-RS's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.web import negotiation as n
from dicom_node.web import objects, pictures
from dicom_node.web.context import Context, context
from dicom_node.web.gate import PREFIX
from dicom_node.web.library import Row
from dicom_node.web.pictures import JPEG, PNG
from dicom_node.web.problems import ProblemError
from dicom_node.web.transcoding import EXPLICIT

router = APIRouter(tags=["WADO-URI"])
Here = Annotated[Context, Depends(context)]
# what is not done is refused: a picture that silently shows a name, another region or another state would mislead
_NOT_OFFERED = ("anonymize", "annotation", "region", "presentationUID", "presentationSeriesUID", "annotationType")


@router.get(PREFIX + "/wado")
def wado(here: Here, request: Request) -> Response:
    """An object as application/dicom, or an image of it as JPEG or PNG."""
    query = request.query_params
    n.check_charset(request)
    if query.get("requestType") != "WADO":
        raise ProblemError("request.invalid", "requestType=WADO is needed")
    missing = [name for name in ("studyUID", "seriesUID", "objectUID") if not query.get(name)]
    if missing:
        raise ProblemError("request.invalid", ", ".join(missing) + ": missing")
    if refused := [name for name in _NOT_OFFERED if query.get(name)]:
        raise ProblemError("request.invalid", ", ".join(refused) + ": not offered here")
    row = here.find(query["studyUID"], query["seriesUID"], query["objectUID"])[0]
    kind = _kind(request, row)
    if kind != n.DICOM:
        return pictures.answer(here, request, [row], _number(query), kind, _look(query))
    if any(name in query for name in ("frameNumber", "rows", "columns", "windowCenter", "windowWidth", "imageQuality")):
        raise ProblemError("request.invalid", "frameNumber, rows, columns, windowCenter, windowWidth, imageQuality: for pictures only")
    # without the parameter the default is Explicit VR Little Endian (PS3.18 9.1.2.3.1), as stored where that cannot be made
    wanted = query.get("transferSyntax")
    given = objects.syntaxes([row], wanted or EXPLICIT) or (None if wanted else [row["transfer_syntax"]])
    if given is None:
        raise ProblemError("media.unsupported", f"transferSyntax: {row['transfer_syntax']}, or {EXPLICIT} where it can be decoded")
    return objects.one(here, request, row, given[0])


def _kind(request: Request, row: Row) -> str:
    """The first acceptable one of `contentType`; without it JPEG for images and application/dicom for other objects (9.1.2.1)."""
    asked = [part.partition(";")[0].strip().lower() for part in request.query_params.get("contentType", "").split(",") if part.strip()]
    if not asked:
        return JPEG if row["unshowable"] is None else n.DICOM
    for kind in asked:
        if kind in {n.DICOM, JPEG, PNG}:
            return kind
        if kind in {"*/*", "image/*"}:
            return JPEG
    raise ProblemError("media.unsupported", f"contentType: {n.DICOM}, {JPEG}, {PNG}")


def _number(query: Mapping[str, str]) -> int | None:
    text = query.get("frameNumber")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise ProblemError("request.invalid", "frameNumber: a whole number from 1")
    return int(text)


def _look(query: Mapping[str, str]) -> pictures.Look:
    """Window, size and quality of PS3.18 9.1.2.2; centre and width come together or not at all."""
    try:
        named = {"windowCenter", "windowWidth"} & set(query)  # one without the other is a ValueError of float("")
        window = (float(query.get("windowCenter", "")), float(query.get("windowWidth", "")), "LINEAR") if named else None
        sides = [int(query[name]) if name in query else pictures.MAX_VIEWPORT for name in ("columns", "rows")]
        box = (sides[0], sides[1]) if {"columns", "rows"} & set(query) else None
        return pictures.checked(pictures.Look(window, box, int(query.get("imageQuality", "90"))))
    except ValueError as error:
        raise ProblemError(
            "request.invalid", f"windowCenter with windowWidth (> 0); rows, columns: 1-{pictures.MAX_VIEWPORT}; imageQuality: 1-100"
        ) from error
