"""Real images that the pydicom package ships, given to an invented child: pixels and transfer syntax stay, identity does not."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom import data
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from hub_config.demo.phantoms import Subject

FOLDER = Path(data.__file__).parent / "test_files"
"""Images inside the package; `get_testdata_file` would fetch others from the network."""

FORGOTTEN = (
    "OtherPatientIDs", "OtherPatientNames", "PatientAddress", "PatientTelephoneNumbers", "PatientComments", "EthnicGroup", "Occupation",
    "AdditionalPatientHistory", "MilitaryRank", "OperatorsName", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy",
    "RequestingPhysician", "InstitutionAddress", "InstitutionalDepartmentName", "PhysiciansOfRecord", "IssuerOfPatientID",
    "RequestAttributesSequence", "ReferencedStudySequence", "ReferencedPatientSequence", "OtherPatientIDsSequence",
    "PatientWeight", "PatientSize", "DeviceSerialNumber", "AdmissionID", "RequestedProcedureDescription",
)  # fmt: skip
"""Whatever else could say who it once was."""


def dressed(file: str, subject: Subject, series_description: str, charset: str, seed: str) -> FileDataset:
    """Return one shipped image as an image of `subject`, with UIDs made from `seed` and text in `charset` (`GB18030`, `ISO_IR 192`)."""
    image = pydicom.dcmread(FOLDER / file)
    for name in FORGOTTEN:
        if name in image:
            delattr(image, name)
    image.remove_private_tags()
    image.SpecificCharacterSet = charset
    image.PatientName, image.PatientID = subject.name, subject.patient_id
    image.PatientBirthDate, image.PatientSex, image.PatientAge = subject.birth_date, subject.sex, subject.age
    image.AccessionNumber, image.StudyDescription, image.SeriesDescription = subject.accession, subject.description, series_description
    image.InstitutionName, image.StationName, image.ReferringPhysicianName = subject.institution, subject.station, ""
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = subject.taken.strftime("%Y%m%d")
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = subject.taken.strftime("%H%M%S")
    for name in ("InstanceCreationDate", "InstanceCreationTime", "AcquisitionDateTime"):
        if name in image:
            delattr(image, name)
    image.StudyID, image.SeriesNumber, image.InstanceNumber = "1", 1, 1
    key = f"{file}/{seed}"
    image.StudyInstanceUID = generate_uid(entropy_srcs=[key, "study"])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[key, "series"])
    image.SOPInstanceUID = generate_uid(entropy_srcs=[key, "instance"])
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    if "FrameOfReferenceUID" in image:
        image.FrameOfReferenceUID = generate_uid(entropy_srcs=[key, "frame"])
    return image
