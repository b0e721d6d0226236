"""C-FIND's questions, answered in the index process: keys in, encoded identifiers out."""

from __future__ import annotations

from typing import Any

from dicom_node.index.database import Database
from dicom_node.query.identifiers import AVAILABILITY, CHARACTER_SET, LEVEL, RETRIEVE_AET, encoder
from dicom_node.query.keys import BY_TAG, up_to
from dicom_node.query.link import Blobs
from dicom_node.query.matching import QueryError
from dicom_node.query.models import ROOTS, UNIQUE, upper_fault
from dicom_node.query.search import MAX_ROWS, Scope, search

_NOT_MATCHED = {CHARACTER_SET, LEVEL, RETRIEVE_AET, AVAILABILITY, "00080201"}  # the last: time zone


def answer_find(database: Database, question: dict[str, Any]) -> Blobs | dict[str, Any]:
    """The identifiers of the matches in the encoding asked for, or `{"error": code, "detail": words}`.

    `keys`: tag → text, values separated by backslashes. `relational` and `combined`: what was negotiated (PS3.4 C.5.1.1.1).
    `explicit`: the identifiers have value representations; `aet`: the node's title, where the matches can be retrieved.
    """
    level = ROOTS[question["root"]].get(question["level"])
    if level is None:
        return {"error": "level", "detail": "QueryRetrieveLevel is missing or not of this model"}
    allowed = up_to(level)
    wanted = {UNIQUE[level]}
    query: dict[str, str] = {}
    for tag, value in question["keys"].items():
        key = BY_TAG.get(tag)
        if key is None or key not in allowed or tag in _NOT_MATCHED:
            continue  # an attribute that is not supported is not matched and not returned (PS3.4 C.2.2.1.3)
        wanted.add(key.keyword)
        if value:
            query[key.keyword] = value
    if not question["relational"] and (fault := upper_fault(question["root"], level, query)):
        return {"error": "level", "detail": fault}
    keys = [key for key in allowed if key.keyword in wanted]
    try:
        rows = search(
            database,
            level,
            query,
            Scope(frozenset({question["institution"]})),
            keys=keys,
            combined=question["combined"],
            limit=MAX_ROWS + 1,
        )
    except QueryError as error:
        return {"error": "query", "detail": str(error)}
    fixed = {CHARACTER_SET: ("CS", "ISO_IR 192"), LEVEL: ("CS", question["level"]), RETRIEVE_AET: ("AE", question["aet"])}
    if AVAILABILITY in question["keys"]:
        fixed[AVAILABILITY] = ("CS", "ONLINE")
    encode = encoder(keys, fixed, explicit=question["explicit"])
    return Blobs([encode(row) for row in rows[:MAX_ROWS]], whole=len(rows) <= MAX_ROWS)
