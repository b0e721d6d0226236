"""Annotations by mouse and keyboard: rectangle, circle, arrow, free pen, text, with words of the reader."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import Bench
from .test_measure import made, show
from .test_reading import picture

CLICK = 450
"""ms that Cornerstone holds a click back until it can be no double click."""


def write(bench: Bench, text: str, key: str = "Enter") -> None:
    """Answer the dialog that is open."""
    field = bench.page.locator(".px-dialog textarea")
    expect(field).to_be_focused()
    field.fill(text)
    bench.page.keyboard.press(key)
    bench.settle()


def listed(bench: Bench) -> list[dict[str, Any]]:
    return list(bench.run("bench.viewers.a.measurements()"))


@pytest.mark.clause("C-6")
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["rectangle_annotation", "circle_annotation", "arrow"])
def test_a_figure_is_drawn_and_labelled(bench: Bench, kind: str, turned: bool) -> None:
    """Its points are those of the image, also where it is turned and mirrored and its pixels are not square."""
    show(bench, picture(), spacing=[0.5, 1.25])
    if turned:
        bench.call("rotate", 90)
        bench.call("flip", "horizontal")
    bench.call("setTool", kind)
    bench.drag(bench.screen(40, 50), bench.screen(75, 90))
    write(bench, "右髋 可疑骨折\n请复查")
    one = made(bench)
    assert (one["kind"], one["text"], one["value"], one["unit"]) == (kind, "右髋 可疑骨折\n请复查", None, "")
    assert "stats" not in one
    assert np.allclose(one["points"], [[40, 50], [75, 90]], atol=0.6)
    assert "右髋 可疑骨折" in bench.text(".px-stage svg")
    # what is drawn is what was meant: corners of the rectangle, mm-round circle
    radius = math.hypot(35 * 1.25, 40 * 0.5)  # mm
    circle = [(40 + radius / 1.25, 50), (40, 50 + radius / 0.5)]
    corners = {"rectangle_annotation": [(40, 90), (75, 50)], "circle_annotation": circle, "arrow": [(40, 50)]}[kind]
    drawn = bench.run("[...document.querySelectorAll('#a .px-stage svg polyline')].flatMap(p => [...p.points].map(q => [q.x, q.y]))")
    box = bench.page.locator("#a .px-stage").bounding_box()
    assert box is not None
    for corner in corners:
        x, y = bench.screen(*corner)
        assert min(math.hypot(x - box["x"] - u, y - box["y"] - v) for u, v in drawn) < 6, corner


@pytest.mark.clause("C-6")
def test_a_text_is_written_changed_moved_undone_and_comes_back(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.6, 0.6])
    bench.call("setTool", "text")
    page = bench.page
    page.mouse.click(*bench.screen(40, 60))
    page.locator(".px-dialog").wait_for()
    assert listed(bench) == [], "what has no words yet is no annotation"
    field = page.locator(".px-dialog textarea")
    field.fill("bone")
    # an input method's Enter chooses characters; it does not answer
    for how in ("{key: 'Enter', isComposing: true, bubbles: true}", "{key: 'Process', keyCode: 229, bubbles: true}"):
        field.evaluate(f"field => field.dispatchEvent(new KeyboardEvent('keydown', {how}))")
    field.evaluate("field => field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', isComposing: true, bubbles: true}))")
    expect(field).to_be_visible()
    page.keyboard.press("Enter")
    one = made(bench)
    assert (one["kind"], one["text"]) == ("text", "bone")
    assert np.allclose(one["points"], [[40, 60]], atol=0.6)
    page.wait_for_timeout(400)  # the hand rests: one step to undo

    # what is typed was no key of the viewer, and Escape keeps the words that are there
    assert bench.state()["tool"] == "text"
    x, y = bench.screen(40, 60)
    page.mouse.move(x + 12, y + 6)
    bench.settle()
    page.mouse.dblclick(x + 12, y + 6)
    write(bench, "nothing", "Escape")
    assert made(bench)["text"] == "bone"
    page.mouse.dblclick(x + 12, y + 6)
    write(bench, "骨骺")
    assert made(bench)["text"] == "骨骺"
    assert "骨骺" in bench.text(".px-stage svg")
    page.wait_for_timeout(400)
    bench.call("undo")
    assert made(bench)["text"] == "bone"
    bench.call("redo")
    saved = listed(bench)
    assert [each["text"] for each in saved] == ["骨骺"]

    page.wait_for_timeout(CLICK)
    bench.call("setTool", "window")
    page.mouse.move(x + 12, y + 6)
    bench.settle()
    bench.drag((x + 12, y + 6), (x + 62, y + 46))
    assert np.allclose(bench.screen(*made(bench)["points"][0]), (x + 50, y + 40), atol=2)

    bench.call("setMeasurements", [])
    assert "骨骺" not in bench.text(".px-stage svg")
    bench.call("setMeasurements", [*saved, {**saved[0], "id": "empty", "text": ""}, {**saved[0], "id": "none", "text": None}])
    bench.wait_text(".px-stage svg", "骨骺")
    (again,) = listed(bench)  # and nothing that is not written
    assert again | {"points": None} == saved[0] | {"points": None}
    assert np.allclose(again["points"], saved[0]["points"], atol=0.002)


@pytest.mark.clause("C-6")
def test_words_not_given_leave_a_figure_and_no_text(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.6, 0.6])
    bench.call("setTool", "text")
    bench.page.mouse.click(*bench.screen(40, 60))
    bench.page.locator(".px-dialog").wait_for()
    bench.page.keyboard.press("Enter")
    expect(bench.page.locator(".px-dialog-problem")).to_have_text("请输入文字")
    bench.page.keyboard.press("Escape")
    bench.settle()
    assert listed(bench) == []
    bench.call("setTool", "arrow")
    bench.drag(bench.screen(80, 40), bench.screen(100, 80))
    bench.page.locator(".px-dialog").wait_for()
    bench.call("clear")  # another case: nothing is asked about the one before
    expect(bench.page.locator(".px-dialog")).to_have_count(0)
    (one,) = listed(bench)
    assert one["kind"] == "arrow"
    assert "text" not in one


@pytest.mark.clause("C-6")
def test_a_pen_draws_what_the_hand_draws_in_few_points(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.6, 0.6])
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Shift+P")
    assert bench.state()["tool"] == "freehand"
    bench.page.mouse.click(*bench.screen(20, 20))
    bench.page.wait_for_timeout(CLICK)
    assert listed(bench) == [], "a click is no stroke"
    circle = [(64 + 30 * math.cos(a), 80 + 30 * math.sin(a)) for a in np.linspace(0, 1.8 * math.pi, 120)]
    mouse = bench.page.mouse
    places = bench.run("places => places.map(p => { const s = bench.viewers.a.screenOf(p); return [s.x, s.y]; })", circle)
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place)
    mouse.up()
    bench.settle()
    write(bench, "")
    one = made(bench)
    points = np.array(one["points"])
    assert 12 <= len(points) < 80
    assert np.allclose(np.hypot(*(points - [64, 80]).T), 30, atol=0.8)
    # no place of the stroke is far from the thinned line
    ends = np.stack([points[:-1], points[1:]], 1)
    for place in circle[::7]:
        along = np.clip(((place - ends[:, 0]) * (ends[:, 1] - ends[:, 0])).sum(1) / ((ends[:, 1] - ends[:, 0]) ** 2).sum(1), 0, 1)
        foot = ends[:, 0] + along[:, None] * (ends[:, 1] - ends[:, 0])
        assert np.hypot(*(np.array(place) - foot).T).min() < 1.0
