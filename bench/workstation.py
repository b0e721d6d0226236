"""The image workstation on the doctor's desk, in a real browser with software graphics: how soon, how smoothly, how much."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.cases import FIRST_IMAGE, open_desk, row_of
from bench.doors import Account, accounts_of, ct_slices, demo_hub, launch, send_ct
from bench.opening import warm_up
from bench.result import Result
from bench.stock_loading import stock_series
from tests.running_hub import RunningHub

IDS = ("first-image-cold", "first-image-slow", "series-all", "scroll-fps", "mpr-ready", "tab-memory", "viewer-bytes")
SLICES = 200
ROUNDS = 5
SERIES = 10
"""Opened one after the other for the memory of the tab."""
LINE = {"offline": False, "latency": 20, "downloadThroughput": 30e6 / 8, "uploadThroughput": 30e6 / 8}
"""A line of 30 Mbit/s and 20 ms, made by the browser."""

ALL_HERE = """
() => new Promise((done) => {
  const start = performance.now();
  const look = () => document.querySelector('[data-testid=viewer]').dataset.phase === 'complete' ? done(performance.now()) : performance.now() - start > 60000 ? done(-1) : setTimeout(look, 10);
  look();
})
"""
# Three planes are there when each cell has drawn its lines of the others; the next frame has shown them.
PLANES = """
(button) => new Promise((done) => {
  const start = performance.now();
  const look = () => {
    const cells = [...document.querySelectorAll('.px-cell')].slice(0, 3);
    const ready = cells.length === 3 && cells.every((cell) => !cell.querySelector('.px-stage').classList.contains('px-hidden') && cell.querySelectorAll('.px-lines line').length >= 2);
    if (ready) requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
    else if (performance.now() - start > 60000) done(-1);
    else setTimeout(look, 10);
  };
  button.click();
  look();
})
"""
# A wheel's turn comes between two pictures of the page, as the browser delivers those of a mouse; back and forth, so that no end stops it.
SCROLL = """
(seconds) => new Promise((done) => {
  const canvas = document.querySelector('.px-cell.px-active canvas');
  const stage = document.querySelector('.px-cell.px-active .px-stage');
  const start = performance.now();
  let pictures = 0;
  let turns = 0;
  let fresh = false;
  const entered = () => { fresh = true; };
  const turn = () => {
    turns += 1;
    canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: turns % 160 < 80 ? 100 : -100, bubbles: true, cancelable: true }));
  };
  const drawn = () => {
    if (!fresh) return;
    fresh = false;
    pictures += 1;
    const spent = (performance.now() - start) / 1000;
    if (spent < seconds) return void setTimeout(turn);
    stage.removeEventListener('CORNERSTONE_IMAGE_RENDERED', drawn);
    stage.removeEventListener('CORNERSTONE_STACK_NEW_IMAGE', entered);
    done(pictures / spent);
  };
  stage.addEventListener('CORNERSTONE_STACK_NEW_IMAGE', entered);
  stage.addEventListener('CORNERSTONE_IMAGE_RENDERED', drawn);
  turn();
})
"""


def _named(what: str) -> str:
    return f"{what}X{time.time_ns() % 10**9}"


def _opened(page: Page, name: str) -> float:
    """Clicks the row of a child; milliseconds until the first image."""
    took = float(row_of(page, name).evaluate(FIRST_IMAGE))
    if took < 0:
        raise TimeoutError("no image 20 s after the click")
    return took


def _back(page: Page, name: str) -> None:
    page.get_by_test_id("back-to-list").click()
    row_of(page, name).wait_for(timeout=10_000)


def _sent(hub: RunningHub, count: int, what: str) -> list[str]:
    slices = ct_slices(SLICES)
    names = [_named(f"{what}{number}") for number in range(count)]
    for name in names:
        send_ct(hub, slices, name)
    time.sleep(5)  # the index has them, the desk has seen their last image
    return names


def _resting(page: Page, name: str) -> None:
    """The desk as it is before a click: the viewer has come, the pointer rests on the row."""
    page.locator("[data-testid=viewer] .px-viewer").wait_for(state="attached", timeout=30_000)
    time.sleep(2)
    row_of(page, name).hover()
    time.sleep(1)


def cold(browser: Browser, hub: RunningHub, doctor: Account, names: list[str]) -> list[float]:
    """Milliseconds to the first image of the first case of a sitting, in fresh browser profiles."""
    spent = []
    for name in names[:ROUNDS]:
        context, page = open_desk(browser, hub, doctor)
        _resting(page, name)
        spent.append(_opened(page, name))
        context.close()
    return spent


def slow(browser: Browser, hub: RunningHub, doctor: Account, names: list[str]) -> list[float]:
    """Seconds to the first image over a slow line, in a warm page."""
    context, page = open_desk(browser, hub, doctor)
    _resting(page, names[0])
    _opened(page, names[0])
    page.evaluate(ALL_HERE)
    _back(page, names[0])
    line: CDPSession = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", LINE)
    spent = []
    for name in names[1 : ROUNDS + 1]:
        spent.append(_opened(page, name) / 1000)
        _back(page, name)
    context.close()
    return spent


def whole(browser: Browser, hub: RunningHub, doctor: Account, names: list[str]) -> tuple[list[float], list[float], list[float]]:
    """(seconds until all slices are here, images drawn a second while scrolling, seconds until three planes) for each series."""
    context, page = open_desk(browser, hub, doctor)
    loaded, scrolled, planes = [], [], []
    _resting(page, names[0])
    for number, name in enumerate(names[: ROUNDS + 1]):
        clicked = page.evaluate("performance.now()")
        _opened(page, name)
        here = page.evaluate(ALL_HERE)
        page.wait_for_timeout(500)
        speed = page.evaluate(SCROLL, 3)
        three = page.get_by_test_id("tool-mpr").evaluate(PLANES)
        page.get_by_test_id("tool-mpr").click()
        _back(page, name)
        if min(here, three) < 0:
            raise TimeoutError("not within a minute")
        if number:  # the first one is practice
            loaded.append((here - clicked) / 1000)
            scrolled.append(speed)
            planes.append(three / 1000)
    context.close()
    return loaded, scrolled, planes


def _page_memory(before: set[int]) -> float:
    """MB (PSS) of the largest renderer process that was not there before: that of the page; the others are the browser's spare ones."""
    new = [
        process
        for process in psutil.process_iter(["pid", "cmdline"])
        if process.pid not in before and "--type=renderer" in (process.info["cmdline"] or [])
    ]
    return float(max(process.memory_full_info().pss for process in new) / 2**20)


def memory(browser: Browser, hub: RunningHub, doctor: Account, names: list[str]) -> tuple[float, float]:
    """MB (PSS) of the page's process after two series, and after ten; each is loaded whole and left again."""
    before = {process.pid for process in psutil.process_iter()}
    context, page = open_desk(browser, hub, doctor)
    _resting(page, names[0])
    sizes = []
    for name in names[:SERIES]:
        _opened(page, name)
        page.evaluate(ALL_HERE)
        _back(page, name)
        session = context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        session.detach()
        time.sleep(1)
        sizes.append(_page_memory(before))
    context.close()
    return sizes[1], sizes[-1]


def added_bytes(browser: Browser, hub: RunningHub, doctor: Account, name: str) -> float:
    """MB that come over the line, compressed, after the desk is ready and until the first image, without pixels."""
    context, page = open_desk(browser, hub, doctor)
    line = context.new_cdp_session(page)
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}
    line.on("Network.responseReceived", lambda event: addresses.update({event["requestId"]: event["response"]["url"]}))
    line.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    line.send("Network.enable")
    page.reload()
    page.get_by_test_id("worklist-row").first.wait_for(timeout=30_000)
    ready = set(sizes)
    _resting(page, name)
    _opened(page, name)
    page.wait_for_timeout(500)
    counted = [size for request, size in sizes.items() if request not in ready and "/stream" not in addresses.get(request, "")]
    context.close()
    return sum(counted) / 1e6


def measure() -> Iterator[Result]:
    """The figures of the image workstation, on one hub with the demo's data."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    prefix = "" if asked == "view" else asked

    def wanted(*ids: str) -> bool:
        return any(name.startswith(prefix) for name in ids)

    with demo_hub() as hub, sync_playwright() as driver:
        browser = launch(driver)
        doctor = accounts_of(hub, "radiologist")[0]
        warm_up(browser, hub, doctor)
        names = _sent(hub, SERIES, "Series")
        ct = f"CT of {SLICES} × 512², software graphics, browser and servers on the same 2 cores"
        if wanted("first-image-cold"):
            what = f"click → first image, first case of a sitting in a fresh profile, the bundle came while the worklist was idle; {ct}"
            yield Result("first-image-cold", what, cold(browser, hub, doctor, names), "ms", 500, "lower", digits=0)
        if wanted("first-image-slow"):
            what = f"click → first image over 30 Mbit/s and 20 ms (the browser's own line emulation); {ct}"
            yield Result("first-image-slow", what, slow(browser, hub, doctor, names), "s", 1.0, "lower")
        if wanted("series-all", "scroll-fps", "mpr-ready"):
            loaded, scrolled, planes = whole(browser, hub, doctor, names)
            yield Result(
                "scroll-fps",
                f"images drawn a second while the wheel turns as fast as pictures come; {ct}",
                scrolled,
                "/s",
                15,
                "higher",
                digits=1,
            )
            yield Result("mpr-ready", f"click on MPR → three planes drawn, all images here; {ct}", planes, "s", 3, "lower")
            stock = stock_series(browser, SLICES, ROUNDS)
            if stock:
                peer = f"ours {statistics.median(loaded):.2f} s on the desk, stock {statistics.median(stock):.2f} s on an empty page"
                what = f"all images of a series in the browser: Cornerstone's own WADO-RS loader from Orthanc over ours; {ct}"
                ratios = [theirs / ours for theirs, ours in zip(stock, loaded, strict=False)]
                yield Result("series-all", what, ratios, "×", 3, "higher", peer, 2)
        if wanted("tab-memory"):
            two, ten = memory(browser, hub, doctor, names)
            what = f"memory (PSS) of the page's process after {SERIES} series over that after 2; {ct}"
            yield Result("tab-memory", what, [ten / two], "×", 1.3, "lower", f"{two:.0f} MB → {ten:.0f} MB", 2)
        if wanted("viewer-bytes"):
            what = "what the viewer adds to the desk until the first image, compressed, without pixels"
            yield Result("viewer-bytes", what, [added_bytes(browser, hub, doctor, names[0])], "MB", 1.2, "lower")
        browser.close()
