"""The marker phantom as files that a device could send."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from .markers import series


def write_series(name: str, folder: Path, patient: str = "标记^体模") -> str:
    """One file for each image; gives the study UID."""
    frames, stored = series(name)
    study, whole = generate_uid(), generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    for frame, pixels in zip(frames, stored, strict=True):
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.PatientID, ds.PatientSex, ds.PatientBirthDate = patient, "MARKER-1", "O", "20200101"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, whole, generate_uid()
        ds.SOPClassUID, ds.Modality, ds.StudyDate, ds.StudyTime = CTImageStorage, "CT", "20260105", "093000"
        ds.StudyDescription, ds.SeriesDescription, ds.StudyID, ds.AccessionNumber = "Markers", name, "1", ""
        ds.SeriesNumber, ds.InstanceNumber, ds.FrameOfReferenceUID = 1, frame["index"] + 1, frame["frame_of_reference"]
        ds.ImagePositionPatient, ds.ImageOrientationPatient = (
            [f"{value:.6f}"[:16] for value in frame[key]] for key in ("position", "orientation")
        )
        ds.PixelSpacing, ds.SliceThickness = frame["spacing"], 3
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = frame["rows"], frame["columns"], 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, int(frame["intercept"]), "HU"
        ds.WindowCenter, ds.WindowWidth = frame["windows"][0]["center"], frame["windows"][0]["width"]
        ds.PixelData = pixels.tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        pydicom.dcmwrite(folder / f"{frame['index']:03}.dcm", ds, enforce_file_format=True)
    return str(study)
