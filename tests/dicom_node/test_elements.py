"""The short way of reading a header gives the very row that pydicom gives, on real images and on made ones."""

from __future__ import annotations

import struct
from pathlib import Path

import orjson
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from running_node import image

from dicom_node.archive.files import file_head
from dicom_node.archive.journal import Entry
from dicom_node.index import header
from dicom_node.index.dataset import UnparsableError
from dicom_node.index.elements import Elements, UnusualError

pytestmark = pytest.mark.clause("S-1")


def entry(sop_class: str, sop_uid: str, syntax: str) -> Entry:
    return Entry("d", 1, sop_class, sop_uid, syntax, "H01", "A", "127.0.0.1", "2026-11-26T00:00:00.000+00:00")


def by_short_way(path: Path, known: Entry) -> object:
    with path.open("rb") as file:
        try:
            return header._row(*header._elements(file.fileno(), known.transfer_syntax), known, 7)
        except UnparsableError as error:
            return str(error)


def by_pydicom(path: Path, known: Entry) -> object:
    try:
        return header.parse_with_pydicom(path, known, 7)
    except UnparsableError as error:
        return str(error)


def test_real_images_give_the_same_row_both_ways(corpus: Path, tmp_path: Path) -> None:
    unusual, compared = [], 0
    for source in sorted(path for path in corpus.rglob("*") if path.is_file()):
        raw = source.read_bytes()
        if raw[128:136] != b"DICM\2\0\0\0":
            continue
        meta = pydicom.filereader.read_file_meta_info(source)
        if "MediaStorageSOPInstanceUID" not in meta or "TransferSyntaxUID" not in meta:
            continue
        known = entry(meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
        path = tmp_path / "one.dcm"
        body = raw[144 + struct.unpack_from("<I", raw, 140)[0] :]
        path.write_bytes(file_head(known.sop_class, known.sop_uid, known.transfer_syntax) + body)
        try:
            short = by_short_way(path, known)
        except UnusualError:
            unusual.append(source.name)
            continue
        assert short == by_pydicom(path, known), source
        compared += 1
    assert compared > 300
    assert len(unusual) < compared / 20  # the short way is the rule


def raw(ds: Dataset, implicit: bool, values: dict[str, bytes]) -> bytes:
    """The data set with `values` as its bytes, however wrong they are: they are not looked at on the way."""
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        padded = value + b" " * (len(value) % 2)
        ds._dict[BaseTag(tag)] = RawDataElement(BaseTag(tag), dictionary_VR(tag), len(padded), padded, 0, implicit, True, True)
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, implicit
    write_dataset(out, ds)
    return out.getvalue()


def compared(folder: Path, ds: Dataset, data: bytes, *, implicit: bool, always: bool = True) -> dict[str, object]:
    known = entry(ds.SOPClassUID, ds.SOPInstanceUID, ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
    path = folder / "one.dcm"
    path.write_bytes(file_head(known.sop_class, known.sop_uid, known.transfer_syntax) + data)
    try:
        short = by_short_way(path, known)
    except UnusualError:
        if always:
            raise
        short = header.parse(path, known, 7)
    assert short == by_pydicom(path, known)
    assert isinstance(short, dict)
    return short


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.sampled_from(["", "Chest", "胸部 CT", "胸^部\\b", " x ", "1.2.3", "20260230", "25:61", "101500.5"]),
    number=st.sampled_from(["", "1", "-0.5", "1e3", "12.5", "abc", "1\\2", "1\\", "nan", " 7 ", "1_0"]),
    other=st.sampled_from(["", "2", "4.0", "-1", "99999999999", "1\\2\\3"]),
    declared=st.sampled_from([None, "ISO_IR 100", "ISO_IR 192", "GB18030", "GBK"]),
    name=st.sampled_from(["Wang^XiaoMing", "Wang^Ming=王^小明", "王小明", "^^^", "", "=王^小明=wang"]),
    implicit=st.booleans(), unsigned=st.booleans(),
)  # fmt: skip
def test_any_values_give_the_same_row_both_ways(
    tmp_path: Path, text: str, number: str, other: str, declared: str | None, name: str, implicit: bool, unsigned: bool
) -> None:
    ds = image(SpecificCharacterSet=declared, PixelRepresentation=0 if unsigned else 1)
    ds.SmallestImagePixelValue = 3 if unsigned else -3
    ds["SmallestImagePixelValue"].VR = "US" if unsigned else "SS"
    codec = {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin-1"}.get(declared or "", "gb18030")
    values = {
        "StudyDescription": text, "SeriesDescription": text, "StudyTime": text, "SeriesDate": text, "ImageType": text, "PatientName": name,
        "KVP": number, "SeriesNumber": number, "InstanceNumber": other, "SliceLocation": other, "WindowCenter": number,
        "WindowWidth": other, "PixelSpacing": f"{number}\\{other}", "PatientWeight": other,
    }  # fmt: skip
    compared(tmp_path, ds, raw(ds, implicit, {k: v.encode(codec, "replace") for k, v in values.items()}), implicit=implicit, always=False)


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("undefined", [True, False])
def test_functional_groups_and_regions_are_walked(tmp_path: Path, *, implicit: bool, undefined: bool) -> None:
    """Two frames whose positions stand in nested sequences, of defined and of undefined length (PS3.5 7.5)."""
    ds = image(NumberOfFrames=2, ImagePositionPatient=None, PixelSpacing=None)
    ds.PixelData = bytes(16 * 12 * 2 * 2)
    measures, frames = Dataset(), []
    measures.PixelSpacing, measures.SliceThickness = [0.6, 0.4], 2.5
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    for place in (-3.5, 4.25):
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [1, 2, place]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    for element in ds.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    row = compared(tmp_path, ds, raw(ds, implicit, {}), implicit=implicit)
    shown = orjson.loads(str(row["frame_json"]))
    assert [frame["position"] for frame in shown] == [[1, 2, -3.5], [1, 2, 4.25]]
    assert [frame["spacing"] for frame in shown] == [[0.6, 0.4]] * 2
    assert row["pixel_length"] == 16 * 12 * 2 * 2


def test_a_header_longer_than_the_first_read_is_read_whole(tmp_path: Path) -> None:
    """A private value of 300 kB stands before the pixels; their place must be right to the byte."""
    ds = image()
    ds.private_block(0x0019, "MAKER", create=True).add_new(1, "OB", bytes(300_000))
    data = raw(ds, False, {})
    row = compared(tmp_path, ds, data, implicit=False)
    path = tmp_path / "one.dcm"
    assert path.read_bytes()[row["pixel_offset"] :][: row["pixel_length"]] == ds.PixelData  # type: ignore[index,call-overload]


def test_what_is_out_of_the_ordinary_is_left_to_pydicom() -> None:
    for data in (b"\x08\0\x16\0??\2\0AB", b"\x08\0\x16\0UI\xff\xff1.2", b"\x08\0\x18\0UI\2\x001\0\x08\0\x16\0UI\2\x001\0", b"\x08\0"):
        with pytest.raises(UnusualError):
            Elements(data, 0, len(data), explicit=True)
