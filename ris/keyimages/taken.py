"""What a report takes of the key images of its exams, and the pictures themselves by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ris.exams.model import Exam
from ris.keyimages.model import KeyImage, KeyPicture
from ris.keyimages.rules import MOST_OF_EXAM, fault_of_caption
from ris.problems import Problem


def picture_named(session: Session, digest: str) -> KeyPicture:
    """Return a picture whose digest the caller was shown; its bytes must still be the ones that were kept."""
    picture = session.get(KeyPicture, digest)
    if picture is None or hashlib.sha256(picture.content).hexdigest() != digest:
        raise Problem("key_image.damaged")
    return picture


def taken_by_report(
    session: Session, exams: Sequence[int], wanted: list[dict[str, Any]], before: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Return what a report keeps of the key images it takes, in order: id, digest, caption, made.

    They must be of the report's exams, with the picture the writer saw. `before`: what the draft has already may stay in it while it is
    typed, so that no word is lost when images were linked elsewhere meanwhile; None where that must be sorted out first.
    """
    if len(wanted) > MOST_OF_EXAM:
        raise Problem("key_image.too_many", most=MOST_OF_EXAM)
    if len({one["id"] for one in wanted}) != len(wanted):
        raise Problem("request.invalid", fields=[{"where": "key_images", "what": "one is there twice"}])
    there = {(one["id"], one["digest"]): one for one in before or []}
    studies = [study.study_uid for exam in exams for study in session.get_one(Exam, exam).studies]
    known = {row.id: row for row in session.scalars(select(KeyImage).where(KeyImage.study.in_(studies)))} if wanted else {}
    taken = []
    for place, one in enumerate(wanted):
        fault = fault_of_caption(one["caption"])
        if fault is not None:
            raise Problem("request.invalid", fields=[{"where": f"key_images.{place}.caption", "what": fault}])
        row = known.get(one["id"])
        kept = there.get((one["id"], one["digest"]))
        if (row is None or row.picture != one["digest"]) and kept is None:
            raise Problem("key_image.unknown", key_image=one["id"])
        made = row.made if row is not None else (kept or {}).get("made", "image")
        taken.append({"id": one["id"], "digest": one["digest"], "caption": one["caption"].strip(), "made": made})
    return taken
