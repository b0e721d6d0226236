"""What a doctor waits for on the open desk: the first image of a case, and the row of a study that has just come."""

from __future__ import annotations

import time

from playwright.sync_api import Browser, BrowserContext, Locator, Page

from bench.doors import Account, ct_slices, profile, send_ct, sign_in
from bench.opening import RUNS, desk_address, wait_usable
from tests.running_hub import RunningHub

SLICES = 20
PRACTICE = 2
"""Cases opened before the ones that count: the viewer's own first picture."""
ARRIVALS = 5

FIRST_IMAGE = """
(row) => new Promise((done) => {
  const start = performance.now();
  const look = () => {
    const mark = performance.getEntriesByName('first-image').at(-1);
    if (mark && mark.startTime > start) done(mark.startTime - start);
    else if (performance.now() - start > 20000) done(-1);
    else requestAnimationFrame(look);
  };
  row.click();
  look();
})
"""


def open_desk(browser: Browser, hub: RunningHub, account: Account) -> tuple[BrowserContext, Page]:
    """The doctor's desk, ready."""
    context = profile(browser)
    sign_in(context, hub, account)
    page = context.new_page()
    page.goto(desk_address(hub))
    wait_usable(page)
    return context, page


def row_of(page: Page, name: str) -> Locator:
    """The worklist row of a child."""
    return page.locator('[data-testid="worklist-row"]', has_text=name)


def first_image(browser: Browser, hub: RunningHub, account: Account) -> list[float]:
    """Milliseconds from the click on a CT nobody has opened yet to its first image; the pointer has rested on the row for a second."""
    slices = ct_slices(SLICES)
    names = [f"Opened{number}X{time.time_ns() % 10**6}" for number in range(RUNS + PRACTICE)]
    for name in names:
        send_ct(hub, slices, name)
    time.sleep(5)  # the index has them, the desk has seen their last image
    context, page = open_desk(browser, hub, account)
    time.sleep(3)  # the viewer has come
    spent = []
    for number, name in enumerate(names):
        row = row_of(page, name)
        row.hover()
        time.sleep(1.0)
        took = row.evaluate(FIRST_IMAGE)
        if took < 0:
            raise TimeoutError("no image 20 s after the click")
        if number >= PRACTICE:
            spent.append(took)
        page.wait_for_timeout(1500)
        page.get_by_test_id("back-to-list").click()
        row.wait_for(timeout=10_000)
    context.close()
    return spent


def worklist_visible(browser: Browser, hub: RunningHub, account: Account) -> list[float]:
    """Seconds from the last C-STORE response of a new study to its row on an open worklist."""
    slices = ct_slices(SLICES)
    context, page = open_desk(browser, hub, account)
    spent = []
    for number in range(ARRIVALS):
        name = f"Arrival{number}X{time.time_ns() % 10**6}"
        stored = send_ct(hub, slices, name)
        row_of(page, name).wait_for(timeout=20_000)
        spent.append(time.monotonic() - stored)
        time.sleep(1)
    context.close()
    return spent
