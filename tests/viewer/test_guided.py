"""Tools that lead from point to point (hips and legs of children), and the magnetic lasso."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of
from .test_annotate import CLICK, listed
from .test_measure import click_through, made, show
from .test_reading import picture

CORONAL = {"orientation": [1, 0, 0, 0, 0, -1], "position": [0, 0, 0]}


def from_mm(place: tuple[float, float], length: float, degrees: float) -> tuple[float, float]:
    """`length` mm away on pixels of 0.5 mm (rows) × 1 mm (columns), angle against the row, upwards."""
    return place[0] + length * math.cos(math.radians(degrees)), place[1] - length * math.sin(math.radians(degrees)) / 0.5


@pytest.mark.clause("V-11")
def test_the_acetabular_index_of_both_hips(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.5, 1.0], **CORONAL)
    bench.call("rotate", 90)
    bench.call("setTool", "acetabular_index")
    assert bench.text(".px-guide").startswith("1/4  一侧 Y 形软骨")
    right, left = (45.0, 90.0), (85.0, 90.0)
    places = [right, left, from_mm(right, 28, 180 - 25), from_mm(left, 28, 33)]
    click_through(bench, places[:2])
    bench.wait_text(".px-guide", "3/4  第一侧髋臼顶外缘")
    click_through(bench, places[2:])
    bench.wait_text(".px-guide", "1/4")
    index = made(bench)
    assert index["labels"] == ["R", "L"]
    assert index["value"] == [pytest.approx(25, abs=2), pytest.approx(33, abs=2)]
    assert np.allclose(index["points"], places, atol=0.6)
    text = bench.text("#a .px-stage svg")
    assert f"R {index['value'][0]:.1f}°" in text
    assert f"L {index['value'][1]:.1f}°" in text
    # each point can be moved afterwards
    bench.call("setTool", "window")
    assert not bench.page.locator(".px-guide").is_visible()
    bench.page.mouse.move(*bench.screen(*places[3]))
    bench.settle()
    bench.drag(bench.screen(*places[3]), bench.screen(*from_mm(left, 28, 20)))
    assert made(bench)["value"][1] == pytest.approx(20, abs=2)
    assert made(bench)["value"][0] == pytest.approx(index["value"][0], abs=1e-9)


@pytest.mark.clause("V-11")
def test_graf_angles_and_their_type(bench: Bench) -> None:
    show(bench, picture(), spacing=None, spacing_kind="none", orientation=None, position=None)
    bench.call("setTool", "graf")
    rim = (60.0, 80.0)
    turned = [(rim[0] + 50 * math.cos(math.radians(a)), rim[1] - 50 * math.sin(math.radians(a))) for a in (90 - 64, 90 + 45)]
    click_through(
        bench, [(60, 15), (60, 75), (63, 83), (turned[0][0] + 3, turned[0][1] + 3), (57, 77), (turned[1][0] - 3, turned[1][1] - 3)]
    )
    graf = made(bench)
    assert graf["labels"] == ["α", "β"]
    assert graf["value"] == [pytest.approx(64, abs=1.5), pytest.approx(45, abs=1.5)]
    assert "参考分型 Ia" in bench.text("#a .px-stage svg")
    assert "Graf 2006" in bench.text("#a .px-stage svg")


@pytest.mark.clause("V-10")
def test_both_legs_and_their_difference(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.5, 1.0], spacing_kind="imager", **CORONAL)
    bench.call("setTool", "leg_length")
    click_through(bench, [(90, 10), (90, 80), (90, 140), (40, 10), (40, 70), (40, 140)])
    legs = made(bench)
    assert legs["unit"] == "mm (detector)"
    assert legs["value"] == [pytest.approx(mm, abs=0.6) for mm in (35, 30, 65, 30, 35, 65, 0)]
    assert legs["labels"][2] == "L 全长"
    assert legs["labels"][5] == "R 全长"
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Delete")
    bench.settle()
    assert listed(bench) == []


@pytest.mark.clause("V-16")
@pytest.mark.parametrize("ending", ["first point", "double click"])
def test_a_lasso_follows_the_edge_and_averages_what_is_inside(bench: Bench, ending: str) -> None:
    """A bright ellipse of known size on non-square pixels; the clicks are near its edge, not on it."""
    y, x = np.mgrid[0:200, 0:200]
    noise = np.random.default_rng(1).integers(-8, 9, (200, 200))
    image = (np.where(((x - 100) / 60) ** 2 + ((y - 100) / 45) ** 2 <= 1, 500, 100) + noise).astype(np.int16)
    bench.mount()
    bench.show(Stream([frame_of(image, spacing=[0.8, 0.5])]))
    bench.call("setTool", "lasso")
    clicks = [(100 + 60 * math.cos(a), 100 + 45 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 6)[:5]]
    click_through(bench, clicks if ending != "first point" else [*clicks, clicks[0]])
    if ending == "double click":
        click_through(bench, [clicks[-1]])
    bench.page.mouse.move(*bench.screen(20, 20))
    bench.settle()
    one = made(bench)
    points = np.array(one["points"])
    assert 20 < len(points) <= 400
    assert np.abs(np.hypot((points[:, 0] - 100) / 60, (points[:, 1] - 100) / 45) - 1).max() < 0.06
    area = math.pi * 60 * 0.5 * 45 * 0.8
    assert (one["value"], one["unit"]) == (pytest.approx(area, rel=0.03), "mm²")
    assert one["stats"]["mean"] == pytest.approx(500, abs=12)
    assert (one["stats"]["min"] >= 92, one["stats"]["max"]) == (True, image.max())
    assert f"面积 {one['value']:.1f} mm²" in bench.text("#a .px-stage svg")
    bench.call("setMeasurements", [])
    bench.call("setMeasurements", [one])
    assert made(bench)["value"] == pytest.approx(one["value"], rel=1e-5)


@pytest.mark.clause("V-16")
def test_a_lasso_given_up_leaves_nothing(bench: Bench) -> None:
    show(bench, picture(), spacing=[0.8, 0.8])
    bench.call("setTool", "lasso")
    corners = [(30, 30), (80, 40), (70, 90)]
    click_through(bench, corners)
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Escape")
    bench.page.wait_for_timeout(CLICK)
    assert listed(bench) == []
    click_through(bench, corners)
    bench.page.keyboard.press("Enter")  # ends it, along the edges back to the first
    assert made(bench)["value"] > 0
