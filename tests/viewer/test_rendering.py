"""Volume rendering (VR): what is seen lies where the patient has it; crop, lasso, templates and the 3D point do what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .conftest import Bench
from .streams import Stream, frame_of

SIZE, SPACING, STEP, COUNT = 64, 1.2, 2.0, 36
ORIGIN = (-38.0, -150.0, 40.0)
COMMON = {"spacing": [SPACING, SPACING], "spacing_kind": "pixel", "thickness": STEP, "frame_of_reference": "1.9", "rescale_type": "HU"}
#: A ball of bone on the patient's left, in front, towards the head; a smaller one on the right, behind, towards the feet.
LEFT, RIGHT = (18.0, -130.0, 92.0), (-20.0, -95.0, 60.0)
RADII = (9.0, 6.0)


def balls(tilt: float = 10.0) -> Stream:
    """Cuts of a tilted gantry through fat (-80) with two balls (700, the wall at half of that) in it."""
    row, column = np.array([1.0, 0, 0]), np.array([0.0, math.cos(math.radians(tilt)), math.sin(math.radians(tilt))])
    xs, ys = np.meshgrid(np.arange(SIZE) * SPACING, np.arange(SIZE) * SPACING)
    frames = []
    for k in range(COUNT):
        origin = np.add(ORIGIN, (0, 0, STEP * k))
        places = origin + xs[..., None] * row + ys[..., None] * column
        values = np.full(xs.shape, -80.0)
        for centre, radius in zip((LEFT, RIGHT), RADII, strict=True):
            values += 780 * np.clip((radius + 1 - np.linalg.norm(places - centre, axis=-1)) / 2, 0, 1)
        values[np.hypot(xs - 38, ys - 38) > 36] = -1000
        geometry = {"orientation": [*row, *column], "position": origin.tolist()}
        frames.append(frame_of(np.rint(values).astype(np.int16), number=k + 1, sop_uid=f"1.2.{k}", **geometry, **COMMON))
    return Stream(frames)


def open_rendering(bench: Bench, stream: Stream) -> None:
    bench.run("Object.assign(document.getElementById('a').style, {width: '430px', height: '330px'})")
    bench.mount()
    bench.show(stream, info={"modality": "CT", "series_description": "balls"})
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("f")
    rested(bench)


def rested(bench: Bench) -> None:
    """The fine picture of what was asked is whole."""
    bench.until("bench.viewers.a.state().rendering?.rested === true && bench.viewers.a.state().rendering.grid !== null", 60)


def change(bench: Bench, **what: object) -> None:
    bench.call("setRendering", what)
    rested(bench)


#: Bright pixels by the half of the picture they are in: count, and middle in CSS pixels of the window.
BRIGHT = """([x, y, reach]) => {
  const canvas = bench.viewers.a.canvas();
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [n, sx, sy] = [0, 0, 0];
  for (let j = 0; j < canvas.height; j += 1) for (let i = 0; i < canvas.width; i += 1) {
    const [px, py] = [box.left + (i + .5) / scale, box.top + (j + .5) / scale];
    if (data[4 * (j * canvas.width + i)] > 60 && Math.hypot(px - x, py - y) < reach) { n += 1; sx += px; sy += py; }
  }
  return n ? { n: n / scale / scale, x: sx / n, y: sy / n } : { n: 0, x: 0, y: 0 };
}"""


def seen(bench: Bench, place: tuple[float, float, float]) -> dict[str, float]:
    """What is bright around the place where a ball should be, in CSS pixels; `away`: from that place."""
    at, aside = (bench.call("renderedAt", list(point)) for point in (place, (place[0], place[1], place[2] + 12)))
    other = bench.call("renderedAt", [place[0] + 12, place[1], place[2]])
    reach = max(math.dist((at["x"], at["y"]), (end["x"], end["y"])) for end in (aside, other))
    found = dict(bench.run(BRIGHT, [at["x"], at["y"], reach]))
    return {**found, "away": math.dist((found["x"], found["y"]), (at["x"], at["y"])), "mm": 12 / reach, "left": at["x"], "top": at["y"]}


@pytest.mark.clause("V-32")
def test_left_stays_left_from_every_side(bench: Bench) -> None:
    open_rendering(bench, balls())
    middle = bench.page.locator("#a .px-vr").bounding_box()
    assert middle
    x0, y0 = middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2
    # from the front the left ball is on the right and up; from behind on the left; from the left it is in front of its edge …
    for view, right, up, letters in (
        ("A", 1, 1, "RLHF"),
        ("P", -1, 1, "LRHF"),
        ("L", -1, 1, "APHF"),
        ("S", -1, 1, "LRAP"),
        ("I", 1, 1, "RLAP"),
    ):
        change(bench, view=view)
        for place, radius in zip((LEFT, RIGHT), RADII, strict=True):
            ball = seen(bench, place)
            assert ball["n"] * ball["mm"] ** 2 == pytest.approx(math.pi * radius**2, rel=0.15), (view, place)
            assert ball["away"] * ball["mm"] < 1.0, (view, place)
        ball = seen(bench, LEFT)
        assert (ball["left"] - x0) * right > 10, view
        assert (y0 - ball["top"]) * up > 5, view
        edges = [bench.page.locator(f"#a .px-vr-edge.px-edge-{edge}").inner_text() for edge in ("left", "right", "top", "bottom")]
        assert "".join(edges) == letters, view
    x, y = x0, y0 + 20
    bench.drag((x, y), (x + 60, y))  # 30° to the right, about the axis up
    rested(bench)
    up, onward = bench.state()["rendering"]["up"], bench.state()["rendering"]["onward"]
    assert up == pytest.approx([0, -1, 0], abs=1e-6)
    assert math.degrees(math.acos(onward[2])) == pytest.approx(30, abs=0.5)


@pytest.mark.clause("V-32", "V-37")
def test_crop_lasso_and_the_point(bench: Bench) -> None:
    open_rendering(bench, balls())
    bench.call("setRendering", {"mode": "point"})
    for view, axis, side in (("A", 1, -1), ("R", 0, -1)):
        change(bench, view=view)
        at = bench.call("renderedAt", list(RIGHT if view == "R" else LEFT))
        bench.page.mouse.click(at["x"], at["y"])
        bench.settle()
        expected = list(RIGHT if view == "R" else LEFT)
        expected[axis] += side * RADII[1 if view == "R" else 0]
        assert bench.state()["point"] == pytest.approx(expected, abs=1.2), view  # one voxel
        mark = bench.page.locator("#a .px-vr-marks circle")
        box = bench.page.locator("#a .px-vr").bounding_box()
        assert box
        assert box["x"] + float(mark.get_attribute("cx") or 0) == pytest.approx(at["x"], abs=1.5)
    change(bench, view="A")
    both = [seen(bench, place)["n"] for place in (LEFT, RIGHT)]
    assert min(both) > 30
    # the right half of the patient goes: shares of the box from right to left
    change(bench, crop=[[0.5, 1], [0, 1], [0, 1]])
    assert [seen(bench, place)["n"] > 30 for place in (LEFT, RIGHT)] == [True, False]
    bench.page.keyboard.press("Control+z")
    rested(bench)
    assert [seen(bench, place)["n"] for place in (LEFT, RIGHT)] == pytest.approx(both)
    for mode, kept in (("cut-inside", [False, True]), ("cut-outside", [True, False])):
        change(bench, mode=mode)
        ball = seen(bench, LEFT)
        x, y, r = ball["left"], ball["top"], 12 / ball["mm"]
        bench.page.mouse.move(x + r, y)
        bench.page.mouse.down()
        for corner in range(1, 12):
            bench.page.mouse.move(x + r * math.cos(corner * math.pi / 6), y + r * math.sin(corner * math.pi / 6))
        bench.page.mouse.up()
        bench.until("bench.viewers.a.state().rendering.cuts === 1")
        rested(bench)
        assert [seen(bench, place)["n"] > 30 for place in (LEFT, RIGHT)] == kept, mode
        bench.page.locator("#a [data-vr='reset']").click()
        rested(bench)
        assert [seen(bench, place)["n"] for place in (LEFT, RIGHT)] == pytest.approx(both, rel=0.02)


@pytest.mark.clause("V-33")
def test_templates_are_shown_as_pictures_of_this_series(bench: Bench) -> None:
    open_rendering(bench, balls())
    templates = bench.state()["rendering"]["templates"]
    assert len(templates) >= 12
    before = bench.run(BRIGHT, [200, 150, 2000])["n"]
    bench.page.locator("#a [data-vr='template']").click()
    bench.until("document.querySelector('#a .px-vr-panel').dataset.painted === 'true'", 30)
    pictures = bench.run(
        "[...document.querySelectorAll('#a .px-vr-panel button')].map(b => [b.dataset.template, b.querySelector('canvas').toDataURL()])"
    )
    assert [name for name, _ in pictures] == templates
    by_name = dict(pictures)
    blank = bench.run("(() => { const c = document.createElement('canvas'); c.width = c.height = 72; return c.toDataURL(); })()")
    assert blank not in by_name.values()
    assert len({by_name[name] for name in ("bone", "skin", "skin-bone", "lung-vessels", "mip", "muscle")}) == 6
    bench.page.locator("#a [data-template='skin']").click()
    rested(bench)
    assert bench.state()["rendering"]["template"] == "skin"
    assert bench.run(BRIGHT, [200, 150, 2000])["n"] > 4 * before  # the body around the balls
    bench.call("setRendering", {"mode": "window"})
    bench.drag((215, 100), (215, 180))
    assert bench.state()["rendering"]["bend"]["shift"] == pytest.approx(0.4)


@pytest.mark.clause("V-32")
def test_it_goes_with_its_images_and_says_what_is_no_volume(bench: Bench) -> None:
    stream = balls()
    open_rendering(bench, stream)
    assert bench.page.locator("#a .px-vr").count() == 1
    bench.show(stream, "y")
    assert bench.page.locator("#a .px-vr").count() == 0
    assert bench.state()["rendering"] is None
    flat = balls()
    flat.frames[9][0]["position"] = flat.frames[8][0]["position"]
    bench.show(flat, "z")
    bench.call("rendering", True)
    assert "不能做容积再现" in bench.text("#a .px-vr .px-notice")
    assert "同一位置有多幅图像" in bench.text("#a .px-vr .px-notice")
    bench.page.locator("#a [data-vr='close']").click()
    bench.show(stream, "x")
    bench.call("rendering", True)
    rested(bench)
    bench.call("rendering", False)
    assert bench.page.locator("#a .px-vr").count() == 0
