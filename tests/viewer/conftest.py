"""A real browser with a software graphics card, and the viewer's page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request

from .node import Node
from .server import ViewerServer
from .streams import Stream


@pytest.fixture(scope="package")
def server(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewerServer]:
    running = ViewerServer(front_end, tmp_path_factory.mktemp("viewer"))
    yield running
    running.close()


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """An empty node; each module sends what it looks at."""
    running = Node(tmp_path_factory.mktemp("node"))
    yield running
    running.stop()


class Bench:
    """The page with its viewers; every wait has a limit, every outside request and page error is kept."""

    def __init__(self, page: Page, server: ViewerServer) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.left: object = None
        self.listeners: dict[str, Callable[[Any], None]] = {
            "pageerror": lambda error: self.errors.append(str(error)),
            "console": lambda message: self.errors.append(message.text) if message.type == "error" else None,
            "request": self._requested,
        }
        for event, listener in self.listeners.items():
            page.on(event, listener)
        if not page.url.startswith(server.url):
            page.goto(server.url)
        self.until("typeof bench === 'object'")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.outside.append(request.url)

    def close(self) -> None:
        """Disposes every viewer and notes what the page still holds."""
        self.run(
            "for (const one of Object.values(bench.viewers)) one.dispose(); bench.viewers = {}; bench.events = [];"
            "for (const id of ['a', 'b']) document.getElementById(id).removeAttribute('style')"
        )
        self.left = self.run("bench.facts()")
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)

    def run(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def until(self, expression: str, seconds: float = 15) -> Any:
        """Polls (the page's policy forbids what wait_for_function needs)."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(expression)
            if value:
                return value
            if time.monotonic() > end:
                state = self.run("typeof bench === 'object' ? Object.values(bench.viewers).map(v => v.state()) : null")
                notices = self.page.locator(".px-notice").all_inner_texts()
                raise AssertionError(f"not within {seconds} s: {expression}; state {state}; errors {self.errors}; notices {notices}")
            time.sleep(0.02)

    def mount(self, name: str = "a", **options: Any) -> None:
        self.run("([id, options]) => bench.mount(id, options)", [name, options])

    def show(self, stream: Stream, series: str = "x", name: str = "a", wait: bool = True, **request: Any) -> None:
        """Serves the stream as series `series` and shows it; waits for the first picture (and the whole series)."""
        self.server.streams[series] = stream
        before = self.run("id => bench.events.filter(e => e.name === id + '.shown').length", name)
        self.run("([id, request]) => bench.viewers[id].show(request)", [name, {"study": "s", "series": series} | request])
        if wait:
            self.until(f"bench.events.filter(e => e.name === '{name}.shown').length > {before}")
            self.until(f"bench.viewers['{name}'].state().phase === 'complete'")
            self.settle()

    def settle(self) -> None:
        """Two frames of the browser: what was asked to be drawn is drawn."""
        self.run("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 30))))")

    def call(self, method: str, *arguments: Any, name: str = "a") -> Any:
        value = self.run("([id, method, args]) => bench.viewers[id][method](...args)", [name, method, list(arguments)])
        self.settle()
        return value

    def state(self, name: str = "a") -> dict[str, Any]:
        return dict(self.run("id => bench.viewers[id].state()", name))

    def grey(self, column: float, row: float, name: str = "a") -> list[int]:
        return list(self.run("([id, x, y]) => bench.pixel(id, x, y)", [name, column, row]))

    def screen(self, column: float, row: float, name: str = "a") -> tuple[float, float]:
        place = self.run("([id, p]) => bench.viewers[id].screenOf(p)", [name, [column, row]])
        return place["x"], place["y"]

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down(button=button)
        for step in range(1, 5):
            mouse.move(start[0] + (end[0] - start[0]) * step / 4, start[1] + (end[1] - start[1]) * step / 4)
        mouse.up(button=button)
        self.settle()

    def text(self, selector: str) -> str:
        return "\n".join([text or "" for text in self.page.locator(selector).all_text_contents()])

    def wait_text(self, selector: str, part: str, seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while part not in self.text(selector):
            assert time.monotonic() < end, f"{part!r} did not appear in {selector}: {self.text(selector)!r}"
            time.sleep(0.05)


@pytest.fixture(scope="package")
def page(browser: Browser, server: ViewerServer) -> Iterator[Page]:
    """One page for all tests, as a desk keeps one page all day."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    yield context.new_page()
    context.close()


EMPTY = {"series": 0, "bytes": 0, "images": 0, "cached": 0, "viewers": 0}


@pytest.fixture
def bench(page: Page, server: ViewerServer) -> Iterator[Bench]:
    one = Bench(page, server)
    yield one
    one.close()
    for kept in (server.streams, server.pause, server.cut, server.cuts, server.problems):
        kept.clear()
    server.node = None
    server.asked.clear()
    assert one.left == EMPTY, "a disposed viewer left something in the page"
    assert one.errors == []
    assert one.outside == [], "a request left the machine"
