"""A study's markings and the headers of the images they lie on: what an export is made from."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from pipelines.evidence import coordinates
from pipelines.evidence.kinds import KINDS, Kind

MAKER = "Radiology hub"
NEEDED = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    "ReferringPhysicianName",
)
"""Type 2 attributes (PS3.3 C.7.1.1, C.7.2.1) that real images leave out altogether."""


class Unexportable(ValueError):  # noqa: N818 - says what it is
    """The markings of this study cannot be made a DICOM object; the message says why, in Chinese and English."""


@dataclass(frozen=True)
class Drawn:
    """One marking, ready to be written: `header` is that of its image, or of any image of its series when it lies on a plane."""

    id: str
    name: str
    kind: Kind
    measurement: Mapping[str, Any]
    author: str
    author_name: str
    drawn_at: datetime
    header: Dataset

    @property
    def uid(self) -> str:
        """Tracking Unique Identifier: always the same for one marking of one study (PS3.5 B.2: UUID under 2.25)."""
        named = hashlib.sha256(f"{self.measurement['study']}/{self.id}".encode()).digest()
        return f"2.25.{uuid.UUID(bytes=named[:16], version=4).int}"

    @property
    def plane(self) -> Mapping[str, Any] | None:
        """The computed plane it lies on."""
        found: Mapping[str, Any] | None = self.measurement.get("plane")
        return found

    @property
    def frame(self) -> int | None:
        """Its frame, from 1, when its image has several."""
        return int(self.measurement["frame"]) if int(self.header.get("NumberOfFrames") or 1) > 1 else None

    @property
    def lines(self) -> list[NDArray[np.float64]]:
        """Its lines as DICOM takes them: (n, 2) from the image's corner, or (n, 3) LPS mm on a plane; a region is closed."""
        points = np.asarray(self.measurement["points"], float)
        plane = self.plane
        if self.kind.shape == "ellipse":
            # on a plane in mm: there the axes are perpendicular
            scale = np.array([plane["spacing"][1], plane["spacing"][0]]) if plane else np.ones(2)
            parts = [coordinates.principal_axes(points * scale) / scale]
        elif self.kind.shape == "pairs":
            parts = list(points.reshape(-1, 2, 2))
        else:
            parts = [coordinates.outline(points, self.kind.shape) if self.kind.region else points]
        return [coordinates.to_patient(plane, part) if plane else coordinates.to_image(part) for part in parts]

    @property
    def person(self) -> PersonName:
        """Its author as a person name: login name, and the name itself as the ideographic form where it is not Latin (PS3.5 6.2.1)."""
        shown = self.author_name.replace("=", " ").replace("^", " ").replace("\\", " ").strip()
        return PersonName(f"{shown}^" if shown.isascii() and shown else f"{self.author}={shown}")


def complete(header: Dataset) -> Dataset:
    """The header with empty values for what must be there."""
    for name in NEEDED:
        if name not in header:
            setattr(header, name, None)
    return header


def drawn(rows: Sequence[Mapping[str, Any]], headers: Mapping[str, Dataset]) -> tuple[list[Drawn], int]:
    """Markings of one study with their headers, and how many had to be left out: of a kind that has no code here.

    `headers`: SOP instance → header; for markings on a plane, series → header of one of its images.
    """
    found = []
    for row in rows:
        measurement = row["measurement"]
        header = headers.get(measurement["sop_uid"] or measurement["series"])
        if measurement["kind"] not in KINDS or header is None:
            continue
        author, at = row["author"], datetime.fromisoformat(row["created_at"])
        name = measurement["kind"]
        found.append(Drawn(row["id"], name, KINDS[name], measurement, author["username"], author["name"], at, complete(header)))
    return found, len(rows) - len(found)
