"""One set of real services and one browser for all tests of the reading desk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.conftest import ROOT
from tests.reading.desk_stack import Stack, wait_for
from tests.worker import take_free_port


@pytest.fixture(scope="package")
def stack(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """ris, node, pages, zygote and proxy."""
    running = Stack(tmp_path_factory.mktemp("desk"), front_end)
    try:
        running.begin()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def masks(stack: Stack) -> Iterator[None]:
    """The masks service beside them, behind the proxy."""
    port = take_free_port()
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ} | {
        "MASKS_DATA": str(stack.folder / "masks"),
        "MASKS_PORT": str(port),
        "MASKS_TICKET_KEY": str(stack.folder / "public.pem"),
        "IMAGES_URL": f"http://127.0.0.1:{stack.ports['node']}/services/images",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with (stack.folder / "masks.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "pipelines.masks"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    api = f"http://127.0.0.1:{stack.ports['proxy-api']}/api/routes/services/masks"
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/services/masks/healthz", timeout=2).is_success, 60, says=stack.log("masks"))
        httpx.post(api, json={"target": f"http://127.0.0.1:{port}"}).raise_for_status()
        yield
    finally:
        httpx.delete(api)
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def without_images(message: ConsoleMessage) -> bool:
    """The browser notes a 404 of the node: most cases of these tests were announced to ris only, their images never sent."""
    return "/services/images/" in message.location.get("url", "") and "404" in message.text


@pytest.fixture
def open_desk(stack: Stack, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open the desk as somebody who just logged in; fails afterwards if the page wrote errors to the console."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_as(username: str, width: int = 1366, height: int = 768, *, quiet: bool = True, lang: str = "zh", storage: bool = True) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        if not storage:
            context.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
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
        with stack.person(username) as person:  # the language of the account goes before that of the browser
            kept = person.get("/me").json()["preferences"]
            if kept.get("lang", lang) != lang:
                person.put("/me/preferences", json=kept | {"lang": lang}).raise_for_status()
        # the frame of a PDF has no storage
        context.add_init_script(f"localStorage?.getItem('hub.lang') || localStorage?.setItem('hub.lang', '{lang}')")
        page = context.new_page()
        page.set_default_timeout(10_000)
        if quiet:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console",
                lambda message: (
                    errors.append(f"{message.text} {message.location.get('url')}")
                    if message.type == "error" and not without_images(message)
                    else None
                ),
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
