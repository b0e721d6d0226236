"""Which functions of the viewer the desk offers: the centre's doctors all, a hospital's those of its contract – buttons, keys and help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case
from tests.viewer.test_toolset import OTHERS, TABLE

Open = Callable[..., Page]
# buttons of the bar and its panels, beside those that are named as the command
BUTTONS = {
    "gamma": ["tool-gamma"], "filter": ["tool-filter"], "proportion": ["tool-true-size", "tool-screen"], "itk": ["tool-itk"],
}  # fmt: skip


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Accession and study of a chest of hospital H01."""
    study = stack.send(own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("tools")))
    return stack.case("工具台", study_uid=study), study


def opened(open_desk: Open, case: tuple[str, str], username: str, **more: object) -> Page:
    page = open_desk(username, **more)
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    page.keyboard.press("m")  # the tools of planes are there too
    return page


def buttons(page: Page) -> set[str]:
    """Test ids of every button of the bar, those in panels too."""
    found = set()
    for panel in ("tool-measures", "tool-turn"):
        if by(page, panel).count():
            by(page, panel).click()
            found |= set(page.locator(".stage .tools [data-testid]").evaluate_all("all => all.map(e => e.dataset.testid)"))
            page.keyboard.press("Escape")
    return found


def wanted(name: str) -> list[str]:
    made = [command for command in TABLE[name][1] if command.startswith("tool-")]
    return [*made, *BUTTONS.get(name, [])]


def help_of(page: Page) -> str:
    by(page, "user-menu").click()
    page.get_by_role("menuitem", name="快捷键").click()
    text = page.get_by_role("dialog").inner_text()
    page.keyboard.press("Escape")
    return text


@pytest.mark.timeout(300)
@pytest.mark.clause("S-8", "V-3", "V-10", "V-12", "V-16", "V-18", "V-21", "V-29")
def test_a_hospital_doctor_has_the_tools_of_his_contract(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case, "local1")
    there = buttons(page)
    assert {"tool-window", "tool-length", "tool-polygon", "tool-invert", "tool-reset", "tool-mpr", "tool-rendering", "tool-cine"} <= there
    for name in OTHERS:
        for button in wanted(name):
            assert button not in there, button
    # a key of what he has not got says so, and is no other tool's instead
    page.locator(".px-viewer").focus()
    page.keyboard.press("Shift+A")
    expect(page.locator(".px-refusal")).to_have_text("箭头：此功能未开通")
    expect(by(page, "tool-window")).to_have_attribute("aria-pressed", "true")
    assert "星形按钮" not in by(page, "key-images").inner_text(), "a way to something he has not got"
    words = help_of(page)
    assert "多边形" in words
    for gone in ("伽马", "Cobb", "磁性套索", "折线", "校准", "心胸比", "曲面重建", "箭头", "Graf", "1:1"):
        assert gone not in words, gone


@pytest.mark.timeout(300)
@pytest.mark.clause("S-8")
def test_a_doctor_of_the_centre_has_all(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case, "doctor")
    there = buttons(page)
    for name in TABLE:
        for button in wanted(name):
            if button != "tool-turn":  # in its panel it is tool-turn-free
                assert button in there, button
    assert "tool-turn-free" in there
    words = help_of(page)
    for there_too in ("伽马", "Cobb", "磁性套索", "折线", "校准", "心胸比", "曲面重建", "箭头", "Graf", "1:1"):
        assert there_too in words, there_too
