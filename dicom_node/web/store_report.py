"""The Store Instances Response (PS3.18 10.5.3, I.2): what was stored, what was kept aside, what failed and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from dicom_node.web import native_xml
from dicom_node.web import negotiation as n
from dicom_node.web.incoming import Subject

KEPT_ASIDE = 0xB001
"""Warning Reason of our own: the object is kept, but a person must look at it before it is shown (the images feed says why)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored object; study and series are None when its data set could not be read."""

    subject: Subject
    digest: str
    study_uid: str | None
    series_uid: str | None


class StoreReport:
    """Gathers the outcome of a request's objects."""

    def __init__(self, base_url: str, study: str | None) -> None:
        self._base, self._study = base_url, study
        self.kept: list[Kept] = []
        self.aside: set[str] = set()  # digests
        self._failed: list[dict[str, Any]] = []
        self._other: list[dict[str, Any]] = []

    @property
    def failures(self) -> int:
        """How many objects were not stored."""
        return len(self._failed) + len(self._other)

    def stored(self, subject: Subject, digest: str, study_uid: str | None, series_uid: str | None) -> None:
        """The object is on disk and in the journal."""
        self.kept.append(Kept(subject, digest, study_uid, series_uid))

    def failed(self, subject: Subject, reason: int, comment: str) -> None:
        """The object was not stored. One that could not be named goes into the Other Failures Sequence."""
        why = {"00000902": {"vr": "LO", "Value": [comment[:64]]}, "00081197": {"vr": "US", "Value": [reason]}}
        if subject.sop_uid:
            self._failed.append(_reference(subject) | why)
        else:
            self._other.append(why)

    def document(self) -> dict[str, Any]:
        """The response's data set in DICOM JSON."""
        found: dict[str, Any] = {}
        studies = {kept.study_uid for kept in self.kept}
        study = self._study or (next(iter(studies)) if len(studies) == 1 else None)
        if study is not None:
            found["00081190"] = {"vr": "UR", "Value": [f"{self._base}/studies/{study}"]}
        for tag, items in (("00081198", self._failed), ("00081199", [self._item(kept) for kept in self.kept]), ("0008119A", self._other)):
            if items:
                found[tag] = {"vr": "SQ", "Value": items}
        return found

    def _item(self, kept: Kept) -> dict[str, Any]:
        item = _reference(kept.subject)
        if kept.study_uid is not None:
            url = f"{self._base}/studies/{kept.study_uid}/series/{kept.series_uid}/instances/{kept.subject.sop_uid}"
            item["00081190"] = {"vr": "UR", "Value": [url]}
        if kept.digest in self.aside:
            item["00081196"] = {"vr": "US", "Value": [KEPT_ASIDE]}
        return item

    def response(self, form: str) -> Response:
        """200: all stored; 202: some failed or are kept aside; 409: nothing was stored (PS3.18 table 10.5.3-1)."""
        status = 409 if not self.kept else 202 if self.failures or self.aside else 200
        document = self.document()
        body = native_xml.encode(document) if form == n.DICOM_XML else orjson.dumps(document)
        return Response(body, status, {"Cache-Control": "no-store"}, form)


def _reference(subject: Subject) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [subject.sop_class[:64]]},
        "00081155": {"vr": "UI", "Value": [subject.sop_uid[:64]]},
    }
