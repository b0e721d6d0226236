"""What is sent to both servers: series of generated CT images as encoded data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from bench.sender import Sender, encode


@dataclass(frozen=True)
class Load:
    """One series: UIDs and (SOP Instance UID, encoded data set) of each image."""

    study: str
    series: str
    images: list[tuple[str, bytes]] = field(repr=False)


def series(count: int, side: int, **attributes: str) -> Load:
    """`count` CT images of `side` × `side` × 16 bit with fresh UIDs; `attributes` replace those of the header."""
    study, own = generate_uid(), generate_uid()
    return Load(study, own, list(_images(count, side, study, own, attributes)))


def _images(count: int, side: int, study: str, own: str, attributes: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    base = Dataset()
    base.SOPClassUID, base.Modality, base.StudyInstanceUID, base.SeriesInstanceUID = CTImageStorage, "CT", study, own
    base.PatientID, base.PatientName, base.StudyDate, base.StudyTime = "BENCH", "Bench^Phantom", "20260101", "080000"
    base.AccessionNumber, base.StudyDescription, base.SeriesNumber = "B1", "Chest", 1
    base.Rows = base.Columns = side
    base.SamplesPerPixel, base.PhotometricInterpretation = 1, "MONOCHROME2"
    base.BitsAllocated = base.BitsStored = 16
    base.HighBit, base.PixelRepresentation = 15, 1
    base.PixelSpacing, base.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
    pixels = np.random.default_rng(1).integers(-1000, 1500, (side, side), dtype=np.int16)
    base.PixelData = pixels.tobytes()
    base["PixelData"].VR = "OW"
    for keyword, value in attributes.items():
        setattr(base, keyword, value)
    for number in range(count):
        base.SOPInstanceUID, base.InstanceNumber = generate_uid(), number + 1
        base.ImagePositionPatient = [0, 0, float(number)]
        pixels[0, 0] = number  # no two images are alike
        base.PixelData = pixels.tobytes()
        yield str(base.SOPInstanceUID), encode(base)


def send(load: list[tuple[str, bytes]], port: int, calling: str, called: str) -> None:
    """Store all over one association; each is answered before the next is sent."""
    sender = Sender(port, calling, called, CTImageStorage)
    for sop_uid, data in load:
        sender.store(sop_uid, data)
    sender.close()
