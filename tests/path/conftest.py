"""One hub as `make run` makes it, the demo in it, and people who log in to it with a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.running_hub import RunningHub, wait_until

SignIn = Callable[..., Page]
LIMIT = 20_000


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """Expectations of these tests wait longer: five desks, eight services and a browser share the machine."""
    expect.set_options(timeout=LIMIT)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A ready hub with the demo."""
    running = RunningHub(tmp_path_factory.mktemp("path") / "data")
    try:
        running.wait_ready()
        wait_until("the demo's images and reports", (running.data_dir / "demo-done").exists, 150)
        yield running
    finally:
        running.close()


@pytest.fixture
def sign_in(hub: RunningHub, browser: Browser) -> Iterator[SignIn]:
    """Log in through the front door as the demo account of a role; the page is that role's own desk."""
    contexts: list[BrowserContext] = []

    def enter(role: str, institution: str, width: int = 1366, height: int = 768) -> Page:
        account = hub.account(role, institution)
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT)
        page.goto(f"{hub.base}/")
        page.fill("#username", account["username"])
        page.fill("#password", account["password"])
        page.click("button[type=submit]")
        page.wait_for_url("**/services/pages/desk/*")
        return page

    yield enter
    for context in contexts:
        context.close()
