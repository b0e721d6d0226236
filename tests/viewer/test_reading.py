"""What a reader does: measure, scroll, zoom, pan, reset; what is written over the image; what happens when something is wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from .conftest import Bench
from .server import ViewerServer
from .streams import Stream, frame_of, stream_of_files

LINE = ((30, 40), (90, 120))


def picture(rows: int = 160, columns: int = 128) -> np.ndarray:
    """A grid of lines every 10 pixels: something to see, and different everywhere."""
    y, x = np.mgrid[0:rows, 0:columns]
    return ((x * 7 + y * 3) % 900 + 2000 * ((x % 10 == 0) | (y % 10 == 0))).astype(np.int16)


def stack(count: int, **facts: Any) -> Stream:
    frames = [
        frame_of(picture() + 10 * i, number=i + 1, sop_uid=f"1.2.{i}", position=[0, 0, 2.5 * i], slice_location=2.5 * i, **facts)
        for i in range(count)
    ]
    return Stream(frames)


def draw_length(bench: Bench, start: tuple[float, float] = LINE[0], end: tuple[float, float] = LINE[1]) -> dict[str, Any]:
    bench.call("setTool", "length")
    before = len(bench.run("bench.viewers.a.measurements()"))
    bench.drag(bench.screen(*start), bench.screen(*end))
    made = bench.run("bench.viewers.a.measurements()")
    assert len(made) == before + 1
    return dict(made[-1])


@pytest.mark.clause("V-9")
@pytest.mark.parametrize(
    ("spacing", "kind", "more", "expected", "unit"),
    [
        ([0.7, 0.7], "pixel", {}, 70.0, "mm"),
        ([0.5, 1.25], "pixel", {}, math.hypot(60 * 1.25, 80 * 0.5), "mm"),
        (None, "none", {}, 100.0, "px"),
        ([0.2, 0.2], "imager", {}, 20.0, "mm (detector)"),
        ([0.3, 0.3], "region", {"regions": [{"x0": 0, "y0": 0, "x1": 127, "y1": 159, "spacing": [0.3, 0.3]}]}, 30.0, "mm (US)"),
        ([0.3, 0.3], "region", {"regions": [{"x0": 0, "y0": 0, "x1": 60, "y1": 159, "spacing": [0.3, 0.3]}]}, 100.0, "px"),
    ],
)
def test_length_by_mouse(bench: Bench, spacing: list[float] | None, kind: str, more: dict[str, Any], expected: float, unit: str) -> None:
    oblique = [0.0538, 0.965, 0.2566, 0.0181, 0.256, -0.9665]
    bench.mount()
    bench.show(Stream([frame_of(picture(), spacing=spacing, spacing_kind=kind, orientation=oblique, position=[11, -22, 33], **more)]))
    made = draw_length(bench)
    # The mouse stands on whole CSS pixels: up to half of one at each end.
    tolerance = 1.5 * max(spacing or [1]) / bench.run("bench.viewers.a.screenOf([1, 0]).x - bench.viewers.a.screenOf([0, 0]).x")
    assert made["unit"] == unit
    assert abs(made["value"] - expected) <= tolerance
    # what is kept and exported is in English, what is read in the reader's language
    said = unit.replace(" (detector)", "（探测器平面）").replace(" (US)", "（超声标定）")
    assert f"{made['value']:.1f} {said}" in bench.text(".px-stage svg")
    assert ("px-scale" in bench.run("[...document.querySelectorAll('.px-scale:not([hidden])')].map(e => e.className).join()")) == (
        spacing is not None
    )


@pytest.mark.clause("V-9")
def test_zero_spacing_of_a_real_film_gives_no_mm(bench: Bench, corpus: Path) -> None:
    bench.mount()
    bench.show(stream_of_files([corpus / "cr-chest" / "chest-rg1-j2k.dcm"]))
    made = draw_length(bench, (500, 500), (1100, 1300))
    assert made["unit"] == "px"
    assert abs(made["value"] - 1000) < 6
    assert "mm" not in bench.text(".px-overlay")


@pytest.mark.clause("V-9")
def test_measurements_are_plain_data_and_come_back(bench: Bench) -> None:
    stream = stack(5, spacing=[0.8, 0.8])
    bench.mount()
    bench.show(stream)
    bench.call("scrollTo", 3)
    made = draw_length(bench)
    assert (made["sop_uid"], made["index"], made["author"], made["kind"]) == ("1.2.3", 3, "tester", "length")
    assert abs(made["points"][0][0] - 30) < 0.5
    bench.until("bench.events.some(e => e.name === 'a.measurements' && e.value.length === 1)")
    bench.call("setMeasurements", [])
    assert bench.run("bench.viewers.a.measurements()") == []
    assert "mm" not in bench.text(".px-stage svg")
    # Given back before another viewer has the series: it waits, then is drawn on its own slice only.
    exact = made | {"points": [[10, 10], [10, 60]]}
    bench.run("document.getElementById('b').style.height = '100%'; document.getElementById('a').style.height = '0'")
    bench.mount("b")
    bench.call("setMeasurements", [exact, {"id": "bad", "kind": "length", "points": [[1]]}], name="b")
    assert bench.run("bench.viewers.b.measurements()") == [exact]
    bench.show(stream, name="b")
    assert "40.0 mm" not in bench.text("#b .px-stage svg")
    bench.call("scrollTo", 3, name="b")
    bench.wait_text("#b .px-stage svg", "40.0 mm")
    (back,) = bench.run("bench.viewers.b.measurements()")
    assert back == exact | {"value": 40}
    assert bench.run("bench.viewers.a.measurements()") == []
    bench.page.locator("#b .px-viewer").focus()
    bench.page.keyboard.press("Delete")
    bench.settle()
    assert bench.run("bench.viewers.b.measurements()") == []


@pytest.mark.clause("V-26")
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("mr-position-hfdr", {"left": "A", "right": "P", "top": "H", "bottom": "F"}),
        ("ct-chest-ffs", {"left": "R", "right": "L", "top": "A", "bottom": "P"}),
        ("ct-head-tilt", {"left": "R", "right": "L", "top": "AH", "bottom": "PF"}),
        ("cr-chest", {"left": "", "right": "", "top": "", "bottom": ""}),
    ],
)
def test_orientation_letters(bench: Bench, corpus: Path, folder: str, expected: dict[str, str]) -> None:
    paths = sorted((corpus / folder).glob("chest-nih*" if folder == "cr-chest" else "*.dcm"))[:3]
    bench.mount()
    bench.show(stream_of_files(paths))
    assert {edge: bench.text(f".px-edge-{edge}") for edge in expected} == expected


@pytest.mark.clause("V-5", "V-6", "V-22")
def test_zoom_pan_and_reset_to_the_identical_picture(bench: Bench) -> None:
    bench.mount()
    bench.show(stack(3, windows=[{"center": 1000.0, "width": 2500.0, "function": "LINEAR"}]))
    first = bench.run("bench.hash('a')")
    before = bench.screen(64, 80)
    bench.call("setTool", "zoom")
    bench.drag((300, 300), (300, 220))
    assert bench.state()["zoom"] != pytest.approx(1, abs=0.1)
    bench.call("setTool", "pan")
    at = bench.screen(64, 80)
    bench.drag((300, 300), (360, 330))
    moved = bench.screen(64, 80)
    assert (moved[0] - at[0], moved[1] - at[1]) == pytest.approx((60, 30), abs=1.5)
    bench.drag((300, 300), (300, 330), button="right")
    bench.drag((300, 300), (320, 300), button="middle")
    bench.page.mouse.move(300, 300)
    bench.page.keyboard.down("Control")
    bench.page.mouse.wheel(0, -100)
    bench.page.keyboard.up("Control")
    bench.call("setWindow", {"center": 500, "width": 300})
    bench.call("invert")
    assert bench.run("bench.hash('a')") != first
    bench.page.keyboard.press("r")
    bench.page.mouse.move(5, 5)
    bench.settle()
    assert bench.run("bench.hash('a')") == first
    assert bench.screen(64, 80) == pytest.approx(before, abs=1e-6)
    state = bench.state()
    assert (state["zoom"], state["inverted"], state["window"]["center"]) == (pytest.approx(1), False, 1000)


@pytest.mark.clause("V-22")
def test_scrolling_by_wheel_keys_and_drag_shows_the_image_it_names(bench: Bench) -> None:
    stream = stack(9)
    bench.mount(tool="scroll")
    bench.show(stream)
    assert bench.state()["index"] == 4
    bench.page.mouse.move(300, 300)
    bench.page.mouse.wheel(0, 100)
    bench.settle()
    assert bench.state()["index"] == 5
    bench.page.mouse.click(300, 300)
    for key, index in (("ArrowDown", 6), ("ArrowUp", 5), ("Home", 0), ("End", 8), ("PageUp", 0), ("PageDown", 8)):
        bench.page.keyboard.press(key)
        bench.settle()
        assert bench.state()["index"] == index
        assert f"图像 {index + 1}/9" in bench.text(".px-bottomLeft")
        assert f"层面 {2.5 * index:.1f}" in bench.text(".px-bottomLeft")
        assert bench.run("bench.viewers.a.valueAt([3, 3])") == int(picture()[3, 3]) + 10 * index
    bench.drag((300, 500), (300, 480))
    assert bench.state()["index"] < 8


@pytest.mark.clause("V-22", "H-2")
def test_first_image_before_the_rest_and_progress(bench: Bench) -> None:
    server = bench.server
    bench.mount()
    bench.show(stack(2), "warm")
    server.pause["slow"] = 0.15
    started = bench.run("performance.now()")
    bench.show(stack(21), "slow", wait=False)
    bench.until("bench.viewers.a.state().index === 10")
    state = bench.state()
    assert state["loaded"] < 21
    assert bench.page.locator(".px-progress").is_visible()
    # An image that is not here yet: the number says so, the picture stays, and it comes by itself.
    bench.call("scrollTo", 20)
    assert "21/21" in bench.text(".px-waiting")
    assert bench.state()["index"] == 10
    bench.until("bench.viewers.a.state().index === 20")
    assert bench.run("bench.viewers.a.valueAt([3, 3])") == int(picture()[3, 3]) + 200
    bench.until("bench.viewers.a.state().phase === 'complete'")
    bench.settle()
    assert not bench.page.locator(".px-progress").is_visible()
    shown = bench.run("bench.events.filter(e => e.name === 'a.shown').at(-1).at")
    assert shown - started < 1500, "the first of 21 slow images had to wait for others"


@pytest.mark.clause("H-2")
def test_prefetched_case_is_there_at_once(bench: Bench) -> None:
    bench.mount()
    bench.show(stack(5), "one")
    bench.server.streams["next"] = stack(30)
    bench.call("prefetch", [{"study": "s", "series": "next"}])
    bench.until("bench.facts().then(f => f.series === 2 && f.bytes > 35 * 160 * 128 * 2 - 1)")
    asked = bench.server.asked.count("/services/images/series/s/next/stream")
    milliseconds = bench.run(
        """() => new Promise(resolve => { const start = performance.now();
        const off = bench.viewers.a.on('shown', () => { off(); resolve(performance.now() - start); });
        bench.viewers.a.show({study: 's', series: 'next'}); })"""
    )
    assert milliseconds < 500
    assert bench.server.asked.count("/services/images/series/s/next/stream") == asked == 1


@pytest.mark.clause("V-26")
def test_corners_escape_hostile_text_and_know_children(bench: Bench) -> None:
    stream = stack(3, laterality="L", thickness=2.5)
    stream.summary = {
        "institution": "<script>alert(1)</script>",
        "description": "<img src=x onerror=alert(2)>",
        "study_date": "20261123",
        "modality": "MR",
        "number": 4,
        "series_description": "T1 \u202e <b>bold</b>",
        "patient": {"name": "Wang^XiaoDong=王^小东", "patient_id": "P1", "sex": "F", "birth_date": "20261110"},
    }
    bench.mount()
    bench.show(stream)
    bench.until("document.querySelector('.px-topLeft').textContent.includes('王小东')")
    assert "女  13天  P1" in bench.text(".px-topLeft")
    assert "<script>alert(1)</script>" in bench.text(".px-topRight")
    assert "2026-11-23" in bench.text(".px-topRight")
    assert bench.page.locator(".px-overlay script, .px-overlay img, .px-overlay b").count() == 0
    assert "层厚 2.5 mm" in bench.text(".px-bottomLeft")
    bench.call("setLanguage", "en")
    assert "Wang XiaoDong" in bench.text(".px-topLeft")
    assert "F  13 d  P1" in bench.text(".px-topLeft")


@pytest.mark.clause("V-26")
def test_warnings_of_the_series_are_shown_in_words(bench: Bench) -> None:
    stream = stack(3)
    stream.warnings = ["tilt", "a_code_of_tomorrow"]
    bench.mount()
    bench.show(stream)
    text = bench.text(".px-warnings")
    assert "机架倾斜" in text
    assert "a_code_of_tomorrow" in text


@pytest.mark.clause("H-2")
def test_two_viewers_do_not_disturb_each_other_and_dispose_leaves_nothing(bench: Bench) -> None:
    bench.run("for (const id of ['a', 'b']) Object.assign(document.getElementById(id).style, {height: '50%'})")
    bench.mount("a")
    bench.mount("b")
    one, two = stack(5), stack(7)
    bench.show(one, "one", "a")
    bench.show(two, "two", "b")
    draw_length(bench)
    bench.call("setWindow", {"center": 100, "width": 200}, name="b")
    bench.call("scrollTo", 6, name="b")
    assert bench.run("bench.viewers.b.measurements()") == []
    assert "mm" not in bench.text("#b .px-stage svg")
    assert bench.state("a")["index"] == 2
    assert bench.state("a")["window"] != bench.state("b")["window"]
    bench.show(two, "two", "a")
    facts = bench.run("bench.facts()")
    assert (facts["series"], facts["viewers"]) == (2, 2)
    bench.run("bench.viewers.a.dispose()")
    bench.call("scrollTo", 1, name="b")
    assert bench.state("b")["index"] == 1
    assert bench.run("bench.facts()")["series"] == 1
    bench.run("bench.viewers.b.dispose()")
    assert bench.run("bench.facts()") == {"series": 0, "bytes": 0, "images": 0, "cached": 0, "viewers": 0}
    assert bench.run("document.querySelectorAll('#a *, #b *').length") == 0
    bench.mount("a")
    bench.show(one, "one", "a")
    assert bench.state()["count"] == 5


@pytest.mark.clause("V-1")
def test_every_grid_up_to_four_by_four(bench: Bench) -> None:
    bench.mount()
    bench.show(stack(3), "one")
    for rows in range(1, 5):
        for columns in range(1, 5):
            bench.call("setLayout", f"{rows}x{columns}")
            assert bench.page.locator(".px-cell").count() == rows * columns
    for wrong in ("5x1", "0x1", "1x5", "", "1x1x", None, "toString"):
        bench.call("setLayout", wrong)
    assert bench.state()["layout"] == "4x4"
    bench.show(stack(2), "last", cell=15)
    assert (bench.state()["active"], bench.state()["count"]) == (15, 2)
    boxes = bench.run(
        "[...document.querySelectorAll('.px-cell')].map(e => { const b = e.getBoundingClientRect(); return [b.width, b.height]; })"
    )
    assert max(b[0] for b in boxes) - min(b[0] for b in boxes) < 1.5
    assert max(b[1] for b in boxes) - min(b[1] for b in boxes) < 1.5
    bench.call("setLayout", "1x1")
    assert bench.state()["count"] == 2, "the active view keeps its picture"


@pytest.mark.clause("V-1", "H-2")
def test_grid_and_mixed_sizes(bench: Bench, corpus: Path) -> None:
    bench.mount()
    bench.show(stack(5), "left")
    bench.call("setLayout", "2x2")
    assert bench.page.locator(".px-cell").count() == 4
    bench.show(stream_of_files(sorted((corpus / "ct-head-scout").glob("*.dcm"))), "mixed", cell=1)
    state = bench.state()
    assert (state["active"], state["count"]) == (1, 3)
    for index in (0, 1, 2, 0):
        bench.call("scrollTo", index)
        frame, raw = bench.server.streams["mixed"].frames[index]
        kind = np.int16 if frame["signed"] else np.uint16
        pixels = np.frombuffer(raw, kind).reshape(frame["rows"], frame["columns"])
        y, x = frame["rows"] // 2, frame["columns"] // 2
        assert bench.run("p => bench.viewers.a.valueAt(p)", [x, y]) == pixels[y, x] * frame["slope"] + frame["intercept"]
    bench.page.mouse.click(
        *bench.run("(() => { const b = document.querySelector('.px-cell').getBoundingClientRect(); return [b.x + 40, b.y + 60]; })()")
    )
    assert bench.state()["active"] == 0
    bench.call("setLayout", "1x1")
    assert bench.state()["count"] == 5
    assert bench.page.locator(".px-cell").count() == 1


@pytest.mark.clause("H-2")
def test_refusals_and_broken_transfers_are_said_in_words(bench: Bench) -> None:
    bench.mount()
    bench.server.problems["secret"] = 403
    bench.show(stack(1), "secret", wait=False)
    bench.until("bench.events.some(e => e.name === 'a.failed')")
    assert "不可查看" in bench.text(".px-notice")
    assert "请联系管理员" in bench.text(".px-notice")
    # What the browser itself writes about a 403 or a cut is not an error of the page.
    # Cut once: the viewer takes up the series again by itself.
    bench.server.cut["once"] = -4
    bench.show(stack(7), "once")
    assert (bench.state()["loaded"], bench.server.cuts["once"]) == (7, 1)
    # Cut every time: it says so, keeps what it has, and goes on when asked.
    bench.server.cut["cut"] = 4
    bench.show(stack(7), "cut", wait=False)
    bench.until("bench.viewers.a.state().phase === 'failed'")
    bench.until("bench.viewers.a.state().index === 3")
    assert "传输中断" in bench.text(".px-waiting")
    del bench.server.cut["cut"]
    bench.run("bench.viewers.a.show({study: 's', series: 'cut'})")
    bench.until("bench.viewers.a.state().phase === 'complete'")
    assert bench.state()["loaded"] == 7
    bench.errors[:] = [
        error
        for error in bench.errors
        if "403" not in error and "ERR_CONTENT_LENGTH_MISMATCH" not in error and "ERR_INCOMPLETE" not in error
    ]


@pytest.mark.clause("H-2")
def test_undecodable_frame_and_empty_series(bench: Bench) -> None:
    stream = stack(3)
    stream.frames[1] = (stream.frames[1][0], b"")
    bench.mount()
    bench.show(stream)
    assert bench.state()["index"] != 1
    bench.call("scrollTo", 1)
    assert "2/3" in bench.text(".px-notice")
    assert "无法解码" in bench.text(".px-notice")
    assert bench.run("document.querySelector('.px-stage').classList.contains('px-hidden')")
    bench.call("scrollTo", 2)
    assert bench.state()["index"] == 2
    assert not bench.page.locator(".px-notice").is_visible()
    bench.show(Stream([]), "none", wait=False)
    bench.until("bench.events.some(e => e.name === 'a.failed')")
    assert "没有可显示的图像" in bench.text(".px-notice")


@pytest.mark.clause("V-2")
def test_large_radiograph(bench: Bench) -> None:
    y, x = np.mgrid[0:3000, 0:3000]
    film = ((x + y) * 10 % 16384).astype(np.uint16)
    bench.mount()
    bench.show(Stream([frame_of(film, photometric="MONOCHROME1", spacing=[0.14, 0.14], spacing_kind="imager")]))
    assert bench.run("bench.viewers.a.valueAt([2999, 2998])") == int(film[2998, 2999])


@pytest.mark.clause("H-2")
def test_without_webgl_the_page_says_so(browser: Browser, server: ViewerServer) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    bench = Bench(page, server)
    bench.mount()
    assert "WebGL" in bench.text(".px-notice")
    bench.call("show", {"study": "s", "series": "x"})
    assert bench.state()["phase"] == "unsupported"
    context.close()


@pytest.mark.clause("H-2")
def test_a_lost_graphics_device_is_said_and_the_same_picture_comes_back(browser: Browser, server: ViewerServer) -> None:
    context = browser.new_context(viewport={"width": 500, "height": 400})
    page = context.new_page()
    page.add_init_script(
        """const get = HTMLCanvasElement.prototype.getContext; globalThis.contexts = [];
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          const made = get.call(this, kind, ...more);
          if (kind === 'webgl2' && made && !contexts.includes(made)) contexts.push(made);
          return made;
        };"""
    )
    bench = Bench(page, server)
    bench.mount()
    y, x = np.mgrid[0:64, 0:64]
    bench.show(Stream([frame_of((x * 16 + y + 300 * z).astype(np.int16), number=z + 1, position=[0, 0, z]) for z in range(3)]))
    bench.call("setWindow", {"center": 700, "width": 1200})
    bench.call("rotate", 90)
    before = bench.run("bench.hash('a')")
    # The edge of an image needs no smoothing; on a processor it costs as much as the image.
    assert bench.run("contexts.filter(c => c.drawingBufferWidth > 300).map(c => c.getContextAttributes().antialias)") == [False]
    bench.run(
        "globalThis.lose = contexts.filter(c => !c.isContextLost()).map(c => c.getExtension('WEBGL_lose_context')); lose.forEach(l => l.loseContext())"
    )
    bench.wait_text(".px-lost", "显卡中断")
    bench.call("scrollTo", 2)
    bench.call("scrollTo", 1)
    bench.run("lose.forEach(l => l.restoreContext())")
    bench.until("!document.querySelector('.px-lost')")
    bench.until(f"bench.hash('a').then(now => now === '{before}')")
    bench.call("scrollTo", 2)
    assert bench.run("bench.hash('a')") != before
    bench.call("scrollTo", 1)
    assert bench.run("bench.hash('a')") == before
    context.close()
