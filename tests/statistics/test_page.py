"""The statistics desk in a real browser: figures, a bar opened, filters, a new exam seen without a reload, errors in words."""

from __future__ import annotations

import signal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.mart.conftest import study
from tests.statistics.running import FrontHouse

LIMIT = 20_000


def opened(browser: Browser, front: FrontHouse, username: str, desk: str) -> tuple[Page, list[str], list[str]]:
    """The desk's page, what its console complained of, and which hosts it asked."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    cookie = {"name": "hub-ticket", "value": front.login(username), "url": f"{front.url}/services/", "httpOnly": True, "sameSite": "Strict"}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.set_default_timeout(LIMIT)
    faults: list[str] = []
    hosts: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(f"{message.text} {message.location.get('url')}") if message.type == "error" else None)
    page.on("request", lambda request: hosts.append(urlsplit(request.url).netloc) if request.url.startswith("http") else None)
    assert page.goto(f"{front.url}/services/pages/desk/{desk}").ok  # type: ignore[union-attr]
    return page, faults, hosts


@pytest.mark.clause("H-3", "A-1", "A-4")
def test_an_administrator_sees_figures_and_the_exams_behind_them(browser: Browser, front: FrontHouse) -> None:
    page, faults, hosts = opened(browser, front, "admin", "statistics")
    expect(page.get_by_test_id("figure-exams").locator(".value")).to_have_text("6", timeout=LIMIT)
    expect(page.get_by_test_id("figure-waiting").locator(".value")).to_have_text("4")
    expect(page.get_by_test_id("figure-positive").locator(".value")).to_have_text("100.0%")
    expect(page.get_by_test_id("figure-rejects").locator(".value")).to_have_text("0.0%")
    for name in ("institutions", "modalities", "days", "turnaround"):
        expect(page.get_by_test_id(f"chart-{name}")).to_have_attribute("data-drawn", "true", timeout=LIMIT)

    bar = page.locator('[data-testid="chart-institutions"] .bars .point path').first.bounding_box()
    assert bar
    page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    expect(page.get_by_test_id("drill-total")).to_contain_text("4")
    expect(page.locator("[data-row]")).to_have_count(4)
    expect(page.get_by_test_id("drill-table")).to_contain_text("第一医院")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("drill-table")).to_have_count(0)

    # the same by keyboard, from the table of numbers
    page.get_by_test_id("chart-modalities-table").focus()
    page.keyboard.press("Enter")
    page.locator('[data-testid="chart-modalities"] [data-key="CT"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.get_by_test_id("drill-back").click()

    page.get_by_test_id("figure-turnaround").locator(".about").click()
    expect(page.get_by_text("首幅影像到达至报告签发").first).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_test_id("figure-rejects").locator(".about").click()
    expect(page.get_by_text("废片 ÷（废片 + 期间内检查的在用影像数）").first).to_be_visible()
    page.keyboard.press("Escape")

    page.locator('[data-testid="filter-period"] [data-preset="week"]').click()
    expect(page.locator('[data-preset="week"]')).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("figure-exams").locator(".value")).to_have_text("6")

    page.get_by_test_id("language").click()
    expect(page.get_by_test_id("chart-institutions")).to_contain_text("First Hospital")
    page.get_by_test_id("language").click()

    # a hospital sends another exam: the page counts it by itself
    front.arrive([study(100, "H02", "CT")])
    expect(page.get_by_test_id("figure-exams").locator(".value")).to_have_text("7", timeout=LIMIT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    assert not faults
    assert set(hosts) == {urlsplit(front.url).netloc}
    page.context.close()


@pytest.mark.clause("S-9")
def test_a_doctor_has_no_statistics_desk(browser: Browser, front: FrontHouse) -> None:
    context = browser.new_context()
    cookie = {"name": "hub-ticket", "value": front.login("writer"), "url": f"{front.url}/services/", "httpOnly": True, "sameSite": "Strict"}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    answer = page.goto(f"{front.url}/services/pages/desk/statistics", timeout=LIMIT)
    assert answer
    assert answer.status == 403
    context.close()


@pytest.mark.clause("H-3")
def test_a_mart_that_is_away_is_said_in_words_and_retried(browser: Browser, front: FrontHouse) -> None:
    page, _, _ = opened(browser, front, "admin", "statistics")
    expect(page.get_by_test_id("figure-exams").locator(".value")).not_to_have_text("", timeout=LIMIT)
    front.end("mart", signal.SIGKILL)
    page.locator('[data-testid="filter-period"] [data-preset="today"]').click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("统计服务暂时无法连接", timeout=LIMIT)
    front.start("mart")
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0, timeout=LIMIT)
    page.context.close()
