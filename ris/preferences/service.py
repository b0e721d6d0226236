"""Reading and keeping the caller's own preference documents."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ris.access.scope import Caller
from ris.clock import iso, now
from ris.preferences.model import Preference
from ris.preferences.rules import BIGGEST_DOCUMENT, DOCUMENTS
from ris.problems import Problem


def _shape(key: str) -> type[BaseModel]:
    if key not in DOCUMENTS:
        raise Problem("preference.unknown", keys=sorted(DOCUMENTS))
    return DOCUMENTS[key]


def preference_as_data(key: str, row: Preference | None) -> dict[str, Any]:
    """Return a document as the API says it; one that was never written has version 0."""
    if row is None:
        return {"key": key, "version": 0, "document": _shape(key)().model_dump(), "changed_at": None}
    return {"key": key, "version": row.version, "document": row.document, "changed_at": iso(row.changed_at)}


def read_preference(session: Session, caller: Caller, key: str) -> dict[str, Any]:
    """Return the caller's own document `key`."""
    _shape(key)
    return preference_as_data(key, session.get(Preference, (caller.username, key)))


def checked(key: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document in its shape; Problem `preference.invalid` names the fields that are wrong."""
    if len(orjson.dumps(document)) > BIGGEST_DOCUMENT:
        raise Problem("request.too_large", limit=BIGGEST_DOCUMENT)
    try:
        return _shape(key).model_validate(document).model_dump()
    except ValidationError as error:
        fields = [{"at": list(one["loc"]), "message": one["msg"]} for one in error.errors(include_url=False, include_input=False)]
        raise Problem("preference.invalid", fields=fields) from error


def write_preference(session: Session, caller: Caller, key: str, version: int, document: dict[str, Any]) -> dict[str, Any]:
    """Replace the caller's own document, if `version` is the one he has seen; Problem `preference.version` with `current` if not."""
    kept = checked(key, document)
    moment = now()
    if version == 0:
        try:
            with session.begin_nested():
                session.add(Preference(username=caller.username, document_key=key, document=kept, version=1, changed_at=moment))
        except IntegrityError as error:
            raise _changed(session, caller, key) from error
    else:
        mine = (Preference.username == caller.username, Preference.document_key == key, Preference.version == version)
        changes = {"document": kept, "version": version + 1, "changed_at": moment}
        done = session.execute(update(Preference).where(*mine).values(**changes).execution_options(synchronize_session=False))
        if done.rowcount != 1:  # type: ignore[attr-defined]
            raise _changed(session, caller, key)
    return {"key": key, "version": version + 1, "document": kept, "changed_at": iso(moment)}


def _changed(session: Session, caller: Caller, key: str) -> Problem:
    return Problem("preference.version", current=read_preference(session, caller, key))
