"""The worklist's questions (PS3.4 K.4.1), answered in the index process: identifier in DICOM JSON in, matches in DICOM JSON out."""

from __future__ import annotations

from typing import Any

from pydicom.datadict import dictionary_VR

from dicom_node.query.matching import QueryError
from dicom_node.worklist.entries import Entries
from dicom_node.worklist.files import STEPS, standard
from dicom_node.worklist.matching import START_DATE, START_TIME, Attributes, asked_of, check, item_of, matches

MAX_MATCHES = 5000
STATION = "00400001"
_LEFT_OUT = {"00080005", "00080201"}  # the character set of the answer is the receiver's matter


def answer_worklist(entries: Entries, question: dict[str, Any]) -> dict[str, Any]:
    """`{"matches": […]}` in order of their start, or `{"error": "query", "detail": words}`.

    An entry without a station is for any station of the institution: it is answered with the AE title asked for, else the caller's.
    """
    query = standard(question["query"])
    try:
        check(query)
        station = _station(query, question["aet"])
        found = []
        for entry in entries.of(question["institution"]):
            here = _at(entry, station)
            if matches(query, here):
                found.append(here)
        found.sort(key=_start)
        return {"matches": [_answer(query, entry) for entry in found[:MAX_MATCHES]]}
    except QueryError as error:
        return {"error": "query", "detail": str(error)}


def _station(query: Attributes, caller: str) -> str:
    asked = asked_of(item_of(STEPS, query.get(STEPS, {})).get(STATION, {}))
    return asked[0] if len(asked) == 1 and not set(asked[0]) & {"*", "?"} else caller


def _at(entry: Attributes, station: str) -> Attributes:
    (step,) = entry[STEPS]["Value"]
    if asked_of(step[STATION]):
        return entry
    return entry | {STEPS: {"vr": "SQ", "Value": [step | {STATION: {"vr": "AE", "Value": [station]}}]}}


def _start(entry: Attributes) -> tuple[str, str]:
    (step,) = entry[STEPS]["Value"]
    return asked_of(step[START_DATE])[0], asked_of(step[START_TIME])[0]


def _answer(query: Attributes, entry: Attributes) -> Attributes:
    """The attributes that were asked for, no others (PS3.4 K.4.1.1.3.2); empty when the entry has no value."""
    answer: Attributes = {}
    for tag, element in query.items():
        if tag in _LEFT_OUT:
            continue
        known = entry.get(tag)
        if element.get("vr") != "SQ":
            answer[tag] = known if known is not None else {"vr": _vr(tag, element)}
            continue
        asked = item_of(tag, element)
        items = [item for item in (known or {}).get("Value") or [] if matches(asked, item)]
        items = [_answer(asked, item) for item in items] if asked else items
        answer[tag] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    return answer


def _vr(tag: str, element: dict[str, Any]) -> str:
    try:
        return dictionary_VR(int(tag, 16)).split(" ", maxsplit=1)[0]
    except KeyError:
        return str(element.get("vr", "UN"))
