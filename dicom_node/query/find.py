"""C-FIND's questions, answered in the index process: keys in, encoded identifiers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_node.index.database import Database
from dicom_node.query.identifiers import AVAILABILITY, CHARACTER_SET, LEVEL, RETRIEVE_AET, encoder
from dicom_node.query.keys import BY_TAG, Key, Level, up_to
from dicom_node.query.link import Blobs
from dicom_node.query.matching import QueryError
from dicom_node.query.models import ROOTS, UNIQUE, upper_fault
from dicom_node.query.search import MAX_ROWS, Scope, search
from dicom_node.storage.availability import WORDS, Entity, Word

# what availability is asked of, whether it was asked for or not
_ENTITY: dict[Level, tuple[str, ...]] = {
    "patient": (), "study": ("s.study_uid",), "series": ("s.study_uid", "r.series_uid"),
    "instance": ("s.study_uid", "r.series_uid", "i.digest"),
}  # fmt: skip
_NOT_MATCHED = {CHARACTER_SET, LEVEL, RETRIEVE_AET, AVAILABILITY, "00080201"}  # the last: time zone


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request asks: level, values by keyword, keys to return; `word`: the level as it was written."""

    level: Level
    word: str
    query: dict[str, str]
    keys: list[Key]


def plan(root: str, word: str, asked: Mapping[str, str], *, relational: bool) -> Plan | str:
    """The plan of a request with these keys (tag → text), or why it is none (PS3.4 C.4.1.2)."""
    level = ROOTS[root].get(word)
    if level is None:
        return "QueryRetrieveLevel is missing or not of this model"
    allowed = up_to(level)
    wanted = {UNIQUE[level]}
    query: dict[str, str] = {}
    for tag, value in asked.items():
        key = BY_TAG.get(tag)
        if key is None or key not in allowed or tag in _NOT_MATCHED:
            continue  # an attribute that is not supported is not matched and not returned (PS3.4 C.2.2.1.3)
        wanted.add(key.keyword)
        if value:
            query[key.keyword] = value
    if not relational and (fault := upper_fault(root, level, query)):
        return fault
    return Plan(level, word, query, [key for key in allowed if key.keyword in wanted])


def fixed_elements(word: str, aet: str) -> dict[str, tuple[str, str]]:
    """Tag → (VR, value) of what is the same in every identifier of an answer."""
    return {CHARACTER_SET: ("CS", "ISO_IR 192"), LEVEL: ("CS", word), RETRIEVE_AET: ("AE", aet)}


def _online(entities: Sequence[Entity]) -> Sequence[Word]:
    return ["ONLINE"] * len(entities)


def answer_find(
    database: Database, question: dict[str, Any], availability: Callable[[Sequence[Entity]], Sequence[Word]] = _online
) -> Blobs | dict[str, Any]:
    """The identifiers of the matches in the encoding asked for, or `{"error": code, "detail": words}`.

    `keys`: tag → text, values separated by backslashes. `relational` and `combined`: what was negotiated (PS3.4 C.5.1.1.1).
    `availability`: of studies, series or instances (PS3.4 C.4.1.1.3.2). `explicit`: the identifiers have value representations; `aet`: the node's title, where the matches can be retrieved.
    """
    found = plan(question["root"], question["level"], question["keys"], relational=question["relational"])
    if isinstance(found, str):
        return {"error": "level", "detail": found}
    try:
        rows = search(
            database,
            found.level,
            found.query,
            Scope(frozenset({question["institution"]})),
            keys=found.keys,
            columns=tuple(f'{column} AS "availability_{at}"' for at, column in enumerate(_ENTITY[found.level])),
            combined=question["combined"],
            limit=MAX_ROWS + 1,
        )
    except QueryError as error:
        return {"error": "query", "detail": str(error)}
    fixed = fixed_elements(question["level"], question["aet"])
    encode = encoder(found.keys, fixed, explicit=question["explicit"])
    if AVAILABILITY not in question["keys"] or found.level == "patient":
        return Blobs([encode(row) for row in rows[:MAX_ROWS]], whole=len(rows) <= MAX_ROWS)
    told = {value: encoder(found.keys, fixed | {AVAILABILITY: ("CS", value)}, explicit=question["explicit"]) for value in WORDS}
    shown = rows[:MAX_ROWS]
    words = availability([(row["availability_0"], row.get("availability_1"), row.get("availability_2")) for row in shown])
    return Blobs([told[word](row) for row, word in zip(shown, words, strict=True)], whole=len(rows) <= MAX_ROWS)
