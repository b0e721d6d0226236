"""Planes computed from a series (MPR): every value on the screen is that of its place in the patient, whatever the series' geometry."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import Bench
from .streams import Stream, frame_of

SPACING, STEP, COUNT, SIZE = 0.8, 2.0, 30, 72
ORIGIN = (-30.0, -25.0, 100.0)
WINDOW = [{"center": 200.0, "width": 1000.0, "function": "LINEAR"}]
CELLS = {"axial": 0, "coronal": 1, "sagittal": 2, "received": 3}
COMMON = {"spacing": [SPACING, SPACING], "spacing_kind": "pixel", "thickness": STEP, "frame_of_reference": "1.9", "windows": WINDOW}


def field(x: np.ndarray | float, y: np.ndarray | float, z: np.ndarray | float) -> np.ndarray | float:
    """Linear in space: any true interpolation gives it back. HU-like values for the phantom's extent."""
    return 6 * x - 4 * y + 5 * z - 400


def series(tilt: float = 0.0, shift: dict[int, float] | None = None) -> Stream:
    """Axial cuts of the field, head at the end; `tilt` of the gantry in degrees, `shift` of single cuts in mm along the table."""
    row, column = np.array([1.0, 0, 0]), np.array([0.0, math.cos(math.radians(tilt)), math.sin(math.radians(tilt))])
    xs, ys = np.meshgrid(np.arange(SIZE) * SPACING, np.arange(SIZE) * SPACING)
    frames = []
    for k in range(COUNT):
        origin = np.add(ORIGIN, (0, 0, STEP * k + (shift or {}).get(k, 0.0)))
        places = origin + xs[..., None] * row + ys[..., None] * column
        values = np.rint(field(places[..., 0], places[..., 1], places[..., 2])).astype(np.int16)
        geometry = {"orientation": [*row, *column], "position": origin.tolist()}
        frames.append(frame_of(values, number=k + 1, sop_uid=f"1.2.{k}", **geometry, **COMMON))
    return Stream(frames)


def open_planes(bench: Bench, stream: Stream) -> None:
    bench.mount()
    bench.show(stream)
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("m")
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    bench.settle()


def middle(bench: Bench, cell: str) -> tuple[float, float]:
    box = bench.page.locator("#a .px-cell").nth(CELLS[cell]).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def on_pixel(bench: Bench, cell: str, column: int, row: int) -> tuple[float, tuple[float, float, float]]:
    """The value and the place of the patient the active cell names with the mouse on the middle of a pixel."""
    bench.page.mouse.move(*bench.screen(column, row))
    return named(bench, cell)


def under(bench: Bench, cell: str, dx: float, dy: float) -> tuple[float, tuple[float, float, float]]:
    """The same with the mouse `dx`, `dy` CSS pixels from the middle of the cell."""
    x, y = middle(bench, cell)
    bench.page.mouse.move(x + dx, y + dy)
    return named(bench, cell)


def named(bench: Bench, cell: str) -> tuple[float, tuple[float, float, float]]:
    bench.settle()
    box = bench.page.locator("#a .px-cell").nth(CELLS[cell])
    value = re.search(r"\)\s+(-?[\d.]+)", box.locator('[data-item="hover"]').inner_text())
    place = re.findall(r"([LRPAHF]) ([\d.]+)", box.locator('[data-item="place"]').inner_text())
    assert value and len(place) == 3, box.inner_text()
    at = [float(number) * (1 if letter in "LPH" else -1) for letter, number in place]
    return float(value[1]), (at[0], at[1], at[2])


TILTED = {"regular": {}, "tilted gantry": {"tilt": 20.0}, "one cut shifted": {"shift": {11: 0.7}}}


@pytest.mark.clause("V-27", "V-8", "V-26")
@pytest.mark.parametrize("geometry", TILTED)
def test_every_value_is_that_of_its_place(bench: Bench, geometry: str) -> None:
    open_planes(bench, series(**TILTED[geometry]))  # type: ignore[arg-type]
    seen = 0
    for cell in ("axial", "coronal", "sagittal"):
        bench.call("setActive", CELLS[cell])
        for pixel in ((36, 36), (10, 22), (55, 40), (20, 60), (62, 15)):
            value, at = on_pixel(bench, cell, *pixel)
            if all(low < part < high for part, (low, high) in zip(at, limits(geometry), strict=True)):
                # the place is written to 0.1 mm, the value to a whole number
                assert value == pytest.approx(float(field(*at)), abs=0.05 * 15 + 0.6), (cell, pixel, at)
                seen += 1
    assert seen >= 9
    letters = {
        cell: [
            bench.page.locator("#a .px-cell").nth(at).locator(f".px-edge-{edge}").inner_text()
            for edge in ("left", "right", "top", "bottom")
        ]
        for cell, at in CELLS.items()
    }
    assert letters["axial"] == ["R", "L", "A", "P"]
    assert letters["coronal"] == ["R", "L", "H", "F"]
    assert letters["sagittal"] == ["A", "P", "H", "F"]


def limits(geometry: str) -> list[tuple[float, float]]:
    """The box in which the geometry has data, less 1 mm: low and high in each direction."""
    tilt = math.radians(20 if geometry == "tilted gantry" else 0)
    side = (SIZE - 1) * SPACING
    ends = ((0, side), (0, side * math.cos(tilt)), (side * math.sin(tilt), STEP * (COUNT - 1)))
    return [(origin + low + 1, origin + high - 1) for origin, (low, high) in zip(ORIGIN, ends, strict=True)]


@pytest.mark.clause("V-37", "V-24")
def test_one_point_in_every_view(bench: Bench) -> None:
    open_planes(bench, series())
    bench.call("setTool", "crosshair")
    x, y = middle(bench, "axial")
    _, at = under(bench, "axial", 31, -27)
    bench.page.mouse.move(x + 31, y - 27)
    bench.page.mouse.down()
    bench.page.mouse.up()
    bench.settle()
    bench.settle()
    point = bench.state()["point"]
    assert point[:2] == pytest.approx(at[:2], abs=0.06)
    for name, cell in CELLS.items():
        mark = bench.page.locator("#a .px-cell").nth(cell).locator(".px-lines circle")
        assert mark.count() == 1, name
        assert float(mark.get_attribute("data-off") or "9") <= (STEP / 2 if name in {"axial", "received"} else 0.05), name
    # and the place under each mark is the point
    for name in ("coronal", "sagittal"):
        box = bench.page.locator("#a .px-cell").nth(CELLS[name])
        circle = box.locator(".px-lines circle")
        edges = box.bounding_box()
        assert edges
        left, top = float(circle.get_attribute("cx") or 0), float(circle.get_attribute("cy") or 0)
        _, there = under(bench, name, left - edges["width"] / 2, top - edges["height"] / 2)
        screen_pixel = 0.8  # at most, mm on these small cells
        assert there == pytest.approx(point, abs=screen_pixel), name
    bench.call("setPoint", [-10.03, 5.17, 121.9])
    assert bench.state()["point"] == pytest.approx([-10.03, 5.17, 121.9], abs=1e-6)
    for name in ("coronal", "sagittal"):
        mark = bench.page.locator("#a .px-cell").nth(CELLS[name]).locator(".px-lines circle")
        assert float(mark.get_attribute("data-off") or "9") < 0.1, name


@pytest.mark.clause("V-24", "V-27")
def test_lines_show_where_the_other_planes_are(bench: Bench) -> None:
    open_planes(bench, series())
    bench.call("setPoint", [-10.0, 5.0, 130.0])
    for cell, others in {
        "axial": {"coronal", "sagittal"},
        "coronal": {"axial", "sagittal"},
        "sagittal": {"axial", "coronal"},
        "received": {"coronal", "sagittal"},
    }.items():
        lines = bench.page.locator("#a .px-cell").nth(CELLS[cell]).locator(".px-lines line")
        assert {lines.nth(i).get_attribute("data-of") for i in range(lines.count())} == others, cell
    # the axial plane's line lies at z = 130 on the coronal one
    box = bench.page.locator("#a .px-cell").nth(CELLS["coronal"])
    line = box.locator('line[data-of="axial"]')
    edges = box.bounding_box()
    assert edges
    level = float(line.get_attribute("y1") or 0)
    assert level == pytest.approx(float(line.get_attribute("y2") or 1), abs=0.2)
    _, at = under(bench, "coronal", 5, level - edges["height"] / 2)
    assert at[2] == pytest.approx(130.0, abs=0.7)


@pytest.mark.clause("V-28")
def test_planes_turned_by_hand_still_show_what_is_there(bench: Bench) -> None:
    open_planes(bench, series())
    bench.call("setPoint", [-3.0, 2.0, 130.0])
    bench.call("setTool", "crosshair")
    box = bench.page.locator("#a .px-cell").nth(CELLS["axial"])
    edges = box.bounding_box()
    circle = box.locator(".px-lines circle")
    assert edges
    cx, cy = edges["x"] + float(circle.get_attribute("cx") or 0), edges["y"] + float(circle.get_attribute("cy") or 0)
    reach = 100
    bench.drag((cx + reach, cy), (cx + reach * math.cos(0.4), cy + reach * math.sin(0.4)))  # the coronal plane's line
    bench.settle()
    line = box.locator('line[data-of="coronal"]')
    x1, y1, x2, y2 = (float(line.get_attribute(name) or 0) for name in ("x1", "y1", "x2", "y2"))
    assert math.degrees(math.atan2(y2 - y1, x2 - x1)) % 180 == pytest.approx(math.degrees(0.4), abs=1.5)
    assert bench.state()["point"] == pytest.approx([-3.0, 2.0, 130.0], abs=0.01)
    seen = 0
    for cell in ("coronal", "sagittal"):
        bench.call("setActive", CELLS[cell])
        assert "斜位" in bench.page.locator("#a .px-cell").nth(CELLS[cell]).locator('[data-item="plane"]').inner_text()
        for dx, dy in ((0, 0), (-8, -10), (9, 12)):
            value, at = on_pixel(bench, cell, 40 + dx, 40 + dy)
            assert value == pytest.approx(float(field(*at)), abs=0.05 * 15 + 0.6), (cell, at)
            seen += 1
    assert seen == 6
    bench.call("reset")
    assert "斜位" not in bench.page.locator("#a .px-cell").nth(CELLS["coronal"]).inner_text()


@pytest.mark.clause("V-30", "V-31")
def test_a_slab_shows_its_brightest_darkest_and_mean(bench: Bench) -> None:
    """One bright and one dark bar, 6 mm in front of and behind the plane in the middle."""
    values = np.zeros((COUNT, SIZE, SIZE), np.int16)
    values[:, 28, 20:30], values[:, 44, 40:50] = 900, -700  # rows 28 and 44: 6.4 mm before and behind row 36
    frames = [
        frame_of(values[k], number=k + 1, sop_uid=f"1.2.{k}", orientation=[1, 0, 0, 0, 1, 0], position=[0.0, 0.0, STEP * k], **COMMON)
        for k in range(COUNT)
    ]
    open_planes(bench, Stream(frames))
    bench.call("setPoint", [25 * SPACING, 36 * SPACING, 29.0])
    bench.call("setActive", CELLS["coronal"])

    def value(column: int) -> float:
        return float(bench.call("valueAt", [column, 30]))

    assert (value(25), value(45)) == (0, 0)
    bench.call("setSlab", {"mode": "max", "thickness": 14})
    assert (value(25), value(45)) == (900, 0)
    assert "MIP 14 mm" in bench.page.locator("#a .px-cell").nth(CELLS["coronal"]).locator('[data-item="plane"]').inner_text()
    bench.call("setSlab", {"mode": "min", "thickness": 14})
    assert (value(25), value(45)) == (0, -700)
    bench.call("setSlab", {"mode": "mean", "thickness": 14})
    # a bar of one pixel within 14 mm, sampled 0.8 mm apart, is between 1/19 and 1/17 of them
    assert value(25) == pytest.approx(900 / 18, rel=0.15)
    bench.call("setSlab", {"mode": "max", "thickness": 10})
    assert (value(25), value(45)) == (0, 0)  # 5 mm to either side reach neither
    bench.call("setSlab", None)
    assert bench.state()["slab"] is None


@pytest.mark.clause("V-27", "V-9")
def test_what_is_measured_on_a_plane_stays_with_it(bench: Bench) -> None:
    open_planes(bench, series())
    bench.call("setTool", "length")
    x, y = middle(bench, "coronal")
    _, start = under(bench, "coronal", -40, -30)
    _, end = under(bench, "coronal", 45, 25)
    bench.page.wait_for_timeout(500)
    bench.drag((x - 40, y - 30), (x + 45, y + 25))
    bench.until("bench.viewers.a.measurements().length === 1")
    measured = bench.run("bench.viewers.a.measurements()")[0]
    assert measured["value"] == pytest.approx(math.dist(start, end), abs=0.2)
    assert (measured["sop_uid"], measured["unit"]) == ("", "mm")
    assert measured["plane"]["origin"][1] == pytest.approx(start[1], abs=0.06)
    bench.page.keyboard.press("m")  # back to the received images, and again
    bench.settle()
    assert bench.run("bench.viewers.a.measurements()") == [measured]
    bench.page.keyboard.press("m")
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    bench.settle()
    again = bench.run("bench.viewers.a.measurements()")
    assert len(again) == 1
    assert again[0]["value"] == pytest.approx(measured["value"], abs=0.01)
    bench.run("bench.viewers.a.setMeasurements(bench.viewers.a.measurements())")
    assert len(bench.run("bench.viewers.a.measurements()")) == 1


@pytest.mark.clause("V-26", "V-27")
def test_every_view_beside_the_planes_has_its_name(bench: Bench) -> None:
    open_planes(bench, series())
    names = bench.page.locator("#a .px-cell [data-item='plane']")
    expect(names).to_have_text(["横断位  重建", "冠状位  重建", "矢状位  重建", "原始图像"])
    bench.call("setLanguage", "en")
    expect(names).to_have_text(["Axial  reformatted", "Coronal  reformatted", "Sagittal  reformatted", "Received images"])
    bench.call("rendering", True)
    title = bench.page.locator("#a .px-cell").nth(3).locator(".px-vr-title")
    expect(title).to_have_text("Volume rendering")
    bench.call("setLanguage", "zh")
    expect(title).to_have_text("容积再现")
    expect(title).to_be_visible()
    bench.call("rendering", False)
    bench.call("mpr")
    bench.until("!bench.viewers.a.state().mpr")
    expect(names).to_have_text([""])  # alone there is nothing to tell apart


@pytest.mark.clause("V-27")
def test_back_to_what_was_there(bench: Bench) -> None:
    bench.mount()
    bench.show(series(), "x")
    bench.call("setLayout", "1x2")
    bench.show(series(), "y", cell=1)
    bench.call("scrollTo", 7)
    before = bench.state()
    bench.call("mpr")
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    assert bench.page.locator("#a .px-cell").count() == 4
    bench.call("mpr")
    bench.until("bench.viewers.a.state().index === 7")
    after = bench.state()
    assert {key: after[key] for key in ("layout", "active", "series", "index", "mpr", "plane")} == {
        key: before[key] for key in ("layout", "active", "series", "index", "mpr", "plane")
    }
    bench.call("setActive", 0)
    assert bench.state()["series"] == "x"


@pytest.mark.clause("V-27")
@pytest.mark.parametrize(
    ("fault", "words"),
    [("phases", "同一位置有多幅图像"), ("turned", "图像方向不一致"), ("two", "少于 3 幅"), ("placeless", "没有空间位置")],
)
def test_what_is_no_volume_is_refused_in_words(bench: Bench, fault: str, words: str) -> None:
    stream = series()
    if fault == "phases":
        stream.frames[9][0]["position"] = stream.frames[8][0]["position"]
    elif fault == "turned":
        stream.frames[9][0]["orientation"] = [0, 1, 0, 0, 0, -1]
    elif fault == "two":
        stream.frames[2:] = []
    else:
        stream.frames[9][0]["position"] = None
    bench.mount()
    bench.show(stream)
    bench.call("mpr")
    for cell in ("axial", "coronal", "sagittal"):
        notice = bench.page.locator("#a .px-cell").nth(CELLS[cell]).locator(".px-notice")
        assert "不能做多平面重建" in notice.inner_text()
        assert words in notice.inner_text()
    received = bench.page.locator("#a .px-cell").nth(CELLS["received"])
    assert received.locator(".px-notice").is_hidden()


@pytest.mark.clause("V-2", "V-27")
def test_the_readers_window_goes_to_the_planes_and_back(bench: Bench) -> None:
    bench.mount()
    bench.show(series())
    bench.call("setWindow", {"center": 50, "width": 400})
    bench.call("setGamma", 1.5)
    bench.call("mpr")
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    for cell in CELLS.values():
        bench.call("setActive", cell)
        state = bench.state()
        assert (state["window"]["center"], state["window"]["width"], state["gamma"]) == (50, 400, 1.5), cell
    bench.call("setActive", CELLS["sagittal"])
    bench.call("setWindow", {"center": 90, "width": 300})
    bench.call("mpr")
    bench.until(
        "!bench.viewers.a.state().mpr && bench.viewers.a.state().phase === 'complete' && bench.viewers.a.state().window?.center === 90"
    )
    bench.call("reset")  # and reset goes back to what the header says
    assert (bench.state()["window"]["center"], bench.state()["window"]["width"]) == (200, 1000)


@pytest.mark.clause("V-1", "V-27", "V-32", "C-2")
def test_images_planes_and_a_rendering_of_two_series_side_by_side(bench: Bench) -> None:
    """A whole screen at once: received images, a plane and a rendering in one grid, the leading picture first; then the screen as it is."""
    bench.mount()
    bench.server.streams |= {"x": series(), "y": series()}
    window = {"center": 100, "width": 300}
    cells = [
        {"study": "s", "series": "y", "index": 3, "window": window}, {"study": "s", "series": "x", "plane": "coronal"},
        {"study": "s", "series": "y", "rendering": True}, {"study": "s", "series": "x", "inverted": True, "gamma": 1.5},
    ]  # fmt: skip
    bench.run("cells => bench.viewers.a.hang({ layout: '2x2', cells, active: 0, linked: false })", cells)
    bench.until("bench.events.filter(e => e.name === 'a.shown').length >= 4 && bench.viewers.a.state().rendering !== null", 30)
    bench.settle()
    shown = [event for event in bench.run("bench.events") if event["name"] == "a.shown"]
    assert shown[0]["value"]["cell"] == 0
    screen = bench.run("bench.viewers.a.screen()")
    assert [(cell["series"], cell["view"], cell["inverted"], cell["gamma"]) for cell in screen["cells"]] == [
        ("y", "images", False, 1), ("x", "coronal", False, 1), ("y", "rendering", False, 1), ("x", "images", True, 1.5),
    ]  # fmt: skip
    assert screen["cells"][0]["window"] == window | {"function": "LINEAR"}
    assert (bench.state()["index"], bench.state()["active"], bench.state()["series"]) == (3, 0, "y")
    value = bench.run("bench.viewers.a.valueAt([20, 30])")
    expected = 255 * min(1, max(0, (value - 99.5) / 299 + 0.5))
    assert bench.grey(20, 30)[0] == pytest.approx(expected, abs=1.5)
    bench.run("bench.viewers.a.hang({ layout: '1x2', cells: [null, { study: 's', series: 'x' }], active: 1, linked: false })")
    bench.until("bench.viewers.a.state().series === 'x' && bench.viewers.a.state().index >= 0")
    assert [cell and cell["view"] for cell in bench.run("bench.viewers.a.screen().cells")] == [None, "images"]
    assert bench.state()["rendering"] is None
