"""Listing, keeping and removing the key images of an exam."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ris.access.scope import Caller, Scope
from ris.audit.service import record
from ris.clock import iso, now
from ris.database import clean
from ris.exams.model import Exam
from ris.exams.row import locked, report_of
from ris.exams.service import exam_in
from ris.feed import publish
from ris.keyimages.model import KeyImage, KeyPicture
from ris.keyimages.rules import LIMITS, MOST_EVER, MOST_OF_EXAM, fault_of_caption, may_change
from ris.keyimages.taken import picture_named
from ris.pictures import PictureError, picture_of
from ris.problems import Problem
from ris.reports.rules import IN_FORCE

OF_THE_RECORD = frozenset({"id", "author", "created", "caption"})
"""Members of a reference that the record says, whatever the page sends."""


def key_image_as_data(row: KeyImage) -> dict[str, Any]:
    """Return a key image as the feed says it: everything but the picture, which its `digest` names."""
    return {
        "id": row.id,
        "version": row.version,
        "reference": {**row.data, "id": row.id, "author": row.author, "created": iso(row.created_at), "caption": row.caption or ""},
        "caption": row.caption or "",
        "digest": row.picture,
        "author": {"username": row.author, "name": row.author_name},
        "changed_by": {"username": row.changed_by, "name": row.changed_by_name},
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "removed": row.removed_at is not None,
    }


def _changeable(session: Session, caller: Caller, exam: Exam, row: KeyImage) -> bool:
    report = report_of(session, exam.id)
    operations = frozenset(one for one in ("report.write",) if caller.may(one, exam.institution))
    return may_change(row.author, report.author if report else None, caller.username, operations)


def _for_reader(session: Session, caller: Caller, exam: Exam, row: KeyImage) -> dict[str, Any]:
    return {**key_image_as_data(row), "changeable": _changeable(session, caller, exam, row)}


def _exam_to_see(session: Session, scope: Scope, caller: Caller, exam_id: int) -> Exam:
    """Return the exam whose key images the caller may see: who writes reports there always, the others when the report is in force."""
    exam = exam_in(session, scope, exam_id)
    if not caller.may("report.write", exam.institution):
        report = report_of(session, exam.id)
        if report is None or report.state not in IN_FORCE:
            raise Problem("report.not_signed")
    return exam


def _studies(exam: Exam) -> list[str]:
    return [study.study_uid for study in exam.studies]


def list_key_images(session: Session, scope: Scope, caller: Caller, exam_id: int, *, removed: bool) -> list[dict[str, Any]]:
    """Return the key images on the studies of an exam, oldest first; `removed`: those too that were removed. Audited as a view."""
    exam = _exam_to_see(session, scope, caller, exam_id)
    query = select(KeyImage).where(KeyImage.study.in_(_studies(exam)))
    if not removed:
        query = query.where(KeyImage.removed_at.is_(None))
    record(session, caller, "key_image.view", "exam", str(exam.id), exam.institution)
    rows = session.scalars(query.order_by(KeyImage.created_at, KeyImage.id))
    return [_for_reader(session, caller, exam, row) for row in rows]


def read_picture(session: Session, scope: Scope, caller: Caller, exam_id: int, key_image_id: str) -> KeyPicture:
    """Return the picture of a key image."""
    exam = _exam_to_see(session, scope, caller, exam_id)
    row = _key_image_of(session, exam, key_image_id)
    if row is None:
        raise Problem("row.not_found")
    return picture_named(session, row.picture)


def _exam_to_change(session: Session, caller: Caller, exam_id: int) -> Exam:
    """Return the exam whose key images the caller may change; others wait until the transaction ends."""
    exam = exam_in(session, caller.scope("image.view"), exam_id)
    caller.require("report.write", exam.institution)
    return locked(session, exam.id)


def _key_image_of(session: Session, exam: Exam, key_image_id: str) -> KeyImage | None:
    """Return a key image by its id, on whichever study of the exam."""
    return session.scalars(select(KeyImage).where(KeyImage.id == key_image_id, KeyImage.study.in_(_studies(exam)))).first()


def _tell(session: Session, caller: Caller, exam: Exam, row: KeyImage, action: str, before: str | None = None) -> dict[str, Any]:
    row.changed_by, row.changed_by_name, row.updated_at = caller.username, caller.name, now()
    session.flush()
    publish(session, "key_image.changed", exam.institution, "key_image", row.id, key_image_as_data(row))
    detail = {"exam": exam.id, "version": row.version, "digest": row.picture, **({"before": before} if before is not None else {})}
    record(session, caller, f"key_image.{action}", "key_image", row.id, exam.institution, detail)
    return _for_reader(session, caller, exam, row)


def _check_room(session: Session, exam: Exam) -> None:
    query = select(func.count()).select_from(KeyImage).where(KeyImage.study.in_(_studies(exam)))
    if (
        session.execute(query.where(KeyImage.removed_at.is_(None))).scalar_one() >= MOST_OF_EXAM
        or session.execute(query).scalar_one() >= MOST_EVER
    ):
        raise Problem("key_image.too_many", most=MOST_OF_EXAM)


def put_key_image(session: Session, caller: Caller, exam_id: int, key_image_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Keep a key image under its id: add it, change its caption, or bring a removed one back.

    `body`: version (the one that was changed, None for a new one), caption, reference, and picture (bytes; only a new one needs it).
    The same again changes nothing: an answer may get lost.
    """
    exam = _exam_to_change(session, caller, exam_id)
    caption = clean(body["caption"])
    fault = fault_of_caption(caption or "")
    if fault is not None:
        raise Problem("request.invalid", fields=[{"where": "caption", "what": fault}])
    if body["reference"] is not None and body["reference"]["study"] not in _studies(exam):
        raise Problem("key_image.study")
    row = _key_image_of(session, exam, key_image_id)
    if row is None:
        return _add(session, caller, exam, key_image_id, caption, body)
    if body["picture"] is not None and hashlib.sha256(body["picture"]).hexdigest() != row.picture:
        raise Problem("key_image.picture")
    version = body["version"]
    same = row.removed_at is None and row.caption == caption
    if same and (version in {row.version, row.version - 1} or (version is None and row.author == caller.username)):
        return _for_reader(session, caller, exam, row)
    if not _changeable(session, caller, exam, row):
        raise Problem("key_image.author")
    if version != row.version:
        raise Problem("row.version", current=_for_reader(session, caller, exam, row))
    action = "change"
    if row.removed_at is not None:
        _check_room(session, exam)
        row.removed_at, action = None, "restore"
    before, row.caption = row.caption or "", caption
    row.version += 1
    return _tell(session, caller, exam, row, action, before)


def _add(session: Session, caller: Caller, exam: Exam, key_image_id: str, caption: str | None, body: dict[str, Any]) -> dict[str, Any]:
    reference, content = body["reference"], body["picture"]
    if reference is None or content is None:
        raise Problem("row.not_found")
    _check_room(session, exam)
    try:
        found = picture_of(content, LIMITS)
    except PictureError as error:
        raise Problem("key_image.no_picture", fields=[{"where": "picture", "what": str(error)}]) from error
    if session.get(KeyPicture, found.digest) is None:
        session.add(KeyPicture(digest=found.digest, media_type=found.media_type, width=found.width, height=found.height, content=content))
        session.flush()
    moment = now()
    row = KeyImage(
        study=reference["study"],
        id=key_image_id,
        series_uid=reference["series"],
        sop_uid=reference["sop_uid"] or None,
        frame=reference["frame"],
        made=reference["made"],
        data={name: part for name, part in reference.items() if name not in OF_THE_RECORD},
        picture=found.digest,
        caption=caption,
        author=caller.username,
        author_name=caller.name,
        changed_by=caller.username,
        changed_by_name=caller.name,
        version=1,
        created_at=moment,
        updated_at=moment,
        removed_at=None,
    )
    session.add(row)
    return _tell(session, caller, exam, row, "add")


def remove_key_image(session: Session, caller: Caller, exam_id: int, key_image_id: str, version: int | None) -> dict[str, Any]:
    """Remove a key image from the exam, and return it; row and picture stay, and with them every report that has it. Twice is as once."""
    exam = _exam_to_change(session, caller, exam_id)
    row = _key_image_of(session, exam, key_image_id)
    if row is None:
        raise Problem("row.not_found")
    if not _changeable(session, caller, exam, row):
        raise Problem("key_image.author")
    if row.removed_at is not None:
        return _for_reader(session, caller, exam, row)
    if version is not None and version != row.version:
        raise Problem("row.version", current=_for_reader(session, caller, exam, row))
    row.removed_at = now()
    row.version += 1
    return _tell(session, caller, exam, row, "remove")
