"""WADO-RS (PS3.18 10.4): stored objects byte for byte, metadata, frames, bulk data, pictures."""

from __future__ import annotations

from itertools import repeat
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.web import answers, frames, native_xml, objects, pictures
from dicom_node.web import negotiation as n
from dicom_node.web.answers import Part
from dicom_node.web.context import Context, context
from dicom_node.web.gate import WEB
from dicom_node.web.library import Row

router = APIRouter(tags=["WADO-RS"])
Here = Annotated[Context, Depends(context)]
SERIES = WEB + "/studies/{study}/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"


WRITING = 1
"""Version of the header JSON, part of its entity tag: the same file may be written otherwise in another release."""


def _addressed(here: Context, row: Row, header: str) -> str:
    """Header JSON whose references to long binary values are addresses."""
    return header.replace('"BulkDataURI":"bulk/', f'"BulkDataURI":"{here.url(row)}/bulkdata/')


def _metadata(here: Context, request: Request, rows: list[Row]) -> Response:
    form = n.choose(request, n.DICOM_JSON, n.DICOM_XML)
    tag = answers.entity_tag(WRITING, here.base_url, form, [row["digest"] for row in rows])
    if same := answers.unchanged(request, tag):
        return same
    library = here.node.library
    if form == n.DICOM_JSON:
        return answers.content(request, form, tag, library.metadata((tag,), rows, lambda row, text: _addressed(here, row, text)))
    return answers.multipart(request, form, tag, map(_xml_part, repeat(here), rows, library.headers(rows)))


def _xml_part(here: Context, row: Row, header: str) -> Part:
    data = native_xml.encode(orjson.loads(_addressed(here, row, header)))
    return n.DICOM_XML, f"{here.url(row)}/metadata", len(data), (data,)


def _picture(here: Context, request: Request, rows: list[Row], number: int | None = None, *, small: bool = False) -> Response:
    return pictures.answer(here, request, rows, number, pictures.kind(request), pictures.look(request.query_params, small=small))


@router.get(WEB + "/studies/{study}")
def study_objects(here: Here, request: Request, study: str) -> Response:
    """All objects of a study."""
    return objects.answer(here, request, here.find(study), single=False)


@router.get(WEB + "/studies/{study}/metadata")
def study_metadata(here: Here, request: Request, study: str) -> Response:
    """Headers of a study."""
    return _metadata(here, request, here.find(study))


@router.get(SERIES)
def series_objects(here: Here, request: Request, study: str, series: str) -> Response:
    """All objects of a series."""
    return objects.answer(here, request, here.find(study, series), single=False)


@router.get(SERIES + "/metadata")
def series_metadata(here: Here, request: Request, study: str, series: str) -> Response:
    """Headers of a series."""
    return _metadata(here, request, here.find(study, series))


@router.get(INSTANCE)
def instance_object(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """One object."""
    return objects.answer(here, request, here.find(study, series, instance), single=True)


@router.get(INSTANCE + "/metadata")
def instance_metadata(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """Header of one object."""
    return _metadata(here, request, here.find(study, series, instance))


@router.get(INSTANCE + "/bulkdata/{path:path}")
def bulk_data(here: Here, request: Request, study: str, series: str, instance: str, path: str) -> Response:
    """A long binary value, named by its tag, inside a sequence by `<tag>/<item>/<tag>`."""
    return frames.bulk(here, request, here.find(study, series, instance)[0], path)


@router.get(INSTANCE + "/frames/{frames}")
def instance_frames(
    here: Here, request: Request, study: str, series: str, instance: str, listed: Annotated[str, Path(alias="frames")]
) -> Response:
    """Frames: native little endian by default, the stored code stream where its media type or any transfer syntax is asked for."""
    return frames.answer(here, request, here.find(study, series, instance)[0], listed)


@router.get(WEB + "/studies/{study}/rendered")
def study_rendered(here: Here, request: Request, study: str) -> Response:
    """The middle image of a study as a picture."""
    return _picture(here, request, here.find(study))


@router.get(WEB + "/studies/{study}/thumbnail")
def study_thumbnail(here: Here, request: Request, study: str) -> Response:
    """The middle image of a study, small."""
    return _picture(here, request, here.find(study), small=True)


@router.get(SERIES + "/rendered")
def series_rendered(here: Here, request: Request, study: str, series: str) -> Response:
    """The middle image of a series as a picture."""
    return _picture(here, request, here.find(study, series))


@router.get(SERIES + "/thumbnail")
def series_thumbnail(here: Here, request: Request, study: str, series: str) -> Response:
    """The middle image of a series, small."""
    return _picture(here, request, here.find(study, series), small=True)


@router.get(INSTANCE + "/rendered")
def instance_rendered(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """An image (the middle frame of several) as a picture."""
    return _picture(here, request, here.find(study, series, instance))


@router.get(INSTANCE + "/thumbnail")
def instance_thumbnail(here: Here, request: Request, study: str, series: str, instance: str) -> Response:
    """An image, small."""
    return _picture(here, request, here.find(study, series, instance), small=True)


@router.get(INSTANCE + "/frames/{frames}/rendered")
def frame_rendered(
    here: Here, request: Request, study: str, series: str, instance: str, number: Annotated[int, Path(alias="frames")]
) -> Response:
    """One frame as a picture."""
    return _picture(here, request, here.find(study, series, instance), number)


@router.get(INSTANCE + "/frames/{frames}/thumbnail")
def frame_thumbnail(
    here: Here, request: Request, study: str, series: str, instance: str, number: Annotated[int, Path(alias="frames")]
) -> Response:
    """One frame, small."""
    return _picture(here, request, here.find(study, series, instance), number, small=True)
