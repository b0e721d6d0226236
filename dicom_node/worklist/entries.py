"""Entries of the worklist: documented JSON (annotation table `worklist`) → attributes of PS3.4 table K.6-1, by institution."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydicom.datadict import dictionary_VR, tag_for_keyword

from dicom_node import logs
from dicom_node.annotations import Annotations
from dicom_node.archive.identity import uid_fault
from dicom_node.worklist.files import WorklistFiles
from dicom_node.worklist.matching import GROUPS, Attributes

log = logs.get(__name__)
State = Literal["scheduled", "arrived", "ready", "started", "completed", "discontinued", "cancelled"]
OVER = {"completed", "discontinued", "cancelled"}
"""States of an entry that is no longer offered."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Patient(_Part):
    """Who is examined."""

    id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=324, description="DICOM PN: alphabetic=ideographic=phonetic")
    birth_date: date | None = None
    sex: Literal["M", "F", "O"] | None = None
    weight: float | None = Field(None, gt=0, description="kg")
    allergies: tuple[str, ...] = ()


class RequestedProcedure(_Part):
    """What was asked for."""

    id: str = Field(min_length=1, max_length=16)
    description: str = ""


class ScheduledStep(_Part):
    """What a modality is to do, when."""

    id: str = Field(min_length=1, max_length=16)
    aet: tuple[str, ...] = Field((), description="stations; empty: any station of the institution")
    modality: str = Field(min_length=1, max_length=16)
    start: datetime = Field(description="local time of the institution, without zone")
    description: str = ""
    station: str = ""
    body_part: str = ""
    performing_physician: str = ""


class WorklistEntry(_Part):
    """The data of one annotation of table `worklist`."""

    institution: str = Field(min_length=1)
    institution_name: str = ""
    state: State = "scheduled"
    accession: str = ""
    patient: Patient
    referring_physician: str = ""
    requested_procedure: RequestedProcedure
    study_uid: str
    step: ScheduledStep


def _element(keyword: str, *values: Any) -> tuple[str, dict[str, Any]]:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(keyword)
    vr = dictionary_VR(tag)
    given = [value for value in values if value not in {None, ""}] if vr != "SQ" else list(values)
    if vr == "PN":
        given = [{name: part for name, part in zip(GROUPS, value.split("="), strict=False) if part} for value in given]
    return f"{tag:08X}", {"vr": vr, "Value": given} if given else {"vr": vr}


def attributes_of(entry: WorklistEntry) -> Attributes:
    """The data set that a modality may ask for; every supported attribute is in it, empty when unknown."""
    patient, procedure, step = entry.patient, entry.requested_procedure, entry.step
    item = dict([
        _element("Modality", step.modality),
        _element("BodyPartExamined", step.body_part[:16]),
        _element("ScheduledStationAETitle", *step.aet),
        _element("ScheduledProcedureStepStartDate", f"{step.start:%Y%m%d}"),
        _element("ScheduledProcedureStepStartTime", f"{step.start:%H%M%S}"),
        _element("ScheduledPerformingPhysicianName", step.performing_physician),
        # type 1C: this or a code
        _element("ScheduledProcedureStepDescription", (step.description or procedure.description or step.modality)[:64]),
        _element("ScheduledProcedureStepID", step.id),
        _element("ScheduledStationName", step.station[:16]),
    ])  # fmt: skip
    return dict([
        _element("AccessionNumber", entry.accession),
        _element("InstitutionName", entry.institution_name[:64]),
        _element("ReferringPhysicianName", entry.referring_physician),
        _element("PatientName", patient.name),
        _element("PatientID", patient.id),
        _element("PatientBirthDate", f"{patient.birth_date:%Y%m%d}" if patient.birth_date else None),
        _element("PatientSex", patient.sex),
        _element("PatientWeight", patient.weight),
        _element("Allergies", *(allergy[:64] for allergy in patient.allergies)),
        _element("StudyInstanceUID", entry.study_uid),
        _element("RequestedProcedureID", procedure.id),
        _element("RequestedProcedureDescription", (procedure.description or step.description or step.modality)[:64]),
        _element("ScheduledProcedureStepSequence", item),
    ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Read:
    version: int
    institution: str
    attributes: Attributes | None  # None: not to be offered


class Entries:
    """What is scheduled, from annotations and from worklist files. Any thread may ask."""

    def __init__(self, annotations: Annotations, files: Path | None) -> None:
        self._annotations = annotations
        self._files = WorklistFiles(files) if files is not None else None
        self._read: dict[str, _Read] = {}
        self._lock = threading.Lock()

    def of(self, institution: str) -> list[Attributes]:
        """Entries of `institution` that are to be done."""
        rows = self._annotations.table("worklist")
        with self._lock:
            known, self._read = self._read, {}
            for row in rows:
                found = known.get(row["key"])
                self._read[row["key"]] = found if found is not None and found.version == row["version"] else _read(row)
            listed = [read.attributes for read in self._read.values() if read.institution == institution and read.attributes is not None]
        return listed + (self._files.of(institution) if self._files is not None else [])


def _read(row: dict[str, Any]) -> _Read:
    try:
        entry = WorklistEntry.model_validate(row["data"])
    except ValidationError as error:
        faults = sorted({".".join(str(part) for part in fault["loc"]) for fault in error.errors()})
        log.warning("worklist.invalid_entry", key=row["key"], fields=faults, action="the entry is not offered until it is corrected")
        return _Read(row["version"], "", None)
    if entry.state in OVER:
        return _Read(row["version"], entry.institution, None)
    if fault := uid_fault(entry.study_uid):
        log.warning("worklist.invalid_entry", key=row["key"], fields=["study_uid"], reason=fault)
        return _Read(row["version"], entry.institution, None)
    return _Read(row["version"], entry.institution, attributes_of(entry))
