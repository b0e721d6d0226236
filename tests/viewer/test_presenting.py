"""What was shown is shown again: the exact plane, curve and rendering of a key image, turned screens, and curves that are another patient's."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from .conftest import Bench
from .test_curved import CURVED, course, show_curve, vessel
from .test_curved import open_planes as open_curve
from .test_planes import CELLS, open_planes, series
from .test_rendering import balls, open_rendering, rested

SEEN = """(() => { const canvas = bench.viewers.a.canvas(1);
  return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part, i) => i % 4 < 3 && part > 100); })()"""


def kept(bench: Bench) -> dict[str, Any]:
    """The active view's presentation as the records give it back: through JSON."""
    bench.settle()
    return dict(json.loads(json.dumps(bench.run("bench.viewers.a.presentation()"))))


def picture(bench: Bench) -> list[list[int]]:
    """Greys of the active view on a lattice of its own pixels."""
    places = [[x, y] for x in range(8, 64, 6) for y in range(8, 64, 6)]
    return [list(grey) for grey in bench.run("places => bench.greys('a', places)", places)]


def again(bench: Bench, presentation: dict[str, Any], ready: str) -> None:
    """A new opening of the case, with one view, and a press on the key image."""
    bench.call("clear")
    bench.call("setLayout", "1x1")
    shown = bench.run("bench.events.filter(e => e.name === 'a.shown').length")
    bench.call("show", {"study": "s", "series": "x"})
    bench.until(f"bench.events.filter(e => e.name === 'a.shown').length > {shown}")
    bench.until("bench.viewers.a.state().phase === 'complete'")
    bench.call("present", presentation)
    bench.until(ready)
    bench.settle()


@pytest.mark.clause("R-10", "V-27", "V-28", "V-31", "V-19", "V-20")
def test_a_key_image_of_a_plane_comes_back_as_that_very_plane(bench: Bench) -> None:
    """Oblique, thick, off the middle, with its own window, turned and enlarged: the same places have the same greys."""
    open_planes(bench, series())
    bench.call("setPoint", [-3.0, 2.0, 130.0])
    bench.call("setActive", CELLS["axial"])
    bench.call("setTool", "crosshair")
    box = bench.page.locator("#a .px-cell").nth(CELLS["axial"])
    edges, circle = box.bounding_box(), box.locator(".px-lines circle")
    assert edges
    x, y = edges["x"] + float(circle.get_attribute("cx") or 0), edges["y"] + float(circle.get_attribute("cy") or 0)
    bench.drag((x + 100, y), (x + 92, y + 39))  # turns the coronal plane
    bench.call("setActive", CELLS["coronal"])
    bench.call("setSlab", {"mode": "max", "thickness": 6})
    bench.call("setWindow", {"center": 420, "width": 1500, "function": "LINEAR_EXACT"})
    bench.call("setGamma", 1.4)
    bench.call("invert")
    bench.call("turnTo", 12.5)
    bench.call("zoomBy", 1.6)
    made = kept(bench)
    lies = made["reconstruction"]
    assert (lies["made"], lies["plane"], lies["slab"]) == ("mpr", "coronal", {"mode": "max", "thickness": 6})
    assert abs(lies["row"][1]) > 0.2, "it was turned by hand"
    before, there = picture(bench), bench.screen(36, 36)
    ready = "bench.viewers.a.state().plane === 'coronal' && bench.viewers.a.state().slab !== null"
    again(bench, made, ready)
    state = bench.state()
    assert (state["mpr"], state["active"]) == (True, CELLS["coronal"])
    assert (state["rotation"], state["gamma"], state["inverted"]) == (12.5, 1.4, True)
    assert state["window"] == {"center": 420, "width": 1500, "function": "LINEAR_EXACT"}
    assert state["zoom"] == pytest.approx(made["zoom"], rel=1e-3)
    now = kept(bench)["reconstruction"]
    for part in ("row", "column"):
        assert now[part] == pytest.approx(lies[part], abs=1e-6)
    normal = [lies["row"][1] * lies["column"][2] - lies["row"][2] * lies["column"][1],
              lies["row"][2] * lies["column"][0] - lies["row"][0] * lies["column"][2],
              lies["row"][0] * lies["column"][1] - lies["row"][1] * lies["column"][0]]  # fmt: skip
    off = sum(n * (a - b) for n, a, b in zip(normal, now["through"], lies["through"], strict=True))
    assert abs(off) < 0.01, "mm off the plane"
    # the view has the same size: what was in its middle is there again, and every grey
    assert bench.screen(36, 36) == pytest.approx(there, abs=1.5)
    assert max(abs(a - b) for one, other in zip(before, picture(bench), strict=True) for a, b in zip(one, other, strict=True)) <= 2
    # from other planes that are open already, too
    bench.call("setSlab", None)
    bench.call("setPoint", [5.0, -6.0, 112.0])
    bench.call("setActive", CELLS["axial"])
    bench.call("present", made)
    bench.until(f"{ready} && bench.viewers.a.state().active === {CELLS['coronal']}")
    bench.settle()
    assert kept(bench)["reconstruction"]["row"] == pytest.approx(lies["row"], abs=1e-6)
    assert max(abs(a - b) for one, other in zip(before, picture(bench), strict=True) for a, b in zip(one, other, strict=True)) <= 2


@pytest.mark.clause("R-10", "V-27", "V-19")
def test_a_key_image_of_a_received_image_comes_back_from_planes_of_its_series(bench: Bench) -> None:
    bench.mount()
    bench.show(series())
    bench.call("scrollTo", 4)
    bench.call("turnTo", 33)
    bench.call("flip", "horizontal")
    bench.call("setWindow", {"center": 90, "width": 800, "function": "LINEAR"})
    made, turned = kept(bench), bench.state()
    assert (made["sop_uid"], made["reconstruction"], made["mirrored"]) == ("1.2.4", None, True)
    bench.call("reset")
    bench.call("scrollTo", 9)
    bench.call("mpr", True)
    bench.until("bench.viewers.a.state().plane === 'axial'")
    bench.call("present", made)
    bench.until("!bench.viewers.a.state().mpr && bench.viewers.a.state().index === 4")
    bench.settle()
    state = bench.state()
    assert (state["rotation"], state["mirrored"], state["plane"]) == (turned["rotation"], True, None)
    assert (state["window"]["center"], state["window"]["width"]) == (90, 800)


@pytest.mark.clause("R-10", "V-29")
def test_a_key_image_of_a_curved_reformat_comes_back_with_its_curve(bench: Bench) -> None:
    open_curve(bench, vessel())
    show_curve(bench, width=24, angle=215, mode="stretched")
    bench.until("bench.viewers.a.state().curve.angle === 215")
    bench.call("setSlab", {"mode": "max", "thickness": 4})
    made = kept(bench)
    assert (made["reconstruction"]["angle"], len(made["reconstruction"]["points"])) == (215, 9)
    again(bench, made, "bench.viewers.a.state().curve?.angle === 215")
    state = bench.state()
    assert (state["active"], state["curve"]["mode"], state["curve"]["width"]) == (CURVED, "stretched", 24)
    assert state["slab"] == {"mode": "max", "thickness": 4}
    for now, was in zip(state["curve"]["points"], made["reconstruction"]["points"], strict=True):
        assert now == pytest.approx(was, abs=1e-6)


@pytest.mark.clause("R-10", "V-32", "V-33")
@pytest.mark.timeout(240)
def test_a_key_image_of_a_rendering_comes_back_from_where_it_was_seen(bench: Bench) -> None:
    open_rendering(bench, balls())
    bench.call(
        "setRendering", {"template": "vessels", "view": "L", "crop": [[0, 1], [0.2, 1], [0, 0.9]], "bend": {"shift": 0.1, "stretch": 1.2}}
    )
    box = bench.page.locator("#a .px-vr").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    bench.drag((x, y), (x + 40, y + 25))
    rested(bench)
    made = kept(bench)
    at = bench.call("renderedAt", [-8.0, 0.0, 100.0])
    again(bench, made, "bench.viewers.a.state().rendering?.template === 'vessels'")
    rested(bench)
    now = bench.state()["rendering"]
    assert (now["template"], now["crop"], now["bend"]) == ("vessels", [[0, 1], [0.2, 1], [0, 0.9]], {"shift": 0.1, "stretch": 1.2})
    for part in ("onward", "up"):
        assert now[part] == pytest.approx(made["reconstruction"][part], abs=1e-9)
    there = bench.call("renderedAt", [-8.0, 0.0, 100.0])
    assert (there["x"], there["y"]) == pytest.approx((at["x"], at["y"]), abs=0.5)


def shot(bench: Bench, name: str) -> None:
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        bench.page.screenshot(path=f"{folder}/viewer-{name}.png")


def hang(bench: Bench, layout: str, *cells: dict[str, Any], linked: bool = False) -> None:
    shown = bench.run("bench.events.filter(e => e.name === 'a.shown').length")
    bench.run("request => bench.viewers.a.hang(request)", {"layout": layout, "cells": list(cells), "active": 0, "linked": linked})
    bench.until(f"bench.events.filter(e => e.name === 'a.shown').length >= {shown + len(cells)}")
    bench.settle()


def turns(bench: Bench) -> list[tuple[float, bool]]:
    return [(cell["rotation"], cell["mirrored"]) for cell in bench.run("bench.viewers.a.screen().cells")]


@pytest.mark.clause("V-1", "V-19", "V-25")
def test_a_screen_is_hung_turned_and_linked_views_turn_together(bench: Bench) -> None:
    bench.mount()
    bench.server.streams |= {"x": series(), "y": series()}
    quarter = {"rotation": 90, "mirrored": True}
    hang(bench, "1x2", {"study": "s", "series": "x", "turn": quarter}, {"study": "s", "series": "y"}, linked=True)
    assert turns(bench) == [(90, True), (0, False)]
    assert bench.text("#a .px-edge-left"), "letters stand at the edges of both"
    bench.call("rotate", 90)  # the other was not turned alike: it stays
    assert turns(bench) == [(180, True), (0, False)]
    bench.call("reset")
    assert turns(bench) == [(0, False), (0, False)]
    bench.call("turnTo", 12.5)  # one lie of the head, turned alike
    bench.call("flip", "vertical")
    first, second = turns(bench)
    assert first == second
    assert first[1] is True
    bench.call("reset")
    assert turns(bench) == [(0, False), (0, False)]
    # out of MPR and back the images lie as the reader had turned them
    bench.call("setLinked", False)
    bench.call("turnTo", 7.5)
    bench.call("mpr", True)
    bench.until("bench.viewers.a.state().plane === 'axial'")
    bench.call("mpr", False)
    bench.until("bench.viewers.a.state().index >= 0 && !bench.viewers.a.state().mpr && bench.viewers.a.screen().cells[0].rotation === 7.5")


@pytest.mark.clause("V-1", "V-29", "C-2")
def test_a_hung_curve_is_that_of_its_case_and_elsewhere_asks_to_be_drawn(bench: Bench) -> None:
    open_curve(bench, vessel())
    show_curve(bench, width=24)
    assert [cell["view"] for cell in bench.run("bench.viewers.a.screen().cells")] == ["axial", "coronal", "sagittal", "curved"]
    bench.server.streams["y"] = vessel()
    wanted = [{"study": "s", "series": "x", "plane": "axial"}, {"study": "s", "series": "x", "curved": True}]
    hang(bench, "1x2", *wanted)
    assert [cell["view"] for cell in bench.run("bench.viewers.a.screen().cells")] == ["axial", "curved"]
    assert "CPR" in bench.page.locator("#a .px-cell").nth(1).locator('[data-item="plane"]').inner_text(), "the curve of this case again"
    assert bench.page.locator("#a .px-wish:visible").count() == 0
    # another case: its images, and in words what to do
    hang(bench, "1x2", *({**one, "series": "y"} for one in wanted))
    cell = bench.page.locator("#a .px-cell").nth(1)
    wish = cell.locator(".px-wish")
    assert "本例尚未画曲线" in wish.inner_text()
    shot(bench, "wish-zh")
    assert bench.run(SEEN), "not an empty cell"
    assert [one["view"] for one in bench.run("bench.viewers.a.screen().cells")] == ["axial", "curved"], (
        "saved again it is a curved view again"
    )
    bench.call("setLanguage", "en")
    bench.settle()
    assert "no curve is drawn in this case" in wish.inner_text()
    shot(bench, "wish-en")
    wish.click()
    bench.until("bench.viewers.a.state().tool === 'curve' && bench.viewers.a.state().mpr && bench.viewers.a.state().point !== null")
    assert bench.page.locator("#a .px-wish:visible").count() == 0
    bench.call("setCurve", [list(course(s)) for s in (0, 12, 24)])
    bench.until("bench.viewers.a.state().curve?.angle === 0")
    # who has no curves sees the images, and is asked nothing
    bench.call("setTools", ["compare", "mpr", "window"])
    bench.call("clear")
    bench.server.streams["z"] = vessel()
    hang(bench, "1x2", *({**one, "series": "z"} for one in wanted))
    assert bench.page.locator("#a .px-wish:visible").count() == 0
