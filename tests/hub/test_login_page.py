"""The login page in a real browser: both languages, small screens, the comforts of its script, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running_hub import RunningHub


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    yield context.new_page()
    context.close()


@pytest.mark.clause("H-1")
def test_a_login_by_hand_in_both_languages(hub: RunningHub, page: Page) -> None:
    addresses: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{hub.base}/hub/login")
    expect(page.get_by_role("heading", name="儿童影像远程诊断中心")).to_be_visible()
    size = page.evaluate("[document.documentElement.scrollWidth <= innerWidth, document.documentElement.scrollHeight <= innerHeight]")
    assert size == [True, True]
    page.wait_for_load_state("networkidle")
    assert not complaints
    page.get_by_role("link", name="English").click()
    expect(page).to_have_title("Sign in · Children's Remote Imaging Centre")
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()  # the choice is kept

    password = page.get_by_label("Password")
    password.fill("not this one")
    page.get_by_role("button", name="Show").click()
    expect(password).to_have_attribute("type", "text")
    page.get_by_label("User name").fill("radiologist.nobody")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("User name")).to_have_value("radiologist.nobody")
    expect(page.get_by_label("Password")).to_have_value("")

    account = hub.account("patient")  # a plain page, so that only the login is looked at
    page.get_by_label("User name").fill(account["username"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_label("Password").press("Enter")
    expect(page).to_have_url(re.compile("/services/pages/desk/patient$"))
    assert {address.split("/")[2] for address in addresses if not address.startswith(("data:", "blob:"))} == {f"127.0.0.1:{hub.port}"}


@pytest.mark.clause("H-1")
def test_caps_lock_is_told(hub: RunningHub, page: Page) -> None:
    page.goto(f"{hub.base}/hub/login")
    hint = page.get_by_text("大写锁定已打开")
    expect(hint).to_be_hidden()
    press = "new KeyboardEvent('keydown', {key: 'A', modifierCapsLock: %s})"
    page.locator("#password").evaluate("(box) => box.dispatchEvent(" + press % "true" + ")")
    expect(hint).to_be_visible()
    page.locator("#password").evaluate("(box) => box.dispatchEvent(" + press % "false" + ")")
    expect(hint).to_be_hidden()


@pytest.mark.clause("H-1")
def test_the_login_page_fetches_the_desk_while_somebody_types(hub: RunningHub, page: Page) -> None:
    with page.expect_response(re.compile(r"/services/pages/static/reading-[^/]+\.js$")) as fetched:
        page.goto(f"{hub.base}/hub/login")
    assert fetched.value.status == 200
    assert "immutable" in fetched.value.headers["cache-control"]
