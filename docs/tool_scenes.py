"""The pictures of the viewer's tools: each is used once on an image of the demo, as a reader uses it, and only the images are pictured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page

from docs.desk import CASES, back, by, list_ready, open_case
from docs.screenshots import Album

Places = tuple[tuple[float, float], ...]
"""Fractions of the first view's width and height."""
BETWEEN = 700
"""Milliseconds between two clicks: sooner they are a double click."""


@dataclass(frozen=True)
class Drawing:
    """One tool that draws: its key, and where a reader presses; `drag`: each two places are one stroke."""

    name: str
    case: str
    key: str
    places: Places
    drag: bool = False
    end: str = ""
    words: str = ""
    """What is written into the dialog that an annotation opens."""


DRAWINGS = (
    Drawing("probe", "ct", "v", ((0.45, 0.45),)),
    Drawing("length", "ct", "l", ((0.32, 0.5), (0.68, 0.52)), drag=True),
    Drawing("polyline", "ct", "y", ((0.3, 0.4), (0.42, 0.32), (0.58, 0.33), (0.7, 0.42)), end="Enter"),
    Drawing("angle", "film", "a", ((0.35, 0.6), (0.5, 0.4), (0.65, 0.6))),
    Drawing("cobb", "film", "c", ((0.4, 0.35), (0.6, 0.3), (0.4, 0.65), (0.6, 0.72)), drag=True),
    Drawing("ellipse", "ct", "e", ((0.57, 0.47), (0.6, 0.52)), drag=True),
    Drawing("rectangle", "ct", "b", ((0.4, 0.4), (0.56, 0.5)), drag=True),
    Drawing("polygon", "ct", "o", ((0.4, 0.4), (0.55, 0.38), (0.6, 0.5), (0.45, 0.55)), end="Enter"),
    Drawing("lasso", "ct", "Shift+o", ((0.36, 0.42), (0.46, 0.4), (0.46, 0.55), (0.38, 0.57), (0.335, 0.5)), end="Enter"),
    Drawing("us-length", "us", "l", ((0.35, 0.5), (0.6, 0.52)), drag=True),
    Drawing("acetabular-index", "film", "Shift+h", ((0.42, 0.62), (0.6, 0.62), (0.3, 0.55), (0.72, 0.54))),
    Drawing("graf", "us", "Shift+g", ((0.45, 0.25), (0.45, 0.5), (0.46, 0.55), (0.6, 0.68), (0.47, 0.5), (0.58, 0.36))),
    Drawing("leg-length", "film", "Shift+d", ((0.34, 0.2), (0.35, 0.5), (0.36, 0.8), (0.66, 0.2), (0.66, 0.5), (0.65, 0.82))),
    Drawing("ratio", "film", "q", ((0.35, 0.55), (0.65, 0.55), (0.25, 0.65), (0.75, 0.65))),
    Drawing("cardiothoracic", "film", "t", ((0.38, 0.6), (0.62, 0.6), (0.22, 0.7), (0.78, 0.7))),
    Drawing("arrow", "ct", "Shift+a", ((0.52, 0.45), (0.66, 0.3)), drag=True, words="实变"),
    Drawing("rectangle-annotation", "ct", "Shift+b", ((0.38, 0.38), (0.6, 0.55)), drag=True, words="实变"),
    Drawing("circle-annotation", "ct", "Shift+c", ((0.5, 0.46), (0.6, 0.46)), drag=True, words="实变"),
)
"""The tools that draw, each with the demo's case on which it is shown."""

COMMANDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("invert", "film", ("i",)),
    ("gamma", "film", (".", ".", ".")),
    ("rotate", "film", ("]",)),
    ("mirror", "film", ("h",)),
    ("preset", "ct", ("3",)),
    ("layout", "ct", ("g",)),
    ("key-image", "ct", ("Shift+i",)),
    ("mpr", "ct", ("m",)),
    ("rendering", "ct", ("f",)),
)
"""What one press of a key does: scene, case, keys."""


TOOL_SCENES = (*(f"tool-{one.name}" for one in DRAWINGS), *(f"tool-{name}" for name, _, _ in COMMANDS))


def tools(album: Album) -> None:
    """Every tool on its case; a case is opened once for all of its tools, and what was drawn is taken back after its picture."""
    scenes: list[tuple[str, str, Callable[[Page], None]]] = [
        *((f"tool-{one.name}", one.case, lambda page, one=one: draw(page, one)) for one in DRAWINGS),
        *((f"tool-{name}", case, lambda page, keys=keys: press(page, *keys)) for name, case, keys in COMMANDS),
    ]
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        for case in CASES:
            for name, _, use in [scene for scene in scenes if scene[1] == case and album.wants(scene[0])]:
                with opened(page, case):
                    use(page)
                    page.wait_for_timeout(1200)
                    shot = by(page, "viewer").screenshot(animations="disabled")
                    album.keep(shot, name)


@contextmanager
def opened(page: Page, case: str) -> Iterator[None]:
    """A case in one view, with the focus; afterwards all that was drawn is taken back and the list stands again."""
    open_case(page, CASES[case])
    by(page, "tool-layout").click()
    page.locator('[data-layout="1x1"]').click()
    page.wait_for_timeout(BETWEEN)
    by(page, "tool-window").click()
    page.locator(".px-cell").first.click(position={"x": 8, "y": 200})
    page.wait_for_timeout(BETWEEN)
    yield
    for _ in range(6):
        page.keyboard.press("Control+z")
    page.keyboard.press("Shift+R")  # a case opens as it was left
    page.wait_for_timeout(1500)  # what was taken back is saved
    back(page)
    list_ready(page)


def press(page: Page, *keys: str) -> None:
    """Press keys one after another; what is computed from a series comes a while later."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.wait_for_timeout(4000 if keys[0] in {"m", "f"} else 300)


def draw(page: Page, drawing: Drawing) -> None:
    """Use a tool at its places."""
    page.keyboard.press(drawing.key)
    box = by(page, "viewer").locator("canvas").first.bounding_box()
    if box is None:
        raise LookupError("no image to draw on")
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in drawing.places]
    if drawing.drag:
        for start, end in zip(places[::2], places[1::2], strict=True):
            page.mouse.move(*start)
            page.mouse.down()
            page.mouse.move(*end, steps=8)
            page.mouse.up()
            page.wait_for_timeout(BETWEEN)
    else:
        for place in places:
            page.mouse.move(*place, steps=4)
            page.mouse.click(*place)
            page.wait_for_timeout(BETWEEN)
    if drawing.end:
        page.wait_for_timeout(3 * BETWEEN)  # a click counts only once it can be no double click any more
        page.keyboard.press(drawing.end)
    if drawing.words:
        page.keyboard.insert_text(drawing.words)
        page.keyboard.press("Enter")
    page.mouse.move(box["x"] + 4, box["y"] + 4)
