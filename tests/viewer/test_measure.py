"""Angles and regions drawn by mouse: against plane geometry and NumPy, in the units of the image."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of
from .test_reading import draw_length, picture, stack

OBLIQUE = {"orientation": [0.0538, 0.965, 0.2566, 0.0181, 0.256, -0.9665], "position": [11, -22, 33]}


def made(bench: Bench, count: int = 1) -> dict[str, Any]:
    found = bench.run("bench.viewers.a.measurements()")
    assert len(found) == count, found
    return dict(found[-1])


def show(bench: Bench, image: np.ndarray, **facts: Any) -> None:
    bench.mount()
    bench.show(Stream([frame_of(image, **(OBLIQUE | facts))]))


def angle_between(first: np.ndarray, second: np.ndarray) -> float:
    return math.degrees(math.acos(np.dot(first, second) / (np.linalg.norm(first) * np.linalg.norm(second))))


@pytest.mark.clause("V-11")
@pytest.mark.parametrize(("spacing", "kind"), [([0.6, 0.6], "pixel"), ([0.5, 1.25], "pixel"), (None, "none")])
def test_an_angle_is_that_of_the_patient(bench: Bench, spacing: list[float] | None, kind: str) -> None:
    show(bench, picture(), spacing=spacing, spacing_kind=kind)
    bench.call("setTool", "angle")
    corner, vertex, end = (20, 120), (60, 40), (110, 120)
    bench.drag(bench.screen(*corner), bench.screen(*vertex))
    bench.page.mouse.move(*bench.screen(*end))
    bench.page.wait_for_timeout(500)  # a click at once would be the second of a double click
    bench.page.mouse.click(*bench.screen(*end))
    bench.page.wait_for_timeout(500)
    bench.page.mouse.move(*bench.screen(20, 20))  # the drawing is over: its end does not follow the mouse
    bench.settle()
    angle = made(bench)
    mm = np.array([spacing[1], spacing[0]]) if spacing else np.array([1, 1])
    drawn = [np.array(point) * mm for point in angle["points"]]
    assert angle["kind"] == "angle"
    assert np.allclose(np.array(angle["points"]), [corner, vertex, end], atol=0.6)
    assert angle["value"] == pytest.approx(angle_between(drawn[0] - drawn[1], drawn[2] - drawn[1]), abs=0.01)
    expected = angle_between((np.array(corner) - vertex) * mm, (np.array(end) - vertex) * mm)
    assert angle["value"] == pytest.approx(expected, abs=1.0)
    assert f"{angle['value']:.1f}°" in bench.text(".px-stage svg")
    assert angle["unit"] == "°"


@pytest.mark.clause("V-12")
@pytest.mark.parametrize("backwards", [False, True])
def test_a_cobb_angle_does_not_depend_on_how_its_lines_are_drawn(bench: Bench, backwards: bool) -> None:
    show(bench, picture(), spacing=[0.6, 0.6])
    bench.call("setTool", "cobb")
    upper, lower = ((30, 50), (90, 30)), ((30, 90), (90, 120))
    bench.drag(bench.screen(*upper[0]), bench.screen(*upper[1]))
    start, end = reversed(lower) if backwards else lower
    bench.drag(bench.screen(*start), bench.screen(*end))
    cobb = made(bench)
    expected = math.degrees(math.atan2(20, 60) + math.atan2(30, 60))
    assert cobb["value"] == pytest.approx(expected, abs=1.0)
    assert f"{cobb['value']:.1f}°" in bench.text(".px-stage svg")


def region_of(measured: dict[str, Any], image: np.ndarray) -> np.ndarray:
    """The pixels whose middle is inside, by the definition of each shape."""
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    points = np.array(measured["points"])
    left, top = points.min(0)
    right, bottom = points.max(0)
    if measured["kind"] == "rectangle":
        return image[(x >= left) & (x <= right) & (y >= top) & (y <= bottom)]
    center, radius = (points.min(0) + points.max(0)) / 2, (points.max(0) - points.min(0)) / 2
    return image[((x - center[0]) / radius[0]) ** 2 + ((y - center[1]) / radius[1]) ** 2 <= 1]


@pytest.mark.clause("V-13", "V-14")
@pytest.mark.parametrize("kind", ["ellipse", "rectangle"])
@pytest.mark.parametrize(
    ("spacing", "spacing_kind", "unit"),
    [([0.5, 1.25], "pixel", "mm²"), ([0.2, 0.2], "imager", "mm² (detector)"), (None, "none", "px²")],
)
def test_a_region_says_area_and_values(bench: Bench, kind: str, spacing: list[float] | None, spacing_kind: str, unit: str) -> None:
    image = picture()
    show(bench, image, spacing=spacing, spacing_kind=spacing_kind, intercept=-1024.0)
    bench.call("setTool", kind)
    bench.drag(bench.screen(40, 50), bench.screen(75, 90))
    found = made(bench)
    points = np.array(found["points"])
    width, height = points.max(0) - points.min(0)
    assert (width, height) == (
        pytest.approx(70 if kind == "ellipse" else 35, abs=1.5),
        pytest.approx(80 if kind == "ellipse" else 40, abs=1.5),
    )
    mm = spacing or [1, 1]
    area = width * mm[1] * height * mm[0] * (math.pi / 4 if kind == "ellipse" else 1)
    assert (found["value"], found["unit"]) == (pytest.approx(area, rel=1e-3), unit)
    inside = region_of(found, image.astype(float) - 1024)
    stats = found["stats"]
    assert stats["count"] == inside.size
    assert (stats["mean"], stats["sd"]) == (pytest.approx(inside.mean(), abs=1e-6), pytest.approx(inside.std(), abs=1e-6))
    assert (stats["min"], stats["max"]) == (inside.min(), inside.max())
    text = bench.text(".px-stage svg")
    said = unit.replace(" (detector)", "（探测器平面）")  # what is kept and exported is in English, what is read in the reader's language
    assert f"面积 {area:.1f} {said}" in text or f"面积 {found['value']:.1f} {said}" in text
    assert "均值" in text
    bench.call("setLanguage", "en")
    bench.wait_text(".px-stage svg", "Mean")


@pytest.mark.clause("V-14")
def test_padding_is_no_value_and_colour_has_none(bench: Bench) -> None:
    image = np.full((64, 64), 100, np.int16)
    image[:, :32] = -2000
    image[:, 48:] = 300
    show(bench, image, spacing=[1, 1], padding=-2000)
    bench.call("setTool", "rectangle")
    bench.drag(bench.screen(8.5, 10.5), bench.screen(55.5, 40.5))
    stats = made(bench)["stats"]
    assert (stats["min"], stats["max"]) == (100, 300)
    assert stats["count"] == pytest.approx(24 * 30, abs=60)
    bench.call("setMeasurements", [])
    bench.show(Stream([frame_of(np.zeros((64, 64, 3), np.uint8), **OBLIQUE)]), series="colour")
    bench.drag(bench.screen(8.5, 10.5), bench.screen(55.5, 40.5))
    colour = made(bench)
    assert "stats" not in colour
    assert colour["unit"].startswith("mm²")


@pytest.mark.clause("V-11", "V-13")
def test_regions_and_angles_come_back_on_their_own_image(bench: Bench) -> None:
    stream = stack(3, spacing=[0.8, 0.8])
    bench.mount()
    bench.show(stream)
    bench.call("scrollTo", 2)
    for kind in ("ellipse", "rectangle"):
        bench.call("setTool", kind)
        bench.drag(bench.screen(40, 50), bench.screen(60, 70))
    drawn = bench.run("bench.viewers.a.measurements()")
    assert [one["kind"] for one in drawn] == ["ellipse", "rectangle"]
    bench.call("setMeasurements", [])
    assert "mm²" not in bench.text(".px-stage svg")
    bench.call("setMeasurements", drawn)
    bench.wait_text(".px-stage svg", "mm²")
    assert bench.run("bench.viewers.a.measurements()") == drawn
    bench.call("scrollTo", 0)
    assert "mm²" not in bench.text(".px-stage svg")


@pytest.mark.clause("V-8", "V-9")
def test_the_last_change_can_be_taken_back_and_done_again(bench: Bench) -> None:
    bench.mount()
    bench.show(stack(2, spacing=[0.8, 0.8]))
    first = draw_length(bench)
    bench.page.wait_for_timeout(400)
    second = draw_length(bench, (20, 20), (20, 60))
    bench.page.wait_for_timeout(400)
    bench.page.locator("#a .px-viewer").focus()

    def ids() -> list[str]:
        return [one["id"] for one in bench.run("bench.viewers.a.measurements()")]

    bench.page.keyboard.press("Control+z")
    assert ids() == [first["id"]]
    bench.page.keyboard.press("Control+y")
    assert ids() == [first["id"], second["id"]]
    bench.page.keyboard.press("Delete")
    bench.settle()
    assert len(ids()) == 1
    bench.page.keyboard.press("Control+z")  # at once: the deletion is the last step though the hand has not rested
    assert sorted(ids()) == sorted([first["id"], second["id"]])
    bench.page.keyboard.press("Control+z")
    bench.page.keyboard.press("Control+z")
    bench.page.keyboard.press("Control+z")
    assert ids() == []
    bench.page.keyboard.press("Control+Shift+z")
    assert ids() == [first["id"]]
    bench.call("setMeasurements", [second])  # another case: its list is not the undone one's
    bench.page.keyboard.press("Control+z")
    assert ids() == [second["id"]]


@pytest.mark.clause("V-8", "V-11")
@pytest.mark.parametrize("left", ["scroll", "tool", "escape", "series", "clear"])
def test_half_an_angle_never_goes_on_elsewhere(bench: Bench, left: str) -> None:
    bench.mount()
    bench.show(stack(3, spacing=[0.8, 0.8]))
    bench.call("setTool", "angle")
    bench.drag(bench.screen(20, 120), bench.screen(60, 40))
    bench.page.mouse.move(*bench.screen(70, 60))
    if left == "scroll":
        bench.call("scrollTo", 2)
    elif left == "tool":
        bench.call("setTool", "window")
    elif left == "escape":
        bench.page.locator("#a .px-viewer").focus()
        bench.page.keyboard.press("Escape")
    elif left == "clear":
        bench.call("clear")
        bench.show(stack(3, spacing=[0.8, 0.8]), series="y")
    else:
        bench.show(stack(2, spacing=[0.5, 0.5]), series="y")
    bench.page.mouse.move(*bench.screen(100, 100))
    bench.page.wait_for_timeout(400)
    found = bench.run("bench.viewers.a.measurements()")
    assert [len(one["points"]) for one in found] in ([], [3])
    before = len(found)
    assert draw_length(bench)["kind"] == "length"  # the mouse is free again
    assert len(bench.run("bench.viewers.a.measurements()")) == before + 1


@pytest.mark.clause("V-13")
def test_a_hand_that_rests_while_it_draws_makes_one_step(bench: Bench) -> None:
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=[0.8, 0.8])]))
    bench.call("setTool", "ellipse")
    mouse, middle = bench.page.mouse, bench.screen(50, 50)
    mouse.move(*middle)
    mouse.down()
    for step in (10, 20, 30):
        mouse.move(middle[0] + step, middle[1] + step)
        bench.page.wait_for_timeout(450)
    mouse.up()
    bench.page.wait_for_timeout(450)
    assert len(bench.run("bench.viewers.a.measurements()")) == 1
    bench.call("undo")
    assert bench.run("bench.viewers.a.measurements()") == []
    bench.call("redo")
    assert len(bench.run("bench.viewers.a.measurements()")) == 1


@pytest.mark.clause("V-9", "V-13", "V-14", "V-10")
@pytest.mark.parametrize("tool", ["length", "ellipse", "rectangle", "polyline", "arrow", "probe"])
def test_one_click_alone_measures_nothing_but_a_point(bench: Bench, tool: str) -> None:
    show(bench, picture(), spacing=[0.6, 0.6])
    bench.call("setTool", tool)
    bench.page.mouse.click(*bench.screen(40, 60))
    bench.page.wait_for_timeout(600)
    if tool != "probe":
        assert bench.run("bench.viewers.a.measurements()") == [], "not even while the second point is awaited"
    bench.call("setTool", "window")
    bench.settle()
    assert len(bench.run("bench.viewers.a.measurements()")) == (1 if tool == "probe" else 0)


def click_through(bench: Bench, places: list[tuple[float, float]]) -> None:
    """Clicks on image pixels, one after the other; the first press begins a drawing."""
    for place in places:
        bench.page.mouse.click(*bench.screen(*place))
        bench.page.wait_for_timeout(450)  # Cornerstone holds a click back until it can be no double click


@pytest.mark.clause("V-10")
def test_a_polyline_is_as_long_as_its_parts(bench: Bench) -> None:
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=[0.5, 1.25])]))
    bench.call("setTool", "polyline")
    corners = [(20.0, 20.0), (60.0, 20.0), (60.0, 80.0), (90.0, 110.0)]
    click_through(bench, corners)
    assert bench.run("bench.viewers.a.measurements().length") == 1  # still being drawn
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Enter")
    bench.settle()
    (one,) = bench.run("bench.viewers.a.measurements()")
    assert one["kind"] == "polyline"
    points = one["points"][: len(corners)]
    assert np.allclose(points, corners, atol=0.6)
    expected = sum(math.hypot((b[0] - a[0]) * 1.25, (b[1] - a[1]) * 0.5) for a, b in itertools.pairwise(one["points"]))
    assert one["value"] == pytest.approx(expected, abs=0.05)
    # columns 40 × 1.25, rows 60 × 0.5, then 30 of both
    assert expected == pytest.approx(50 + 30 + math.hypot(37.5, 15), abs=2.5)
    assert one["unit"] == "mm"


@pytest.mark.clause("V-10", "V-15", "V-16")
@pytest.mark.parametrize("tool", ["polyline", "polygon", "lasso"])
def test_enter_right_after_the_last_click_keeps_its_point(bench: Bench, tool: str) -> None:
    """A practised hand is quicker than the 0.4 s for which a click may still become a double click."""
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=[0.5, 1.25])]))
    bench.call("setTool", tool)
    corners = [(20.0, 20.0), (60.0, 20.0), (60.0, 80.0), (24.0, 76.0)]
    click_through(bench, corners[:-1])
    bench.page.mouse.move(*bench.screen(*corners[-1]))
    bench.page.mouse.down()
    bench.page.mouse.up()
    bench.page.keyboard.press("Enter")
    bench.settle()
    (one,) = bench.run("bench.viewers.a.measurements()")
    for corner in corners:
        assert min(math.hypot(x - corner[0], y - corner[1]) for x, y in one["points"]) < 2.5, corner
    bench.page.wait_for_timeout(600)
    assert bench.run("bench.viewers.a.measurements()") == [one], "and nothing begins afterwards"


@pytest.mark.clause("V-15")
def test_a_polygon_closes_on_its_first_point_and_averages_what_is_inside(bench: Bench) -> None:
    image = np.zeros((128, 128), np.int16)
    image[:, :64] = 100
    image[:, 64:] = 300
    bench.mount()
    bench.show(Stream([frame_of(image, spacing=[0.5, 0.8])]))
    bench.call("setTool", "polygon")
    corners = [(40.0, 30.0), (88.0, 30.0), (88.0, 90.0), (40.0, 90.0)]
    click_through(bench, [*corners, corners[0]])
    (one,) = bench.run("bench.viewers.a.measurements()")
    assert len(one["points"]) == 4
    assert np.allclose(one["points"], corners, atol=0.6)
    xs, ys = np.array(one["points"]).T
    shoelace = abs(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1))) / 2
    assert one["value"] == pytest.approx(shoelace * 0.8 * 0.5, rel=1e-4)
    assert one["unit"] == "mm²"
    # half of it is 100, half 300
    assert one["stats"]["mean"] == pytest.approx(200, abs=5)
    assert one["stats"]["sd"] == pytest.approx(100, abs=1)
    assert (one["stats"]["min"], one["stats"]["max"]) == (100, 300)
    saved = bench.run("bench.viewers.a.measurements()")
    bench.call("setMeasurements", [])
    bench.call("setMeasurements", saved)
    assert bench.run("bench.viewers.a.measurements()") == saved


@pytest.mark.clause("V-17", "V-18")
@pytest.mark.parametrize(("tool", "words"), [("cardiothoracic", "心胸比 0.50"), ("ratio", "比值 0.50")])
def test_the_ratio_of_two_lines(bench: Bench, tool: str, words: str) -> None:
    """A heart of 50 and a thorax of 100 columns, without any mm: the ratio is true all the same."""
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=None, spacing_kind="none")]))
    bench.call("setTool", tool)
    click_through(bench, [(40.0, 60.0), (90.0, 64.0), (15.0, 90.0), (115.0, 83.0)])
    (one,) = bench.run("bench.viewers.a.measurements()")
    assert one["value"] == pytest.approx(0.5, abs=0.012)
    assert words in bench.text("#a svg")
    (_, ay), (_, by), (_, cy), (_, dy) = one["points"]
    level = tool == "cardiothoracic"
    assert (ay == pytest.approx(by, abs=0.01), cy == pytest.approx(dy, abs=0.01)) == (level, level)
    assert "px" in bench.text("#a svg")


@pytest.mark.clause("V-10", "V-15")
def test_a_path_given_up_leaves_nothing_half(bench: Bench) -> None:
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=[0.8, 0.8])]))
    bench.call("setTool", "ratio")
    click_through(bench, [(40.0, 60.0), (90.0, 64.0)])
    bench.call("setTool", "window")
    assert bench.run("bench.viewers.a.measurements()") == []
    assert "比值" not in bench.text("#a svg")
    bench.call("setTool", "length")
    assert draw_length(bench)["kind"] == "length"
