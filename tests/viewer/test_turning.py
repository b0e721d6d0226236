"""Turned and mirrored pictures: where each pixel goes on the screen, and that the letters go with it."""

from __future__ import annotations

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
