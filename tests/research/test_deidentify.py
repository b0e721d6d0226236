"""One object without whom it is of: every place a name can hide, what stays, what is blocked, and what two projects have in common."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pipelines.research.deidentify import profile, values
from pipelines.research.deidentify.burnt_in import Device, rectangles
from pipelines.research.deidentify.deidentifier import Deidentifier
from pipelines.research.deidentify.plain import Elements, encoded
from pipelines.research.deidentify.reasons import WORDS, BlockedError, counted
from pipelines.research.deidentify.released import Released, devices_of
from pipelines.research.pseudonyms import Pseudonyms
from tests.research import planted
from tests.research.planted import PLACES, SECRETS, child, written
from tests.research.scanning import leaks

pytestmark = pytest.mark.clause("H-4", "X-5")
PROJECT = Pseudonyms(b"1" * 32)
RULES = Deidentifier(PROJECT, "H01", planted.NUMBER)


def read(content: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(content))
        list(ds.iterall())
    return ds


def out(**changed: Any) -> Dataset:
    return read(RULES.file(written(child(**changed))))


@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_found_wherever_she_was_written(place: str) -> None:
    before = PLACES[place]()
    assert leaks(set(SECRETS), before), "the scan does not see what was planted"
    after = RULES.file(before)
    assert leaks(set(SECRETS), after) == []
    bits = np.frombuffer(read(after).PixelData, "<u2") if place == "unused bits" else np.zeros(1, np.uint16)
    assert not (bits >> 12).any()


def test_the_pinyin_of_a_name_in_chinese_goes_too() -> None:
    ds = out(PatientName=planted.HAN, ManufacturerModelName="Ouyang Xiaomeng", SoftwareVersions="XiaoMeng OuYang", Manufacturer="SCANMAKER")
    assert (ds.ManufacturerModelName, ds.SoftwareVersions, ds.Manufacturer) == ("", "", "SCANMAKER")


def test_what_research_needs_stays() -> None:
    ds = out()
    shift = PROJECT.shift("H01", planted.NUMBER)
    day = values.day("20240312")
    assert day is not None
    assert values.day(ds.StudyDate) == day.fromordinal(day.toordinal() - shift)
    assert values.day(ds.ContentDate) == day.fromordinal(day.toordinal() - shift + 1)
    assert (ds.StudyTime, ds.ContentTime, str(ds.AcquisitionDateTime)[8:]) == ("101530", "101612.25", "101611.5")
    assert (ds.PatientSex, ds.PatientAge, ds.PatientSize, ds.PatientWeight) == ("F", "003Y", 0.98, 15.5)
    assert (ds.StudyDescription, ds.SeriesDescription, ds.BodyPartExamined) == ("胸部平扫", "CHEST 1.25mm LUNG", "CHEST")
    assert (ds.Manufacturer, ds.ManufacturerModelName, ds.ConvolutionKernel, ds.KVP) == ("SCANMAKER", "Model 3", "B60f", 100)
    assert list(ds.ImagePositionPatient) == [-10, -20, 2.5]
    assert (ds.SamplesPerPixel, ds.BitsStored, ds.HighBit, ds.PixelRepresentation) == (1, 12, 11, 0)
    assert ds.PixelData == child().PixelData
    assert (ds.PatientID, ds.PatientName) == (PROJECT.patient("H01", planted.NUMBER),) * 2
    assert (ds.PatientBirthDate, ds.AccessionNumber, ds.ReferringPhysicianName) == ("", "", "")


def test_it_says_what_was_done() -> None:
    ds = out()
    assert (ds.PatientIdentityRemoved, ds.LongitudinalTemporalInformationModified) == ("YES", "MODIFIED")
    codes = {item.CodeValue: item.CodeMeaning for item in ds.DeidentificationMethodCodeSequence}
    # PS3.16 CID 7050
    assert set(codes) == {"113100", "113105", "113107", "113108"}
    assert codes["113107"] == "Retain Longitudinal Temporal Information Modified Dates Option"
    assert all(len(one) <= 64 for one in ds.DeidentificationMethod)
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID == PROJECT.uid(planted.sop(1))
    assert ds.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize(
    ("born", "study", "told", "age"),
    [
        ("20240301", "20240312", "", "011D"),
        ("20240101", "20240330", "", "089D"),
        ("20230312", "20240311", "001Y", "011M"),
        ("20210309", "20240312", "099Y", "003Y"),
        ("20120229", "20240228", "", "011Y"),
        ("19310101", "20240312", "", "090Y"),
        ("", "20240312", "006M", "006M"),
        ("", "20240312", "013W", "013W"),
        ("", "20240312", "097Y", "090Y"),
        ("20250101", "20240312", "004Y", "004Y"),
        ("", "20240312", "four", None),
    ],
)
def test_the_age_of_a_child_is_right_and_of_the_very_old_coarse(born: str, study: str, told: str, age: str | None) -> None:
    ds = read(RULES.file(written(child(PatientBirthDate=born, StudyDate=study, PatientAge=told))))
    assert ds.get("PatientAge") == age


def test_references_within_a_study_still_resolve() -> None:
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = planted.CT, planted.sop(1)
    first, second = out(), read(RULES.file(written(child(2, SourceImageSequence=Sequence([image])))))
    assert second.SourceImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SourceImageSequence[0].ReferencedSOPClassUID == planted.CT
    assert second.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert second.StudyInstanceUID == first.StudyInstanceUID


def test_the_same_twice_and_another_project_otherwise() -> None:
    content = written(child())
    assert RULES.file(content) == Deidentifier(Pseudonyms(b"1" * 32), "H01", planted.NUMBER).file(content)
    other = read(Deidentifier(Pseudonyms(b"2" * 32), "H01", planted.NUMBER).file(content))
    own = read(RULES.file(content))
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "StudyDate"):
        assert own[keyword].value != other[keyword].value, keyword


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
def test_every_native_syntax_stays_and_reads_the_same(syntax: str) -> None:
    ds = child(RescaleSlope="2")
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == "1.2.840.10008.1.2.2":
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    after = read(RULES.file(written(ds)))
    assert after.file_meta.TransferSyntaxUID == syntax
    assert (after.pixel_array == read(written(child())).pixel_array).all()
    assert (after.Rows, after.RescaleSlope, after.PatientSex) == (16, 2, "F")


CHANGED_TO_BLOCK: dict[str, tuple[dict[str, Any], str]] = {
    "ultrasound": ({"SOPClassUID": planted.US, "Modality": "US", "BurnedInAnnotation": "NO"}, "burnt_in"),
    "angiography": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1", "Modality": "XA"}, "burnt_in"),
    "fluoroscopy": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.2", "Modality": "RF"}, "burnt_in"),
    "endoscopy": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.1", "Modality": "ES"}, "burnt_in"),
    "capture": ({"SOPClassUID": planted.CAPTURE, "Modality": "CT", "BurnedInAnnotation": "NO"}, "secondary_capture"),
    "says so": ({"BurnedInAnnotation": "YES"}, "burnt_in_said"),
    "digitized film": (
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR", "ConversionType": "DF", "ImageType": ["ORIGINAL", "PRIMARY"]},
        "secondary_capture",
    ),
    "secondary CR": (
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR", "ImageType": ["DERIVED", "SECONDARY"]},
        "secondary_capture",
    ),
    "screen save": ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "secondary_capture"),
    "localizer as a picture": ({"ImageType": ["DERIVED", "SECONDARY", "LOCALIZER"], "BitsStored": 8, "HighBit": 7}, "secondary_capture"),
    "without a place": ({"ImagePositionPatient": None}, "secondary_capture"),
    "dose report": ({"SeriesDescription": "Dose Report"}, "screen"),
    "protocol": ({"SeriesDescription": "Patient Protocol"}, "screen"),
    "剂量报告": ({"SeriesDescription": "剂量报告"}, "screen"),
    "dose SR": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}, "dose_report"),
    "SR": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, "structured_report"),
    "key objects": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59"}, "presentation"),
    "presentation": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"}, "presentation"),
    "PDF": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "document"),
    "ECG": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.9.1.1"}, "waveform"),
    "private class": ({"SOPClassUID": "1.3.12.2.1107.5.9.1"}, "kind"),
    "raw data": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66"}, "kind"),
    "no number of its own": ({"SeriesInstanceUID": ""}, "no_identity"),
    "too few pixels": ({"PixelData": b"\0\0"}, "pixels"),
}


@pytest.mark.parametrize("case", CHANGED_TO_BLOCK)
def test_what_may_show_or_tell_a_name_is_blocked_with_words(case: str) -> None:
    changed, reason = CHANGED_TO_BLOCK[case]
    ds = child(**{keyword: value for keyword, value in changed.items() if value is not None})
    for keyword in (keyword for keyword, value in changed.items() if value is None):
        delattr(ds, keyword)
    with pytest.raises(BlockedError) as caught:
        RULES.file(written(ds))
    assert caught.value.reason == reason
    zh, en = WORDS[reason]
    assert zh in str(caught.value)
    assert en in str(caught.value)
    assert counted([reason, reason]) == [{"reason": reason, "zh": zh, "en": en, "count": 2}]


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(128) + b"DICM", written(child())[:-300], written(child())[:700]])
def test_what_cannot_be_read_is_blocked(content: bytes) -> None:
    with pytest.raises(BlockedError):
        RULES.file(content)


def test_an_overlay_within_compressed_pixels_is_blocked() -> None:
    ds = read(PLACES["comment of a code stream"]())
    ds.add_new(0x60000102, "US", 15)
    with pytest.raises(BlockedError) as caught:
        RULES.file(written(ds))
    assert caught.value.reason == "overlay_in_pixels"


def ultrasound(frames: int = 3) -> Dataset:
    """RGB frames with white "text" in the bar at the top, and once more in the middle."""
    picture = np.full((frames, 40, 60, 3), 90, np.uint8)
    picture[:, 2:8, 5:50] = 255
    picture[:, 30:34, 10:20] = 255
    return child(
        SOPClassUID=planted.US, Modality="US", Manufacturer="ECHOMAKER", ManufacturerModelName="E9", ImageType=["ORIGINAL", "PRIMARY"], Rows=40, Columns=60,
        SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, NumberOfFrames=frames, BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelData=picture.tobytes(),
    )  # fmt: skip


def test_rectangles_of_a_known_device_are_black_on_every_frame() -> None:
    known = {("echomaker", "e9", 40, 60): Device(rectangles([[0, 0, 59, 9]]), look=False)}
    ds = read(Deidentifier(PROJECT, "H01", planted.NUMBER, devices=known).file(written(ultrasound())))
    picture = ds.pixel_array
    assert picture.shape == (3, 40, 60, 3)
    assert not picture[:, :10].any()
    assert (picture[:, 10:] == read(written(ultrasound())).pixel_array[:, 10:]).all()
    assert ds.BurnedInAnnotation == "NO"
    assert "113101" in {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    with pytest.raises(BlockedError):  # another size of the same device is another picture
        Deidentifier(PROJECT, "H01", planted.NUMBER, devices={("echomaker", "e9", 40, 61): Device((), look=False)}).file(
            written(ultrasound())
        )


def test_a_device_that_can_be_typed_on_needs_a_person_besides(tmp_path: Any) -> None:
    (tmp_path / "rectangles.toml").write_text(
        '[[device]]\nmanufacturer = "EchoMaker"\nmodel = "E9"\nrows = 40\ncolumns = 60\nrectangles = [[0, 0, 59, 9]]\nlook = true\nseen = "bar"\n'
    )
    devices = devices_of(tmp_path)
    with pytest.raises(BlockedError):
        Deidentifier(PROJECT, "H01", planted.NUMBER, devices).file(written(ultrasound()))
    table = Released(tmp_path, "P1")
    series = PROJECT.uid(planted.SERIES)
    with pytest.raises(ValueError, match="看到什么"):
        table.release(series, "admin", " ")
    table.release(series, "admin", "all 3 frames", rectangles([[8, 28, 30, 36]]))
    picture = read(Deidentifier(PROJECT, "H01", planted.NUMBER, devices, table.series()).file(written(ultrasound()))).pixel_array
    assert not picture[:, :10].any()
    assert not picture[:, 28:37, 8:31].any()
    assert (picture[:, 20:28] == 90).all()
    assert Released(tmp_path, "P2").series() == {}
    assert table.withdraw(series)
    assert table.series() == {}


def test_a_dose_screen_stays_blocked_even_when_released() -> None:
    released = {PROJECT.uid(planted.SERIES): ()}
    with pytest.raises(BlockedError) as caught:
        Deidentifier(PROJECT, "H01", planted.NUMBER, released=released).file(written(child(SeriesDescription="Dose Report")))
    assert caught.value.reason == "screen"


def test_a_wrong_file_of_devices_is_refused(tmp_path: Any) -> None:
    (tmp_path / "rectangles.toml").write_text('[[device]]\nmanufacturer = "A"\nmodel = "B"\nrows = 1\ncolumns = 1\n')
    with pytest.raises(ValueError, match="rectangles"):
        devices_of(tmp_path)


# PS3.15 Table E.1-1, looked up by hand
@pytest.mark.parametrize(
    ("tag", "action"),
    [
        (0x00100010, "Z"), (0x00100020, "D"), (0x00100030, "Z"), (0x00100040, "K"), (0x00101010, "K"), (0x00101030, "K"), (0x00080050, "Z"),
        (0x00080018, "U"), (0x0020000D, "U"), (0x00080020, "S"), (0x0008002A, "S"), (0x00081030, "C"), (0x0008103E, "C"), (0x00204000, "C"),
        (0x00102000, "C"), (0x00081010, "D"), (0x00080080, "D"), (0x00181000, "D"), (0x00100021, "X"), (0x00101000, "X"), (0x00081140, "W"),
        (0x00880200, "X"), (0x00400275, "X"), (0x60003000, "X"), (0x50003000, "X"), (0x00091010, "X"), (0x0008FFFF, "X"), (0x00280010, "K"),
        (0x00281050, "K"), (0x00540016, "W"), (0xFFFCFFFC, "X"), (0x00020016, "X"),
    ],
)  # fmt: skip
def test_the_table_is_followed(tag: int, action: str) -> None:
    assert profile.rule(tag).action.value == action


def test_the_table_is_whole() -> None:
    table = profile.table()
    assert len(table) == 651  # and three repeating groups
    assert {code for row in table.values() for code in row.basic.replace("U*", "U").split("/")} == {"X", "Z", "D", "U"}


# A tree of elements: standard, private and unknown, each of a VR that can hold text, with a secret inside.
TEXTS = st.sampled_from(sorted(SECRETS))
PLACES_OF_TEXT = st.sampled_from([
    0x00081030, 0x0008103E, 0x00081070, 0x00102000, 0x00104000, 0x00181020, 0x00181030, 0x00204000, 0x00080070, 0x00081090, 0x00321032,
    0x00400254, 0x00100022, 0x00180015, 0x00080008, 0x00181210, 0x00080104, 0x00080100, 0x00281055, 0x00091010, 0x00191011, 0x00187FFC,
    0x0040A123, 0x0040A160, 0x00700006, 0x00620005, 0x00189074, 0x00081155, 0x00120010, 0x0020000D, 0x00081048, 0x00380500, 0x00189004, 0x00080054,
    0x00720070, 0x00189352, 0x00020016,
])  # fmt: skip
SEQUENCES = st.sampled_from(
    [0x00081140, 0x00082112, 0x00082218, 0x00089215, 0x00400260, 0x00081115, 0x52009229, 0x00409096, 0x00620002, 0x00540016]
)
VRS = st.sampled_from(["LO", "SH", "LT", "ST", "UT", "PN", "CS", "UI", "AE", "UN", "OB", "DA", "DT", "UC", "UR"])


Plain = tuple[int, str, Any]


def _text(tag: int, vr: str, secret: str, before: str, charset: str) -> Plain:
    return tag, vr, f"{before}{secret}".encode(charset)


ELEMENTS = st.builds(_text, PLACES_OF_TEXT, VRS, TEXTS, st.sampled_from(["", "CHEST ", "a", "胸部"]), st.sampled_from(["gb18030", "utf-8"]))
TREES = st.recursive(
    ELEMENTS, lambda inner: st.tuples(SEQUENCES, st.just("SQ"), st.lists(st.lists(inner, max_size=4), max_size=2)), max_leaves=12
)


def _elements(tree: list[Plain]) -> Elements:
    return {tag: (vr, [_elements(item) for item in value] if vr == "SQ" else value) for tag, vr, value in tree if tag >> 16 != 2}


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    database=None,
)
@given(st.lists(TREES, max_size=8), st.booleans(), st.booleans())
def test_no_secret_survives_in_any_tree(tree: list[Plain], explicit: bool, little: bool) -> None:
    little = little or not explicit
    ds = child()
    ds.file_meta.TransferSyntaxUID = ("1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2") if explicit else "1.2.840.10008.1.2"
    if not little:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    content = written(ds)
    begins = content.index(b"\x08\x00\x05\x00" if little else b"\x00\x08\x00\x05", 132)
    whole = pydicom.dcmread(io.BytesIO(content))
    own = {int(tag): (raw.VR or dictionary_VR(tag), raw.value or b"") for tag, raw in whole.items() if isinstance(raw, RawDataElement)}
    planted_too = {tag: element for tag, element in _elements(tree).items() if tag not in {0x0020000D, 0x00080008}}
    mixed = content[:begins] + encoded(own | planted_too, explicit=explicit, little=little)
    assert leaks(set(SECRETS), mixed)
    after = RULES.file(mixed)
    assert leaks(set(SECRETS), after) == []
    assert read(after).PatientIdentityRemoved == "YES"
    assert read(after).PixelData == ds.PixelData
