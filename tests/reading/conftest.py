"""One set of real services and one browser for all tests of the reading desk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.reading.desk_stack import ROOT, Stack


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The front end with the viewer, built into a folder of its own; an existing build may be named by HUB_DIST."""
    if given := os.environ.get("HUB_DIST"):
        return Path(given)
    dist = tmp_path_factory.mktemp("dist")
    environment = dict(os.environ) | {"HUB_DIST": str(dist), "VIEWER_DIST": str(dist)}
    vite = str(ROOT / "node_modules/vite/bin/vite.js")
    for command in ([vite, "build", "--config", "apps/vite.config.ts"], ["apps/viewer/build.mjs"], ["apps/desk/compress.mjs"]):
        subprocess.run(["node", *command], cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    return dist


@pytest.fixture(scope="package")
def stack(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """ris, node, pages, zygote and proxy."""
    running = Stack(tmp_path_factory.mktemp("desk"), built)
    try:
        running.begin()
        yield running
    finally:
        running.stop()


def without_images(message: ConsoleMessage) -> bool:
    """The browser notes a 404 of the node: most cases of these tests were announced to ris only, their images never sent."""
    return "/services/images/" in message.location.get("url", "") and "404" in message.text


@pytest.fixture
def open_desk(stack: Stack, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open the desk as somebody who just logged in; fails afterwards if the page wrote errors to the console."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_as(username: str, width: int = 1366, height: int = 768, *, quiet: bool = True, lang: str = "zh") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        context.add_cookies(
            [
                {
                    "name": "hub-ticket",
                    "value": stack.ticket(username),
                    "url": f"{stack.url}/services/",
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )
        # the frame of a PDF has no storage
        context.add_init_script(f"localStorage?.getItem('hub.lang') || localStorage?.setItem('hub.lang', '{lang}')")
        page = context.new_page()
        page.set_default_timeout(10_000)
        if quiet:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda message: errors.append(message.text) if message.type == "error" and not without_images(message) else None
            )
        page.goto(f"{stack.url}/services/pages/desk/reading", wait_until="commit")
        page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="package")
def head_ct(stack: Stack, corpus: Path) -> str:
    """The study UID of 28 real slices of a head, received by the node over DICOM."""
    return stack.send(corpus / "ct-head-tilt")
