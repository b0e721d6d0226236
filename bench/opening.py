"""From the click on 登录 to a desk that can be used: seconds, bytes, memory.

Ready means: the first worklist row is on the screen and can be clicked, *and* the desk's kernel has answered one message. The clock starts
with the submit event of the login page and runs over the navigation (`Date.now()` in both documents, one machine).
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, BrowserContext, Error, Page

from bench.doors import Account, profile, sign_in
from tests.running_hub import RunningHub, wait_until

RUNS = 7
AT_ONCE = 5
POOL_SECONDS = 12
"""Until as many kernels are warm again."""
ROUNDS = 3
WARM_OPENINGS = 3
CLOSED_SECONDS = 90
"""A kernel whose browser has died ends after a minute."""

CLOCK = """
addEventListener('submit', () => sessionStorage.setItem('bench-start', String(Date.now())), true);
(() => {
  const note = () => {
    if (!window.benchRow && document.querySelector('[data-testid="worklist-row"]')) window.benchRow = Date.now();
    if (!window.benchKernel && document.documentElement?.dataset.kernel === 'answered') window.benchKernel = Date.now();
    if (!(window.benchRow && window.benchKernel)) requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
})();
"""
TIMES = "[Number(sessionStorage.getItem('bench-start')), window.benchRow ?? 0, window.benchKernel ?? 0]"


def desk_address(hub: RunningHub) -> str:
    """The doctor's desk."""
    return f"{hub.base}/services/pages/desk/reading"


def wait_usable(page: Page) -> None:
    """Until the desk is ready."""
    page.get_by_test_id("worklist-row").first.wait_for(timeout=30_000)
    page.locator("html[data-kernel=answered]").wait_for(state="attached", timeout=30_000)


def timed_profile(browser: Browser) -> BrowserContext:
    """A fresh profile whose pages note when they are ready."""
    context = profile(browser)
    context.add_init_script(CLOCK)
    return context


def open_login(page: Page, hub: RunningHub, account: Account) -> None:
    """The login page, filled as a user who types would leave it, with everything it fetches ahead arrived."""
    page.goto(f"{hub.base}/hub/login")
    page.fill("#username", account.username)
    page.fill("#password", account.password)
    page.wait_for_load_state("networkidle")
    time.sleep(0.8)


def seconds_to_ready(page: Page) -> float:
    """Click on the login button; seconds until the desk is ready."""
    page.click("button[type=submit]", no_wait_after=True)
    return until_ready(page)


def until_ready(page: Page) -> float:
    """Seconds from the click on the login button, made already or about to be, until the desk is ready."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            started, row, kernel = page.evaluate(TIMES)
        except Error:  # the document changes under us
            continue
        if started and row and kernel:
            return (max(row, kernel) - started) / 1000
        time.sleep(0.02)
    raise TimeoutError("the desk did not become ready in 30 s")


def settle() -> None:
    """Until the kernel pool is full again, so that one run does not pay for the one before."""
    time.sleep(4)


def warm_up(browser: Browser, hub: RunningHub, account: Account) -> None:
    """One login that nobody counts: the servers' first imports and templates."""
    context = timed_profile(browser)
    page = context.new_page()
    open_login(page, hub, account)
    seconds_to_ready(page)
    context.close()
    settle()


def ready_cold(browser: Browser, hub: RunningHub, account: Account) -> tuple[list[float], list[float]]:
    """Seconds to ready, and megabytes on the wire from the login page until then; each run in an empty profile."""
    seconds, megabytes = [], []
    for _ in range(RUNS):
        context = timed_profile(browser)
        page = context.new_page()
        sizes: list[float] = []
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        open_login(page, hub, account)
        seconds.append(seconds_to_ready(page))
        megabytes.append(sum(sizes) / 1e6)
        context.close()
        settle()
    return seconds, megabytes


def ready_warm(browser: Browser, hub: RunningHub, account: Account) -> list[float]:
    """Seconds to ready in a profile that has been on the desk three times; cookies cleared before each."""
    context = timed_profile(browser)
    seconds = []
    for number in range(RUNS + WARM_OPENINGS):
        context.clear_cookies()
        page = context.new_page()
        open_login(page, hub, account)
        spent = seconds_to_ready(page)
        if number >= WARM_OPENINGS:
            seconds.append(spent)
        page.close()
        settle()
    context.close()
    return seconds


def five_at_once(browser: Browser, hub: RunningHub, accounts: list[Account]) -> list[float]:
    """The slowest of five logins in the same millisecond, three rounds, cold profiles."""
    slowest = []
    for _ in range(ROUNDS):
        contexts = [timed_profile(browser) for _ in range(AT_ONCE)]
        pages = [context.new_page() for context in contexts]
        for number, page in enumerate(pages):
            open_login(page, hub, accounts[number % len(accounts)])
        moment = (time.time() + 1) * 1000
        for page in pages:
            page.evaluate("at => { setTimeout(() => document.querySelector('button[type=submit]').click(), at - Date.now()) }", moment)
        time.sleep(1.5)  # whoever asks the pages how far they are takes their time
        slowest.append(max(until_ready(page) for page in pages))
        for context in contexts:
            context.close()
        time.sleep(POOL_SECONDS)
    return slowest


def own_first_open(browser: Browser, hub: RunningHub, account: Account) -> list[float]:
    """Seconds until our desk is usable in a fresh profile that is signed in already (as the stock page needs no login)."""
    seconds = []
    for number in range(5):
        context = profile(browser)
        page = context.new_page()
        sign_in(context, hub, account)
        start = time.perf_counter()
        page.goto(desk_address(hub), wait_until="commit")
        wait_usable(page)
        if number:
            seconds.append(time.perf_counter() - start)
        context.close()
        settle()
    return seconds


def memory_of_desks(browser: Browser, hub: RunningHub, account: Account) -> list[float]:
    """PSS in MB of the kernels of five open desks; the kernels of browsers that were closed before are gone."""
    wait_until("kernels of closed browsers have ended", lambda: not owned_kernels(hub), CLOSED_SECONDS, 1)
    context = profile(browser)
    sign_in(context, hub, account)
    for _ in range(AT_ONCE):
        page = context.new_page()
        page.goto(desk_address(hub))
        wait_usable(page)
    sizes = [kernel.memory_full_info().pss / 1e6 for kernel in owned_kernels(hub)]
    context.close()
    if len(sizes) != AT_ONCE:
        raise AssertionError(f"{AT_ONCE} desks are open, but {len(sizes)} kernels have an owner")
    return sizes


def owned_kernels(hub: RunningHub) -> list[psutil.Process]:
    """The kernels of open desks, and of desks whose browser has just died."""
    return [kernel for kernel in psutil.Process(hub.pids()["zygote"]).children() if has_owner(kernel)]


def has_owner(kernel: psutil.Process) -> bool:
    """Whether somebody's ticket lies in the kernel's folder; the others wait in the pool."""
    return (Path(kernel.cwd()) / "ticket").is_file()
