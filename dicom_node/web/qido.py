"""QIDO-RS (PS3.18 10.6): search for studies, series and instances within the ticket's scope."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Depends
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from starlette.requests import Request
from starlette.responses import Response

from dicom_node.query.keys import BY_KEYWORD, BY_TAG, Level, up_to
from dicom_node.query.matching import QueryError
from dicom_node.query.search import MAX_ROWS, dicom_json, search
from dicom_node.web import native_xml
from dicom_node.web import negotiation as n
from dicom_node.web.context import Context, context
from dicom_node.web.gate import WEB
from dicom_node.web.problems import ProblemError

router = APIRouter(tags=["QIDO-RS"])
Here = Annotated[Context, Depends(context)]
_CONTROL = {"accept", "charset"}  # read by the negotiation
STUDY_KEYS = up_to("study")
REMEMBERED, AT_ONCE = 20_000, 500  # studies
EXACT = {"StudyInstanceUID", "PatientID", "AccessionNumber"}
FEW = 50  # studies that are answered without a thread
USUAL_LIMIT = 1000  # rows when the client names no limit
# PS3.18 8.3.4.2, 8.3.4.4: the words of the standard
NOT_FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
MORE = "There are additional results that can be requested"


@dataclass
class _Search:
    """What a query string asks for."""

    query: dict[str, str] = field(default_factory=dict)
    include: list[str] = field(default_factory=list)
    limit: int = USUAL_LIMIT
    offset: int = 0
    warnings: list[str] = field(default_factory=list)


def _whole_number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise ProblemError("request.invalid", f"{name}: a whole number is needed")
    return int(value)


def _parameters(request: Request) -> _Search:
    """The query string taken apart; ProblemError 400 names what is wrong."""
    found = _Search()
    for name, value in request.query_params.multi_items():
        if name == "limit":
            found.limit = _whole_number(name, value)
        elif name == "offset":
            found.offset = _whole_number(name, value)
        elif name == "includefield":
            found.include += [_field(part.strip()) for part in value.split(",") if part.strip()]
        elif name == "fuzzymatching":
            if value.lower() not in {"true", "false"}:
                raise ProblemError("request.invalid", "fuzzymatching: true or false")
            found.warnings += [NOT_FUZZY] if value.lower() == "true" and NOT_FUZZY not in found.warnings else []
        elif name not in _CONTROL:
            key = BY_TAG.get(name.upper()) or BY_KEYWORD.get(name)
            if key is None:
                raise ProblemError("request.invalid", f"{name[:64]}: not a key that can be matched")
            asked = value.replace(",", "\\") if key.kind == "uid" else value
            found.query[key.keyword] = found.query[key.keyword] + "\\" + asked if key.keyword in found.query else asked
    return found


def _field(name: str) -> str:
    """An attribute of `includefield`: `all`, a keyword or eight hexadecimal digits."""
    if name == "all" or tag_for_keyword(name) is not None:
        return name
    if len(name) == 8 and all(c in "0123456789abcdefABCDEF" for c in name):
        return name.upper()
    raise ProblemError("request.invalid", f"includefield: {name[:64]} is no attribute")


def _answer(here: Context, request: Request, level: Level, fixed: dict[str, str]) -> Response:
    form = n.choose(request, n.DICOM_JSON, n.DICOM_XML)
    asked = _parameters(request)
    query, include, limit = asked.query, asked.include, min(asked.limit, MAX_ROWS)
    for keyword, value in fixed.items():
        if "\\" in value or "*" in value:
            raise ProblemError("image.unknown")
        query[keyword] = value
    everything = "all" in include
    here_known = {name for key in up_to(level) for name in (key.keyword, key.tag)}
    extra = [name for name in include if name not in here_known and name != "all"]
    if extra and level != "instance":
        asked.warnings.append("Not returned at this level: " + ", ".join(extra)[:200])
    headers = level == "instance" and (everything or bool(extra))
    columns = ("i.arrival AS hub_arrival", "i.digest AS hub_digest") if level == "instance" else ()
    base = here.base_url
    try:
        if level == "study" and (quick := _from_register(here, query, limit + 1, asked.offset)) is not None:
            if len(quick) > limit and (limit < asked.limit or "limit" not in request.query_params):
                asked.warnings.append(MORE)
            return _send(quick[:limit], form, _warned(asked.warnings, base))
        rows = search(here.node.database, level, query, here.reader.scope, limit=limit + 1, offset=asked.offset, columns=columns)
    except QueryError as error:
        raise ProblemError("request.invalid", str(error)) from error
    if len(rows) > limit and (limit < asked.limit or "limit" not in request.query_params):
        asked.warnings.append(MORE)  # the node's own limit cut them off, not the client's
    rows = rows[:limit]
    texts = here.node.library.headers([_named(row) for row in rows]) if headers and rows else repeat(None)
    words = _availability(here, rows, level)
    answers = [
        _one(here, row, level, extra, text, word, everything=everything) for row, word, text in zip(rows, words, texts, strict=False)
    ]
    return _send([orjson.dumps(answer) for answer in answers], form, _warned(asked.warnings, base))


def _warned(warnings: list[str], base: str) -> dict[str, str]:
    return {"Warning": ", ".join(f'299 {urlsplit(base).netloc} "{words}"' for words in warnings)} if warnings else {}


def _from_register(here: Context, query: dict[str, str], limit: int, offset: int) -> list[bytes] | None:
    """Studies as DICOM JSON from the register, each made once until it changes; None: the index must be asked."""
    registered, remembered = here.node.registered, here.node.studies_json
    found = registered.find(query, here.reader.scope, limit=limit, offset=offset)
    if found is None:
        return None
    keep = here.node.keeper.availability.all_online()  # availability changes without the row
    made = [remembered.get((number, stamp, here.base_url)) if keep else None for number, stamp in found]
    missing = [number for (number, _), value in zip(found, made, strict=True) if value is None]
    for part in range(0, len(missing), AT_ONCE):
        rows = registered.read(missing[part : part + AT_ONCE], STUDY_KEYS)
        if rows is None:
            return None
        words = dict(zip(rows, _availability(here, list(rows.values()), "study"), strict=True))
        for place, (number, stamp) in enumerate(found):
            if number in rows:
                one = made[place] = orjson.dumps(_one(here, rows[number], "study", [], None, words[number], everything=False))
                if keep:
                    if len(remembered) >= REMEMBERED:
                        remembered.clear()
                    remembered[number, stamp, here.base_url] = one
    return None if None in made else [value for value in made if value is not None]  # None: one has changed just now


def from_register_at_once(here: Context, request: Request) -> Response | None:
    """Studies by one exact value that has an index of its own and few studies; None: any other question. ProblemError as ever."""
    asked = _parameters(request)
    if len(asked.query) != 1 or asked.include or asked.warnings:
        return None
    ((keyword, value),) = asked.query.items()
    if keyword not in EXACT or not value.strip() or set(value) & set("*?\\"):
        return None
    form = n.choose(request, n.DICOM_JSON, n.DICOM_XML)
    try:
        found = _from_register(here, asked.query, min(asked.limit, FEW) + 1, asked.offset)
    except QueryError:
        return None
    if found is None or len(found) > min(asked.limit, FEW):
        return None
    return _send(found, form, {})


def _send(answers: list[bytes], form: str, headers: dict[str, str]) -> Response:
    headers |= {"Cache-Control": "private, no-store", "Vary": "Accept"}
    if form == n.DICOM_JSON:
        return Response(b"[" + b",".join(answers) + b"]", 200, headers, form)
    mark = uuid.uuid4().hex
    parts = [f"--{mark}\r\nContent-Type: {form}\r\n\r\n".encode() + native_xml.encode(orjson.loads(one)) + b"\r\n" for one in answers]
    return Response(b"".join(parts) + n.last_mark(mark), 200, headers, n.content_type(form, mark))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """What the library must know of an instance to find its header."""
    names = {"sop_class": "SOPClassUID", "sop_uid": "SOPInstanceUID", "study_uid": "StudyInstanceUID", "series_uid": "SeriesInstanceUID"}
    return {"arrival": row["hub_arrival"], "digest": row["hub_digest"]} | {name: row[keyword] for name, keyword in names.items()}


def _availability(here: Context, rows: Sequence[Mapping[str, Any]], level: Level) -> Sequence[str]:
    """(0008,0056) of each row."""
    lower = level in {"series", "instance"}
    return here.node.keeper.availability.of(
        [(row["StudyInstanceUID"], row["SeriesInstanceUID"] if lower else None, row.get("hub_digest")) for row in rows]
    )


def _one(
    here: Context, row: dict[str, Any], level: Level, extra: list[str], header: str | None, word: str, *, everything: bool
) -> dict[str, Any]:
    base = here.base_url
    answer = dicom_json(row, up_to(level))
    if header is not None:
        url = f"{base}/studies/{row['StudyInstanceUID']}/series/{row['SeriesInstanceUID']}/instances/{row['SOPInstanceUID']}"
        whole = orjson.loads(header.replace('"BulkDataURI":"bulk/', f'"BulkDataURI":"{url}/bulkdata/'))
        for tag, element in whole.items():
            wanted = everything or tag in extra or keyword_for_tag(int(tag, 16)) in extra
            if wanted and tag not in answer and "BulkDataURI" not in element:
                answer[tag] = element
    url = f"{base}/studies/{row['StudyInstanceUID']}"
    if level in {"series", "instance"}:
        url += f"/series/{row['SeriesInstanceUID']}"
    if level == "instance":
        url += f"/instances/{row['SOPInstanceUID']}"
    answer["00080056"] = {"vr": "CS", "Value": [word]}
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
