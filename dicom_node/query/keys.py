"""Attributes that can be asked for and are answered, by level (PS3.4 C.6.1.1, C.6.2.1; PS3.18 10.6.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydicom.datadict import dictionary_VR, tag_for_keyword

Level = Literal["patient", "study", "series", "instance"]
LEVELS: tuple[Level, ...] = ("patient", "study", "series", "instance")
Kind = Literal["uid", "text", "name", "date", "time", "number", "list"]
_KINDS: dict[str, Kind] = {"UI": "uid", "PN": "text", "DA": "date", "TM": "time", "IS": "number", "US": "number", "DS": "number"}


@dataclass(frozen=True, slots=True)
class Key:
    """One attribute: where its value stands in the joined tables s (study), r (series), i (instance)."""

    keyword: str
    level: Level
    column: str
    kind: Kind
    vr: str
    tag: str  # eight hexadecimal digits, upper case, as in DICOM JSON


def _key(keyword: str, level: Level, column: str, kind: Kind | None = None) -> Key:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(keyword)
    vr = dictionary_VR(tag)
    return Key(keyword, level, column, kind or _KINDS.get(vr, "text"), vr, f"{tag:08X}")


KEYS: tuple[Key, ...] = (
    _key("PatientName", "patient", "s.patient_name", "name"),
    _key("PatientID", "patient", "s.patient_id"),
    _key("IssuerOfPatientID", "patient", "s.issuer"),
    _key("PatientBirthDate", "patient", "s.birth_date"),
    _key("PatientSex", "patient", "s.sex"),
    _key("StudyInstanceUID", "study", "s.study_uid"),
    _key("StudyDate", "study", "s.study_date"),
    _key("StudyTime", "study", "s.study_time"),
    _key("AccessionNumber", "study", "s.accession"),
    _key("StudyID", "study", "s.study_id"),
    _key("StudyDescription", "study", "s.study_description"),
    _key("ReferringPhysicianName", "study", "s.referring_physician"),
    _key("InstitutionName", "study", "s.institution_name"),
    _key("ModalitiesInStudy", "study", "s.modalities", "list"),
    _key("SOPClassesInStudy", "study", "s.sop_classes", "list"),
    _key("NumberOfStudyRelatedSeries", "study", "s.series"),
    _key("NumberOfStudyRelatedInstances", "study", "s.instances"),
    _key("SeriesInstanceUID", "series", "r.series_uid"),
    _key("Modality", "series", "r.modality"),
    _key("SeriesNumber", "series", "r.series_number"),
    _key("SeriesDescription", "series", "r.series_description"),
    _key("SeriesDate", "series", "r.series_date"),
    _key("SeriesTime", "series", "r.series_time"),
    _key("BodyPartExamined", "series", "r.body_part"),
    _key("Laterality", "series", "r.laterality"),
    _key("ProtocolName", "series", "r.protocol"),
    _key("Manufacturer", "series", "r.manufacturer"),
    _key("ManufacturerModelName", "series", "r.model"),
    _key("StationName", "series", "r.station"),
    _key("FrameOfReferenceUID", "series", "r.frame_of_reference"),
    _key("PerformedProcedureStepStartDate", "series", "r.performed_step_date"),
    _key("PerformedProcedureStepStartTime", "series", "r.performed_step_time"),
    _key("NumberOfSeriesRelatedInstances", "series", "r.instances"),
    _key("SOPInstanceUID", "instance", "i.sop_uid"),
    _key("SOPClassUID", "instance", "i.sop_class"),
    _key("InstanceNumber", "instance", "i.number"),
    _key("Rows", "instance", 'i."rows"'),
    _key("Columns", "instance", 'i."columns"'),
    _key("NumberOfFrames", "instance", 'i."frames"'),
    _key("ContentDate", "instance", "i.content_date"),
    _key("ContentTime", "instance", "i.content_time"),
    _key("AvailableTransferSyntaxUID", "instance", "i.transfer_syntax"),
)
BY_KEYWORD = {key.keyword: key for key in KEYS}
BY_TAG = {key.tag: key for key in KEYS}


def up_to(level: Level) -> list[Key]:
    """Keys of `level` and of those above it."""
    depth = LEVELS.index(level)
    return [key for key in KEYS if LEVELS.index(key.level) <= depth]
