"""Drawn greys against PS3.3 C.11 for every combination: window function or VOI LUT, gamma, inversion, photometric, stored form."""

from __future__ import annotations

import base64
import itertools
import math
from typing import Any

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of
from .test_values import BLOCK, SIDE, blocks, standard_grey

PLACES = [(x * BLOCK + BLOCK // 2, y * BLOCK + BLOCK // 2) for y in range(SIDE) for x in range(SIDE)]
GAMMAS = (0.5, 1, 2.2)
# stored values, slope and intercept, centre and width of the windows, first input of the table
FORMS: dict[str, tuple[np.ndarray, float, float, float, float, int]] = {
    "16 bit signed": (np.linspace(-1024, 3071, 256).astype(np.int16), 1, 0, 40, 1800, -700),
    "12 bit with intercept": (np.linspace(0, 4095, 256).astype(np.uint16), 1, -1024, 50, 350, -120),
    "16 bit unsigned, doubled": (np.linspace(0, 65535, 256).astype(np.uint16), 2, -100, 60_000, 9_000, 52_000),
    "8 bit": (np.arange(256, dtype=np.uint8), 1, 0, 120, 200, 20),
    "fractional slope": (np.linspace(0, 32000, 256).astype(np.int16), 0.125, -7.5, 2000, 3000, 500),
}


def table_of(entries: int) -> np.ndarray:
    """A table of 10 bits that rises, dips and ends flat: nothing a window could imitate."""
    x = np.linspace(0, 1, entries)
    return np.clip((x**1.6 + 0.06 * np.sin(9 * x)) * 1100, 0, 1023).astype(np.uint16)


def served(first: int, table: np.ndarray, bits: int) -> dict[str, Any]:
    return {"first": first, "entries": len(table), "bits": bits, "data": base64.b64encode(table.astype("<u2").tobytes()).decode()}


def through_table(value: float, first: int, table: np.ndarray, bits: int) -> float:
    """C.11.2.1.1: the entry of the input, the end entries beyond the ends; between whole inputs the straight line."""
    place = min(max(value - first, 0), len(table) - 1)
    below = math.floor(place)
    above = min(below + 1, len(table) - 1)
    entry = float(table[below]) + (float(table[above]) - float(table[below])) * (place - below)
    return 255 * entry / (2**bits - 1)


# Several acts at once, then what is drawn when the browser has drawn twice.
DO = """async ([calls, places]) => {
  for (const [name, ...args] of calls) bench.viewers.a[name](...args);
  for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
  await new Promise((r) => setTimeout(r, 10));
  return [bench.greys('a', places), bench.viewers.a.state()];
}"""


def check(bench: Bench, expected: list[float], what: object) -> None:
    compare(bench.run("places => bench.greys('a', places)", PLACES), expected, what)


def compare(drawn: list[list[int]], expected: list[float], what: object) -> None:
    for number, (rgb, grey) in enumerate(zip(drawn, expected, strict=True)):
        assert rgb[0] == rgb[1] == rgb[2]
        assert abs(rgb[0] - grey) <= 1, f"{what}, block {number}: drawn {rgb[0]}, standard {grey:.2f}"


def show_form(bench: Bench, name: str, photometric: str) -> tuple[list[np.ndarray], int, np.ndarray]:
    """Three images, each of other values; (modality values of each, first input of the table, table)."""
    stored, slope, intercept, center, width, first = FORMS[name]
    images = [np.roll(stored, 40 * i) for i in range(3)]
    table = table_of(min(int(width), 4000))
    frames = [
        frame_of(
            blocks(image),
            slope=slope,
            intercept=intercept,
            photometric=photometric,
            number=i + 1,
            position=[0, 0, i],
            windows=[{"center": center, "width": width, "function": "LINEAR", "explanation": "SOFT"}],
            voi_luts=[{"lut": "t", "explanation": "CURVE"}],
        )
        for i, image in enumerate(images)
    ]
    bench.show(Stream(frames, luts={"t": served(first, table, 10)}))
    return [image.astype(float) * slope + intercept for image in images], first, table


@pytest.mark.clause("V-2", "V-3")
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("name", list(FORMS))
def test_every_combination_is_the_standards_on_every_slice(bench: Bench, name: str, photometric: str) -> None:
    center, width = FORMS[name][3:5]
    bench.run(
        "Object.assign(document.getElementById('a').style, {width: '270px', height: '270px'})"
    )  # drawn by the processor: small is quick
    bench.mount()
    values, first, table = show_form(bench, name, photometric)
    slices = itertools.cycle([2, 1, 0])
    for gamma in GAMMAS:
        for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID", "VOI LUT"):
            window = {"center": center, "width": width, "function": function}
            choose = ["preset", "lut-0"] if function == "VOI LUT" else ["setWindow", window]
            # chosen, then another image; and on the image that is there
            index = next(slices)
            for calls in ([["setGamma", gamma], choose, ["invert"], ["scrollTo", index]], [["invert"], choose]):
                drawn, state = bench.run(DO, [calls, PLACES])
                assert (state["index"], state["gamma"]) == (index, gamma)
                assert (state["window"] is None, state["lut"]) == (function == "VOI LUT", "CURVE" if function == "VOI LUT" else None)
                greys = [
                    through_table(value, first, table, 10) if function == "VOI LUT" else standard_grey(value, center, width, function)
                    for value in values[index].ravel()
                ]
                expected = [255 * (grey / 255) ** (1 / gamma) for grey in greys]
                if state["inverted"] != (photometric == "MONOCHROME1"):
                    expected = [255 - grey for grey in expected]
                compare(drawn, expected, (name, photometric, gamma, function, state["inverted"], index))


@pytest.mark.clause("V-3", "V-22")
def test_gamma_holds_after_window_changes_drags_and_presets_until_reset(bench: Bench) -> None:
    bench.mount()
    values, _, _ = show_form(bench, "16 bit signed", "MONOCHROME2")
    before = bench.run("bench.hash('a')")
    bench.page.locator("#a .px-viewer").focus()
    for _ in range(3):
        bench.page.keyboard.press(".")
    bench.settle()
    gamma = bench.state()["gamma"]
    assert gamma == pytest.approx(1.1**3, abs=0.02)
    assert f"γ {gamma:.2f}" in bench.text(".px-bottomRight")

    def holds(index: int) -> None:
        state = bench.state()
        assert (state["gamma"], state["index"]) == (gamma, index)
        window = state["window"]
        greys = [standard_grey(value, window["center"], window["width"], window["function"]) for value in values[index].ravel()]
        check(bench, [255 * (grey / 255) ** (1 / gamma) for grey in greys], state)

    holds(1)
    bench.call("scrollTo", 2)
    holds(2)
    bench.drag((300, 300), (340, 320))
    holds(2)
    bench.call("preset", "high-contrast")
    holds(2)
    bench.call("setWindow", {"center": 100, "width": 700, "function": "SIGMOID"})
    bench.call("scrollTo", 0)
    holds(0)
    bench.page.keyboard.press(",")
    bench.settle()
    assert bench.state()["gamma"] < gamma
    bench.call("setGamma", 99)
    assert bench.state()["gamma"] == 5
    bench.call("scrollTo", 1)
    bench.call("reset")
    bench.page.mouse.move(5, 5)
    bench.settle()
    assert (bench.state()["gamma"], bench.state()["window"]["width"]) == (1, 1800)
    assert "γ" not in bench.text(".px-bottomRight")
    assert bench.run("bench.hash('a')") == before


@pytest.mark.clause("V-2")
def test_a_file_with_a_table_and_no_window_opens_with_the_table(bench: Bench) -> None:
    stored = np.arange(256, dtype=np.int16) * 4
    soft, hard = table_of(900), table_of(400)
    named = [{"lut": "s", "explanation": ""}, {"lut": "h", "explanation": "HARD"}]
    frames = [
        frame_of(blocks(stored + 5 * i), windows=[], voi_luts=named if i else named[1:], number=i + 1, position=[0, 0, i]) for i in range(3)
    ]
    warnings = ["voi_lut_unusable", "polarity_contradiction"]
    bench.mount()
    bench.show(Stream(frames, warnings, luts={"s": served(30, soft, 10), "h": served(100, hard, 12)}))
    assert (bench.state()["lut"], bench.state()["window"]) == ("VOI LUT 1", None)
    assert "LUT 1" in bench.text(".px-bottomRight")
    check(bench, [through_table(v + 5, 30, soft, 10) for v in stored], "soft")
    assert [one["label"] for one in bench.state()["presets"]][-2:] == ["VOI LUT 1", "原窗 硬"]
    bench.call("scrollTo", 0)  # its only table is another one
    assert bench.state()["lut"] == "HARD"
    check(bench, [through_table(v, 100, hard, 12) for v in stored], "hard")
    bench.call("scrollTo", 2)
    bench.drag((300, 300), (320, 300))  # a drag begins at the values of the table
    window = bench.state()["window"]
    assert bench.state()["lut"] is None
    check(bench, [standard_grey(v + 10, window["center"], window["width"], window["function"]) for v in stored], window)
    assert abs(window["center"] - (30 + 900 / 2)) < 60
    bench.call("reset")
    assert bench.state()["lut"] == "VOI LUT 1"
    bench.wait_text(".px-warnings", "灰度查找表")
    bench.wait_text(".px-warnings", "黑白极性")
    bench.call("setLanguage", "en")
    bench.wait_text(".px-warnings", "malformed")


@pytest.mark.clause("V-2")
@pytest.mark.parametrize(("photometric", "inverse"), [("MONOCHROME1", True), ("MONOCHROME2", True), ("MONOCHROME1", False)])
def test_polarity_is_the_nodes_word(bench: Bench, photometric: str, inverse: bool) -> None:
    stored = np.arange(256, dtype=np.int16) * 4
    window = {"center": 500.0, "width": 800.0, "function": "LINEAR"}
    bench.mount()
    bench.show(Stream([frame_of(blocks(stored), windows=[window], photometric=photometric, inverse=inverse)]))
    greys = [standard_grey(v, 500, 800, "LINEAR") for v in stored]
    check(bench, [255 - grey if inverse else grey for grey in greys], photometric)


@pytest.mark.clause("V-3")
def test_colour_pictures_take_gamma_in_each_channel(bench: Bench) -> None:
    stored = np.arange(256, dtype=np.uint8)
    colour = np.stack([blocks(stored), blocks(stored[::-1]), blocks(np.roll(stored, 77))], axis=-1)
    bench.mount()
    bench.show(Stream([frame_of(colour)]))
    for gamma in GAMMAS:
        bench.call("setGamma", gamma)
        drawn = bench.run("places => bench.greys('a', places)", PLACES)
        for (x, y), rgb in zip(PLACES, drawn, strict=True):
            assert rgb == pytest.approx([255 * (v / 255) ** (1 / gamma) for v in colour[y, x].tolist()], abs=1)


@pytest.mark.clause("V-4")
def test_own_presets_come_first_and_apply_by_themselves(bench: Bench) -> None:
    stored = np.linspace(-1024, 3071, 256).astype(np.int16)

    def stream() -> Stream:
        window = {"center": 40.0, "width": 400.0, "function": "LINEAR"}
        frames = [frame_of(blocks(stored), windows=[window], number=i + 1, position=[0, 0, i]) for i in range(3)]
        return Stream(frames, summary={"modality": "CT", "series_description": "Chest LUNG 1.0", "number": 3})

    def preset(name: str, **facts: Any) -> dict[str, Any]:
        given = {"modality": "CT", "pattern": "", "window": {"center": -500, "width": 1400}, "gamma": 1, "automatic": False}
        return {"name": name, **given, **facts}

    lung = preset("肺尖", pattern="*lung*", gamma=1.5, automatic=True, window={"center": -600, "width": 1600, "function": "SIGMOID"})
    own = [preset("MR", modality="MR", automatic=True), preset("纵隔二"), lung, preset("后备", automatic=True)]
    bench.mount()
    bench.call("setPresets", own)
    bench.show(stream())
    bench.until("bench.viewers.a.state().gamma === 1.5")
    bench.settle()
    state = bench.state()
    assert state["window"] == {"center": -600, "width": 1600, "function": "SIGMOID"}
    assert [(one["label"], one["own"]) for one in state["presets"]][:4] == [
        ("纵隔二", True),
        ("肺尖", True),
        ("后备", True),
        ("纵隔", False),
    ]
    check(bench, [255 * (standard_grey(v, -600, 1600, "SIGMOID") / 255) ** (1 / 1.5) for v in stored.tolist()], "automatic")
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("1")
    bench.settle()
    assert (bench.state()["window"]["center"], bench.state()["gamma"]) == (-500, 1)
    bench.page.keyboard.press("4")
    bench.settle()
    assert bench.state()["window"]["width"] == 400
    # Reset: what the file says, and no preset comes back by itself – nor on other presets.
    bench.call("reset")
    bench.call("setPresets", own)
    assert (bench.state()["window"]["center"], bench.state()["gamma"]) == (40, 1)
    # A window of the request holds against the presets.
    bench.show(stream(), window={"center": 1, "width": 2})
    bench.until("bench.viewers.a.state().modality === 'CT'")
    bench.settle()
    assert (bench.state()["window"]["center"], bench.state()["gamma"]) == (1, 1)
    # Presets that come later apply to what nobody has touched.
    bench.call("setPresets", [])
    bench.show(stream(), series="y")
    bench.until("bench.viewers.a.state().description === 'Chest LUNG 1.0'")
    assert bench.state()["window"]["center"] == 40
    bench.call("setPresets", own)
    assert (bench.state()["window"]["center"], bench.state()["gamma"]) == (-600, 1.5)
