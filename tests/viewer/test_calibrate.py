"""Calibration by a known length: for which images, in which words, and how it is cleared."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import expect

from .conftest import Bench
from .streams import Stream, frame_of
from .test_annotate import listed, write
from .test_measure import OBLIQUE
from .test_reading import picture


def films(bench: Bench, **facts: object) -> None:
    """Two images of one size and a third of another."""
    images = [picture(), picture(), picture(100, 128)]
    bench.mount()
    bench.show(Stream([frame_of(image, **(OBLIQUE | {"sop_uid": f"1.{at}"} | facts)) for at, image in enumerate(images)]), index=0)


def line(bench: Bench, tool: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    bench.page.wait_for_timeout(450)
    bench.call("setTool", tool)
    bench.drag(bench.screen(*start), bench.screen(*end))


def lengths(bench: Bench) -> list[tuple[float, str]]:
    return [(one["value"], one["unit"]) for one in listed(bench) if one["kind"] == "length"]


@pytest.mark.clause("V-17")
def test_a_known_length_gives_mm_to_the_images_like_this_one(bench: Bench) -> None:
    films(bench, spacing=None, spacing_kind="none")
    line(bench, "length", (20, 20), (20, 100))  # down: the calibration is drawn across
    assert lengths(bench)[0][1] == "px"
    line(bench, "calibration", (20, 120), (100, 120))
    assert [one["kind"] for one in listed(bench)] == ["length"], "a line without a length is no calibration"
    dialog = bench.page.locator(".px-dialog")
    expect(dialog.locator(".px-dialog-hint")).to_contain_text("幅数：2")
    expect(dialog.locator("input")).to_have_count(0)
    for wrong in ("0", "-4", "2001", "十"):
        write(bench, wrong)
        expect(dialog.locator(".px-dialog-problem")).to_have_text("请输入 0 至 2000 mm 之间的数值，例如 100")
    write(bench, "40")
    ((value, unit),) = lengths(bench)
    assert (value, unit) == (pytest.approx(40, abs=0.5), "mm (calibrated)")
    calibration = listed(bench)[1]
    assert (calibration["kind"], calibration["value"], calibration["unit"], calibration["text"]) == ("calibration", 40, "mm", "40")
    assert calibration["author"] == "tester"
    text = bench.text("#a .px-stage svg")
    assert f"{value:.1f} mm（已校准）" in text
    assert "已校准 40 mm" in text
    bench.wait_text("#a .px-warnings", "已校准")
    assert "calibrated" in bench.state()["warnings"]
    assert bench.text("#a .px-scale-text") != ""

    # on the other image of this size, not on the smaller one
    bench.call("scrollTo", 1)
    bench.wait_text("#a .px-warnings", "已校准")
    line(bench, "length", (20, 20), (60, 50))
    assert lengths(bench)[1] == (pytest.approx(math.hypot(40, 30) / 2, abs=0.5), "mm (calibrated)")
    bench.call("scrollTo", 2)
    assert "calibrated" not in bench.state()["warnings"]
    line(bench, "length", (20, 20), (60, 50))
    assert lengths(bench)[2] == (pytest.approx(50, abs=1), "px")

    # as another reader gets it, from the record
    saved = listed(bench)
    bench.call("setMeasurements", [])
    bench.call("scrollTo", 0)
    assert "calibrated" not in bench.state()["warnings"]
    bench.call("setMeasurements", [*saved, {**calibration, "id": "nonsense", "text": "-3"}])
    assert [one["unit"] for one in listed(bench)] == [
        "px" if at == 3 else unit for at, unit in enumerate(["mm (calibrated)", "mm"] + ["mm (calibrated)"] * 2)
    ]
    # cleared
    bench.call("removeMeasurement", calibration["id"])
    bench.settle()
    assert {one["unit"] for one in listed(bench)} == {"px"}
    assert "calibrated" not in bench.state()["warnings"]
    assert "calibrated" not in bench.text("#a .px-stage svg")


@pytest.mark.clause("V-17")
def test_a_trusted_spacing_is_given_up_only_with_consent(bench: Bench) -> None:
    films(bench, spacing=[0.5, 1.0], spacing_kind="pixel")
    line(bench, "calibration", (20, 120), (22, 120))
    expect(bench.page.locator(".px-dialog-title")).to_contain_text("太短")
    bench.page.keyboard.press("Enter")
    assert listed(bench) == []
    line(bench, "calibration", (20, 120), (60, 120))
    write(bench, "80")
    expect(bench.page.locator(".px-dialog-problem")).to_have_text("请先勾选确认")
    bench.page.locator(".px-dialog-consent input").focus()
    bench.page.keyboard.press("Space")
    bench.page.keyboard.press("Enter")
    bench.settle()
    line(bench, "length", (30, 20), (30, 100))
    # 40 columns are 80 mm, so a column is 2 mm and a row half of it
    assert lengths(bench) == [(pytest.approx(80, abs=1.2), "mm (calibrated)")]
    bench.call("undo")
    bench.call("undo")
    assert listed(bench) == []
    line(bench, "length", (30, 20), (30, 100))
    assert lengths(bench) == [(pytest.approx(40, abs=0.6), "mm")]


def size_of(bench: Bench, column: float, row: float) -> float:
    """CSS pixels from the first image pixel to another."""
    (ax, ay), (bx, by) = bench.screen(0, 0), bench.screen(column, row)
    return math.hypot(bx - ax, by - ay)


@pytest.mark.clause("V-17")
def test_a_millimetre_is_one_on_a_screen_that_was_measured(bench: Bench) -> None:
    films(bench, spacing=[0.5, 1.25], spacing_kind="imager")
    page = bench.page
    page.evaluate("localStorage.removeItem('px-screen')")
    page.locator("#a .px-viewer").focus()
    page.keyboard.press("Shift+Z")
    bar = page.locator(".px-screen-bar").bounding_box()
    grip = page.locator(".px-screen-grip").bounding_box()
    assert bar is not None
    assert grip is not None
    assert bar["width"] / bar["height"] == pytest.approx(85.60 / 53.98, rel=0.01)
    # a screen of 0.2 mm for a pixel: the card is 428 pixels long
    middle = (grip["x"] + grip["width"] / 2, grip["y"] + 20)
    bench.drag(middle, (bar["x"] + 428, middle[1]))
    page.locator(".px-screen .px-dialog-accept").click()
    bench.settle()
    assert size_of(bench, 100, 0) == pytest.approx(125 / 0.2, rel=0.003)
    assert size_of(bench, 0, 100) == pytest.approx(50 / 0.2, rel=0.003)
    bench.wait_text("#a .px-line", "1:1（探测器平面")
    bench.call("rotate", 90)
    assert size_of(bench, 100, 0) == pytest.approx(125 / 0.2, rel=0.003)
    page.keyboard.press("+")
    bench.settle()
    assert "1:1" not in bench.text("#a .px-line"), "no longer"
    page.keyboard.press("Shift+Z")  # not asked again
    bench.settle()
    expect(page.locator(".px-screen")).to_have_count(0)
    assert size_of(bench, 100, 0) == pytest.approx(125 / 0.2, rel=0.003)
    kept = page.evaluate("JSON.parse(localStorage.getItem('px-screen'))")
    assert (kept["mmPerPixel"], kept["ratio"]) == (pytest.approx(0.2, rel=0.003), 1)
    assert kept["measured"][:2] == "20"
    # another zoom of the page or another screen: its pixels are not these
    page.evaluate("localStorage.setItem('px-screen', JSON.stringify({...JSON.parse(localStorage.getItem('px-screen')), ratio: 1.5}))")
    page.keyboard.press("Shift+Z")
    expect(page.locator(".px-screen")).to_have_count(1)
    page.keyboard.press("Escape")
    bench.settle()
    # without mm there is no true size
    page.evaluate("localStorage.setItem('px-screen', JSON.stringify({mmPerPixel: 0.2, ratio: 1, measured: '2026-01-01T00:00:00Z'}))")
    bench.show(Stream([frame_of(picture(), spacing=None, spacing_kind="none")]), series="none")
    page.keyboard.press("Shift+Z")
    expect(page.locator(".px-dialog-title")).to_contain_text("没有可靠的毫米")
    page.keyboard.press("Escape")
    page.evaluate("localStorage.removeItem('px-screen')")
