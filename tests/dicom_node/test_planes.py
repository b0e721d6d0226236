"""Overlay planes of images (group 60xx): which bit lies on which pixel of which frame, and what is said of broken ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image, save, uid

from dicom_node.index import frames
from dicom_node.web import planes
from dicom_node.web.library import Series

pytestmark = pytest.mark.clause("S-1")
LITTLE = "1.2.840.10008.1.2.1"


def plane(ds: Dataset, group: int, bits: np.ndarray, origin: tuple[int, int] = (1, 1), **more: Any) -> None:
    """Put `bits` (rows × columns, or frames × rows × columns) into a group, packed from the lowest bit on (PS3.5 8.1.2, 8.3)."""
    ds.add_new((group, 0x0010), "US", bits.shape[-2])
    ds.add_new((group, 0x0011), "US", bits.shape[-1])
    ds.add_new((group, 0x0040), "CS", more.get("kind", "G"))
    ds.add_new((group, 0x0050), "SS", list(origin))
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    data = np.packbits(bits.ravel().astype(np.uint8), bitorder="little").tobytes()
    ds.add_new((group, 0x3000), "OW", data + b"\0" * (len(data) % 2))
    for element, vr, name in ((0x0015, "IS", "count"), (0x0051, "US", "first"), (0x1500, "LO", "label")):
        if name in more:
            ds.add_new((group, element), vr, more[name])


def read(ds: Dataset, folder: Path) -> dict[str, Any]:
    """The planes of one file as the node answers them."""
    path = save(ds, folder / "image.dcm")
    sop, syntax = str(ds.SOPInstanceUID), str(ds.file_meta.TransferSyntaxUID)
    built = frames.build(ds, sop, syntax)
    for index, frame in enumerate(built):
        frame["index"] = index
    whole = path.read_bytes()
    row = {"digest": "x", "series_uid": "1.9", "pixel_offset": whole.rindex(ds.PixelData)}
    series = Series(built, {sop: row}, [], {sop: built}, {})
    return planes.of_series(series, SimpleNamespace(path=lambda _: path))  # type: ignore[arg-type]


def on_image(shape: dict[str, Any], ds: Dataset) -> np.ndarray:
    """A mask as the bits of its image."""
    whole = np.zeros((ds.Rows, ds.Columns), bool)
    flat = np.zeros(shape["rows"] * shape["columns"], bool)
    for start, length in zip(shape["runs"][::2], shape["runs"][1::2], strict=True):
        flat[start : start + length] = True
    left, top = shape["origin"]
    whole[top : top + shape["rows"], left : left + shape["columns"]] = flat.reshape(shape["rows"], shape["columns"])
    assert shape["pixels"] == int(flat.sum())
    return whole


@pytest.mark.parametrize("origin", [(1, 1), (3, 4), (-2, 5), (9, -1), (0, 0)])
def test_each_bit_lies_on_its_pixel(tmp_path: Path, origin: tuple[int, int]) -> None:
    ds = image()
    bits = np.random.default_rng(5).random((7, 11)) < 0.4
    plane(ds, 0x6000, bits, origin, label="SCALE")
    wanted = np.zeros((ds.Rows, ds.Columns), bool)
    for r, c in zip(*np.nonzero(bits), strict=True):
        at = (r + origin[0] - 1, c + origin[1] - 1)  # the origin counts from 1
        if 0 <= at[0] < ds.Rows and 0 <= at[1] < ds.Columns:
            wanted[at] = True
    answer = read(ds, tmp_path)
    (shape,) = answer["shapes"]
    assert (on_image(shape, ds) == wanted).all()
    assert answer["layers"] == [{"id": 0, "label": "SCALE", "colour": "#f0e442", "detail": "G"}]
    assert answer["warnings"] == []


def test_all_sixteen_groups_and_no_other(tmp_path: Path) -> None:
    ds = image()
    for i, group in enumerate(range(0x6000, 0x6022, 2)):  # 6020 is no group of overlays
        bits = np.zeros((2, 2), bool)
        bits[0, 0] = i != 3  # a plane without a bit is nothing to show
        plane(ds, group, bits, (i + 1, 1), kind="R" if i == 1 else "G")
    answer = read(ds, tmp_path)
    assert [shape["layer"] for shape in answer["shapes"]] == [2 * i for i in range(16) if i != 3]
    assert [shape["origin"][1] for shape in answer["shapes"]] == [i for i in range(16) if i != 3]
    assert [layer["detail"] for layer in answer["layers"]][:3] == ["G", "R", "G"]
    assert answer["layers"][1]["label"] == "6002"
    assert read(image(), tmp_path) == {"layers": [], "shapes": [], "warnings": []}


def test_frames_of_a_multi_frame_image(tmp_path: Path) -> None:
    ds = image()
    ds.NumberOfFrames, ds.PixelData = 4, ds.PixelData * 4
    one, three = np.zeros((3, 3), bool), np.zeros((2, 3, 3), bool)  # 9 bits a frame: not on byte borders
    one[1, 1] = three[0, 0, 0] = three[1, 2, 2] = True
    plane(ds, 0x6000, one)  # names no frame: all of them
    plane(ds, 0x6002, three, count=2, first=3)
    plane(ds, 0x6004, one, first=2)
    found = [(shape["layer"], shape["frame"], shape["index"], tuple(shape["origin"])) for shape in read(ds, tmp_path)["shapes"]]
    assert found == [(0, f, f - 1, (1, 1)) for f in (1, 2, 3, 4)] + [(2, 3, 2, (0, 0)), (2, 4, 3, (2, 2)), (4, 2, 1, (1, 1))]


def test_old_planes_in_unused_bits_of_the_pixels(tmp_path: Path) -> None:
    ds = image()
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    bits = np.random.default_rng(7).random((ds.Rows, ds.Columns)) < 0.3
    ds.PixelData = (np.full(bits.shape, 100, np.uint16) | (bits.astype(np.uint16) << 13)).tobytes()
    plane(ds, 0x6000, np.zeros((ds.Rows, ds.Columns), bool))
    del ds[0x6000, 0x3000]
    ds[0x6000, 0x0100].value, ds[0x6000, 0x0102].value = 16, 13
    (shape,) = read(ds, tmp_path)["shapes"]
    assert (on_image(shape, ds) == bits).all()
    ds[0x6000, 0x0102].value = 11  # a bit of the value itself is no plane
    assert read(ds, tmp_path)["warnings"] == [{"code": "overlay_broken", "count": 1}]


def _short(ds: Dataset) -> None:
    ds[0x6000, 0x3000].value = b"\xff\xff"


def _rows(number: int) -> Any:
    return lambda ds: setattr(ds[0x6000, 0x0010], "value", number)


def _no_data(ds: Dataset) -> None:
    del ds[0x6000, 0x3000]


@pytest.mark.parametrize(
    ("harm", "code"),
    [(_short, "overlay_broken"), (_rows(0), "overlay_broken"), (_rows(60_000), "overlay_broken"), (_no_data, "overlay_broken")],
)
def test_broken_planes_are_counted_and_the_others_shown(tmp_path: Path, harm: Any, code: str) -> None:
    ds = image()
    plane(ds, 0x6000, np.ones((7, 5), bool))
    plane(ds, 0x6002, np.ones((2, 2), bool))
    harm(ds)
    answer = read(ds, tmp_path)
    assert [shape["layer"] for shape in answer["shapes"]] == [2]
    assert answer["warnings"] == [{"code": code, "count": 1}]


def test_planes_too_large_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = image()
    plane(ds, 0x6000, np.ones((7, 5), bool))
    monkeypatch.setattr(planes, "MAX_BITS", 34)
    assert read(ds, tmp_path)["warnings"] == [{"code": "overlay_large", "count": 1}]
    monkeypatch.setattr(planes, "MAX_BITS", 35)
    monkeypatch.setattr(planes, "MAX_RUNS", 1)
    answer = read(ds, tmp_path)
    assert (answer["shapes"], answer["warnings"]) == ([], [{"code": "overlay_large", "count": 1}])


@pytest.mark.timeout(300)
@pytest.mark.clause("S-9", "S-8")
def test_through_a_node_within_right_and_scope(node: RunningNode) -> None:
    study, series = uid(), uid()
    ds, plain = image(study, series), image(study, uid())
    bits = np.zeros((3, 4), bool)
    bits[1, 2] = True
    plane(ds, 0x6000, bits, (2, 2))
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    for one in (ds, plain):
        assert scu.store(1, CT, one.SOPInstanceUID, encoded(one))[0] == 0
    scu.close()
    node.wait_instances(study, 2)
    path = f"/series/{study}/{series}"
    ticket = node.ticket(["H01"])
    told = node.get(path + "/header", ticket).json()
    assert "frames" in told, told
    (frame,) = told["frames"]
    assert frame["planes"] is True
    other = node.get(f"/series/{study}/{plain.SeriesInstanceUID}/header", ticket).json()["frames"][0]
    assert "planes" not in other
    answer = node.get(path + "/planes", ticket)
    (shape,) = answer.json()["shapes"]
    assert (shape["origin"], shape["runs"], shape["sop_uid"]) == ([3, 2], [0, 1], str(ds.SOPInstanceUID))
    assert node.http.get(node.url + path + "/planes").status_code == 401
    assert node.get(path + "/planes", node.ticket(["H01"], operations=["worklist.read"])).status_code == 403
    assert node.get(path + "/planes", node.ticket(["H02"])).status_code == 404


def test_a_real_image_with_planes_in_its_pixels(tmp_path: Path, corpus: Path) -> None:
    ds = pydicom.dcmread(corpus / "one-bit-overlay" / "sc-six-overlays.dcm")
    cells = np.frombuffer(ds.PixelData, "<u2").reshape(512, 512)
    truth = {}
    for group in range(0x6000, 0x6008, 2):
        own = (group, 0x3000) in ds  # two of them have their data, two lie in the pixels' bits 15 and 14
        truth[group] = ds.overlay_array(group).astype(bool) if own else (cells >> ds[group, 0x0102].value & 1).astype(bool)
    answer = read(ds, tmp_path)
    assert answer["warnings"] == []
    found = {0x6000 + shape["layer"]: on_image(shape, ds) for shape in answer["shapes"]}
    for group, bits in truth.items():
        assert bits.any() == (group in found)
        assert not bits.any() or (found[group] == bits).all()
    assert len(found) >= 3
