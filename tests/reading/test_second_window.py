"""The second window of the reading desk: it shows the prior, follows from case to case, survives a reload, and ends with its desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_hanging import own_series
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def cases(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """Two children with a prior each: name, accession, the prior's study."""
    folder = tmp_path_factory.mktemp("second")
    made = []
    for number, name in enumerate(("甲副屏", "乙副屏")):
        child = {"patient_id": f"P-SECOND-{number}"}
        before = stack.send(own_series(corpus, "ct-head-tilt", folder / f"{number}-before", ["Head 5.0"], "20250102"))
        now = stack.send(own_series(corpus, "ct-head-tilt", folder / f"{number}-now", ["Head 5.0"], "20261101"))
        for uid, day in ((before, "20250102"), (now, "20261101")):
            accession = stack.order(name, patient=child)
            linked = stack.arrive(study_uid=uid, accession=accession, patient_id=child["patient_id"], instances=8, study_date=day)
            assert linked["linked"] is True, linked
        made.append((name, accession, before))
    return made


def opened(open_desk: Open, cases: list[tuple[str, str, str]]) -> tuple[Page, Page]:
    """The desk with the first case, and its second window."""
    page = open_desk("doctor")
    open_case(page, cases[0][1])
    page.locator('[data-testid="viewer"][data-shown]').wait_for(timeout=20_000)
    with page.expect_popup() as popup:
        by(page, "second-open").click()
    window = popup.value
    window.set_viewport_size({"width": 1200, "height": 800})
    return page, window


def shows(window: Page, study: str) -> Any:
    return window.locator(f'[data-testid="second-viewer"][data-shown^="{study} "]')


@pytest.mark.clause("V-1", "R-4", "C-2")
def test_the_second_window_follows_its_desk_from_case_to_case(stack: Stack, open_desk: Open, cases: list[tuple[str, str, str]]) -> None:
    page, window = opened(open_desk, cases)
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    (first, _, prior), (second, accession, other) = cases
    shows(window, prior).wait_for(timeout=20_000)
    expect(by(window, "second-case")).to_contain_text(first)
    expect(by(window, "second-window")).to_have_attribute("data-desk", "here")
    expect(by(page, "second-open")).to_have_class("btn quiet icon on")
    expect(window.locator(".px-cell")).to_have_count(2)  # hung as the desk would hang it
    expect(window.locator(".px-cell").nth(1)).to_contain_text("W 1800  L 400")
    expect(window.locator(".px-cell").first).to_contain_text("2025-01-02")
    assert window.evaluate("document.getElementById('kernel')") is None
    window.screenshot(path="/tmp/w/hang_second.png")

    by(window, "second-contents").select_option("rest")
    expect(by(window, "second-empty")).to_have_text("本次检查的序列都在主屏上")
    by(window, "second-contents").select_option("large")
    position = window.locator(".px-cell").first
    expect(position).to_contain_text("图像 5/8")
    by(page, "viewer").click()
    page.keyboard.press("ArrowDown")
    expect(position).to_contain_text("图像 6/8")  # what the doctor scrolls to
    by(window, "second-contents").select_option("prior")
    shows(window, prior).wait_for()

    by(page, "back-to-list").click()
    expect(by(window, "second-case")).to_have_text("阅片台没有打开病例")
    expect(window.locator(".px-viewer")).not_to_contain_text(first)
    open_case(page, accession)
    shows(window, other).wait_for(timeout=20_000)
    expect(by(window, "second-case")).to_contain_text(second)
    expect(window.locator(".px-viewer")).not_to_contain_text(first)

    window.reload()
    shows(window, other).wait_for(timeout=20_000)
    expect(by(window, "second-case")).to_contain_text(second)
    page.reload()  # the desk comes back to its list; the window is still there
    expect(by(window, "second-case")).to_have_text("阅片台没有打开病例")
    expect(by(window, "second-window")).to_have_attribute("data-desk", "here")
    page.goto(f"{stack.url}/services/pages/window/reading")
    expect(by(window, "second-gone")).to_contain_text("不再更新")
    window.wait_for_event("close", timeout=15_000)  # it ends with its desk
    assert errors == []


@pytest.mark.clause("V-1", "V-2", "V-19", "V-20", "V-27", "R-4")
@pytest.mark.timeout(300)
def test_the_image_being_read_stands_there_as_the_doctor_sees_it(open_desk: Open, cases: list[tuple[str, str, str]]) -> None:
    page, window = opened(open_desk, cases)
    by(window, "second-contents").select_option("large")
    there = window.locator(".px-cell").first
    expect(there).to_contain_text("图像 5/8", timeout=20_000)
    by(page, "viewer").click()
    page.keyboard.press("2")  # a window preset
    page.keyboard.press("i")
    page.keyboard.press("]")
    page.keyboard.press("h")
    leading = page.locator(".px-cell.px-active")
    expect(leading).to_contain_text("反相")
    expect(leading.locator(".px-edge-top")).not_to_have_text("A")  # it is turned
    expect(there).to_contain_text("反相")
    expect(there.locator('[data-item="window"]')).to_have_text(leading.locator('[data-item="window"]').inner_text())
    for edge in ("left", "right", "top", "bottom"):
        letter = leading.locator(f".px-edge-{edge}").inner_text()
        expect(there.locator(f".px-edge-{edge}")).to_have_text(letter)
    # a free turn, and another image
    page.keyboard.press("Shift+U")
    page.keyboard.press("ArrowDown")
    expect(there).to_contain_text("图像 6/8")
    # a plane of it, and its scrolling
    page.keyboard.press("m")
    expect(leading).to_contain_text("横断位", timeout=20_000)
    page.wait_for_timeout(500)
    page.locator(".px-cell").nth(1).click()
    expect(there).to_contain_text("冠状位", timeout=20_000)
    expect(window.locator(".px-cell")).to_have_count(1)
    first, second = (one.locator('[data-item="location"]') for one in (page.locator(".px-cell").nth(1), there))
    before = first.inner_text()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    wait_for(lambda: first.inner_text() == second.inner_text() != before, says="the same place, another than before")
    page.keyboard.press("m")
    expect(there).to_contain_text("图像 6/8", timeout=20_000)
    by(window, "second-contents").select_option("prior")  # the choice is kept in the browser


@pytest.mark.clause("V-1", "S-9")
def test_who_may_not_see_images_gets_no_window(stack: Stack, open_desk: Open) -> None:
    page = open_desk("doctor")
    page.context.clear_cookies()
    answer = page.request.get(f"{stack.url}/services/pages/window/reading", max_redirects=0)
    assert (answer.status, answer.headers["location"].split("?")[0]) == (302, "/hub/ticket")
