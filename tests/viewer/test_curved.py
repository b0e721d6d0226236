"""Curved planar reformation (CPR): a vessel of known course, drawn by hand, is laid flat with its own length and width."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of

SIZE, SPACING, STEP, COUNT = 64, 0.8, 1.5, 34
ORIGIN = (-26.0, -10.0, 200.0)
COMMON = {"spacing": [SPACING, SPACING], "spacing_kind": "pixel", "thickness": STEP, "frame_of_reference": "1.9"}
WINDOW = [{"center": 800.0, "width": 1800.0, "function": "LINEAR"}]
#: A quarter of a circle of 22 mm, then as long again straight on: down, and from the patient's right to his left.
RADIUS, TUBE, BEAD = 18.0, 3.0, 20.0
LENGTH = RADIUS * math.pi / 2 + 12
AXIAL, CORONAL, SAGITTAL, CURVED = range(4)


def course(s: float) -> tuple[float, float, float]:
    """Centre line at an arc length, LPS mm: down the patient's right side, round, and to his left."""
    start = (-19.0, 14.0, 242.0)
    if s <= 12:
        return (start[0], start[1], start[2] - s)
    a = (s - 12) / RADIUS
    return (start[0] + RADIUS * (1 - math.cos(a)), start[1], start[2] - 12 - RADIUS * math.sin(a))


def vessel(tilt: float = 0.0) -> Stream:
    """Axial cuts with the vessel (1000, its wall at half of that), and a bead (2000) of 1.5 mm in its middle; tilt in degrees."""
    row, column = np.array([1.0, 0, 0]), np.array([0.0, math.cos(math.radians(tilt)), math.sin(math.radians(tilt))])
    xs, ys = np.meshgrid(np.arange(SIZE) * SPACING, np.arange(SIZE) * SPACING)
    line = np.array([course(s) for s in np.arange(-6, LENGTH + 6, 0.25)])
    frames = []
    for k in range(COUNT):
        origin = np.add(ORIGIN, (0, 0, STEP * k - 24 * math.sin(math.radians(tilt))))
        places = origin + xs[..., None] * row + ys[..., None] * column
        away = np.full(xs.shape, np.inf)
        for one in line[np.abs(line[:, 2] - origin[2]) < 22]:
            away = np.minimum(away, np.linalg.norm(places - one, axis=-1))
        bead = np.linalg.norm(places - course(BEAD), axis=-1)
        values = 1000 * np.clip(TUBE + 0.5 - away, 0, 1) + 1000 * np.clip(2 - bead, 0, 1)
        geometry = {"orientation": [*row, *column], "position": origin.tolist()}
        frames.append(frame_of(np.rint(values).astype(np.int16), number=k + 1, sop_uid=f"1.2.{k}", windows=WINDOW, **geometry, **COMMON))
    return Stream(frames)


def open_planes(bench: Bench, stream: Stream) -> None:
    bench.mount()
    bench.show(stream)
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("d")  # the curve is drawn on planes: they come with it
    bench.until("bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    bench.settle()


def mark(bench: Bench, cell: int) -> tuple[float, float]:
    """Where the 3D point is in a cell, on the screen."""
    root = bench.page.locator("#a .px-cell").nth(cell)
    circle, box = root.locator(".px-lines circle"), root.bounding_box()
    assert box
    return box["x"] + 1 + float(circle.get_attribute("cx") or 0), box["y"] + 1 + float(circle.get_attribute("cy") or 0)


def at(bench: Bench, cell: int, place: tuple[float, float, float]) -> tuple[float, float]:
    bench.call("setPoint", list(place))
    bench.settle()
    return mark(bench, cell)


def curve(bench: Bench) -> dict[str, object]:
    return dict(bench.state()["curve"])


def show_curve(bench: Bench, **setting: object) -> None:
    bench.call("setCurve", [list(course(s)) for s in np.linspace(0, LENGTH, 9)])
    bench.until("bench.viewers.a.state().curve?.angle === 0")
    if setting:
        bench.call("setCpr", setting)
    bench.call("setActive", CURVED)
    bench.settle()


@pytest.mark.clause("V-29")
def test_a_bent_vessel_is_laid_straight_with_its_length_and_width(bench: Bench) -> None:
    """With a tilted gantry."""
    open_planes(bench, vessel(14.0))
    show_curve(bench, width=24)
    assert curve(bench)["length"] == pytest.approx(LENGTH, abs=0.1)
    assert "CPR 拉直 · 0°" in bench.page.locator("#a .px-cell").nth(CURVED).locator('[data-item="plane"]').inner_text()
    rows = round(LENGTH / SPACING) + 1
    step = LENGTH / (rows - 1)
    columns = 2 * round(12 / step) + 1

    def row(y: int) -> list[float]:
        values = bench.run(f"Array.from({{length: {columns}}}, (_, x) => bench.viewers.a.valueAt([x, {y}]))")
        return [float(value) for value in values]

    for angle in (0, 215):
        bench.call("setCpr", {"angle": angle})
        bench.until(f"bench.viewers.a.state().index === {angle}")
        assert bench.call("valueAt", [columns, 3]) is None
        for y in (6, 14, rows - 8):
            half = np.array(row(y)) - 500
            edges = [x - half[x] / (half[x + 1] - half[x]) for x in range(columns - 1) if half[x] * half[x + 1] < 0]
            assert len(edges) == 2
            assert (edges[1] - edges[0]) * step == pytest.approx(2 * TUBE, abs=0.4), (angle, y)
            assert (edges[0] + edges[1]) / 2 * step == pytest.approx((columns // 2) * step, abs=0.25), (angle, y)
        middle = bench.run(f"Array.from({{length: {rows}}}, (_, y) => bench.viewers.a.valueAt([{columns // 2}, y]))")
        assert int(np.argmax(middle)) * step == pytest.approx(BEAD, abs=1.0)


@pytest.mark.clause("V-29", "V-37")
def test_it_is_drawn_by_hand_through_many_cuts_and_can_be_changed(bench: Bench) -> None:
    open_planes(bench, vessel())
    for s in (0, 6, 12, 20, 27):
        bench.page.mouse.click(*at(bench, AXIAL, course(s)))  # each on a cut of its own
    bench.page.mouse.click(*at(bench, CORONAL, course(LENGTH - 1)))
    assert len(curve(bench)["points"]) == 6  # type: ignore[arg-type]
    for place, s in zip(curve(bench)["points"], (0, 6, 12, 20, 27, LENGTH - 1), strict=True):  # type: ignore[arg-type, call-overload]
        assert math.dist(place, course(s)) < 1.2
    assert curve(bench)["angle"] is None
    bench.page.keyboard.press("Enter")
    bench.until("bench.viewers.a.state().curve.angle === 0")
    # a click is as good as a screen pixel
    assert curve(bench)["length"] == pytest.approx(LENGTH - 1, abs=1.5)
    drawn = bench.page.locator("#a .px-cell").nth(CORONAL).locator(".px-lines polyline")
    assert drawn.count() >= 1
    assert bench.page.locator("#a .px-cell").nth(CORONAL).locator(".px-lines rect").count() == 6
    before = curve(bench)["points"]
    bench.page.keyboard.press("Delete")
    bench.settle()
    assert curve(bench)["points"] == before[:-1]  # type: ignore[index]
    bench.page.keyboard.press("Control+z")
    bench.settle()
    assert curve(bench)["points"] == before
    x, y = at(bench, CORONAL, before[2])  # type: ignore[index, arg-type]
    bench.drag((x, y), (x + 12, y))
    after = curve(bench)["points"]
    moved = [math.dist(a, b) for a, b in zip(before, after, strict=True)]  # type: ignore[call-overload]
    assert moved[2] > 1
    assert moved[:2] + moved[3:] == [0.0] * 5
    assert after[2][0] > before[2][0]  # type: ignore[index]
    bench.call("setCurve", None)
    bench.until("bench.viewers.a.state().curve.angle === null && bench.viewers.a.state().curve.points.length === 0")


@pytest.mark.clause("V-29", "V-37", "V-26")
def test_its_places_are_those_of_the_planes_and_its_lengths_say_what_they_are(bench: Bench) -> None:
    open_planes(bench, vessel())
    show_curve(bench, width=30)
    bench.call("setTool", "crosshair")
    place = course(BEAD)
    # left of the patient is on the right of the picture at 0°: the vessel goes down there
    left = (course(6)[0] + 4, course(6)[1], course(6)[2])
    x0, y0 = at(bench, CURVED, course(6))
    x1, y1 = at(bench, CURVED, left)
    assert x1 > x0 + 5
    assert y1 == pytest.approx(y0, abs=1)
    bench.page.mouse.click(x1, y1)
    bench.settle()
    assert bench.state()["point"] == pytest.approx(list(left), abs=0.5)
    x2, y2 = at(bench, CURVED, place)
    assert x2 == pytest.approx(x0, abs=1)
    bench.call("setTool", "length")
    bench.settle()
    bench.drag((x0 + 30, y0), (x2 + 30, y2))
    bench.wait_text(":nth-match(#a .px-cell, 4) svg text", "沿曲线")
    said = bench.text(":nth-match(#a .px-cell, 4) svg text")
    assert float(said.split(" mm")[0].split()[-1]) == pytest.approx(BEAD - 6, abs=0.6)
    assert bench.call("measurements") == []  # as long as the curve, and no longer
    bench.call("setCpr", {"mode": "stretched"})
    bench.until("bench.viewers.a.state().curve.mode === 'stretched'")
    bench.settle()
    assert "拉伸" in bench.page.locator("#a .px-cell").nth(CURVED).locator('[data-item="plane"]').inner_text()
    x3, y3 = at(bench, CURVED, left)
    bench.call("setTool", "crosshair")
    bench.page.mouse.click(x3, y3)
    bench.settle()
    assert bench.state()["point"] == pytest.approx(list(left), abs=0.8)
