"""One object in, the same without whom it is of out; or a `BlockedError` that says why not.

PS3.15 Annex E: Basic Application Level Confidentiality Profile with the options Retain Longitudinal Temporal Information Modified Dates (days
are shifted by a whole number for each patient; times of the day stay), Retain Patient Characteristics and Clean Descriptors; Clean Pixel Data
where rectangles were blacked out. No private attribute is retained. Faces that a head's slices could be computed into are not removed.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import pydicom
from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from pipelines.research.deidentify import blackout, plain, stored_pixels, values
from pipelines.research.deidentify.attributes import Attributes
from pipelines.research.deidentify.burnt_in import Devices, Header, Rectangle, judge, own_devices
from pipelines.research.deidentify.identifiers import identifiers_of
from pipelines.research.deidentify.plain import Elements, Plain, encoded
from pipelines.research.deidentify.profile import EDITION
from pipelines.research.deidentify.reasons import BlockedError
from pipelines.research.deidentify.stored_pixels import Stored
from pipelines.research.pseudonyms import Pseudonyms

VERSION = 1
"""Of the rules: what was made by others is not what these would make."""
IMPLEMENTATION = UID("2.25.188416427163205213474190532117026113577")
LARGEST = 4 << 30
CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
METHODS = (
    f"PS3.15 {EDITION} Table E.1-1, rules {VERSION}",
    "UIDs, patient: keyed hashes of the project",
    "dates: shifted by whole days per patient; times kept",
    "descriptions: listed words only; private attributes: none",
)
DAYS = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
OWN_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
NOT_NATIVE = frozenset({"1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95"})
"""Pixels that stand elsewhere (JPIP)."""
VIDEO = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103", "1.2.840.10008.1.2.4.104",
         "1.2.840.10008.1.2.4.105", "1.2.840.10008.1.2.4.106", "1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108", "1.2.840.10008.1.2.7.")  # fmt: skip


@dataclass(frozen=True)
class Deidentifier:
    """The rules for the objects of one patient in one project; safe in several threads."""

    pseudonyms: Pseudonyms
    institution: str
    patient_id: str = field(repr=False)
    """The patient's key in the project, with the institution what pseudonyms are made of; an object's own number does not count."""
    devices: Devices = field(default_factory=own_devices, repr=False)
    released: Mapping[str, tuple[Rectangle, ...]] = field(default_factory=dict)
    """Pseudonymous UIDs of series that a person has looked at, and what is to be blacked out in them."""

    def verdict(self, header: Header) -> tuple[Rectangle, ...]:
        """What is blacked out in an object of this header. BlockedError: it is not given out."""
        uids = {keyword: str(header.get(keyword) or "").strip(" \0") for keyword in (*OWN_UIDS, "SOPClassUID")}
        if not all(uids[keyword] for keyword in OWN_UIDS):
            raise BlockedError("no_identity")
        if uids["SOPClassUID"] not in UID_dictionary:
            raise BlockedError("kind")
        found = judge(header, self.devices, self.released.get(self.pseudonyms.uid(uids["SeriesInstanceUID"])))
        if found.reason:
            raise BlockedError(found.reason)
        return found.rectangles

    def header(self, ds: Dataset, *, little: bool = True, blacked: bool = False) -> Elements:
        """The attributes of `ds` that may stay, and those that say what was done; no pixels, no file meta. The verdict is the caller's."""
        days = self.pseudonyms.shift(self.institution, self.patient_id)
        made = Attributes(self.pseudonyms, days, identifiers_of(ds, self.patient_id), little=little).cleaned(ds)
        pseudonym = self.pseudonyms.patient(self.institution, self.patient_id)
        taken = next((found for name in DAYS if (found := _day(ds, name))), None)
        age = values.age(_day(ds, "PatientBirthDate"), taken, _text(ds, "PatientAge"))
        made.pop(_tag("PatientAge"), None)
        said: list[tuple[str, Plain]] = [
            ("SpecificCharacterSet", plain.text("CS", "ISO_IR 192")),
            ("PatientName", plain.text("PN", pseudonym)),
            ("PatientID", plain.text("LO", pseudonym)),
            ("PatientBirthDate", plain.text("DA")),
            ("PatientIdentityRemoved", plain.text("CS", "YES")),
            ("DeidentificationMethod", plain.text("LO", *METHODS)),
            (
                "DeidentificationMethodCodeSequence",
                plain.sequence(*(_code(*code) for code in (*CODES, *([CLEAN_PIXELS] if blacked else [])))),
            ),
            ("LongitudinalTemporalInformationModified", plain.text("CS", "MODIFIED")),
            *([("PatientAge", plain.text("AS", age))] if age else []),
            *([("BurnedInAnnotation", plain.text("CS", "NO"))] if blacked else []),
        ]
        return made | {_tag(keyword): element for keyword, element in said}

    def dataset(self, ds: Dataset) -> Dataset:
        """A new data set with file meta; `ds` stays as it is. BlockedError: it is not given out."""
        out = io.BytesIO()
        try:
            pydicom.dcmwrite(out, ds, enforce_file_format=True)
        except Exception as error:
            raise BlockedError("unreadable") from error
        return pydicom.dcmread(io.BytesIO(self.file(out.getvalue())))

    def file(self, content: bytes) -> bytes:
        """A DICOM file (PS3.10) from a DICOM file, in its transfer syntax unless something was blacked out. BlockedError: it is not given out."""
        if len(content) > LARGEST:
            raise BlockedError("too_large")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return b"".join(self._parts(content))
        except BlockedError:
            raise
        except Exception as error:
            raise BlockedError("unreadable") from error

    def _parts(self, content: bytes) -> list[bytes | memoryview | bytearray]:
        meta, start = _file_meta(content)
        syntax = UID(_text(meta, "TransferSyntaxUID"))
        if syntax in NOT_NATIVE or syntax.startswith(VIDEO):
            raise BlockedError("video" if syntax.startswith(VIDEO) else "pixels")
        if not syntax.is_transfer_syntax or syntax.is_private:
            raise BlockedError("pixels")
        data = memoryview(content)[start:]
        if syntax == DeflatedExplicitVRLittleEndian:
            data = memoryview(_inflated(data))
        explicit, little = not syntax.is_implicit_VR, syntax.is_little_endian
        stream = io.BytesIO(data)
        ds = read_dataset(stream, not explicit, little, stop_when=_at_pixels, defer_size=None)
        stored = stored_pixels.find(data, stream.tell(), explicit=explicit, little=little)
        rectangles = self.verdict(ds)
        if rectangles and stored is not None:
            return self._blacked(ds, syntax, stored, rectangles)
        made = self.header(ds, little=little)
        body: list[bytes | memoryview | bytearray] = []
        if stored is not None:
            stored = _only_pixels(ds, stored, syntax, little=little)
            if stored.encapsulated:
                made |= {tag: ("OV", bytes(ds[tag].value)) for tag in OFFSET_TABLES if tag in ds}
            body = [_element(stored, explicit=explicit, little=little), stored.value]
        body = [encoded(made, explicit=explicit, little=little), *body]
        if syntax == DeflatedExplicitVRLittleEndian:
            body = [_deflated(b"".join(body))]
        return [_begin(made, syntax), *body]

    def _blacked(self, ds: Dataset, syntax: UID, stored: Stored, rectangles: tuple[Rectangle, ...]) -> list[bytes | memoryview | bytearray]:
        made = self.header(ds, blacked=True)
        made.pop(_tag("PlanarConfiguration"), None)
        source = Dataset()
        for keyword in _PIXEL_MODULE:
            if keyword in ds:
                source[keyword] = ds[keyword]
        source.file_meta = FileMetaDataset()
        source.file_meta.TransferSyntaxUID = syntax
        source.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian)
        if stored.encapsulated:
            source.add_new(0x7FE00010, "OB", bytes(stored.value))
            source["PixelData"].is_undefined_length = True
        else:
            source.add_new(0x7FE00010, stored.vr, bytes(stored_pixels.without_excess(ds, stored).value))
        painted = blackout.blacked_out(source, rectangles)
        made[_tag("PhotometricInterpretation")] = plain.text("CS", painted.PhotometricInterpretation)
        made[_tag("BitsAllocated")] = "US", struct.pack("<H", painted.BitsAllocated)
        if "PlanarConfiguration" in painted:
            made[_tag("PlanarConfiguration")] = "US", bytes(2)
        pixels = Stored(0x7FE00010, painted["PixelData"].VR, painted.PixelData, encapsulated=False)
        return [
            _begin(made, ExplicitVRLittleEndian),
            encoded(made, explicit=True, little=True),
            _element(pixels, explicit=True, little=True),
            pixels.value,
        ]


_PIXEL_MODULE = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
)  # fmt: skip


def _only_pixels(ds: Dataset, stored: Stored, syntax: UID, *, little: bool) -> Stored:
    if stored.encapsulated != syntax.is_encapsulated:
        raise BlockedError("pixels")
    if not stored.encapsulated:
        return stored_pixels.without_unused_bits(ds, stored_pixels.without_excess(ds, stored), little=little)
    # Overlays before 2004 lay in unused bits of the pixels (PS3.3 C.9.2, retired): compressed, they cannot be cut out.
    for group in range(0x6000, 0x6020, 2):
        if (group << 16 | 0x0102) in ds and (group << 16 | 0x3000) not in ds and int(ds[group << 16 | 0x0102].value or 0):
            raise BlockedError("overlay_in_pixels")
    return stored_pixels.without_comments(stored, syntax)


def _at_pixels(tag: Any, _vr: Any, _length: Any) -> bool:
    return int(tag) in stored_pixels.PIXELS or int(tag) > 0x7FE00010


def _file_meta(content: bytes) -> tuple[FileMetaDataset, int]:
    """File meta, and where the data set begins."""
    stream = io.BytesIO(content)
    if content[128:132] != b"DICM":
        raise BlockedError("unreadable")
    stream.seek(132)
    return FileMetaDataset(pydicom.filereader._read_file_meta_info(stream)), stream.tell()  # noqa: SLF001 - as dcmread does


def _begin(made: Elements, syntax: UID) -> bytes:
    """An empty preamble and file meta of our own."""
    meta: Elements = {
        0x00020001: ("OB", b"\0\1"),
        0x00020002: made[_tag("SOPClassUID")],
        0x00020003: made[_tag("SOPInstanceUID")],
        0x00020010: plain.text("UI", syntax),
        0x00020012: plain.text("UI", IMPLEMENTATION),
        0x00020013: plain.text("SH", f"RESEARCH_{VERSION}"),
    }
    group = encoded(meta, explicit=True, little=True)
    return bytes(128) + b"DICM" + encoded({0x00020000: ("UL", struct.pack("<I", len(group)))}, explicit=True, little=True) + group


def _element(stored: Stored, *, explicit: bool, little: bool) -> bytes:
    length = stored_pixels.UNDEFINED if stored.encapsulated else len(stored.value)
    return plain.head(stored.tag, stored.vr, length, explicit=explicit, little=little)


def _inflated(data: memoryview) -> bytes:
    """Deflated content; BlockedError beyond any size an object has."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    found = engine.decompress(data, LARGEST)
    if engine.unconsumed_tail:
        raise BlockedError("too_large")
    return found


def _deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    made = engine.compress(data) + engine.flush()
    return made + b"\0" * (len(made) % 2)


def _text(ds: Dataset, keyword: str) -> str:
    tag = _tag(keyword)
    if tag not in ds.keys():  # noqa: SIM118 - without conversion of the tag
        return ""
    try:
        return str(ds[tag].value or "").strip(" \0")
    except Exception:  # unreadable, hence unknown
        return ""


def _day(ds: Dataset, keyword: str) -> date | None:
    return values.day(_text(ds, keyword))


def _code(value: str, meaning: str) -> Elements:
    return {
        _tag("CodeValue"): plain.text("SH", value),
        _tag("CodingSchemeDesignator"): plain.text("SH", "DCM"),
        _tag("CodeMeaning"): plain.text("LO", meaning),
    }


@cache
def _tag(keyword: str) -> int:
    found = tag_for_keyword(keyword)
    if found is None:
        raise KeyError(keyword)
    return found
