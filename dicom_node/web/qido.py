"""QIDO-RS (PS3.18 10.6): search for studies, series and instances within the ticket's scope."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from pydicom.datadict import keyword_for_tag
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.query.keys import BY_KEYWORD, BY_TAG, Level, up_to
from dicom_node.query.matching import QueryError
from dicom_node.query.search import MAX_ROWS, dicom_json, search
from dicom_node.web.context import Context, context
from dicom_node.web.gate import WEB
from dicom_node.web.problems import ProblemError

router = APIRouter(tags=["QIDO-RS"])
Here = Annotated[Context, Depends(context)]
_CONTROL = {"limit", "offset", "includefield", "fuzzymatching", "orderby"}
DICOM_JSON = "application/dicom+json"


def _parameters(request: Request) -> tuple[dict[str, str], int, int, list[str]]:
    """(matching keys, limit, offset, includefield) of the query string; ProblemError 400 names what is wrong."""
    query: dict[str, str] = {}
    include: list[str] = []
    limit, offset = 1000, 0
    for name, value in request.query_params.multi_items():
        if name in {"limit", "offset"}:
            if not value.isdecimal():
                raise ProblemError("request.invalid", f"{name}: a whole number is needed")
            limit, offset = (int(value), offset) if name == "limit" else (limit, int(value))
        elif name == "includefield":
            include += value.split(",")
        elif name not in _CONTROL:
            key = BY_TAG.get(name.upper()) or BY_KEYWORD.get(name)
            if key is None:
                raise ProblemError("request.invalid", f"{name}: not a key that can be matched")
            asked = value.replace(",", "\\") if key.kind == "uid" else value
            query[key.keyword] = query[key.keyword] + "\\" + asked if key.keyword in query else asked
    return query, min(limit, MAX_ROWS), offset, include


def _answer(here: Context, request: Request, level: Level, fixed: dict[str, str]) -> Response:
    query, limit, offset, include = _parameters(request)
    for keyword, value in fixed.items():
        if "\\" in value or "*" in value:
            raise ProblemError("image.unknown")
        query[keyword] = value
    everything = "all" in include
    extra = [name for name in include if name not in BY_KEYWORD and name.upper() not in BY_TAG and name != "all"]
    headers = level == "instance" and (everything or bool(extra))
    columns = ("s.institution AS hub_institution", *(("i.header AS hub_header",) if headers else ()))
    try:
        rows = search(here.node.database, level, query, here.reader.scope, limit=limit, offset=offset, columns=columns)
    except QueryError as error:
        raise ProblemError("request.invalid", str(error)) from error
    base = here.base_url
    answers = [_one(row, level, base, extra, everything=everything) for row in rows]
    return Response(orjson.dumps(answers), media_type=DICOM_JSON)


def _one(row: dict[str, Any], level: Level, base: str, extra: list[str], *, everything: bool) -> dict[str, Any]:
    answer = dicom_json(row, up_to(level))
    if "hub_header" in row:
        whole = orjson.loads(row["hub_header"])
        for tag, element in whole.items():
            wanted = everything or tag in extra or keyword_for_tag(tag) in extra
            if wanted and tag not in answer and "BulkDataURI" not in element:
                answer[tag] = element
    url = f"{base}/studies/{row['StudyInstanceUID']}"
    if level in {"series", "instance"}:
        url += f"/series/{row['SeriesInstanceUID']}"
    if level == "instance":
        url += f"/instances/{row['SOPInstanceUID']}"
    answer["00080056"] = {"vr": "CS", "Value": ["ONLINE"]}
    answer["00081190"] = {"vr": "UR", "Value": [url]}
    return dict(sorted(answer.items()))


@router.get(WEB + "/studies")
def studies(here: Here, request: Request) -> Response:
    """Studies, newest arrival first."""
    return _answer(here, request, "study", {})


@router.get(WEB + "/series")
def all_series(here: Here, request: Request) -> Response:
    """Series of all studies."""
    return _answer(here, request, "series", {})


@router.get(WEB + "/instances")
def all_instances(here: Here, request: Request) -> Response:
    """Instances of all studies."""
    return _answer(here, request, "instance", {})


@router.get(WEB + "/studies/{study}/series")
def series_of_study(here: Here, request: Request, study: str) -> Response:
    """Series of one study."""
    return _answer(here, request, "series", {"StudyInstanceUID": study})


@router.get(WEB + "/studies/{study}/instances")
def instances_of_study(here: Here, request: Request, study: str) -> Response:
    """Instances of one study."""
    return _answer(here, request, "instance", {"StudyInstanceUID": study})


@router.get(WEB + "/studies/{study}/series/{series}/instances")
def instances_of_series(here: Here, request: Request, study: str, series: str) -> Response:
    """Instances of one series."""
    return _answer(here, request, "instance", {"StudyInstanceUID": study, "SeriesInstanceUID": series})
