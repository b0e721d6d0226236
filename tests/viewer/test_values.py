"""What is drawn and what is read: grey values against the standard's formulae, pixel values against the arrays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from .conftest import Bench
from .streams import Stream, frame_of, stream_of_files

BLOCK = 8
SIDE = 16


def blocks(values: np.ndarray) -> np.ndarray:
    """SIDE² values as blocks of BLOCK² pixels, so that interpolation does not touch a block's middle."""
    return np.kron(values.reshape(SIDE, SIDE), np.ones((BLOCK, BLOCK), dtype=values.dtype))


def standard_grey(value: float, center: float, width: float, function: str) -> float:
    """PS3.3 C.11.2.1.2.1 and C.11.2.1.3, output 0…255."""
    if function == "SIGMOID":
        return 255 / (1 + math.exp(-4 * (value - center) / width))
    if function == "LINEAR_EXACT":
        if value <= center - width / 2:
            return 0.0
        if value > center + width / 2:
            return 255.0
        return ((value - center) / width + 0.5) * 255
    if value <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if value > center - 0.5 + (width - 1) / 2:
        return 255.0
    return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255


def check_greys(bench: Bench, modality: np.ndarray, window: dict[str, Any], inverted: bool = False) -> None:
    places = [(x * BLOCK + BLOCK // 2, y * BLOCK + BLOCK // 2) for y in range(SIDE) for x in range(SIDE)]
    drawn = bench.run("places => places.map(([x, y]) => bench.pixel('a', x, y))", places)
    for value, rgb in zip(modality.ravel().tolist(), drawn, strict=True):
        expected = standard_grey(value, window["center"], window["width"], window.get("function", "LINEAR"))
        if inverted:
            expected = 255 - expected
        assert rgb[0] == rgb[1] == rgb[2]
        assert abs(rgb[0] - expected) <= 1.0, f"value {value}, window {window}: drawn {rgb[0]}, standard {expected:.2f}"


RAMPS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "ct signed": (np.linspace(-1024, 3071, 256).astype(np.int16), {}),
    "ct unsigned with intercept": (np.linspace(0, 4095, 256).astype(np.uint16), {"intercept": -1024.0, "rescale_type": "HU"}),
    "16 bit full range": (np.linspace(0, 65535, 256).astype(np.uint16), {}),
    "fractional slope": (np.linspace(0, 32000, 256).astype(np.int16), {"slope": 0.12345, "intercept": -7.5}),
    "8 bit": (np.arange(256, dtype=np.uint8), {}),
    "32 bit": (np.linspace(0, 1_254_000, 256).astype(np.uint32), {}),
}
WINDOWS: dict[str, list[dict[str, Any]]] = {
    "ct signed": [
        {"center": 40, "width": 400},
        {"center": -600, "width": 1500},
        {"center": 35, "width": 80},
        {"center": 40, "width": 400, "function": "SIGMOID"},
        {"center": 40, "width": 1},
    ],
    "ct unsigned with intercept": [{"center": 50, "width": 350}, {"center": 400.5, "width": 1800.5, "function": "LINEAR_EXACT"}],
    "16 bit full range": [
        {"center": 60000, "width": 100},
        {"center": 60000, "width": 2000},
        {"center": 32768, "width": 65535},
        {"center": 50000, "width": 9000, "function": "SIGMOID"},
    ],
    "fractional slope": [{"center": 2000, "width": 3000}, {"center": 100, "width": 37.5, "function": "LINEAR_EXACT"}],
    "8 bit": [{"center": 127.5, "width": 255, "function": "LINEAR_EXACT"}, {"center": 100, "width": 60}],
    "32 bit": [{"center": 600_000, "width": 900_000}],
}


@pytest.mark.clause("V-2")
@pytest.mark.parametrize("name", list(RAMPS))
def test_drawn_grey_is_the_standards(bench: Bench, name: str) -> None:
    stored, facts = RAMPS[name]
    modality = stored.astype(float) * facts.get("slope", 1) + facts.get("intercept", 0)
    bench.mount()
    bench.show(Stream([frame_of(blocks(stored), **facts)]))
    for window in WINDOWS[name]:
        bench.call("setWindow", window)
        check_greys(bench, modality, window)


@pytest.mark.clause("V-2")
def test_header_windows_and_monochrome1(bench: Bench) -> None:
    stored = np.linspace(0, 4095, 256).astype(np.uint16)
    window = {"center": 1200.0, "width": 900.0, "function": "SIGMOID"}
    other = {"center": 10.0, "width": 20.0, "function": "LINEAR"}
    bench.mount()
    bench.show(Stream([frame_of(blocks(stored), windows=[window, other], photometric="MONOCHROME1")]))
    assert bench.state()["window"] == window
    check_greys(bench, stored, window, inverted=True)
    bench.call("invert")
    check_greys(bench, stored, window, inverted=False)


@pytest.mark.clause("V-2")
def test_window_follows_headers_until_chosen_then_holds_on_every_slice(bench: Bench) -> None:
    stored = np.linspace(0, 4095, 256).astype(np.uint16)
    frames = [
        frame_of(
            blocks(stored), windows=[{"center": 500.0 + 300 * i, "width": 800.0, "function": "LINEAR"}], number=i + 1, position=[0, 0, i]
        )
        for i in range(4)
    ]
    bench.mount()
    bench.show(Stream(frames))
    for index in (0, 3, 1):
        bench.call("scrollTo", index)
        check_greys(bench, stored, {"center": 500 + 300 * index, "width": 800})
    chosen = {"center": 2000, "width": 1000, "function": "SIGMOID"}
    bench.call("setWindow", chosen)
    for index in (1, 2, 0):
        bench.call("scrollTo", index)
        assert bench.state()["index"] == index
        check_greys(bench, stored, chosen)


@pytest.mark.clause("V-2")
def test_drag_widens_and_presets(bench: Bench) -> None:
    stored = np.linspace(-1024, 3071, 256).astype(np.int16)
    bench.mount()
    stream = Stream(
        [frame_of(blocks(stored), windows=[{"center": 40.0, "width": 400.0, "function": "LINEAR"}])], summary={"modality": "CT"}
    )
    bench.show(stream)
    bench.until("bench.viewers.a.state().modality === 'CT'")
    bench.drag((300, 300), (350, 340))
    window = bench.state()["window"]
    assert window["width"] > 450
    assert window["center"] > 80
    check_greys(bench, stored, window)
    bench.page.keyboard.press("2")
    bench.settle()
    assert (bench.state()["window"]["center"], bench.state()["window"]["width"]) == (-600, 1500)
    check_greys(bench, stored, {"center": -600, "width": 1500})
    assert "W 1500  L -600" in bench.text(".px-bottomRight")


@pytest.mark.clause("V-2")
def test_automatic_window_when_the_header_has_none(bench: Bench) -> None:
    rng = np.random.default_rng(7)
    stored = rng.integers(1000, 3000, (128, 128)).astype(np.int16)
    stored[:4] = -2000
    bench.mount()
    bench.show(Stream([frame_of(stored, padding=63536)]))
    window = bench.state()["window"]
    real = stored[stored != -2000]
    low, high = np.percentile(real, [1, 99])
    assert abs(window["center"] - (low + high) / 2) < 15
    assert abs(window["width"] - (high - low)) < 30


@pytest.mark.clause("V-8")
@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("ct-chest-ffs", "slice-011.dcm", 281),
        ("ct-head-tilt", "slice-015.dcm", 14),
        ("ct-abdomen-arterial", "slice-005.dcm", 112),
    ],
)
def test_probe_on_every_slice(bench: Bench, corpus: Path, folder: str, name: str, expected: int) -> None:
    paths = sorted((corpus / folder).glob("slice-*.dcm"))
    bench.mount()
    bench.show(stream_of_files(paths))
    rng = np.random.default_rng(3)
    for index, path in enumerate(paths):
        data = pydicom.dcmread(path)
        hu = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
        places = [(256, 256), (0, 0), (511, 511), *((int(x), int(y)) for x, y in rng.integers(0, 512, (20, 2)))]
        read = bench.run("([places, index]) => places.map(p => bench.viewers.a.valueAt(p, index))", [places, index])
        assert read == [hu[y, x] for x, y in places]
        if path.name == name:
            assert read[0] == expected
    wanted = next(index for index, path in enumerate(paths) if path.name == name)
    # The tool itself, by mouse, on a slice that is not the first; then what it wrote stays with its slice.
    bench.call("setTool", "probe")
    bench.call("scrollTo", wanted)
    x, y = bench.screen(256, 256)
    bench.page.mouse.click(x, y)
    # A click counts once it can no longer be the first half of a double click.
    bench.wait_text(".px-stage svg", f"{expected} HU")
    (made,) = bench.run("bench.viewers.a.measurements()")
    assert (made["kind"], made["value"], made["unit"], made["index"], made["author"]) == ("probe", expected, "HU", wanted, "tester")
    assert made["created"].endswith("Z")
    bench.call("scrollTo", 0)
    assert "HU" not in bench.text(".px-stage svg")
    bench.call("scrollTo", wanted)
    assert f"{expected} HU" in bench.text(".px-stage svg")
    bench.page.mouse.move(x + 1, y)
    bench.settle()
    assert "HU" in bench.text(".px-bottomRight")


@pytest.mark.clause("V-8")
def test_probe_of_pet_keeps_its_fractional_scale(bench: Bench, corpus: Path) -> None:
    path = next((corpus / "nm-pt").glob("pt*"))
    data = pydicom.dcmread(path)
    bench.mount()
    bench.show(stream_of_files([path]))
    x, y = data.Columns // 2, data.Rows // 2
    expected = float(data.pixel_array[y, x]) * float(data.RescaleSlope) + float(data.RescaleIntercept)
    assert abs(expected - 1404.99) < 0.01
    assert abs(bench.run("p => bench.viewers.a.valueAt(p)", [x, y]) - expected) < 0.001


def test_colour_cine_is_drawn_as_stored(bench: Bench, corpus: Path) -> None:
    path = next((corpus / "us-cine").glob("echo-child*"))
    stream = stream_of_files([path])
    bench.mount()
    bench.show(stream)
    assert bench.state()["count"] == 34
    for index in (0, 20, 33):
        bench.call("scrollTo", index)
        frame, raw = stream.frames[index]
        pixels = np.frombuffer(raw, np.uint8).reshape(frame["rows"], frame["columns"], 3)
        assert bench.run("p => bench.viewers.a.valueAt(p)", [100, 200]) == pixels[200, 100].tolist()


def test_colour_blocks_keep_their_colours(bench: Bench) -> None:
    rng = np.random.default_rng(5)
    colours = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    picture = np.kron(colours, np.ones((BLOCK, BLOCK, 1), dtype=np.uint8))
    bench.mount()
    bench.show(Stream([frame_of(picture)]))
    for x, y in rng.integers(0, SIDE, (40, 2)).tolist():
        drawn = bench.grey(x * BLOCK + 4, y * BLOCK + 4)
        assert np.abs(np.array(drawn) - colours[y, x]).max() <= 1
    bench.call("setTool", "probe")
    bench.page.mouse.click(*bench.screen(4, 4))
    r, g, b = colours[0, 0].tolist()
    bench.wait_text(".px-stage svg", f"R {r} G {g} B {b}")
