"""The reader's own keys of the images: chosen by pressing them, in force at once, kept with the account, shown wherever a key is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
PATH = "/me/preferences/viewer-keys"


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Accession and study of a child's head on the worklist."""
    study = stack.send(own_copy(corpus, "mr-sag-brain-child", tmp_path_factory.mktemp("head")))
    return stack.case("孙小圣", study_uid=study), study


def opened(open_desk: Open, case: tuple[str, str], **more: object) -> Page:
    page = open_desk("doctor", **more)
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    return page


def edit(page: Page) -> None:
    by(page, "user-menu").click()
    page.get_by_role("menuitem", name="快捷键").click()
    by(page, "edit-keys").click()
    expect(by(page, "key-editor")).to_be_visible()


@pytest.mark.clause("V-4")
def test_keys_are_chosen_used_and_kept(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    edit(page)
    invert, window = page.locator('[data-command="invert"]'), page.locator('[data-command="tool-window"]')
    expect(window.get_by_test_id("key")).to_contain_text(["W"])
    invert.get_by_test_id("key-add").click()
    page.keyboard.press("F8")  # the desk's: next case
    expect(invert.get_by_test_id("key-said")).to_contain_text("请选择其他键")
    page.keyboard.press("w")
    expect(invert.get_by_test_id("key-said")).to_contain_text("“W”原属于“窗宽窗位”")
    expect(invert.get_by_test_id("key")).to_contain_text(["I", "W"])
    expect(window.get_by_test_id("key")).to_have_count(0)
    window.get_by_test_id("key-add").click()
    page.keyboard.press("Tab")  # changed their mind
    expect(by(page, "key-waiting")).to_have_count(0)
    window.get_by_test_id("key-add").click()
    page.keyboard.press("F9")
    by(page, "keys-save").click()
    expect(by(page, "key-editor")).to_have_count(0)

    viewer = by(page, "viewer")
    viewer.click()
    page.keyboard.press("l")
    expect(by(page, "tool-measure")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("w")
    expect(by(page, "tool-invert")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("F9")
    expect(by(page, "tool-window")).to_have_attribute("aria-pressed", "true")
    expect(by(page, "tool-window")).to_have_attribute("title", "窗宽窗位 (F9)")
    with stack.person("doctor") as person:
        assert person.get(PATH).json()["document"] == {"keys": {"invert": ["i", "w"], "tool-window": ["F9"]}}

    other = opened(open_desk, case)  # another workstation of the same doctor
    by(other, "viewer").click()
    other.keyboard.press("w")
    expect(by(other, "tool-invert")).to_have_attribute("aria-pressed", "true")
    other.keyboard.press("?")
    expect(other.locator("dialog.help")).to_contain_text("I / W")
    other.keyboard.press("Escape")
    edit(other)
    by(other, "keys-usual").click()
    by(other, "keys-save").click()
    expect(by(other, "tool-window")).to_have_attribute("title", "窗宽窗位 (W)")


@pytest.mark.clause("V-4")
def test_keys_that_cannot_be_loaded_are_the_usual_ones_and_are_not_written_over(
    stack: Stack, open_desk: Open, case: tuple[str, str]
) -> None:
    page = open_desk("doctor", quiet=False)
    page.route(f"**/ris/api/v1{PATH}", lambda route: route.fulfill(status=503, body="{}"))
    page.reload()
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    page.keyboard.press("?")
    by(page, "edit-keys").click()
    expect(by(page, "notice")).to_contain_text("快捷键没有取到，现为默认键。服务暂时不可用。")
    expect(by(page, "key-editor")).to_have_count(0)
    page.unroute(f"**/ris/api/v1{PATH}")
    edit(page)
    # and what is not saved stays to be saved, with the reason in sight
    page.route(f"**/ris/api/v1{PATH}", lambda route: route.fulfill(status=503, body="{}"))
    page.locator('[data-command="mpr"]').get_by_test_id("key-remove").click()
    by(page, "keys-save").click()
    expect(by(page, "keys-problem")).to_contain_text("服务暂时不可用")
    expect(by(page, "keys-problem")).to_be_in_viewport(ratio=1)
    expect(page.locator('[data-command="mpr"]').get_by_test_id("key")).to_have_count(0)
