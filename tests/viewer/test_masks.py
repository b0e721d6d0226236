"""Masks in the viewer: what they take out of planes and slabs, what they never touch, and what the picture says of it."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of
from .test_planes import CELLS, COMMON, open_planes

COUNT, SIDE, SPACING, STEP = 20, 40, 0.8, 2.0
SOFT, VESSEL, BONE = 40, 300, 1000
SET = "masks => bench.viewers.a.setMasks(masks.map(text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer))"


def body() -> tuple[np.ndarray, np.ndarray]:
    """A vessel behind a slab of bone, seen from the front; and where the bone is."""
    values = np.full((COUNT, SIDE, SIDE), SOFT, np.int16)
    bone = np.zeros(values.shape, bool)
    bone[4:16, 10:14, 8:32] = True
    values[bone], values[:, 24:27, 18:22] = BONE, VESSEL
    return values, bone


def stream(values: np.ndarray) -> Stream:
    """From the head down, as they are often sent: the order of the mask is another one."""
    places = [(COUNT - 1 - k, values[COUNT - 1 - k]) for k in range(COUNT)]
    return Stream(
        [
            frame_of(picture, number=n + 1, sop_uid=f"1.2.{k}", orientation=[1, 0, 0, 0, 1, 0], position=[0.0, 0.0, STEP * k], **COMMON)
            for n, (k, picture) in enumerate(places)
        ],
        summary={"modality": "CT"},
    )


def packed(kind: str, mask: np.ndarray, unsure: int = 0, doubt: np.ndarray | None = None, **changed: Any) -> str:
    """As docs/interfaces.md writes a mask, in base64; `doubt`: where it is not sure."""
    told = {
        "kind": kind, "rows": mask.shape[1], "columns": mask.shape[2], "unsure": unsure,
        "frames": [{"index": len(mask) - 1 - k, "sop_uid": f"1.2.{k}", "frame": 0} for k in range(len(mask))],
    }  # fmt: skip
    head = json.dumps(told | changed).encode()
    bits = np.packbits(mask, bitorder="little").tobytes()
    doubts = bytes(len(bits)) if doubt is None else np.packbits(doubt, bitorder="little").tobytes()
    return base64.b64encode(struct.pack("<I", len(head)) + head + bits + doubts).decode()


def warnings(bench: Bench, cell: str) -> str:
    return bench.page.locator("#a .px-cell").nth(CELLS[cell]).locator(".px-warnings").inner_text()


@pytest.mark.clause("V-34", "V-35", "V-36")
def test_bone_goes_from_planes_and_slabs_and_comes_back(bench: Bench) -> None:
    values, bone = body()
    open_planes(bench, stream(values))
    bench.call("setPoint", [20 * SPACING, 20 * SPACING, 19.0])
    bench.call("setActive", CELLS["coronal"])
    bench.call("setSlab", {"mode": "max", "thickness": 28})

    def brightest(column: int, row: int = 24) -> float:
        return float(bench.call("valueAt", [column, row]))

    assert (brightest(20), brightest(10)) == (BONE, BONE)
    bench.run(SET, [packed("bone", bone, unsure=3)])
    bench.settle()
    # where bone hid it is the vessel, and beside it the soft tissue behind
    assert (brightest(20), brightest(10)) == (VESSEL, SOFT)
    assert bench.state()["removed"] == ["bone"]
    for cell in ("axial", "coronal", "sagittal"):
        assert "已去骨" in warnings(bench, cell)
        assert "不确定" in warnings(bench, cell)
    # the received image is what it was, in value and in words
    bench.call("setActive", CELLS["received"])
    assert bench.call("valueAt", [10, 12], 10) == BONE
    assert "去骨" not in warnings(bench, "received")
    bench.call("setActive", CELLS["axial"])
    assert bench.call("valueAt", [10, 12]) < -1000
    # one click and it is there again
    bench.run(SET, [])
    bench.settle()
    assert bench.call("valueAt", [10, 12]) == BONE
    assert bench.state()["removed"] == []
    assert "去骨" not in warnings(bench, "axial")


YELLOW = """cell => {
  const canvas = [...document.querySelectorAll('#a .px-cell')][cell].querySelector('canvas.px-drawing[data-shapes]');
  if (!canvas || canvas.dataset.shapes === '0') return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 0 && data[at] > 200 && data[at + 1] > 150 && data[at + 2] < 60) count += 1;
  return count;
}"""


@pytest.mark.clause("V-34")
def test_where_it_is_not_sure_is_yellow_on_planes(bench: Bench) -> None:
    values, bone = body()
    doubt = np.zeros_like(bone)
    doubt[8:12, 10:14, 8:20] = True
    open_planes(bench, stream(values))
    bench.call("setPoint", [14 * SPACING, 12 * SPACING, 20.0])
    bench.settle()

    def yellow(cell: str) -> int:
        return int(bench.page.evaluate(YELLOW, CELLS[cell]))

    bench.run(SET, [packed("bone", bone, unsure=int(doubt.sum()), doubt=doubt)])
    bench.settle()
    for cell in ("axial", "coronal", "sagittal"):
        bench.until(f"({YELLOW})({CELLS[cell]}) > 20")
    assert yellow("received") == 0
    # 12 columns × 4 rows of 40²: the place, not the picture
    picture = bench.page.locator("#a .px-cell").nth(CELLS["axial"]).bounding_box()
    assert picture
    assert yellow("axial") < 0.1 * picture["width"] * picture["height"]
    # on a plane that holds none of it there is none, in a thick slab there is
    bench.call("setPoint", [14 * SPACING, 12 * SPACING, 34.0])
    bench.until(f"({YELLOW})({CELLS['axial']}) === 0")
    bench.call("setActive", CELLS["axial"])
    bench.call("setSlab", {"mode": "min", "thickness": 30})
    bench.until(f"({YELLOW})({CELLS['axial']}) > 20")
    bench.run(SET, [])
    bench.until(f"({YELLOW})({CELLS['axial']}) === 0")
    assert yellow("coronal") == 0


@pytest.mark.clause("V-34", "V-35")
def test_two_masks_together_and_planes_that_come_later(bench: Bench) -> None:
    values, bone = body()
    table = np.zeros_like(bone)
    table[:, 36:] = True
    open_planes(bench, stream(values))
    bench.run(SET, [packed("table", table), packed("bone", bone)])
    bench.settle()
    bench.call("mpr")
    bench.call("mpr")
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    bench.settle()
    bench.call("setActive", CELLS["axial"])
    bench.call("setPoint", [16.0, 9.6, 20.0])
    assert bench.call("valueAt", [10, 12]) < -1000
    assert bench.call("valueAt", [10, 38]) < -1000
    assert bench.call("valueAt", [20, 25]) == VESSEL
    assert "已去床板" in warnings(bench, "axial")
    assert "不确定" not in warnings(bench, "axial")
    # a new case begins whole
    bench.call("clear")
    bench.show(stream(values), plane="axial")
    assert bench.state()["removed"] == []


@pytest.mark.clause("V-34")
@pytest.mark.parametrize("fault", ["cut", "size"])
def test_what_is_no_mask_takes_nothing_out(bench: Bench, fault: str) -> None:
    values, bone = body()
    open_planes(bench, stream(values))
    broken = packed("bone", bone, rows=7) if fault == "size" else base64.b64encode(b"\xff\x00\x00\x00{}").decode()
    message = bench.run(f"masks => {{ try {{ ({SET})(masks) }} catch (fault) {{ return String(fault) }} return '' }}", [broken])
    assert "mask" in message
    assert bench.state()["removed"] == []
