"""Magnifier, filters, cine and linked views: what the screen shows against what the numbers say it must."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of

WINDOW = [{"center": 500.0, "width": 1000.0, "function": "LINEAR_EXACT"}]


def cuts(count: int, step: float, size: int = 64, first: float = 0.0, space: str | None = "1.9", **more: Any) -> Stream:
    """Axial images whose value is their number × 10."""
    placed = {"orientation": [1, 0, 0, 0, 1, 0], "spacing": [0.8, 0.8], "frame_of_reference": space, "windows": WINDOW} | more
    return Stream(
        [
            frame_of(np.full((size, size), 10 * k, np.int16), number=k + 1, sop_uid=f"1.2.{k}", position=[0, 0, first + step * k], **placed)
            for k in range(count)
        ]
    )


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """The Gaussian by its definition, edges repeated."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    wide = np.pad(image.astype(float), reach, mode="edge")
    rows = sum(weight * wide[:, k : k + image.shape[1]] for k, weight in enumerate(weights))
    return np.asarray(sum(weight * rows[k : k + image.shape[0]] for k, weight in enumerate(weights)))


def grey(value: float) -> float:
    """LINEAR_EXACT, centre 500, width 1000 (PS3.3 C.11.2.1.3.2)."""
    return 255 * min(1.0, max(0.0, value / 1000))


@pytest.mark.clause("V-21")
def test_filters_draw_what_their_formula_says_and_leave_the_values(bench: Bench) -> None:
    rng = np.random.default_rng(5)
    image = (np.kron(rng.integers(200, 800, (8, 8)), np.ones((10, 10)))).astype(np.int16)
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW), frame_of(image[::-1].copy(), windows=WINDOW, sop_uid="1.2.4")]))
    bench.call("scrollTo", 1)
    shown = image[::-1]
    soft = blurred(shown, 1.0)
    padded = np.pad(shown.astype(float), 1, mode="edge")
    dx = (padded[:-2, 2:] + 2 * padded[1:-1, 2:] + padded[2:, 2:]) - (padded[:-2, :-2] + 2 * padded[1:-1, :-2] + padded[2:, :-2])
    dy = (padded[2:, :-2] + 2 * padded[2:, 1:-1] + padded[2:, 2:]) - (padded[:-2, :-2] + 2 * padded[:-2, 1:-1] + padded[:-2, 2:])
    expected = {
        ("smooth", 5): blurred(shown, 2.0),
        ("sharpen", 5): shown + 1.5 * (shown - soft),
        ("edge", 5): shown + 2.0 * np.hypot(dx, dy) / 8,
    }
    places = [(9, 9), (10, 30), (31, 50), (44, 44), (69, 12), (3, 77)]
    for (name, strength), picture in expected.items():
        bench.call("setFilter", {"name": name, "strength": strength})
        bench.settle()
        for zoom in (1.0, 1.7):  # the same at every zoom
            if zoom != 1.0:
                bench.page.locator("#a .px-viewer").focus()
                bench.page.keyboard.press("+")
                bench.settle()
            for x, y in places:
                place = bench.screen(x, y)
                if 10 < place[0] < 880 and 10 < place[1] < 680:
                    around = picture[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                    # the canvas is read up to a tenth of an image pixel beside its middle
                    slack = 1.5 + 0.1 * (grey(around.max()) - grey(around.min()))
                    assert bench.grey(x, y)[0] == pytest.approx(grey(picture[y, x]), abs=slack), (name, x, y, zoom)
        assert bench.call("valueAt", [31, 50]) == int(shown[50, 31])
        assert str(strength) in bench.text('[data-item="filter"]')
        bench.call("setFilter", None)
        bench.page.keyboard.press("-")
        bench.settle()
    assert bench.text('[data-item="filter"]') == ""
    assert bench.grey(31, 50)[0] == pytest.approx(grey(shown[50, 31]), abs=1)


@pytest.mark.clause("V-21", "V-22")
def test_a_filter_holds_while_scrolling_and_reset_takes_it_away(bench: Bench) -> None:
    bench.mount()
    bench.show(cuts(6, 2.0))
    bench.call("setFilter", {"name": "edge", "strength": 7})
    bench.call("scrollTo", 4)
    assert bench.state()["filter"] == {"name": "edge", "strength": 7}
    assert "边缘 7" in bench.text('[data-item="filter"]')
    bench.call("setFilter", {"name": "edge", "strength": 99})  # nonsense changes nothing
    assert bench.state()["filter"] == {"name": "edge", "strength": 7}
    bench.call("reset")
    assert bench.state()["filter"] is None


@pytest.mark.clause("V-7")
def test_the_magnifier_shows_the_pixels_themselves(bench: Bench) -> None:
    """A picture far larger than the screen: the lens shows at least one screen pixel for each of the image's."""
    image = np.full((2000, 2000), 100, np.int16)
    image[1000:1010, 1000:1010] = 900
    image[1000:1010, 1040:1042] = 500
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW)]))
    bench.call("setTool", "magnifier")
    lens = bench.page.locator("#a .px-magnifier")
    assert lens.is_hidden()
    x, y = bench.screen(1004.5, 1004.5)
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    bench.settle()
    assert lens.is_visible()
    drawn = bench.run(
        "() => { const c = document.querySelector('#a .px-magnifier');"
        "return [...c.getContext('2d').getImageData(0, 120, 240, 1).data].filter((_, i) => i % 4 === 0) }"
    )
    line = np.array(drawn)
    bright, half = np.flatnonzero(line > 150), np.flatnonzero((line > 76) & (line <= 150))
    # 10 pixels of 900 in the middle, as wide as 10 screen pixels at least; the bar of 2, 35.5 pixels further right
    assert 9 <= len(bright) <= 11
    assert abs(bright.mean() - 120) <= 1.5
    bar = half[half > bright.max() + 5]
    assert 2 <= len(bar) <= 4
    assert bar.mean() - bright.mean() == pytest.approx(36, abs=1.5)
    assert line[bright[4]] == pytest.approx(grey(900), abs=1)
    bench.page.mouse.move(x + 3, y)
    bench.page.mouse.up()
    bench.settle()
    assert lens.is_hidden()


@pytest.mark.clause("V-7", "V-5")
def test_a_small_picture_is_magnified_two_and_a_half_times(bench: Bench) -> None:
    image = np.full((100, 100), 100, np.int16)
    image[48:52, 50:60] = 900
    bench.mount()
    bench.show(Stream([frame_of(image, windows=WINDOW)]))
    bench.call("setTool", "magnifier")
    left, right = bench.screen(50, 50), bench.screen(60, 50)
    bench.page.mouse.move((left[0] + right[0]) / 2, left[1])
    bench.page.mouse.down()
    bench.settle()
    width = bench.run(
        "() => { const c = document.querySelector('#a .px-magnifier'); const d = c.getContext('2d').getImageData(0, 120, 240, 1).data;"
        "let n = 0; for (let i = 0; i < 240; i++) if (d[i * 4] > 128) n++; return n }"
    )
    assert width == pytest.approx(2.5 * (right[0] - left[0]), rel=0.05)
    bench.page.mouse.up()


@pytest.mark.clause("V-23")
def test_playing_holds_its_speed_and_its_order(bench: Bench) -> None:
    bench.mount()
    bench.show(cuts(12, 2.0))
    bench.call("scrollTo", 0)
    played = bench.run(
        """async () => {
        const viewer = bench.viewers.a, seen = [];
        const off = viewer.on('state', (state) => seen.at(-1)?.[0] === state.index || seen.push([state.index, performance.now()]));
        viewer.play({ fps: 10, mode: 'bounce' });
        await new Promise((done) => setTimeout(done, 2600));
        viewer.play(null);
        off();
        return seen;
    }"""
    )
    order = [index for index, _ in played]
    there_and_back = [*range(12), *range(10, -1, -1), *range(1, 12), *range(10, -1, -1)]
    at = 0
    for index in order:  # a screen that is late leaves images out: what is seen keeps the order
        at = there_and_back.index(index, at)
    assert at == pytest.approx(26, abs=3), order
    assert bench.state()["cine"] is None


@pytest.mark.clause("V-23")
def test_playing_ends_with_another_series_and_survives_nonsense(bench: Bench) -> None:
    bench.mount()
    bench.show(cuts(5, 2.0))
    bench.call("play", {"fps": 500, "mode": "forward"})
    assert bench.state()["cine"] == {"fps": 60, "mode": "forward"}
    bench.show(cuts(3, 2.0), "y")
    assert bench.state()["cine"] is None


@pytest.mark.clause("V-25")
def test_views_of_one_patient_scroll_by_place(bench: Bench) -> None:
    bench.mount()
    bench.call("setLayout", "1x3")
    bench.show(cuts(30, 2.0), "x", cell=0)
    bench.show(cuts(12, 5.0, first=1.0), "y", cell=1)  # the same space, other distances
    bench.show(cuts(20, 2.5, first=300.0, space="1.8"), "z", cell=2)  # another study
    bench.call("setActive", 2)
    bench.call("scrollTo", 4)
    bench.call("setActive", 0)
    bench.call("scrollTo", 10)  # z = 20
    bench.call("setLinked", True)
    bench.until("bench.viewers.a.state().linked")
    bench.call("scrollTo", 18)  # z = 36, 16 mm further
    bench.settle()

    def index(cell: int) -> int:
        bench.call("setActive", cell)
        return int(bench.state()["index"])

    assert index(1) == 7  # 36 mm: of 1, 6, 11 … the nearest is 36
    assert index(2) == round(4 + 16 / 2.5)  # by the distance gone since they were linked
    bench.call("setActive", 0)
    bench.call("setLinked", False)
    bench.call("scrollTo", 2)
    bench.settle()
    assert index(1) == 7


@pytest.mark.clause("V-25")
def test_linked_views_zoom_and_window_together(bench: Bench) -> None:
    bench.mount()
    bench.call("setLayout", "1x2")
    bench.show(cuts(5, 2.0), "x", cell=0)
    bench.show(cuts(5, 2.0, space="1.8"), "y", cell=1)
    bench.call("setActive", 0)
    bench.call("setLinked", True)
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("+")
    bench.call("setWindow", {"center": 30, "width": 70})
    bench.call("setGamma", 1.4)
    bench.settle()
    first = bench.state()
    bench.call("setActive", 1)
    second = bench.state()
    assert second["zoom"] == pytest.approx(1.25, rel=0.01)
    assert second["zoom"] == pytest.approx(first["zoom"], rel=0.01)
    assert (second["window"]["center"], second["window"]["width"], second["gamma"]) == (30, 70, 1.4)
