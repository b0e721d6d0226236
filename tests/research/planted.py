"""Images of a child who does not exist, with her name and numbers wherever a file can hold them."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
US = "1.2.840.10008.5.1.4.1.1.6.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
HAN, LATIN, NUMBER, ACCESSION, BORN = "欧阳晓萌", "OUYANG^XIAOMENG", "MRN7746213", "ACC5501927", "20210309"
STUDY, SERIES, REFERENCE = "1.2.156.112605.7746213.1", "1.2.156.112605.7746213.2", "1.2.156.112605.7746213.9"
SECRETS = frozenset({
    HAN, "欧阳", "OUYANG", "XIAOMENG", "ouyangxiaomeng", "ouyang xiaomeng", "OuYangXiaoMeng", NUMBER, "7746213", ACCESSION, BORN, "2021-03-09", "Dr^Zhaoliu", "Zhaoliu",
    STUDY, SERIES, REFERENCE,
})  # fmt: skip


def sop(number: int) -> str:
    return f"{SERIES}.{number}"


def child(number: int = 1, **changed: Any) -> Dataset:
    """A CT image of hers as a scanner makes it."""
    ds = Dataset()
    ds.SpecificCharacterSet = "GB18030"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = CT, sop(number), STUDY, SERIES
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = REFERENCE, ""
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = f"{LATIN}={HAN}", NUMBER, BORN, "F"
    ds.PatientSize, ds.PatientWeight, ds.PatientAge = "0.98", "15.5", "003Y"
    ds.AccessionNumber, ds.ReferringPhysicianName, ds.StudyID = ACCESSION, "Dr^Zhaoliu", "77"
    ds.StudyDate, ds.SeriesDate, ds.ContentDate = "20240312", "20240312", "20240313"
    ds.StudyTime, ds.ContentTime, ds.AcquisitionDateTime = "101530", "101612.25", "20240312101611.5+0800"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName, ds.ImageType = "CT", "SCANMAKER", "Model 3", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyDescription, ds.SeriesDescription, ds.BodyPartExamined = "胸部平扫", "CHEST 1.25mm LUNG", "CHEST"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 2, number, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing = [-10, -20, 2.5 * number], [1, 0, 0, 0, 1, 0], [0.8, 0.6]
    ds.SliceThickness, ds.KVP, ds.ConvolutionKernel, ds.RescaleSlope, ds.RescaleIntercept = "2.5", "100", "B60f", "1", "-1024"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 16, 24, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = (np.arange(16 * 24).reshape(16, 24) + number).astype("<u2").tobytes()
    for keyword, value in changed.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def written(ds: Dataset, preamble: bytes = bytes(128)) -> bytes:
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return preamble + out.getvalue()[128:]


def _comments() -> bytes:
    return written(child(ImageComments=f"{HAN} 复查"))


def _private() -> bytes:
    ds = child()
    ds.private_block(0x0013, "CTP", create=True).add_new(0x10, "LO", f"patient {LATIN}")
    return written(ds)


def _in_sequence() -> bytes:
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "1", "99HOSP", f"检查 {HAN}"
    inner.PatientName = LATIN
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer.ReferencedSOPClassUID, outer.ReferencedSOPInstanceUID = CT, sop(7)
    return written(child(SourceImageSequence=Sequence([outer]), ViewCodeSequence=Sequence([inner])))


def _preamble() -> bytes:
    return written(child(), preamble=f"II*\0 {HAN} {NUMBER}".encode("gb18030").ljust(128, b"\0"))


def _file_meta() -> bytes:
    ds = child()
    ds.file_meta.SourceApplicationEntityTitle = "XIAOMENG"
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = "1.2.3.4", f"{LATIN} ".encode()
    return written(ds)


def _unknown_vr() -> bytes:
    ds = child()
    ds.add(DataElement(0x00102180, "UN", HAN.encode("gb18030")))  # occupation
    ds.add(DataElement(0x00191234, "UN", NUMBER.encode()))
    ds.add(DataElement(0x00091001, "UN", LATIN.encode() + b" "))
    return written(ds)


def _unknown_element() -> bytes:
    ds = child()
    ds.add(DataElement(0x00187FFC, "LO", LATIN))  # of an edition to come
    return written(ds)


def _uid_root() -> bytes:
    return written(child(IrradiationEventUID=f"1.2.840.10008.5.1.4.1.1.{NUMBER[3:]}", DeviceUID=STUDY + ".5"))


def _overlay() -> bytes:
    ds = child()
    ds.add_new(0x60000010, "US", 16)
    ds.add_new(0x60000011, "US", 24)
    ds.add_new(0x60000022, "LO", LATIN)
    ds.add_new(0x60003000, "OW", f"{NUMBER}  ".encode())
    ds.add_new(0x60004000, "LT", HAN)
    return written(ds)


def _curve() -> bytes:
    ds = child()
    ds.add_new(0x50000040, "SH", "XIAOMENG")
    ds.add_new(0x50003000, "OB", NUMBER.encode())
    return written(ds)


def _icon() -> bytes:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.PixelData = 2, 5, NUMBER.encode()
    icon["PixelData"].VR = "OB"
    return written(child(IconImageSequence=Sequence([icon])))


def _trailing_padding() -> bytes:
    ds = child()
    ds.add_new(0xFFFCFFFC, "OB", f"{LATIN} ".encode())
    return written(ds)


def _after_the_end() -> bytes:
    return written(child()) + f"{LATIN} {NUMBER} ".encode()


def _behind_the_pixels() -> bytes:
    ds = child()
    ds.PixelData += LATIN.encode() + b" "
    return written(ds)


def _in_unused_bits() -> bytes:
    ds = child()
    cells = np.frombuffer(ds.PixelData, "<u2").copy()
    bits = np.unpackbits(np.frombuffer(NUMBER.encode(), np.uint8), bitorder="little")
    cells[: len(bits)] |= bits.astype("<u2") << 15  # an overlay in the highest bit of each cell
    ds.PixelData = cells.tobytes()
    return written(ds)


def _descriptions() -> bytes:
    return written(
        child(
            StudyDescription=f"{HAN} 胸部增强 OuYangXiaoMeng",
            SeriesDescription=f"Chest for {LATIN} 2021-03-09",
            ProtocolName=NUMBER,
            RequestedProcedureDescription="Zhaoliu wants HEAD",
            ManufacturerModelName=f"Model {NUMBER}",
            SoftwareVersions=["3.1", "ouyang xiaomeng"],
            BodyPartExamined="OUYANG XIAOMENG",
            StationName="7746213",
        )
    )


def _people() -> bytes:
    ds = child(OperatorsName=LATIN, PhysiciansOfRecord="Dr^Zhaoliu", PatientAddress=HAN, PatientTelephoneNumbers=NUMBER)
    who = Dataset()
    who.PersonName, who.InstitutionName = "Dr^Zhaoliu", HAN
    ds.ReferringPhysicianIdentificationSequence = Sequence([who])
    ds.OtherPatientIDsSequence = Sequence([who])
    ds.RequestAttributesSequence = Sequence([who])
    ds.ContentSequence = Sequence([who])
    return written(ds)


def _wrong_charset() -> bytes:
    """A name in GB18030 that the file does not declare, here and in a description."""
    content = written(child(StudyDescription="胸部 欧阳晓萌"))
    return content.replace(b"GB18030 ", b"ISO_IR 6")


def _binary_number() -> bytes:
    return written(child(DiffusionBValue=struct.unpack("<d", b"XIAOMENG")[0]))


def _jpeg_comment() -> bytes:
    ds = child()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"
    text = f"{LATIN} {NUMBER}".encode()
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    stream = (
        b"\xff\xd8" + segment + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\x34" + b"\xff\xd9" + text + b"\0" * (len(text) % 2)
    )
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].is_undefined_length = True
    return written(ds)


PLACES = {
    "image comments": _comments, "private tag": _private, "sequence": _in_sequence, "preamble": _preamble, "file meta": _file_meta,
    "unknown VR": _unknown_vr, "unknown element": _unknown_element, "UID root": _uid_root, "overlay": _overlay, "curve": _curve, "icon": _icon,
    "trailing padding": _trailing_padding, "after the end": _after_the_end, "behind the pixels": _behind_the_pixels,
    "unused bits": _in_unused_bits, "descriptions": _descriptions, "people": _people, "undeclared charset": _wrong_charset,
    "comment of a code stream": _jpeg_comment, "binary number": _binary_number,
}  # fmt: skip
"""Where she is written → a file with that."""
