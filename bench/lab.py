"""How long a researcher waits for his room: from the click at the Hub to a cell that has run, in a real browser."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.doors import Account, accounts_of, demo_hub, launch
from bench.result import Result
from tests.running_hub import RunningHub

IDS = ("lab-spawn",)
RUNS = 5
PATIENCE_MS = 120_000
SAID = "6 × 7 = 42"


@dataclass
class Way:
    """Seconds after the click at which each thing was there."""

    begun: float = field(default_factory=time.monotonic)
    at: dict[str, float] = field(default_factory=dict)

    def reached(self, what: str) -> None:
        """It is there now."""
        self.at[what] = time.monotonic() - self.begun


def _end_room(hub: RunningHub, account: Account) -> None:
    """The next visit finds no room, and in it the launcher rather than the notebook of this time."""
    control = httpx.HTTPTransport(uds=str(hub.data_dir / "run" / "lab.sock"))
    with httpx.Client(transport=control, base_url="http://lab") as rooms:
        rooms.delete("/room", params={"user": account.username}).raise_for_status()
        if rooms.get("/room", params={"user": account.username}).json()["open"]:
            raise RuntimeError("the room did not end")
    home = hub.data_dir / "lab" / "homes" / f"u-{account.username}"
    shutil.rmtree(home / ".jupyter" / "lab" / "workspaces")
    for notebook in home.glob("Untitled*.ipynb"):
        notebook.unlink()


def _at_the_login(context: BrowserContext, hub: RunningHub, account: Account) -> Page:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{hub.port}/hub/login")
    page.get_by_label("用户名").fill(account.username)
    page.get_by_label("密码", exact=True).fill(account.password)
    page.wait_for_load_state("networkidle")
    return page


def _spawn(context: BrowserContext, hub: RunningHub, account: Account) -> Way:
    """Click on 登录, start a notebook from the launcher, run a cell."""
    page = _at_the_login(context, hub, account)
    way = Way()
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://localhost:{hub.port}/user/**/lab**", timeout=PATIENCE_MS, wait_until="commit")
    way.reached("room")
    card = page.locator(".jp-LauncherCard", has_text="Python 3").first
    card.click(timeout=PATIENCE_MS)
    way.reached("launcher")
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.click(timeout=PATIENCE_MS)
    page.get_by_text("| 空闲").first.wait_for(timeout=PATIENCE_MS)  # what is typed before the kernel is there may be lost
    way.reached("kernel")
    page.keyboard.insert_text("print('6 × 7 =', 6 * 7)")
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text=SAID).first.wait_for(timeout=PATIENCE_MS)
    way.reached("cell")
    page.close()
    return way


def _ways(browser: Browser, hub: RunningHub, account: Account) -> list[Way]:
    """One unmeasured way first: files and browser cache are warm then. Each begins at the login, without a room."""
    found = []
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    for _ in range(1 + RUNS):
        found.append(_spawn(context, hub, account))
        _end_room(hub, account)
        context.clear_cookies()
    context.close()
    return found[1:]


def measure() -> Iterator[Result]:
    """The figure."""
    with demo_hub() as hub, sync_playwright() as driver:
        browser = launch(driver)
        try:
            ways = _ways(browser, hub, accounts_of(hub, "researcher")[0])
        finally:
            browser.close()
    steps = ", ".join(f"{what} {statistics.median(way.at[what] for way in ways):.1f} s" for what in ("room", "launcher", "kernel"))
    yield Result(
        "lab-spawn",
        "click on 登录 → a cell typed into a new notebook of JupyterLab has printed; no room before, files and browser cache warm",
        [way.at["cell"] for way in ways], "s", 8, "lower", f"on the way: {steps}", digits=2,
    )  # fmt: skip
