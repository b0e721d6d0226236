"""Turned and mirrored pictures: where each pixel goes on the screen, and that the letters go with it."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of
from .test_reading import draw_length, picture

AXIAL = {"orientation": [1, 0, 0, 0, 1, 0], "position": [-50, -60, 10], "spacing": [0.8, 0.8]}
MOVES = {  # what a step does to a place on the screen, seen from the middle
    "[": lambda x, y: (y, -x), "]": lambda x, y: (-y, x), "h": lambda x, y: (-x, y), "u": lambda x, y: (x, -y),
}  # fmt: skip
EDGES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
LETTERS = {"left": "R", "right": "L", "top": "A", "bottom": "P"}  # a supine patient seen from the feet


def corners(bench: Bench) -> dict[str, str]:
    return {edge: bench.text(f".px-edge-{edge}") for edge in EDGES}


@pytest.mark.clause("V-19", "V-20", "V-26")
@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_and_letter_goes_where_it_must(bench: Bench, seed: int) -> None:
    image = np.zeros((120, 120), np.int16)
    image[10:20, 30:40], image[90:100, 20:30], image[60:70, 95:105] = 1000, 2000, 3000
    marks = {(35, 15): 1000, (25, 95): 2000, (100, 65): 3000}
    bench.mount()
    bench.show(Stream([frame_of(image, windows=[{"center": 1500.0, "width": 3000.0, "function": "LINEAR"}], **AXIAL)]))
    middle = bench.screen(59.5, 59.5)
    start = {mark: tuple(np.subtract(bench.screen(*mark), middle)) for mark in marks}
    greys = {mark: bench.grey(*mark) for mark in marks}
    assert len({tuple(grey) for grey in greys.values()}) == 3
    bench.page.locator("#a .px-viewer").focus()
    places, letters = dict(start), dict(LETTERS)
    assert corners(bench) == letters
    dice = random.Random(seed)
    for _ in range(6):
        step = dice.choice(list(MOVES))
        bench.page.keyboard.press(step)
        bench.settle()
        places = {mark: MOVES[step](*place) for mark, place in places.items()}
        by_place = {EDGES[edge]: letter for edge, letter in letters.items()}
        letters = {edge: next(letter for place, letter in by_place.items() if MOVES[step](*place) == EDGES[edge]) for edge in EDGES}
        for mark, place in places.items():
            assert np.allclose(np.subtract(bench.screen(*mark), middle), place, atol=1.5), (step, mark)
            assert bench.grey(*mark) == greys[mark], (step, mark)
        assert corners(bench) == letters, step
        state = bench.state()
        assert state["rotation"] in {0, 90, 180, 270}
    bench.call("reset")
    assert corners(bench) == LETTERS
    assert (bench.state()["rotation"], bench.state()["mirrored"]) == (0, False)
    for mark, place in start.items():
        assert np.allclose(np.subtract(bench.screen(*mark), middle), place, atol=1.0)


@pytest.mark.clause("V-9", "V-19", "V-20")
def test_measuring_goes_on_in_a_turned_picture(bench: Bench) -> None:
    bench.mount()
    bench.show(Stream([frame_of(picture(), **AXIAL)] * 1))
    before = draw_length(bench)
    bench.call("rotate", 90)
    bench.call("flip", "vertical")
    assert [one["points"] for one in bench.run("bench.viewers.a.measurements()")] == [before["points"]]
    again = draw_length(bench, (20, 30), (20, 80))
    assert again["value"] == pytest.approx(40, abs=0.8)
    assert np.allclose(again["points"], [(20, 30), (20, 80)], atol=0.7)


@pytest.mark.clause("V-19")
def test_a_turned_stack_stays_turned_while_it_is_scrolled(bench: Bench) -> None:
    frames = [
        frame_of(
            picture() + i, number=i + 1, sop_uid=f"1.2.{i}", orientation=[1, 0, 0, 0, 1, 0], position=[0, 0, 2.5 * i], spacing=[0.8, 0.8]
        )
        for i in range(4)
    ]
    bench.mount()
    bench.show(Stream(frames))
    bench.call("rotate", 90)
    bench.call("flip", "horizontal")
    turned, place = corners(bench), bench.screen(20, 30)
    bench.call("scrollTo", 3)
    assert corners(bench) == turned
    assert np.allclose(bench.screen(20, 30), place, atol=0.5)


def turned(place: tuple[float, float], degrees: float) -> tuple[float, float]:
    """A place seen from the middle of the screen (y runs down), turned clockwise."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return place[0] * c - place[1] * s, place[0] * s + place[1] * c


def marked() -> tuple[np.ndarray, dict[tuple[int, int], int]]:
    """A square image with three marks, and where they are."""
    image = np.zeros((120, 120), np.int16)
    image[30:40, 40:50], image[80:90, 30:40], image[60:70, 85:95] = 1000, 2000, 3000
    return image, {(45, 35): 1000, (35, 85): 2000, (90, 65): 3000}


WINDOW = [{"center": 1500.0, "width": 3000.0, "function": "LINEAR"}]


@pytest.mark.clause("V-19", "V-20", "V-26")
def test_any_angle_puts_every_mark_where_it_must_be(bench: Bench) -> None:
    image, marks = marked()
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW, **AXIAL)]))
    middle = bench.screen(59.5, 59.5)
    start = {mark: (bench.screen(*mark)[0] - middle[0], bench.screen(*mark)[1] - middle[1]) for mark in marks}
    greys = {mark: bench.grey(*mark) for mark in marks}

    def stands(degrees: float, *, mirrored: bool = False) -> None:
        for mark, (x, y) in start.items():
            wanted = turned((-x if mirrored else x, y), degrees)
            assert np.allclose(np.subtract(bench.screen(*mark), middle), wanted, atol=1), (degrees, mark)
            assert bench.grey(*mark) == greys[mark], (degrees, mark)
        assert (bench.state()["rotation"], bench.state()["mirrored"]) == (pytest.approx(degrees % 360, abs=0.05), mirrored)

    bench.call("rotate", 30)
    stands(30)
    # supine, seen from the feet: what was 30 degrees anticlockwise of the top, towards R, is there now
    assert corners(bench) == {"top": "AR", "right": "LA", "bottom": "PL", "left": "RP"}
    bench.wait_text('[data-item="rotation"]', "旋转 30°")
    bench.call("rotate", -42.5)
    stands(-12.5)
    assert corners(bench) == LETTERS  # slightly oblique (below 14 degrees): one letter, as for oblique planes
    bench.wait_text('[data-item="rotation"]', "旋转 -12.5°")
    bench.call("turnTo", 30)
    bench.call("flip", "horizontal")  # what is seen is mirrored: it leans the other way
    stands(-30, mirrored=True)
    assert corners(bench) == {"top": "AR", "left": "LA", "bottom": "PL", "right": "RP"}
    bench.call("rotate", 75)  # clockwise, also in a mirrored picture
    stands(45, mirrored=True)
    bench.call("flip", "vertical")
    stands(45 - 2 * 45 + 180)
    bench.call("turnTo", 90)
    assert bench.text('[data-item="rotation"]') == ""
    bench.call("rotate", 211.3)
    bench.call("reset")
    stands(0)
    assert corners(bench) == LETTERS


@pytest.mark.clause("V-19")
def test_dragging_turns_about_the_middle_of_the_image(bench: Bench) -> None:
    image, _ = marked()
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW, **AXIAL)]))
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Shift+F")
    assert bench.state()["tool"] == "turn"
    middle = bench.screen(59.5, 59.5)
    mouse = bench.page.mouse
    mouse.move(middle[0] + 200, middle[1])
    mouse.down()
    for step in range(1, 101):  # slowly: each step is less than half a degree
        x, y = turned((200, 0), 40 * step / 100)
        mouse.move(middle[0] + x, middle[1] + y)
    mouse.up()
    bench.settle()
    assert bench.state()["rotation"] == pytest.approx(40, abs=0.4)  # the mouse stands on whole pixels
    assert np.allclose(bench.screen(59.5, 59.5), middle, atol=1)
    # moved and enlarged, it turns about its own middle all the same, and anticlockwise over the zero
    bench.page.keyboard.press("p")
    bench.drag(middle, (middle[0] + 60, middle[1] - 30))
    bench.page.keyboard.press("Shift+F")
    middle = bench.screen(59.5, 59.5)
    bench.drag((middle[0] + 150, middle[1]), (middle[0] + 150 * math.cos(math.radians(30)), middle[1] - 150 * math.sin(math.radians(30))))
    assert bench.state()["rotation"] == pytest.approx(10, abs=0.8)
    assert np.allclose(bench.screen(59.5, 59.5), middle, atol=1)
    bench.page.keyboard.press("Shift+U")
    bench.settle()
    assert bench.state()["rotation"] == 0
    assert np.allclose(bench.screen(59.5, 59.5), middle, atol=1)


@pytest.mark.clause("V-9", "V-13", "V-14", "V-19")
def test_measurements_turn_with_the_image_and_keep_their_values(bench: Bench) -> None:
    image, _ = marked()
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW, **AXIAL)]))
    line = draw_length(bench, (30, 40), (90, 60))
    for tool, start, end in (("rectangle", (25, 75), (45, 95)), ("ellipse", (90, 65), (100, 75))):
        bench.call("setTool", tool)
        bench.drag(bench.screen(*start), bench.screen(*end))
    before = {one["kind"]: one for one in bench.run("bench.viewers.a.measurements()")}
    assert set(before) == {"length", "rectangle", "ellipse"}
    assert line["value"] == pytest.approx(0.8 * math.hypot(60, 20), abs=0.5)
    bench.call("rotate", 30)
    after = {one["kind"]: one for one in bench.run("bench.viewers.a.measurements()")}
    assert after == before
    # the line is drawn where its ends are now
    box = bench.page.locator("#a .px-stage svg line").first.evaluate("e => ['x1','y1','x2','y2'].map(n => Number(e.getAttribute(n)))")
    stage = bench.page.locator("#a .px-stage").bounding_box()
    assert stage
    ends = [(bench.screen(*point)[0] - stage["x"], bench.screen(*point)[1] - stage["y"]) for point in line["points"]]
    assert np.allclose(sorted([tuple(box[:2]), tuple(box[2:])]), sorted(ends), atol=1.5)
    assert f"{line['value']:.1f} mm" in bench.text(".px-stage svg")
    # a corner of the rectangle is pulled out: its sides stay its own, and the area is that of what is drawn
    bench.call("setTool", "rectangle")
    corner = before["rectangle"]["points"][3]
    there = (corner[0] + 10, corner[1] + 5)
    bench.page.mouse.move(*bench.screen(*corner))
    bench.drag(bench.screen(*corner), bench.screen(*there))
    made = next(one for one in bench.run("bench.viewers.a.measurements()") if one["kind"] == "rectangle")
    points = np.array(made["points"])
    assert np.allclose(points[0], before["rectangle"]["points"][0], atol=0.01)
    assert np.allclose(points[3], there, atol=0.8)
    sides = points[1] - points[0], points[2] - points[0]
    assert abs(float(np.dot(*sides))) < 0.01 * float(np.linalg.norm(sides[0]) * np.linalg.norm(sides[1]))
    assert min(abs(sides[0])) < 0.01  # still along the rows
    assert made["value"] == pytest.approx(float(np.prod(np.abs(points[3] - points[0]))) * 0.64, rel=0.01)


@pytest.mark.clause("V-19")
def test_an_angle_stays_while_scrolling_and_in_another_size_and_goes_with_the_series(bench: Bench) -> None:
    frames = [
        frame_of(
            picture() + i, number=i + 1, sop_uid=f"1.2.{i}", orientation=[1, 0, 0, 0, 1, 0], position=[0, 0, 2.5 * i], spacing=[0.8, 0.8]
        )
        for i in range(4)
    ]
    bench.mount()
    bench.show(Stream(frames))
    bench.call("turnTo", 33.3)
    bench.call("flip", "horizontal")
    assert (bench.state()["rotation"], bench.state()["mirrored"]) == (326.7, True)
    bench.call("scrollTo", 3)
    assert bench.state()["rotation"] == 326.7
    bench.run("document.getElementById('a').style.width = '320px'")
    bench.settle()
    bench.settle()
    assert bench.state()["rotation"] == 326.7
    middle, edge = bench.screen(63.5, 79.5), bench.screen(127, 79.5)
    # a row, mirrored and turned by 326.7 degrees clockwise
    assert math.degrees(math.atan2(edge[1] - middle[1], edge[0] - middle[0])) % 360 == pytest.approx((180 + 326.7) % 360, abs=0.3)
    bench.show(Stream([frame_of(picture(), **AXIAL)]), series="y")
    assert (bench.state()["rotation"], bench.state()["mirrored"]) == (0, False)
