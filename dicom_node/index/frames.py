"""What a viewer must know of each frame, from the header alone: size, value transformation, windows, geometry (LPS, mm).

Plain and enhanced multi-frame objects (shared and per-frame functional groups, PS3.3 C.7.6.16), ultrasound regions
(C.8.5.5), dose grids. A length that cannot be trusted is null: a wrong millimetre is worse than none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from dicom_node.index import lut
from dicom_node.index.elements import Elements, UnusualError

COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"}
PROJECTION = {"CR", "DX", "MG", "XA", "RF", "IO", "PX", "RG"}
CENTIMETRES, TWO_DIMENSIONAL = 3, 1
BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE_LITTLE_ENDIAN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
MAX_FRAMES = 20_000
MAX_LUTS = 16  # of one frame; more are left out
OVERLAY_GROUPS = range(0x6000, 0x6020, 2)  # PS3.5 7.6
MAX_FRAME_BYTES = 256 << 20  # decoded; a header that claims more is a bomb or a fault
Frame = dict[str, Any]
Header = Dataset | Elements


def value(ds: Header, keyword: str) -> Any:
    """An element's value; None when absent, empty or malformed."""
    try:
        found = ds.get(keyword)
    except UnusualError:
        raise
    except Exception:
        return None
    return None if found is None or found in ("", []) else found


def numbers(ds: Header, keyword: str, count: int | None = None) -> list[float] | None:
    """Finite numbers of an element, `count` of them when given; None when they are not there."""
    found = value(ds, keyword)
    if found is None:
        return None
    try:
        values = [float(x) for x in (found if isinstance(found, (list, tuple)) or hasattr(found, "append") else [found])]
    except (TypeError, ValueError):
        return None
    if (count is not None and len(values) != count) or not all(map(math.isfinite, values)):
        return None
    return values


def number(ds: Header, keyword: str) -> float | None:
    """The first number of an element."""
    found = numbers(ds, keyword)
    return found[0] if found else None


def integer(ds: Header, keyword: str) -> int | None:
    """The first whole number of an element; bounded to 32 bits."""
    found = number(ds, keyword)
    return int(found) if found is not None and abs(found) < 1 << 31 else None


def text(ds: Header, keyword: str) -> str | None:
    """An element's first value as stripped text."""
    found = value(ds, keyword)
    if found is None:
        return None
    if isinstance(found, (list, tuple)) or hasattr(found, "append"):
        found = found[0]
    return str(found).strip() or None


def sequence(ds: Header, keyword: str) -> list[Header]:
    """Items of a sequence; empty when it is absent or broken."""
    found = value(ds, keyword)
    return (
        [item for item in found if isinstance(item, (Dataset, Elements))]
        if found is not None and not isinstance(found, (str, bytes))
        else []
    )


def pixel_fault(ds: Header, pixel_length: int | None) -> str | None:
    """Why an object cannot be shown as frames, or None. `pixel_length`: bytes of native Pixel Data, -1 encapsulated, None absent."""
    rows, columns = integer(ds, "Rows"), integer(ds, "Columns")
    if pixel_length is None:
        return "no_pixels"
    if not rows or not columns or rows < 0 or columns < 0:
        return "no_size"
    samples, allocated, frames = integer(ds, "SamplesPerPixel") or 1, integer(ds, "BitsAllocated") or 0, frame_count(ds)
    if frames is None or frames > MAX_FRAMES:
        return "frame_count"
    if allocated not in {1, 8, 16, 32} or samples not in {1, 3}:
        return "pixel_format"
    if max(rows, columns) > 65535 or rows * columns * samples * max(allocated, 8) // 8 > MAX_FRAME_BYTES:
        return "too_large"
    if pixel_length >= 0:
        wanted = (rows * columns * samples * allocated * frames + 7) // 8
        if (text(ds, "PhotometricInterpretation") or "") == "YBR_FULL_422":
            wanted = rows * columns * 2 * frames
        if pixel_length < wanted:
            return "pixels_short"
    return None


def frame_count(ds: Header) -> int | None:
    """Number of Frames, 1 when absent; None when it cannot be read."""
    raw = ds.get_item("NumberOfFrames")
    if raw is None or raw.value in (None, b"", ""):
        return 1
    count = integer(ds, "NumberOfFrames")
    return count if count is not None and count >= 1 else None


def windows(ds: Header) -> list[dict[str, Any]]:
    """VOI windows in the order of the header (PS3.3 C.11.2); widths that are not positive are dropped."""
    centres, widths = numbers(ds, "WindowCenter") or [], numbers(ds, "WindowWidth") or []
    names = value(ds, "WindowCenterWidthExplanation")
    explanations = [names] if isinstance(names, str) else list(names or [])
    function = text(ds, "VOILUTFunction") or "LINEAR"
    return [
        {"center": c, "width": w, "function": function, "explanation": str(explanations[i]) if i < len(explanations) else None}
        for i, (c, w) in enumerate(zip(centres, widths, strict=False))
        if w > 0
    ]


def voi_luts(ds: Header, inputs: tuple[float, float], *, big_endian: bool) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], bool]:
    """VOI LUTs in the order of the header (PS3.3 C.11.2.1.1): `{lut: key, explanation}`, tables by key, and whether one was unusable."""
    named: list[dict[str, Any]] = []
    tables: dict[str, dict[str, Any]] = {}
    broken = False
    for item in sequence(ds, "VOILUTSequence")[:MAX_LUTS]:
        try:
            data = lut.read(item, inputs, big_endian=big_endian).data()
        except lut.LutError:
            broken = True
            continue
        key = lut.key_of(data)
        tables[key] = data
        named.append({"lut": key, "explanation": text(item, "LUTExplanation")})
    return named, tables, broken


def polarity(ds: Header, photometric: str) -> tuple[bool, bool]:
    """Whether grey is inverted after the VOI transformation, and whether the header contradicts itself about it.

    Presentation LUT Shape decides where it is given (PS3.3 C.11.6, C.8.11.3): INVERSE belongs to MONOCHROME1 and is not a second inversion.
    """
    by_photometric = photometric == "MONOCHROME1"
    shape = (text(ds, "PresentationLUTShape") or "").upper()
    if shape not in {"IDENTITY", "INVERSE"}:
        return by_photometric, False
    return shape == "INVERSE", (shape == "INVERSE") != by_photometric


def _inputs(ds: Header, slope: float, intercept: float) -> tuple[float, float]:
    """Least and greatest modality value that the stored bits allow."""
    bits = integer(ds, "BitsStored") or integer(ds, "BitsAllocated") or 16
    bits = min(max(bits, 1), 32)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if integer(ds, "PixelRepresentation") == 1 else (0, (1 << bits) - 1)
    ends = (low * slope + intercept, high * slope + intercept)
    return min(ends), max(ends)


def _positive(pair: list[float] | None) -> list[float] | None:
    return pair if pair is not None and min(pair) > 0 else None


def regions(ds: Header, rows: int, columns: int) -> tuple[list[dict[str, Any]], bool]:
    """Calibrated two-dimensional ultrasound regions, clipped to the picture, and whether one reached beyond it."""
    found: list[dict[str, Any]] = []
    outside = False
    for item in sequence(ds, "SequenceOfUltrasoundRegions"):
        units = (integer(item, "PhysicalUnitsXDirection"), integer(item, "PhysicalUnitsYDirection"))
        if units != (CENTIMETRES, CENTIMETRES) or integer(item, "RegionSpatialFormat") not in {TWO_DIMENSIONAL, None}:
            continue
        corners = [integer(item, "RegionLocation" + name) for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        deltas = [number(item, "PhysicalDeltaY"), number(item, "PhysicalDeltaX")]
        if None in corners or not all(deltas):
            continue
        x0, y0, x1, y1 = (int(c or 0) for c in corners)
        outside = outside or x1 > columns or y1 > rows
        if x0 >= columns or y0 >= rows or x1 <= x0 or y1 <= y0:
            continue
        spacing = [abs(float(d or 0)) * 10 for d in deltas]
        found.append({"x0": x0, "y0": y0, "x1": min(x1, columns - 1), "y1": min(y1, rows - 1), "spacing": spacing})
    return found, outside


def _same(spacings: list[list[float]]) -> bool:
    return all(np.allclose(s, spacings[0], rtol=0.005) for s in spacings)


def spacing_of(ds: Header, measures: Header, rows: int, columns: int) -> dict[str, Any]:
    """`spacing` [between rows, between columns] in mm and `spacing_kind`; for ultrasound also `regions`."""
    found, outside = regions(ds, rows, columns)
    if found:
        # a region beyond the picture means the picture was cut or shrunk after calibration: its millimetres are not certain
        trusted = not outside and _same([r["spacing"] for r in found])
        return {"spacing": found[0]["spacing"] if trusted else None, "spacing_kind": "region", "regions": found, "outside": outside}
    pixel = _positive(numbers(measures, "PixelSpacing", 2))
    imager = _positive(numbers(ds, "ImagerPixelSpacing", 2)) or _positive(numbers(ds, "NominalScannedPixelSpacing", 2))
    if pixel is not None:
        uncalibrated = pixel == imager and text(ds, "Modality") in PROJECTION and value(ds, "PixelSpacingCalibrationType") is None
        return {"spacing": pixel, "spacing_kind": "imager" if uncalibrated else "pixel"}
    return {"spacing": imager, "spacing_kind": "imager" if imager else "none"}


class _Groups:
    """Functional groups (PS3.3 C.7.6.16): a macro of one frame is its own, else the shared one, else the data set itself."""

    def __init__(self, ds: Header) -> None:
        self._ds = ds
        self._shared = next(iter(sequence(ds, "SharedFunctionalGroupsSequence")), None)
        self._own = sequence(ds, "PerFrameFunctionalGroupsSequence")
        self._found: dict[str, Header] = {}

    def of(self, index: int, name: str) -> Header:
        """The macro `name` of a frame. Shared ones are the same object for all frames."""
        if index < len(self._own) and (found := sequence(self._own[index], name)):
            return found[0]
        if name not in self._found:
            shared = sequence(self._shared, name) if self._shared is not None else []
            self._found[name] = shared[0] if shared else self._ds
        return self._found[name]


def output_format(ds: Header) -> dict[str, Any]:
    """Format of the decoded pixels as they are sent: colour is always 8-bit RGB, one bit becomes one byte."""
    photometric = text(ds, "PhotometricInterpretation") or "MONOCHROME2"
    allocated = integer(ds, "BitsAllocated") or 16
    signed = integer(ds, "PixelRepresentation") == 1
    if photometric in COLOUR or (integer(ds, "SamplesPerPixel") or 1) == 3:
        return {"bits": 8, "signed": False, "samples": 3, "photometric": "RGB"}
    if sequence(ds, "ModalityLUTSequence"):
        return {"bits": 16, "signed": False, "samples": 1, "photometric": photometric}
    bits = 8 if allocated <= 8 else 16 if allocated <= 16 else 32
    return {"bits": bits, "signed": signed and allocated > 1, "samples": 1, "photometric": photometric}


def _sent_as_stored(ds: Header, *, monochrome: bool) -> bool:
    allocated = integer(ds, "BitsAllocated")
    if monochrome:
        return allocated in {8, 16, 32}
    return allocated == 8 and text(ds, "PhotometricInterpretation") == "RGB" and not integer(ds, "PlanarConfiguration")


def _used_bits(ds: Header, allocated: int) -> list[int] | None:
    """[Bits Stored, High Bit] where a pixel's value does not fill its cell: the other bits may hold overlays (PS3.5 8.1.1); else None."""
    stored = integer(ds, "BitsStored") or allocated
    high = integer(ds, "HighBit")
    high = stored - 1 if high is None else high
    return [stored, high] if 0 < stored <= high + 1 <= allocated and stored < allocated else None


def _stored(ds: Header, keyword: str, *, bits: int, signed: bool) -> int | None:
    """A stored pixel value of the header in the pixels' own sign (its VR often says otherwise)."""
    found = integer(ds, keyword)
    if found is None:
        return None
    if signed and found >= 1 << (bits - 1):
        return found - (1 << bits)
    return found if signed or found >= 0 else found + (1 << bits)


def build(ds: Header, sop_uid: str, syntax: str) -> list[Frame]:
    """One Frame for each frame of a showable object of this transfer syntax; `index` is set when the series is put in order."""
    rows, columns = integer(ds, "Rows") or 0, integer(ds, "Columns") or 0
    form = output_format(ds)
    plain = {"bits": form["bits"], "signed": form["signed"]}
    monochrome = form["samples"] == 1
    lut_given = monochrome and bool(sequence(ds, "ModalityLUTSequence"))
    raw = syntax in NATIVE_LITTLE_ENDIAN and not lut_given and _sent_as_stored(ds, monochrome=monochrome)
    groups = _Groups(ds)
    count = frame_count(ds) or 1
    dose = number(ds, "DoseGridScaling")
    overlaid = {"planes": True} if any((group << 16 | 0x0010) in ds for group in OVERLAY_GROUPS) else {}
    offsets = numbers(ds, "GridFrameOffsetVector", count) if count > 1 else None
    times = numbers(ds, "FrameTimeVector", count)
    inverse, contradiction = polarity(ds, form["photometric"]) if monochrome else (False, False)
    common: Frame = {
        "index": 0,
        "_raw": raw,  # private: the stored bytes are what is sent
        "_used": _used_bits(ds, form["bits"]) if raw and monochrome else None,  # private: what of them is the pixel's value
        "sop_uid": sop_uid,
        "frame": 1,
        "number": integer(ds, "InstanceNumber"),
        "rows": rows,
        "columns": columns,
        **form,
        "frame_of_reference": text(ds, "FrameOfReferenceUID"),
        "patient_position": text(ds, "PatientPosition"),
        "padding": _stored(ds, "PixelPaddingValue", **plain) if monochrome else None,
        "frame_time": number(ds, "FrameTime") or None,
        "inverse": inverse,
        "_contradiction": contradiction,  # private: of polarity
        "smallest": _stored(ds, "SmallestImagePixelValue", **plain) if monochrome and not lut_given else None,
        "largest": _stored(ds, "LargestImagePixelValue", **plain) if monochrome and not lut_given else None,
        **overlaid,
    }
    frames = []
    spacings: dict[int, tuple[Header, dict[str, Any]]] = {}  # by macro, which is kept: another must not get its id
    tables: dict[tuple[int, tuple[float, float]], tuple[Header, list[dict[str, Any]], bool]] = {}
    told: set[str] = set()
    for i in range(count):
        measures, transform, voi = (
            groups.of(i, name + "Sequence") for name in ("PixelMeasures", "PixelValueTransformation", "FrameVOILUT")
        )
        place, plane, anatomy = (groups.of(i, name + "Sequence") for name in ("PlanePosition", "PlaneOrientation", "FrameAnatomy"))
        if id(measures) not in spacings:
            spacings[id(measures)] = (measures, spacing_of(ds, measures, rows, columns))
        slope = 1.0 if lut_given or not monochrome else (dose or number(transform, "RescaleSlope") or 1.0)
        intercept = 0.0 if lut_given or not monochrome else (number(transform, "RescaleIntercept") or 0.0)
        inputs = (0.0, 65535.0) if lut_given else _inputs(ds, slope, intercept)
        new: dict[str, dict[str, Any]] = {}
        if monochrome and (id(voi), inputs) not in tables:
            named, made, broken = voi_luts(voi, inputs, big_endian=syntax == BIG_ENDIAN)
            tables[id(voi), inputs] = (voi, named, broken)
            new = {key: data for key, data in made.items() if key not in told}
            told |= new.keys()
        _, named, broken = tables.get((id(voi), inputs), (voi, [], False))
        position = numbers(place, "ImagePositionPatient", 3)
        orientation = numbers(plane, "ImageOrientationPatient", 6)
        if orientation is not None and not _is_frame(orientation):
            orientation = None
        if offsets is not None and position is not None and orientation is not None:
            position = [float(p) for p in np.array(position) + np.cross(orientation[:3], orientation[3:]) * (offsets[i] - offsets[0])]
        frames.append(
            common
            | spacings[id(measures)][1]
            | {
                "frame": i + 1,
                "slope": slope,
                "intercept": intercept,
                "rescale_type": "GY" if dose and text(ds, "DoseUnits") == "GY" else text(transform, "RescaleType"),
                "windows": windows(voi) if monochrome else [],
                "voi_luts": named,
                "_luts": new,  # private: tables by key, each at the first frame of the object that has it
                "_broken_lut": broken,
                "position": position,
                "orientation": orientation,
                "slice_location": number(ds, "SliceLocation"),
                "thickness": number(measures, "SliceThickness"),
                "laterality": text(anatomy, "FrameLaterality") or text(ds, "ImageLaterality") or text(ds, "Laterality"),
                "frame_time": (times[i] if times else None) or common["frame_time"],
            }
        )
    return frames


def _is_frame(orientation: list[float]) -> bool:
    """Whether the six cosines are two unit vectors at a right angle (within what scanners round away)."""
    row, column = orientation[:3], orientation[3:]
    right_angle = abs(sum(a * b for a, b in zip(row, column, strict=True))) < 0.01
    return right_angle and abs(math.hypot(*row) - 1) < 0.01 and abs(math.hypot(*column) - 1) < 0.01


def readable_syntax(uid: str) -> bool:
    """Whether the transfer syntax is one of the standard's: pixels of private ones are kept, not shown."""
    known = UID(uid)
    return bool(known.is_transfer_syntax) and not known.is_private
