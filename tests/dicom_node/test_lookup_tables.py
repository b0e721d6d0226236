"""Lookup tables of real files through a real node: Modality LUT, VOI LUT, polarity – against tables that the tests made."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image, uid
from test_elements import compared, raw

from dicom_node.index import frames

pytestmark = pytest.mark.clause("V-2")
SYNTAX = str(ExplicitVRLittleEndian)
CURVE = (np.sqrt(np.arange(400) / 399) * 1023 + 0.5).astype(np.uint16)


def table(first: int, data: np.ndarray, bits: int, *, entries: int | None = None, vr: str = "OW", explanation: str = "") -> Dataset:
    """A LUT item; `first` is written as the unsigned word it is on the wire."""
    item = Dataset()
    item.add_new(0x00283002, "US", [(len(data) if entries is None else entries) % 65536, first % 65536, bits])
    if explanation:
        item.LUTExplanation = explanation
    little = data.astype("<u2")
    item.add_new(0x00283006, vr, little.tobytes() if vr == "OW" else [int(v) for v in little])
    return item


def packed(first: int, data: np.ndarray) -> Dataset:
    """Eight-bit entries, two in a word."""
    item = Dataset()
    item.add_new(0x00283002, "US", [len(data), first, 8])
    item.add_new(0x00283006, "OW", data.astype(np.uint8).tobytes() + b"\0" * (len(data) % 2))
    return item


def built(ds: Dataset) -> list[dict[str, Any]]:
    return frames.build(ds, str(ds.SOPInstanceUID), SYNTAX)


def only(ds: Dataset) -> tuple[int, int, np.ndarray]:
    """(first, bits, entries) of the one table of a one-frame object."""
    (frame,) = built(ds)
    (named,) = frame["voi_luts"]
    data = frame["_luts"][named["lut"]]
    values = np.frombuffer(base64.b64decode(data["data"]), "<u2")
    assert len(values) == data["entries"]
    return data["first"], data["bits"], values


@pytest.mark.parametrize("vr", ["OW", "US"])
@pytest.mark.parametrize(
    ("first", "changed", "expected"),
    [
        (-100, {}, -100),  # rescale gives negative values: signed
        (40_000, {"PixelRepresentation": 0, "RescaleIntercept": 0}, 40_000),  # 16 unsigned bits: unsigned
        (-100, {"PixelRepresentation": 0, "RescaleIntercept": 0, "BitsStored": 12}, -100),  # as unsigned it were beyond every pixel
        (-100, {"RescaleSlope": 2, "RescaleIntercept": 0}, -100),  # both readings lie among the inputs: the standard's rule decides
        (500, {"PixelRepresentation": 0, "RescaleSlope": None, "RescaleIntercept": None}, 500),
    ],
)
def test_first_mapped_value_has_the_sign_of_the_inputs(first: int, changed: dict[str, Any], expected: int, vr: str) -> None:
    ds = image(VOILUTSequence=Sequence([table(first, CURVE, 10, vr=vr)]), **changed)
    found, bits, values = only(ds)
    assert (found, bits) == (expected, 10)
    assert (values == CURVE).all()


def test_no_entries_means_65536_and_eight_bit_tables_come_in_words_or_bytes() -> None:
    whole = np.arange(65536, dtype=np.uint16)[::-1].copy()
    first, bits, values = only(image(VOILUTSequence=Sequence([table(-32768, whole, 16)])))
    assert (first, bits, len(values)) == (-32768, 16, 65536)
    assert (values == whole).all()
    small = np.arange(101, dtype=np.uint16) * 2
    for item in (table(7, small, 8), packed(7, small)):
        first, bits, values = only(image(VOILUTSequence=Sequence([item])))
        assert (first, bits) == (7, 8)
        assert (values == small).all()


@pytest.mark.parametrize(
    "item",
    [
        table(0, CURVE, 10, entries=401),
        table(0, CURVE, 10, entries=0),
        table(0, CURVE, 9),  # an entry does not fit
        table(0, CURVE, 17),
        table(0, CURVE, 7),
        table(5000, CURVE, 10),  # beyond every pixel of 12 bits
        Dataset(),
    ],
)
def test_a_table_against_its_own_descriptor_is_left_out_with_a_warning(item: Dataset) -> None:
    ds = image(VOILUTSequence=Sequence([item, table(0, CURVE, 10)]), PixelRepresentation=0, RescaleIntercept=0, BitsStored=12)
    (frame,) = built(ds)
    assert frame["_broken_lut"]
    assert len(frame["voi_luts"]) == 1
    ds.VOILUTSequence = Sequence([item])
    (frame,) = built(ds)
    assert frame["voi_luts"] == []


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse", "contradiction"),
    [
        ("MONOCHROME2", None, False, False),
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "INVERSE", True, False),  # one inversion, not two
        ("MONOCHROME2", "INVERSE", True, True),
        ("MONOCHROME1", "IDENTITY", False, True),
    ],
)
def test_polarity(photometric: str, shape: str | None, inverse: bool, contradiction: bool) -> None:
    (frame,) = built(image(PhotometricInterpretation=photometric, PresentationLUTShape=shape))
    assert (frame["inverse"], frame["_contradiction"]) == (inverse, contradiction)


@pytest.mark.parametrize("implicit", [True, False])
def test_functional_groups_share_tables_and_both_ways_of_reading_agree(tmp_path: Path, *, implicit: bool) -> None:
    """Three frames: two with the shared tables, one with its own window and the second of them."""
    ds = image(NumberOfFrames=3)
    ds.PixelData = bytes(16 * 12 * 2 * 3)
    soft, hard = table(-100, CURVE, 10, explanation="SOFT"), table(-50, CURVE, 12, explanation="HARD")
    common, own = Dataset(), Dataset()
    common.VOILUTSequence = Sequence([soft, hard])
    own.VOILUTSequence, own.WindowCenter, own.WindowWidth = Sequence([hard]), 40, 400
    shared, plain, special = Dataset(), Dataset(), Dataset()
    shared.FrameVOILUTSequence, special.FrameVOILUTSequence = Sequence([common]), Sequence([own])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([plain, special, Dataset()])
    row = compared(tmp_path, ds, raw(ds, implicit, {}), implicit=implicit)
    shown = orjson.loads(str(row["frame_json"]))
    assert [[one["explanation"] for one in f["voi_luts"]] for f in shown] == [["SOFT", "HARD"], ["HARD"], ["SOFT", "HARD"]]
    assert [len(f["_luts"]) for f in shown] == [2, 0, 0]  # each table once
    assert [len(f["windows"]) for f in shown] == [0, 1, 0]


def test_per_frame_macros_are_never_mistaken_for_each_other(tmp_path: Path) -> None:
    """Sixty frames, each with its own spacing: a macro must not be taken for an earlier one that is gone from memory."""
    ds = image(NumberOfFrames=60, PixelSpacing=None)
    ds.PixelData = bytes(16 * 12 * 2 * 60)
    groups = []
    for i in range(60):
        measures, group = Dataset(), Dataset()
        measures.PixelSpacing = [0.1 + i / 100, 0.1 + i / 100]
        group.PixelMeasuresSequence = Sequence([measures])
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    row = compared(tmp_path, ds, raw(ds, False, {}), implicit=False)
    shown = orjson.loads(str(row["frame_json"]))
    assert [f["spacing"][0] for f in shown] == pytest.approx([0.1 + i / 100 for i in range(60)])


def test_big_endian_words_are_turned() -> None:
    ds = image(VOILUTSequence=Sequence([table(0, CURVE, 10)]))
    ds.VOILUTSequence[0].LUTData = CURVE.astype(">u2").tobytes()
    (frame,) = frames.build(ds, "1.2", str(ExplicitVRBigEndian))
    (data,) = frame["_luts"].values()
    assert (np.frombuffer(base64.b64decode(data["data"]), "<u2") == CURVE).all()
    assert str(ImplicitVRLittleEndian) in frames.NATIVE_LITTLE_ENDIAN


def send(node: RunningNode, ds: Dataset) -> str:
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds)) == (0, "")
    node.wait_instances(ds.StudyInstanceUID, 1)
    return f"/series/{ds.StudyInstanceUID}/{ds.SeriesInstanceUID}"


def rendered(node: RunningNode, ds: Dataset) -> np.ndarray:
    where = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}/rendered"
    answer = node.get(where, headers={"Accept": "image/png"})
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


@pytest.mark.parametrize("inverse", [False, True])
def test_the_node_serves_tables_once_and_renders_by_them(node: RunningNode, inverse: bool) -> None:
    stored = (np.arange(192).reshape(16, 12) * 4 - 200).astype("<i2")
    changed: dict[str, Any] = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"} if inverse else {}
    ds = image(
        RescaleIntercept=-50,
        PixelData=stored.tobytes(),
        VOILUTSequence=Sequence([table(-100, CURVE, 10, explanation="NORMAL"), table(-100, CURVE, 5)]),
        **changed,
    )
    header = node.get(send(node, ds) + "/header").json()
    (frame,) = header["frames"]
    (named,) = frame["voi_luts"]
    assert named["explanation"] == "NORMAL"
    assert frame["inverse"] is inverse
    assert [name for name in frame if name.startswith("_")] == []
    assert header["warnings"] == ["voi_lut_unusable"]
    assert list(header["luts"]) == [named["lut"]]
    # C.11.2.1.1 by hand: below the first and above the last input the end entries hold
    index = np.clip(stored.astype(int) - 50 + 100, 0, len(CURVE) - 1)
    expected = CURVE[index] / 1023 * 255
    assert np.abs(rendered(node, ds) - (255 - expected if inverse else expected)).max() <= 1


def test_modality_lut_gives_the_values_and_a_broken_one_no_picture(node: RunningNode) -> None:
    """Signed pixels from −32768 on: the difference to the first input does not fit into 16 bits."""
    curve = (np.arange(300) * 7).astype(np.uint16)
    stored = np.linspace(-32768, 32767, 192).astype("<i2").reshape(16, 12)
    stored[8] = np.arange(12) * 20 - 130
    ds = image(ModalityLUTSequence=Sequence([table(-100, curve, 16)]), PixelData=stored.tobytes(), RescaleSlope=None, RescaleIntercept=None)
    ds.StudyInstanceUID = uid()
    where = send(node, ds)
    (frame,) = node.get(where + "/header").json()["frames"]
    assert (frame["bits"], frame["signed"], frame["slope"]) == (16, False, 1)
    body = node.get(where + "/stream").content
    values = np.frombuffer(body[-16 * 12 * 2 :], "<u2").reshape(16, 12)
    assert (values == curve[np.clip(stored.astype(int) + 100, 0, 299)]).all()
    broken = image(ModalityLUTSequence=Sequence([table(0, curve, 16, entries=301)]))
    body = node.get(send(node, broken) + "/stream").content
    assert body.endswith(b"\0\0\0\0\0\0\0\0")  # frame 0 of length 0: it cannot be decoded
