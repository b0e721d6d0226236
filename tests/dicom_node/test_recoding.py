"""Stored data sets in another syntax, byte for byte against dcmtk's dcmconv, and pixels against its decoder."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian
from rawscu import split_file
from running_node import image, save, uid

from dicom_node.receive.recoding import RecodingError, recode

pytestmark = [pytest.mark.clause("S-3", "H-5"), pytest.mark.skipif(shutil.which("dcmconv") is None, reason="dcmtk is not installed")]
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
OPTIONS = {EXPLICIT: "+te", IMPLICIT: "+ti"}


def recoded(path: Path, wanted: str) -> bytes:
    _, _, syntax, data = split_file(path)
    return recode(path, path.stat().st_size - len(data), syntax, wanted)[0]


def converted(path: Path, wanted: str, target: Path) -> bytes:
    """What dcmconv makes of it: explicit lengths of sequences, no group lengths."""
    subprocess.run(["dcmconv", OPTIONS[wanted], "+e", "-g", str(path), str(target)], check=True, capture_output=True, timeout=30)
    return split_file(target)[3]


def rich() -> Dataset:
    """Nested sequences, private elements, all kinds of words, and text in a character set that was not declared."""
    ds = image(SmallestImagePixelValue=-5, PixelRepresentation=1)
    ds.add_new(0x00100010, "PN", "王^小东".encode("gb18030"))
    inner, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D1100", "SRT", "Head"
    inner.ReferencedSOPInstanceUID, inner.PurposeOfReferenceCodeSequence = uid(), [code]
    ds.ReferencedImageSequence = [inner, Dataset()]
    ds.RequestAttributesSequence = []
    ds.RedPaletteColorLookupTableData = np.arange(64, dtype="<u2").tobytes()
    block = ds.private_block(0x0011, "HUB TEST", create=True)
    block.add_new(1, "LO", "ours")
    block.add_new(2, "FD", [1.5, -2.25])
    block.add_new(3, "OW", b"\1\2\3\4")
    ds.FrameIncrementPointer = 0x00181063
    ds.SliceThickness = "1.50"
    return ds


@pytest.mark.parametrize("wanted", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("stored", ["explicit", "implicit", "big", "undefined lengths"])
def test_every_native_syntax_into_every_other(tmp_path: Path, stored: str, wanted: str) -> None:
    path = save(rich(), tmp_path / "a.dcm")
    option = {"explicit": "+te", "implicit": "+ti", "big": "+tb", "undefined lengths": "+te"}[stored]
    lengths = "-e" if stored == "undefined lengths" else "+e"
    subprocess.run(["dcmconv", option, lengths, "+g", str(path), str(tmp_path / "stored.dcm")], check=True, capture_output=True, timeout=30)
    expected = converted(tmp_path / "stored.dcm", wanted, tmp_path / "expected.dcm")
    assert recoded(tmp_path / "stored.dcm", wanted) == expected
    assert "王^小东".encode("gb18030") in expected


def test_deflated_is_inflated(tmp_path: Path) -> None:
    path = save(rich(), tmp_path / "a.dcm")
    subprocess.run(["dcmconv", "+td", str(path), str(tmp_path / "d.dcm")], check=True, capture_output=True, timeout=30)
    assert zlib.decompress(split_file(tmp_path / "d.dcm")[3], -15)
    assert recoded(tmp_path / "d.dcm", EXPLICIT) == converted(tmp_path / "d.dcm", EXPLICIT, tmp_path / "expected.dcm")


def test_real_native_images_are_as_dcmtk_makes_them(corpus: Path, tmp_path: Path) -> None:
    count = 0
    names = [
        "ct-head-scout/*",
        "sr/*",
        "seg-liver-ct/*",
        "charset/*",
        "syntax-ct-same-image/explicit-be*",
        "syntax-mr-small/*big*",
        "rtstruct-phantom/*",
    ]
    for path in [path for name in names for path in sorted(corpus.glob(f"{name}"))]:
        if path.suffix != ".dcm" or split_file(path)[2] not in {EXPLICIT, IMPLICIT, str(ExplicitVRBigEndian)}:
            continue
        for wanted in (EXPLICIT, IMPLICIT):
            assert recoded(path, wanted) == converted(path, wanted, tmp_path / "o.dcm"), path
            count += 1
    assert count > 80


@pytest.mark.parametrize("name", ["us-cine/us-30f-ybr422-jpeg.dcm", "mg/mg-screening.dcm"])
def test_pixels_are_as_dcmtk_decodes_them(corpus: Path, tmp_path: Path, name: str) -> None:
    path = corpus / name
    subprocess.run(["dcmdjpeg", "+te", str(path), str(tmp_path / "expected.dcm")], check=True, capture_output=True, timeout=60)
    expected = pydicom.dcmread(tmp_path / "expected.dcm")
    _, _, syntax, data = split_file(path)
    made, lossy = recode(path, path.stat().st_size - len(data), syntax, EXPLICIT)
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(made), force=True)
    assert (ds.PhotometricInterpretation, ds.Rows, ds.get("NumberOfFrames")) == (
        expected.PhotometricInterpretation, expected.Rows, expected.get("NumberOfFrames"),
    )  # fmt: skip
    kind = "u1" if ds.BitsAllocated == 8 else "<u2"
    ours, theirs = (np.frombuffer(one.PixelData, kind).astype(int) for one in (ds, expected))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1
    assert lossy  # YBR became RGB; a compressed icon was left out


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from([EXPLICIT, IMPLICIT, str(ExplicitVRBigEndian), "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"]),
)
def test_no_bytes_break_the_recoder(tmp_path: Path, data: bytes, syntax: str) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    for wanted in (EXPLICIT, IMPLICIT):
        with contextlib.suppress(RecodingError):
            recode(path, 0, syntax, wanted)


def test_deep_nesting_and_lying_lengths_end_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 5000)
    with pytest.raises(RecodingError, match="nested"):
        recode(path, 0, EXPLICIT, IMPLICIT)
    path.write_bytes(b"\x10\0\x10\0PN\xff\xffA^B ")
    with pytest.raises(RecodingError, match="longer"):
        recode(path, 0, EXPLICIT, IMPLICIT)


def test_implicit_elements_get_their_dictionary_vr(tmp_path: Path) -> None:
    path = tmp_path / "i.dcm"
    subprocess.run(["dcmconv", "+ti", str(save(rich(), tmp_path / "a.dcm")), str(path)], check=True, capture_output=True, timeout=30)
    made = pydicom.dcmread(pydicom.filebase.DicomBytesIO(recoded(path, EXPLICIT)), force=True)
    assert made["SmallestImagePixelValue"].VR == "SS"
    assert made["PixelData"].VR == "OW"
    assert made[0x0011, 0x1001].VR == "UN"
    assert made[0x0011, 0x1001].value == b"ours"
    assert made[0x0011, 0x0010].value == "HUB TEST"
