"""Markings as a DICOM SR "Imaging Measurement Report" (PS3.16 TID 1500): regions as TID 1410, everything else as TID 1501."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from highdicom import UID, sr
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from pipelines.evidence.content import below
from pipelines.evidence.kinds import SCHEME, STATISTICS, VALUE, method_of, unit_of
from pipelines.evidence.markings import MAKER, Drawn, Unexportable

PRIVATE_GROUP, PRIVATE_CREATOR = 0x0071, "RADHUB MARKINGS"
"""In a group whose geometry is SCOORD3D: element 01, FD 11, the plane it was drawn on (origin, row, column in LPS mm, spacing of rows, of columns)."""
RATIO = Code("{ratio}", "UCUM", "ratio")
COLOURS = ("red", "green", "blue")
Group = sr.MeasurementsAndQualitativeEvaluations | sr.PlanarROIMeasurementsAndQualitativeEvaluations


def measurement_report(drawn: Sequence[Drawn], zone: ZoneInfo) -> Dataset:
    """One SR document for the markings of one study; unverified and preliminary, for nobody has signed them. Times are those of `zone`.

    Unexportable: none, markings of several studies, or a plane in no frame of reference.
    """
    if not drawn:
        raise Unexportable("没有可以导出的标注 | there are no markings to export")
    headers = list({one.header.SOPInstanceUID: one.header for one in drawn}.values())
    if len({header.StudyInstanceUID for header in headers}) != 1:
        raise Unexportable("标注属于不同的检查 | the markings belong to several studies")
    now = datetime.now(zone).replace(microsecond=0)
    document = sr.Comprehensive3DSR(
        evidence=headers,
        content=sr.MeasurementReport(
            observation_context=_observers(drawn),
            procedure_reported=codes.SCT.ImagingProcedure,
            imaging_measurements=[_group(one, zone) for one in drawn],
            title=codes.DCM.ImagingMeasurementReport,
        )[0],
        series_instance_uid=generate_uid(prefix=None),
        series_number=9901,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=version("highdicom"),
        device_serial_number="1",
        series_description="Measurements",
        specific_character_set="ISO_IR 192",
        content_date=now.date(),
        content_time=now.time(),
    )
    _empty_unknown(document)
    scheme = Dataset()
    scheme.CodingSchemeDesignator = SCHEME
    scheme.CodingSchemeName = f"{MAKER}: kinds of measurement"
    scheme.CodingSchemeResponsibleOrganization = MAKER
    document.CodingSchemeIdentificationSequence = [*document.get("CodingSchemeIdentificationSequence", []), scheme]
    return document


def _person(one: Drawn) -> sr.PersonObserverIdentifyingAttributes:
    return sr.PersonObserverIdentifyingAttributes(str(one.person), login_name=one.author)


def _observers(drawn: Sequence[Drawn]) -> sr.ObservationContext:
    """Who observed: the one author, else this system; each group names its own author."""
    if len({one.author for one in drawn}) == 1:
        person = sr.ObserverContext(codes.DCM.Person, _person(drawn[0]))
        return sr.ObservationContext(observer_person_context=person)
    device = sr.DeviceObserverIdentifyingAttributes(uid=UID.from_uuid("6f2c0a0e-5c0b-4d5a-9c65-9c1d5a1f7f11"), name=MAKER)
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))


def _group(one: Drawn, zone: ZoneInfo) -> Group:
    tracking = sr.TrackingIdentifier(uid=one.uid, identifier=one.id)
    method = method_of(one.name)
    group: Group
    if one.kind.region:
        group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking, referenced_region=_region(one), method=method, measurements=[*_values(one, []), *_statistics(one)]
        )
    else:
        group = sr.MeasurementsAndQualitativeEvaluations(tracking, method=method, measurements=_values(one, _coordinates(one)))
    item = group[0]
    item.ObservationDateTime = one.drawn_at.astimezone(zone).strftime("%Y%m%d%H%M%S%z")
    for position, part in enumerate(sr.ObserverContext(codes.DCM.Person, _person(one))):
        item.ContentSequence.insert(position, part)
    if (plane := one.plane) is not None:
        block = item.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
        block.add_new(1, "FD", [float(part) for name in ("origin", "row", "column", "spacing") for part in plane[name]])
    return group


def _space(one: Drawn) -> str:
    uid = one.header.get("FrameOfReferenceUID")
    if not uid:
        raise Unexportable("重建平面所在的序列没有参考坐标系，无法导出 | a plane in no frame of reference cannot be exported")
    return str(uid)


def _image(one: Drawn) -> sr.SourceImageForRegion:
    frames = None if one.frame is None else [one.frame]
    return sr.SourceImageForRegion(one.header.SOPClassUID, one.header.SOPInstanceUID, frames)


def _region(one: Drawn) -> sr.ImageRegion | sr.ImageRegion3D:
    (line,) = one.lines
    if one.plane is not None:
        return sr.ImageRegion3D("ELLIPSE" if one.kind.shape == "ellipse" else "POLYGON", line, _space(one))
    return sr.ImageRegion("ELLIPSE" if one.kind.shape == "ellipse" else "POLYLINE", line, _image(one))


def _coordinates(one: Drawn) -> list[sr.CoordinatesForMeasurement | sr.CoordinatesForMeasurement3D]:
    """The lines a value was read from, each as its own item (TID 320)."""
    graphic = "POINT" if one.kind.shape == "point" else "POLYLINE"
    if one.plane is not None:
        return [sr.CoordinatesForMeasurement3D(graphic, line, _space(one)) for line in one.lines]
    return [sr.CoordinatesForMeasurement(graphic, line, _image(one)) for line in one.lines]


def _number(concept: Code, value: float | None, unit: Code, **more: Any) -> sr.Measurement:
    """A value; an unknown one keeps its geometry and says that it is unknown (PS3.3 C.18.1, CID 42)."""
    if value is None or not np.isfinite(value):
        return sr.Measurement(name=concept, value=0.0, unit=unit, qualifier=codes.DCM.ValueUnknown, **more)
    return sr.Measurement(name=concept, value=float(value), unit=unit, **more)


def _empty_unknown(document: Dataset) -> None:
    """Take the number out of values that are unknown: highdicom makes, and copies, only items that have one."""
    for item in below(document):
        qualifier = item.get("NumericValueQualifierCodeSequence")
        if qualifier and qualifier[0].CodeValue == codes.DCM.ValueUnknown.value:
            item.MeasuredValueSequence = Items([])


def _values(one: Drawn, lines: Sequence[Any]) -> list[sr.Measurement]:
    value, unit = one.measurement.get("value"), unit_of(one.measurement.get("unit") or "")
    if one.kind.shape == "pairs" and one.name != "cobb":
        unit = RATIO
    if isinstance(value, list | tuple):  # of a colour pixel
        named = [Code(f"{name}-value", SCHEME, f"Pixel value, {name}") for name in COLOURS]
        return [_number(concept, part, unit, referenced_coordinates=lines) for concept, part in zip(named, value, strict=False)]
    concept = codes.DCM.AttenuationCoefficient if one.kind.concept == VALUE and one.measurement.get("unit") == "HU" else one.kind.concept
    return [_number(concept, value, unit, referenced_coordinates=lines or None)]


def _statistics(one: Drawn) -> list[sr.Measurement]:
    """Mean, deviation, least and greatest of the pixels inside; HU where the header says so (PS3.3 C.8.2.1.1.2)."""
    stats = one.measurement.get("stats") or {}
    kind = str(one.header.get("RescaleType") or "").strip().upper()
    hounsfield = one.header.get("Modality") == "CT" and kind in {"", "HU"}
    concept, unit = (
        (codes.DCM.AttenuationCoefficient, unit_of("HU")) if hounsfield else (VALUE, unit_of("" if kind in {"", "US"} else kind))
    )
    return [
        _number(concept, float(stats[name]), unit, derivation=derivation)
        for name, derivation in STATISTICS.items()
        if isinstance(stats.get(name), int | float)
    ]
