"""Phantoms: images that are made, not taken, with known geometry and known numbers. numpy only, deterministic in `seed`.

Every function returns complete pydicom data sets (explicit VR little endian, file meta included) that can be sent as they are.
Geometry is LPS in mm, CT numbers are HU; the docstrings say what is known to be true of each, and the tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from hub_config.demo.chest_model import ChestModel

TEST_LENGTH_MM = 50.0
"""Distance between the centres of the two markers in the CT's test slice and on the chest film, mm."""
CT_SPACING, CT_SLICE_STEP = 0.5, 2.0
CT_TOP_Z = 118.0
"""z of the first (uppermost) CT slice, mm."""
MARKER_Y, MARKER_RADIUS = -100.0, 1.0
"""y and radius of the CT's two markers, mm: in the air before the chest; x is -25 and +25."""
FILM_SPACING, FILM_COLUMNS, FILM_ROWS = 0.2, 1280, 1240
"""Detector pixel (ImagerPixelSpacing, mm) and size of the chest film."""
FILM_MARKERS = ((1180, 140), (1180, 390))
"""(row, column) of the film's two lead dots: 250 pixels of 0.2 mm = 50.0 mm."""
MR_SPACING, MR_STEP, MR_SLICES = 0.9, 5.0, 24
US_SPACING = 0.25
"""Size of an ultrasound pixel inside the calibrated region, mm."""
US_RING_DIAMETER_MM = 30.0
"""Outer diameter of the target sign (intussusception) across, in the ultrasound's first frame, mm."""

Pixels = NDArray[np.uint16] | NDArray[np.uint8] | NDArray[np.int16]


@dataclass(frozen=True)
class Subject:
    """Who and what a phantom pretends to be; all of it invented by the caller."""

    patient_id: str
    name: str
    birth_date: str
    sex: str
    age: str
    accession: str = ""
    description: str = ""
    taken: datetime = field(default_factory=lambda: datetime(2026, 1, 5, 9, 30))  # noqa: DTZ001 - DICOM local time
    institution: str = ""
    station: str = ""
    uid_seed: str = ""
    """UIDs follow from it (and from the rest of the subject): the same seed makes the same UIDs again."""


def _key(kind: str, seed: int, subject: Subject) -> str:
    return f"{kind}/{seed}/{subject.uid_seed}/{subject.patient_id}/{subject.taken.isoformat()}"


def _begin(subject: Subject, sop_class: UID, modality: str, seed: str) -> FileDataset:
    """Data set with the patient and study of `subject`; study and series UIDs follow from `seed`."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = sop_class
    made.Modality = modality
    made.Manufacturer = "Radiology Hub"
    made.ManufacturerModelName = "Phantom"
    made.InstitutionName = subject.institution
    made.StationName = subject.station
    made.PatientName, made.PatientID = subject.name, subject.patient_id
    made.PatientBirthDate, made.PatientSex, made.PatientAge = subject.birth_date, subject.sex, subject.age
    made.AccessionNumber, made.StudyDescription = subject.accession, subject.description
    made.StudyID = "1"
    made.ReferringPhysicianName = ""
    made.StudyDate = made.SeriesDate = made.AcquisitionDate = made.ContentDate = subject.taken.strftime("%Y%m%d")
    made.StudyTime = made.SeriesTime = made.AcquisitionTime = made.ContentTime = subject.taken.strftime("%H%M%S")
    made.StudyInstanceUID = generate_uid(entropy_srcs=[seed, "study"])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=[seed, "series"])
    made.SeriesNumber = 1
    return made


def _finish(made: FileDataset, number: int, pixels: Pixels, seed: str, signed: bool = False) -> FileDataset:
    """Give the image its number, UID and monochrome pixels (rows x columns, or frames x rows x columns)."""
    made.InstanceNumber = number
    made.SOPInstanceUID = generate_uid(entropy_srcs=[seed, str(number)])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.Rows, made.Columns = pixels.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    stored = pixels.dtype.itemsize * 8
    made.BitsAllocated = stored
    made.BitsStored = 12 if stored == 16 and not signed else stored
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(signed)
    made.add_new("PixelData", "OW" if stored == 16 else "OB", pixels.tobytes())
    return made


def _soften(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Binomial 3 x 3 blur (symmetrical: no centre moves), edges kept."""
    out = plane.copy()
    out[1:-1] = (plane[:-2] + 2 * plane[1:-1] + plane[2:]) / 4
    across = out.copy()
    across[:, 1:-1] = (out[:, :-2] + 2 * out[:, 1:-1] + out[:, 2:]) / 4
    return across


def chest_ct(subject: Subject, seed: int = 7, slices: int = 120, size: int = 512) -> Iterator[FileDataset]:
    r"""Yield a child's chest CT from top to bottom, `slices` images of `size` x `size`, one series.

    Axial, ImageOrientationPatient 1\0\0\0\1\0; field of view 256 mm (0.5 mm pixels at 512); slices 2.0 mm thick every 2.0 mm, the
    first at z = 118 mm; slope 1, intercept -1024. Slice `slices // 2` holds two metal beads (2 mm across, 3000 HU before blur) in the air
    before the chest at about (-25, -100) and (+25, -100) mm: their centres are exactly 50.0 mm apart. Noise: about 12 HU.
    """
    step = 256.0 / size
    first = -128.0 + step / 2
    at = np.arange(size, dtype=np.float32) * step + first
    # Markers sit on pixel centres, so that 50.0 mm is a whole number of pixels.
    columns = [round((x - first) / step) for x in (-TEST_LENGTH_MM / 2, TEST_LENGTH_MM / 2)]
    row = round((MARKER_Y - first) / step)
    model = ChestModel(at, at, seed)
    rng = np.random.default_rng(seed)
    key = _key("chest-ct", seed, subject)
    frame = generate_uid(entropy_srcs=[key, "frame"])
    gap = CT_SLICE_STEP * 120 / slices
    for index in range(slices):
        z = CT_TOP_Z - gap * index
        hu = model.plane(z)
        if index == slices // 2:
            hu[row - 4 : row + 5, columns[0] - 4 : columns[1] + 5] = -1000.0
            for column in columns:
                bead = (at[:, None] - at[row]) ** 2 + (at[None, :] - at[column]) ** 2 <= MARKER_RADIUS**2
                hu[bead] = 3000.0
        noise = _soften(rng.standard_normal(hu.shape, dtype=np.float32)) * np.float32(12.0 / 0.375)
        hu = _soften(hu) + noise
        made = _begin(subject, CTImageStorage, "CT", key)
        made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        made.SeriesDescription, made.BodyPartExamined = "胸部平扫 2.0mm", "CHEST"
        made.PatientPosition, made.KVP, made.ConvolutionKernel = "HFS", "80", "B30f"
        made.FrameOfReferenceUID = frame
        made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        made.ImagePositionPatient = [round(first, 4), round(first, 4), round(z, 4)]
        made.SliceLocation, made.SliceThickness, made.SpacingBetweenSlices = round(z, 4), gap, gap
        made.PixelSpacing = [step, step]
        made.RescaleIntercept, made.RescaleSlope, made.RescaleType = -1024, 1, "HU"
        made.WindowCenter, made.WindowWidth = [40, -600], [350, 1500]
        made.WindowCenterWidthExplanation = ["MEDIASTINUM", "LUNG"]
        stored = np.clip(np.rint(hu + 1024), 0, 4095).astype("<u2")
        yield _finish(made, index + 1, stored, key)


def chest_film(subject: Subject, seed: int = 7) -> FileDataset:
    r"""Return a chest film (DX, for presentation), 1240 x 1280, made by projecting the same chest from back to front.

    ImagerPixelSpacing 0.2 mm, no PixelSpacing (lengths are detector lengths); PatientOrientation L\F: the heart is on the image's right.
    Two lead dots 250 columns apart in row 1180: 50.0 mm on the detector.
    """
    coarse = 0.8
    x = np.arange(FILM_COLUMNS * FILM_SPACING / coarse, dtype=np.float32) * coarse - FILM_COLUMNS * FILM_SPACING / 2 + coarse / 2
    y = np.arange(-70.0, 76.0, 2.0, dtype=np.float32)
    rows = int(FILM_ROWS * FILM_SPACING / coarse)
    model = ChestModel(x, y, seed, with_table=False)
    # What the beam meets on its way: millimetres of water.
    water = np.stack([((model.plane(118.0 - coarse * i) + 1000.0) / 1000.0).clip(0).sum(axis=0) * 2.0 for i in range(rows)])
    fine = _enlarge(water.astype(np.float32), FILM_ROWS, FILM_COLUMNS)
    # Film response: logarithmic detector, then the usual equalisation of thick and thin parts.
    broad = fine
    for _ in range(6):
        broad = _soften(_soften(broad))[::2, ::2]
    broad = _enlarge(broad, *fine.shape)
    shade = 900.0 + 26.0 * (fine - broad) + 12.0 * broad
    noise = _soften(np.random.default_rng(seed).standard_normal(fine.shape, dtype=np.float32)) * 45.0
    shade = np.where(fine > 1.0, shade, 250.0) + noise
    for dot_row, dot_column in FILM_MARKERS:
        rr, cc = np.ogrid[: fine.shape[0], : fine.shape[1]]
        shade[(rr - dot_row) ** 2 + (cc - dot_column) ** 2 <= 16] = 4000.0
    key = _key("chest-film", seed, subject)
    made = _begin(subject, DigitalXRayImageStorageForPresentation, "DX", key)
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.PresentationIntentType = "FOR PRESENTATION"
    made.SeriesDescription, made.BodyPartExamined, made.ViewPosition = "胸部正位", "CHEST", "PA"
    made.PatientOrientation, made.ImageLaterality = ["L", "F"], "U"
    made.ImagerPixelSpacing = [FILM_SPACING, FILM_SPACING]
    made.DistanceSourceToDetector, made.KVP = "1800", "70"
    made.PixelIntensityRelationship, made.PixelIntensityRelationshipSign = "LOG", 1
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = 0, 1, "US"
    made.PresentationLUTShape, made.BurnedInAnnotation, made.LossyImageCompression = "IDENTITY", "NO", "00"
    made.WindowCenter, made.WindowWidth = 2050, 3000
    return _finish(made, 1, np.clip(np.rint(shade), 0, 4095).astype("<u2"), key)


def _enlarge(plane: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Linear interpolation to `rows` x `columns`, pixel areas aligned."""
    r = (np.arange(rows) + 0.5) * plane.shape[0] / rows - 0.5
    c = (np.arange(columns) + 0.5) * plane.shape[1] / columns - 0.5
    r0 = np.clip(np.floor(r).astype(int), 0, plane.shape[0] - 2)
    c0 = np.clip(np.floor(c).astype(int), 0, plane.shape[1] - 2)
    fr = np.clip(r - r0, 0, 1).astype(np.float32)[:, None]
    fc = np.clip(c - c0, 0, 1).astype(np.float32)[None, :]
    tall = plane[r0] * (1 - fr) + plane[r0 + 1] * fr
    return np.asarray(tall[:, c0] * (1 - fc) + tall[:, c0 + 1] * fc, np.float32)


def head_mr(subject: Subject, seed: int = 7) -> Iterator[FileDataset]:
    r"""Yield a sagittal T2 MR of a child's head, 24 images of 256 x 256 from the patient's right to the left.

    ImageOrientationPatient 0\1\0\0\0\-1 (columns run to the back, rows to the feet); 0.9 mm pixels; a slice every 5.0 mm, the first at
    x = -57.5 mm. The lateral ventricles are wide (bright, about 1500); white matter about 450, skull dark.
    """
    step = np.float32(MR_SPACING)
    across = (np.arange(256, dtype=np.float32) - 127.5) * step
    y, z = across[None, :], -across[:, None]
    rng = np.random.default_rng(seed)
    key = _key("head-mr", seed, subject)
    frame = generate_uid(entropy_srcs=[key, "frame"])
    for index in range(MR_SLICES):
        x = (index - (MR_SLICES - 1) / 2) * MR_STEP

        def inside(cx: float, cy: float, cz: float, rx: float, ry: float, rz: float, *, x: float = x) -> NDArray[np.bool_]:
            return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1.0

        signal = np.full((256, 256), 8.0, np.float32)
        signal[inside(0, 20, -80, 42, 40, 60)] = 300.0
        for shrink, value in ((1.0, 700.0), (0.95, 30.0), (0.90, 1450.0), (0.865, 620.0), (0.80, 450.0)):
            signal[inside(0, 0, 10, 72 * shrink, 88 * shrink, 76 * shrink)] = value
        folds = np.sin(0.35 * y + 0.2 * x) * np.sin(0.33 * z - 0.15 * x)
        bark = inside(0, 0, 10, 62.3, 76, 65.7) & ~inside(0, 0, 10, 52, 64, 54)
        signal[bark & (folds > 0.1)] = 640.0
        signal[inside(0, 52, -38, 46, 26, 20)] = 560.0
        signal[inside(0, 22, -34, 15, 13, 32)] = 470.0
        for side in (-1, 1):
            signal[inside(side * 16, -4, 18, 13, 38, 15)] = 1500.0
            signal[inside(side * 24, 26, 2, 10, 24, 11)] = 1500.0
        signal[inside(0, 4, 4, 5, 14, 10)] = 1500.0
        signal[inside(0, 38, -34, 8, 7, 10)] = 1500.0
        stored = np.abs(_soften(signal) + rng.normal(0, 14, signal.shape))
        made = _begin(subject, MRImageStorage, "MR", key)
        made.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        made.SeriesDescription, made.BodyPartExamined = "T2 TSE 矢状位", "HEAD"
        made.ScanningSequence, made.SequenceVariant, made.ScanOptions, made.MRAcquisitionType = "SE", "SK", "", "2D"
        made.RepetitionTime, made.EchoTime, made.EchoTrainLength, made.MagneticFieldStrength = 4000, 98, 15, 1.5
        made.PatientPosition, made.FrameOfReferenceUID = "HFS", frame
        made.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        made.ImagePositionPatient = [x, float(across[0]), float(-across[0])]
        made.SliceLocation, made.SliceThickness, made.SpacingBetweenSlices = x, 4.5, MR_STEP
        made.PixelSpacing = [MR_SPACING, MR_SPACING]
        made.WindowCenter, made.WindowWidth = 700, 1400
        yield _finish(made, index + 1, np.clip(np.rint(stored), 0, 4095).astype("<u2"), key)


def bowel_ultrasound(subject: Subject, seed: int = 7, frames: int = 24) -> FileDataset:
    """Return an ultrasound loop (480 x 640, 8 bit, 40 ms a frame) of an abdomen with the target sign of an intussusception.

    One calibrated region (rows 40-455, columns 80-559): 0.25 mm a pixel both ways, given as 0.025 cm; no PixelSpacing. The outermost
    bright ring is 30.0 mm across in the first frame and moves with the breath.
    """
    rng = np.random.default_rng(seed)
    rr, cc = np.meshgrid(np.arange(480, dtype=np.float32), np.arange(640, dtype=np.float32), indexing="ij")
    down, aside = rr + 20, cc - 320
    fan = (np.abs(np.arctan2(aside, down)) < 0.62) & (np.hypot(aside, down) < 462) & (np.hypot(aside, down) > 62)
    speckle = _soften(rng.rayleigh(1.0, rr.shape).astype(np.float32))
    outer = US_RING_DIAMETER_MM / US_SPACING / 2
    loop = np.zeros((frames, 480, 640), np.uint8)
    for number in range(frames):
        breath = 6.0 * np.sin(2 * np.pi * number / frames)
        echo = 52.0 + 14.0 * np.sin(rr / 23.0 + np.sin(cc / 60.0))
        echo[np.abs(rr - 90 - 0.0004 * aside**2) < 4] = 150.0
        away = np.hypot(cc - 330, (rr - 240 - breath) * 1.08)
        for limit, level in ((outer, 120.0), (outer - 7, 18.0), (outer - 23, 105.0), (outer - 31, 35.0), (outer - 42, 140.0)):
            echo = np.where(away < limit, level, echo)
        echo = _soften(echo.astype(np.float32)) * speckle * np.exp(-rr / 900.0)
        loop[number] = np.where(fan, np.clip(echo, 0, 255), 0).astype(np.uint8)
    key = _key("bowel-us", seed, subject)
    made = _begin(subject, UltrasoundMultiFrameImageStorage, "US", key)
    made.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL"]
    made.SeriesDescription, made.BodyPartExamined = "腹部肠管", "ABDOMEN"
    made.NumberOfFrames, made.FrameTime, made.CineRate = frames, 40.0, 25
    made.FrameIncrementPointer = 0x00181063
    region = FileDataset("", {})
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 80, 40
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 559, 455
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = US_SPACING / 10
    made.SequenceOfUltrasoundRegions = Sequence([region])
    made.LossyImageCompression = "00"
    return _finish(made, 1, loop, key)
