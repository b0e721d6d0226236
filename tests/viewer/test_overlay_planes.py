"""Overlay planes of group 60xx on their images: where each bit is drawn, how it is named, switched off, and what is said of broken ones."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from .conftest import Bench
from .node import Node
from .streams import Stream, frame_of
from .test_node import open_series

pytestmark = pytest.mark.clause("S-1")
LAYERS = [{"id": 0, "label": "SCALE", "colour": "#f0e442", "detail": "G"}, {"id": 2, "label": "6002", "colour": "#56b4e9", "detail": "R"}]
YELLOW, BLUE = (240, 228, 66), (86, 180, 233)


def mask(layer: int, sop: str, origin: tuple[int, int], bits: np.ndarray) -> dict[str, Any]:
    steps = np.flatnonzero(np.diff(bits.ravel().astype(np.int8), prepend=0, append=0))
    runs = np.stack([steps[::2], steps[1::2] - steps[::2]], axis=1).ravel().tolist()
    return {
        "layer": layer, "series": "x", "sop_uid": sop, "frame": 1, "index": 0, "kind": "mask", "origin": list(origin),
        "rows": bits.shape[0], "columns": bits.shape[1], "runs": runs, "pixels": int(bits.sum()),
    }  # fmt: skip


def shown(bench: Bench, planes: dict[str, Any]) -> None:
    frames = [
        frame_of(np.full((100, 100), 50, np.int16), sop_uid=sop, frame=1, number=i + 1, position=[0, 0, 3 * i], planes=True)
        for i, sop in enumerate(("1.1", "1.2"))
    ]
    bench.mount()
    bench.show(Stream(frames, planes=planes), index=0)


def drawn(bench: Bench, column: float, row: float) -> tuple[int, ...] | None:
    """Colour over an image pixel on the overlay's canvas; None where nothing is drawn."""
    x, y = bench.screen(column, row)
    script = """([x, y]) => {
        const canvas = document.querySelector('#a .px-drawing'), box = canvas.getBoundingClientRect();
        if (canvas.dataset.shapes === '0' || !canvas.dataset.shapes) return null;
        const of = (v, size, all) => Math.round(v * all / size);
        const got = canvas.getContext('2d').getImageData(of(x - box.left, box.width, canvas.width), of(y - box.top, box.height, canvas.height), 1, 1).data;
        return got[3] === 0 ? null : [...got].slice(0, 3); }"""
    found = bench.run(script, [x, y])
    return None if found is None else tuple(found)


def near(found: tuple[int, ...] | None, colour: tuple[int, ...]) -> bool:
    return found is not None and bool(np.allclose(found, colour, atol=2))


def test_each_bit_is_drawn_on_its_pixel_whatever_is_done_to_the_view(bench: Bench) -> None:
    bits = np.zeros((9, 12), bool)
    bits[2:7, 3:9] = True
    bits[4, 5] = False
    shapes = [mask(0, "1.1", (40, 30), bits), mask(2, "1.1", (70, 60), np.ones((4, 4), bool))]
    shown(bench, {"layers": LAYERS, "shapes": shapes, "warnings": []})
    bench.until("bench.viewers.a.state().planes !== null")
    bench.settle()

    def right() -> None:
        for column, row in ((43, 32), (48, 36), (46, 34)):
            assert near(drawn(bench, column, row), YELLOW), (column, row)
        for column, row in ((45, 34), (42, 34), (49, 34), (43, 31), (43, 37), (69, 61), (74, 61)):
            assert drawn(bench, column, row) is None, (column, row)
        assert near(drawn(bench, 70, 60), BLUE)
        assert near(drawn(bench, 73, 63), BLUE)

    right()
    bench.page.locator("#a .px-viewer").focus()
    for _ in range(3):
        bench.page.keyboard.press("+")
    bench.settle()
    right()
    bench.call("rotate", 30)
    right()
    bench.call("flip", "horizontal")
    right()
    bench.call("scrollTo", 1)
    assert drawn(bench, 44, 34) is None
    assert bench.state()["planes"] is None
    bench.call("scrollTo", 0)
    bench.call("reset")
    right()


def test_layers_are_named_and_switched(bench: Bench) -> None:
    shown(
        bench,
        {
            "layers": LAYERS,
            "shapes": [mask(0, "1.1", (40, 30), np.ones((5, 5), bool))],
            "warnings": [{"code": "overlay_broken", "count": 2}],
        },
    )
    bench.wait_text("#a .px-legend", "叠加层 SCALE")
    bench.wait_text("#a .px-warnings", "叠加层 (60xx) 有误，未显示")
    assert "6002" not in bench.text("#a .px-legend")  # nothing of that layer on this image
    assert bench.state()["planes"] == {"on": True, "layers": [{"label": "SCALE", "colour": "#f0e442"}]}
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Shift+V")
    bench.settle()
    assert drawn(bench, 42, 32) is None
    assert bench.text("#a .px-legend") == "叠加层 (60xx) 已关闭"
    bench.call("setLanguage", "en")
    assert bench.text("#a .px-legend") == "Overlay planes (60xx) are off"
    bench.call("setPlanes", True)
    assert near(drawn(bench, 42, 32), YELLOW)


def test_only_images_that_have_some_ask_and_a_failure_is_said(bench: Bench) -> None:
    bench.mount()
    bench.show(Stream([frame_of(np.full((50, 50), 50, np.int16))]))
    assert not any(path.endswith("/planes") for path in bench.server.asked)
    bench.show(Stream([frame_of(np.full((50, 50), 50, np.int16), planes=True)]), series="y")
    bench.wait_text("#a .px-warnings", "叠加层 (60xx) 未能取得")
    assert (
        bench.server.asked.count("/services/images/series/y/planes") + sum(path.endswith("/y/planes") for path in bench.server.asked) >= 1
    )
    bench.errors.clear()  # the browser's own line about the 404 that this test made


@pytest.mark.timeout(300)
def test_a_real_image_from_a_node(bench: Bench, node: Node, corpus: Path) -> None:
    path = corpus / "one-bit-overlay" / "sc-six-overlays.dcm"
    send = ["storescu", "-R", "-xe", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom), str(path)]
    for _ in range(20):  # the node may answer the web a moment before it takes associations
        if subprocess.run(send, check=False, capture_output=True, timeout=60).returncode == 0:
            break
        time.sleep(0.5)
    ds = pydicom.dcmread(path)
    study, series = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID)
    node.wait_for(study, series, 1)
    bench.mount()
    open_series(bench, node, study, series)
    bench.until("bench.viewers.a.state().planes !== null")
    bench.settle()
    cells = np.frombuffer(ds.PixelData, "<u2").reshape(512, 512)
    layers = [(cells >> 15 & 1).astype(bool), (cells >> 14 & 1).astype(bool), *(ds.overlay_array(g).astype(bool) for g in (0x6004, 0x6006))]
    anywhere = np.logical_or.reduce(layers)
    bench.page.locator("#a .px-viewer").focus()
    while bench.screen(1, 0)[0] - bench.screen(0, 0)[0] < 3:  # a pixel of the image is several of the screen
        bench.page.keyboard.press("+")
        bench.settle()
    for wanted in (True, False):
        places = [(c, r) for r, c in np.argwhere(anywhere == wanted)[:: 7 if wanted else 1999]]
        seen = [
            (c, r) for c, r in places if 5 < bench.screen(float(c), float(r))[0] < 895 and 5 < bench.screen(float(c), float(r))[1] < 695
        ]
        assert len(seen) >= 10
        for column, row in seen:
            assert (drawn(bench, float(column), float(row)) is not None) == wanted, (column, row)
