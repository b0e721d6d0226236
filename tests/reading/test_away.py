"""What the desk says of parts of a case that could not be had, in both languages; it gets them by itself when the servers are back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
DETAILS = re.compile(r"/services/ris/api/v1/exams/\d+$")
SUMMARY = re.compile(r"/services/images/studies/[0-9.]+/summary$")


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    study = stack.send(own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("away")))
    return stack.case("贺远归", study_uid=study), study


def within(page: Page, name: str) -> bool:
    """Whether nothing of an element reaches out of it to the side."""
    return bool(by(page, name).evaluate("element => element.scrollWidth <= element.clientWidth"))


@pytest.mark.timeout(300)
@pytest.mark.clause("V-1")
def test_details_priors_and_series_are_said_to_be_missing_and_come_by_themselves(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)  # the browser notes the 503
    for address in (DETAILS, SUMMARY):
        page.route(address, lambda route: route.fulfill(status=503, body=""))
    open_case(page, case[0])
    expect(by(page, "priors-failed")).to_contain_text("临床信息和历史检查没有取到。", timeout=30_000)
    expect(by(page, "clinical-failed")).to_be_visible()
    expect(by(page, "series-failed")).to_contain_text("序列没有取到。", timeout=30_000)
    by(page, "language").click()
    expect(by(page, "priors-failed")).to_contain_text("Clinical information and priors could not be loaded. ")
    expect(by(page, "series-failed")).to_contain_text("Series could not be loaded. ")
    assert within(page, "series-strip")
    by(page, "language").click()
    assert within(page, "series-strip")
    for address in (DETAILS, SUMMARY):
        page.unroute(address)
    expect(by(page, "priors-failed")).to_have_count(0, timeout=30_000)
    expect(by(page, "series-failed")).to_have_count(0, timeout=30_000)
    expect(by(page, "series-strip")).to_contain_text("没有历史检查")
    expect(by(page, "series")).not_to_have_count(0)
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=30_000)


@pytest.mark.timeout(300)
@pytest.mark.clause("R-10")
def test_a_caption_typed_while_its_image_is_being_saved_stays(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor")
    held: list[Route] = []
    page.route("**/key-images/*", lambda route: held.append(route) if route.request.method == "PUT" else route.continue_())
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    by(page, "tool-key-image").click()
    caption = by(page, "key-image-caption")
    caption.fill("右肺下叶实变")
    page.wait_for_timeout(500)
    assert held, "the image is on its way"
    for route in held:
        route.continue_()
    page.unroute("**/key-images/*")
    expect(by(page, "key-image")).to_have_attribute("data-saved", "true", timeout=20_000)
    expect(by(page, "key-image")).to_have_attribute("data-number", "1")
    expect(caption).to_have_value("右肺下叶实变")
