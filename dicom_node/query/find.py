"""C-FIND's questions, answered in the index process: identifier in DICOM JSON in, matches in DICOM JSON out."""

from __future__ import annotations

from typing import Any

from dicom_node.index.database import Database
from dicom_node.query.keys import BY_TAG, up_to
from dicom_node.query.matching import QueryError
from dicom_node.query.models import ROOTS, UNIQUE, upper_fault
from dicom_node.query.search import Scope, dicom_json, search

_NOT_MATCHED = {"00080005", "00080052", "00080054", "00080056", "00080201"}  # character set, level, where to fetch, availability, zone


def answer_find(database: Database, question: dict[str, Any]) -> dict[str, Any]:
    """`{"matches": [...]}`, or `{"error": code, "detail": words}`. `relational` and `combined`: what was negotiated (PS3.4 C.5.1.1.1)."""
    level = ROOTS[question["root"]].get(question["level"])
    if level is None:
        return {"error": "level", "detail": "QueryRetrieveLevel is missing or not of this model"}
    allowed = up_to(level)
    wanted = {UNIQUE[level]}
    query: dict[str, str] = {}
    for tag, element in question["query"].items():
        key = BY_TAG.get(tag)
        if key is None or key not in allowed or tag in _NOT_MATCHED:
            continue  # an attribute that is not supported is not matched and not returned (PS3.4 C.2.2.1.3)
        wanted.add(key.keyword)
        value = _value(element)
        if value:
            query[key.keyword] = value
    if not question["relational"] and (fault := upper_fault(question["root"], level, query)):
        return {"error": "level", "detail": fault}
    try:
        rows = search(database, level, query, Scope(frozenset({question["institution"]})), combined=question["combined"])
    except QueryError as error:
        return {"error": "query", "detail": str(error)}
    keys = [key for key in allowed if key.keyword in wanted]
    return {"matches": [dicom_json(row, keys) for row in rows]}


def _value(element: dict[str, Any]) -> str:
    parts = []
    for value in element.get("Value", []):
        if isinstance(value, dict):
            parts.append("=".join(value.get(name, "") for name in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("="))
        elif value is not None:
            parts.append(str(value))
    return "\\".join(parts)
