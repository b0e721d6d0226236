"""The markings of one study of an exam, gathered from records and node, as DICOM objects."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from pipelines.evidence.access import Sources
from pipelines.evidence.markings import Drawn, Unexportable, drawn
from pipelines.serving.problems import Problem


def gather(sources: Sources, exam: int, study: str) -> tuple[list[Drawn], int]:
    """The study's markings with the headers of their images, and how many are left out. Problem `evidence.none` when there is none."""
    rows = [row for row in sources.ris.markings(exam) if row["measurement"]["study"] == study]
    headers: dict[str, Dataset] = {}
    for row in rows:
        measurement = row["measurement"]
        key, series = measurement["sop_uid"] or measurement["series"], measurement["series"]
        if key in headers:
            continue
        if measurement["sop_uid"]:
            found = sources.node.instance_metadata(study, series, measurement["sop_uid"])
        else:
            first = sources.node.series_header(study, series)["frames"][0]["sop_uid"]
            found = sources.node.instance_metadata(study, series, first)
        headers[key] = Dataset.from_json(found)
    ready, left_out = drawn(rows, headers)
    if not ready:
        raise Problem("evidence.none")
    return ready, left_out


Made = TypeVar("Made")


def made(make: Callable[[list[Drawn], ZoneInfo], Made], ready: list[Drawn], zone: ZoneInfo) -> Made:
    """What `make` makes of them; Problem `evidence.refused` in its words."""
    try:
        return make(ready, zone)
    except Unexportable as error:
        raise Problem("evidence.refused", str(error)) from error


def file_of(document: Dataset) -> bytes:
    """A DICOM file (part 10)."""
    buffer = io.BytesIO()
    dcmwrite(buffer, document, enforce_file_format=True)
    return buffer.getvalue()


def archive_of(documents: list[Dataset]) -> bytes:
    """A zip archive of DICOM files, names as media want them (PS3.10 8.2)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, document in enumerate(documents, 1):
            archive.writestr(f"PR{number:05}.dcm", file_of(document))
    return buffer.getvalue()
