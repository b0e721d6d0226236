"""Computed radiographs as DICOM images."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from tests.dicom_node.running_node import image

from .phantom import Device, Radiograph

COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"


def radiograph_image(radiograph: Radiograph, device: Device, study: str, series: str, **changed: Any) -> Dataset:
    """A CR image of it; it has no place in the patient's space."""
    rows, columns = radiograph.stored.shape
    ds = image(study, series, SOPClassUID=COMPUTED_RADIOGRAPHY, Modality="CR", Rows=rows, Columns=columns)
    for keyword in (
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
        "ImageOrientationPatient",
        "ImagePositionPatient",
        "FrameOfReferenceUID",
    ):
        delattr(ds, keyword)
    ds.PhotometricInterpretation = "MONOCHROME1" if radiograph.inverse else "MONOCHROME2"
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = device.bits, device.bits - 1, 0
    ds.ImagerPixelSpacing, ds.ViewPosition, ds.BodyPartExamined = [device.pixel, device.pixel], "PA", "CHEST"
    ds.StudyID, ds.Manufacturer, ds.PatientOrientation = "1", "phantom", ["L", "F"]
    ds.PixelData = radiograph.stored.astype("<u2").tobytes()
    for keyword, value in changed.items():
        setattr(ds, keyword, value)
    return ds
