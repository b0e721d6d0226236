"""A desk in a real browser: nothing from outside, no error under the content policy, cut links, dead kernels, ended sessions (H-2)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.pages.running import Pages, wait_for
from tests.worker import take_free_port

pytestmark = pytest.mark.clause("H-2")


class Cable:
    """A TCP relay in front of the proxy that can really be cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = take_free_port()
        self.whole = True
        self._links: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._links |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            self._links.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # a mere close waits for the thread that reads from it: the browser would hear nothing
            end.close()

    def cut(self) -> None:
        self.whole = False
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.whole = True

    def close(self) -> None:
        self._server.close()
        self.cut()


@pytest.fixture(scope="module")
def cable(pages: Pages) -> Iterator[Cable]:
    link = Cable(pages.ports["proxy"])
    yield link
    link.close()


@pytest.fixture
def context(browser: Browser, pages: Pages) -> Iterator[BrowserContext]:
    pages.control(preferences={})  # a language chosen in one test is not that of the next
    fresh = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    fresh.set_default_timeout(20_000)
    yield fresh
    fresh.close()


def _sign_in(context: BrowserContext, pages: Pages, username: str, **more: Any) -> None:
    context.add_cookies(
        [
            {
                "name": "hub-ticket",
                "value": pages.ticket(username, **more),
                "domain": "127.0.0.1",
                "path": "/services/",
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )


def _open(context: BrowserContext, cable: Cable, desk: str) -> tuple[Page, list[str], list[str]]:
    page = context.new_page()
    errors: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"http://127.0.0.1:{cable.port}/services/pages/desk/{desk}")
    return page, errors, addresses


def _answered(page: Page) -> None:
    """One round trip to the kernel has been made."""
    expect(page.locator("html")).to_have_attribute("data-kernel", "answered", timeout=20_000)


def _kernel(page: Page) -> str:
    return str(page.evaluate("JSON.parse(document.getElementById('kernel').textContent).id"))


def test_desk_opens_whole_with_nothing_from_outside(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "tina")
    page, errors, addresses = _open(context, cable, "technician")
    expect(page.get_by_role("heading", name="技师台正在建设中")).to_be_visible()
    expect(page.get_by_test_id("hello")).to_contain_text("田娜")
    expect(page.get_by_test_id("kernel-answer")).to_contain_text("后台程序已应答")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "online")
    _answered(page)
    assert errors == []
    assert {address.split("/")[2] for address in addresses} == {f"127.0.0.1:{cable.port}"}
    assert len([address for address in addresses if address.endswith("/me")]) == 1, "the preload is the request, not a second one"
    page.get_by_test_id("language").click()
    expect(page.get_by_role("heading", name="Technician: being built")).to_be_visible()
    expect(page).to_have_title("Technician")
    wait_for(lambda: "en" in str(_preferences(context, cable)), 5)
    page.get_by_test_id("user-menu").click()
    expect(page.get_by_test_id("sign-out")).to_have_attribute("href", "/hub/logout")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert errors == []


def _preferences(context: BrowserContext, cable: Cable) -> Any:
    return context.request.get(f"http://127.0.0.1:{cable.port}/services/ris/api/v1/me").json()["preferences"]


def test_policy_stops_injected_script(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "paul")
    page, errors, _ = _open(context, cable, "patient")
    _answered(page)
    page.evaluate("""() => {
        const script = document.createElement('script'); script.textContent = 'window.stolen = 1'; document.body.append(script)
        const image = document.createElement('img'); image.src = 'http://evil.example/x.png'; document.body.append(image)
    }""")
    page.wait_for_timeout(300)
    assert page.evaluate("window.stolen") is None
    assert len([error for error in errors if "Content Security Policy" in error]) == 2


def test_cut_link_says_so_and_comes_back_to_the_same_kernel(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "anna")
    page, _, _ = _open(context, cable, "registration")
    _answered(page)
    kernel = _kernel(page)
    page.evaluate("window.mine = 'still here'")
    cable.cut()
    try:
        bar = page.get_by_test_id("connection-bar")
        expect(bar).to_contain_text("正在重连")
        expect(bar).to_have_attribute("data-state", "reconnecting")
        page.wait_for_timeout(1500)
    finally:
        cable.mend()
    expect(page.get_by_test_id("connection-bar")).to_have_count(0)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "online")
    assert _kernel(page) == kernel
    assert page.evaluate("window.mine") == "still here", "no reload"
    assert pages.alive("anna", kernel)


def test_killed_kernel_is_told_and_reopened(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "anna")
    page, _, _ = _open(context, cable, "registration")
    _answered(page)
    kernel = _kernel(page)
    old = page.locator("#kernel").text_content()
    os.kill(pages.pid_of(kernel), signal.SIGKILL)
    expect(page.get_by_test_id("connection-bar")).to_contain_text("后台程序已停止", timeout=5000)
    page.get_by_test_id("reopen").click()
    wait_for(lambda: page.locator("#kernel").text_content() not in {None, old}, 20, "a new kernel")
    _answered(page)
    expect(page.get_by_test_id("connection-bar")).to_have_count(0)


def test_left_page_ends_its_kernel(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "anna")
    page, _, _ = _open(context, cable, "registration")
    _answered(page)
    kernel = _kernel(page)
    page.close(run_before_unload=True)
    wait_for(lambda: not pages.alive("anna", kernel), 10, "the kernel ends soon after its page")


def test_ended_session_asks_to_sign_in_and_loses_nothing(context: BrowserContext, pages: Pages, cable: Cable) -> None:
    _sign_in(context, pages, "anna")
    page, _, _ = _open(context, cable, "registration")
    _answered(page)
    page.evaluate("window.mine = 'typed'")
    context.clear_cookies()
    cable.cut()
    cable.mend()
    bar = page.get_by_test_id("connection-bar")
    expect(bar).to_contain_text("登录已过期")
    _sign_in(context, pages, "anna")
    page.get_by_role("button", name="我已登录").click()
    expect(page.get_by_test_id("connection-bar")).to_have_count(0)
    assert page.evaluate("window.mine") == "typed"
    context.clear_cookies()
    cable.cut()
    cable.mend()
    expect(bar).to_contain_text("登录已过期")
    _sign_in(context, pages, "bob")
    page.get_by_role("button", name="我已登录").click()
    expect(bar).to_contain_text("已由其他人登录")
