"""How fast a doctor can work: login to usable desk, first image, images on the worklist; through proxy and Hub, in a real browser."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, sync_playwright

from bench.cases import first_image, worklist_visible
from bench.doors import Account, accounts_of, demo_hub, launch
from bench.opening import five_at_once, memory_of_desks, own_first_open, ready_cold, ready_warm, warm_up
from bench.result import Result
from bench.stock import stock_first_open
from tests.running_hub import RunningHub

IDS = ("desk-ready-warm", "desk-ready-cold", "desk-five", "desk-vs-stock", "desk-memory", "desk-bytes", "first-image", "worklist-visible")


def cold(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    seconds, megabytes = ready_cold(browser, hub, doctors[0])
    time_is = "click on 登录 → first worklist row and a kernel round trip, empty browser cache"
    bytes_are = "bytes until the desk is ready, cold, compressed, login page included, viewer not yet loaded"
    return [
        Result("desk-ready-cold", time_is, seconds, "s", 0.5, "lower"),
        Result("desk-bytes", bytes_are, megabytes, "MB", 0.3, "lower"),
    ]


def warm(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    what = "click on 登录 → first worklist row and a kernel round trip, warm browser cache"
    return [Result("desk-ready-warm", what, ready_warm(browser, hub, doctors[0]), "s", 0.35, "lower")]


def five(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    what = "five logins at the same moment, the slowest (browsers and servers on the same 2 cores)"
    return [Result("desk-five", what, five_at_once(browser, hub, doctors), "s", 1.0, "lower")]


def beside_stock(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    ours, stock = statistics.median(own_first_open(browser, hub, doctors[0])), stock_first_open(browser)
    peer = f"stock {statistics.median(stock):.2f} s, ours {ours:.2f} s"
    what = "first open of a stock Voilà page with three widgets over ours"
    return [Result("desk-vs-stock", what, [theirs / ours for theirs in stock], "×", 3, "higher", peer, 2)]


def memory(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    sizes = memory_of_desks(browser, hub, doctors[0])
    return [Result("desk-memory", "PSS of the kernel of an open desk", sizes, "MB", 60, "lower", digits=1)]


def images(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    what = "click on a row → first image of a CT not opened before; desk open, pointer on the row for 1 s"
    return [Result("first-image", what, first_image(browser, hub, doctors[0]), "ms", 150, "lower", digits=0)]


def arrivals(browser: Browser, hub: RunningHub, doctors: list[Account]) -> list[Result]:
    what = "last C-STORE response → row on an open worklist"
    return [Result("worklist-visible", what, worklist_visible(browser, hub, doctors[0]), "s", 2, "lower")]


PARTS: list[tuple[tuple[str, ...], Callable[[Browser, RunningHub, list[Account]], list[Result]]]] = [
    (("desk-ready-cold", "desk-bytes"), cold),
    (("desk-ready-warm",), warm),
    (("desk-five",), five),
    (("desk-vs-stock",), beside_stock),
    (("desk-memory",), memory),
    (("first-image",), images),
    (("worklist-visible",), arrivals),
]


def measure() -> Iterator[Result]:
    """The figures asked for on the command line, one after the other, on one hub with the demo's data."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    with demo_hub() as hub, sync_playwright() as driver:
        browser = launch(driver)
        doctors = accounts_of(hub, "radiologist", "reviewer")
        warm_up(browser, hub, doctors[0])
        for ids, part in PARTS:
            if any(name.startswith(prefix) for name in ids):
                yield from part(browser, hub, doctors)
        browser.close()
