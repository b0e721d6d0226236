"""The reader's own window presets and gamma on the desk: edited, kept with the account, applied by themselves in another browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
PATH = "/me/preferences/window-presets"
STORED = "-700/1500"  # the window in the headers of the chest series, whose description is "lung"


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Accession and study of a chest on the worklist."""
    study = stack.send(own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("chest")))
    return stack.case("钱二多", study_uid=study), study


@pytest.fixture(autouse=True)
def _without_presets(stack: Stack) -> None:
    for who in ("doctor", "doctor2"):
        with stack.person(who) as person:
            version = person.get(PATH).json()["version"]
            assert person.put(PATH, json={"version": version, "document": {"presets": []}}).status_code == 200


def opened(open_desk: Open, case: tuple[str, str], who: str = "doctor", **more: Any) -> Page:
    accession, study = case
    page = open_desk(who, **more)
    open_case(page, accession)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=20_000)
    return page


def edit(page: Page) -> None:
    """Open the editor: by its button, or where the bar is full by the last entry of the list of presets."""
    page.locator('[data-testid="preset-edit"], [data-testid="preset-more"]').first.wait_for()
    if by(page, "preset-more").count():
        by(page, "preset-more").select_option("edit")
    else:
        by(page, "preset-edit").click()


def fill(page: Page, name: str, **values: str) -> None:
    """Fill the editor's last row."""
    last = by(page, "preset-row").last
    last.get_by_test_id("preset-name").fill(name)
    for field, value in values.items():
        last.get_by_test_id(f"preset-{field}").fill(value)


@pytest.mark.clause("V-4")
def test_a_preset_is_edited_kept_and_applied_by_itself_elsewhere(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    viewer = by(page, "viewer")
    expect(viewer).to_have_attribute("data-window", STORED)
    edit(page)
    expect(by(page, "present-series")).to_contain_text("CT · lung")
    expect(by(page, "presets-empty")).to_be_visible()
    by(page, "preset-add").click()
    by(page, "preset-save").click()  # nothing is kept before each has a name
    expect(by(page, "preset-faults")).to_be_visible()
    fill(page, "肺高对比", pattern="*brain*", width="1100", center="-550", gamma="1.3")
    expect(by(page, "preset-fits")).to_have_text("–")
    by(page, "preset-pattern").fill("LU?G*")
    expect(by(page, "preset-fits")).to_have_text("✓")
    by(page, "preset-row").last.get_by_test_id("preset-automatic").check()
    by(page, "preset-take").click()
    fill(page, "现窗")
    expect(by(page, "preset-row").last.get_by_test_id("preset-width")).to_have_value("1500")
    expect(by(page, "preset-row").last.get_by_test_id("preset-pattern")).to_have_value("lung")
    by(page, "preset-up").last.click()
    by(page, "preset-save").click()
    expect(by(page, "preset-editor")).to_have_count(0)
    # It fits what is on the screen, which nobody has touched: it applies here too.
    expect(viewer).to_have_attribute("data-window", "-550/1100")
    expect(page.locator(".px-bottomRight")).to_contain_text("γ 1.30")
    with stack.person("doctor") as person:
        kept = person.get(PATH).json()["document"]["presets"]
    assert [(one["name"], one["automatic"]) for one in kept] == [("现窗", False), ("肺高对比", True)]

    other = opened(open_desk, case)  # another browser of the same doctor
    expect(by(other, "viewer")).to_have_attribute("data-window", "-550/1100")
    expect(by(other, "viewer")).to_have_attribute("data-gamma", "1.3")
    by(other, "viewer").click()
    other.keyboard.press("1")
    expect(by(other, "viewer")).to_have_attribute("data-window", "-700/1500")
    other.keyboard.press("2")
    expect(by(other, "viewer")).to_have_attribute("data-window", "-550/1100")
    other.keyboard.press("3")  # behind them the usual ones
    expect(by(other, "viewer")).to_have_attribute("data-window", "40/400")

    stranger = opened(open_desk, case, "doctor2")
    stranger.wait_for_timeout(500)
    expect(by(stranger, "viewer")).to_have_attribute("data-window", STORED)
    edit(stranger)
    expect(by(stranger, "presets-empty")).to_be_visible()


@pytest.mark.clause("V-4")
def test_two_windows_of_one_doctor_lose_nothing(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case, quiet=False)  # the browser notes the 409
    edit(page)
    by(page, "preset-add").click()
    fill(page, "这里")
    with stack.person("doctor") as person:
        version = person.get(PATH).json()["version"]
        document = {"presets": [{"name": "那里", "modality": "MR"}]}
        assert person.put(PATH, json={"version": version, "document": document}).status_code == 200
    by(page, "preset-save").click()
    expect(by(page, "preset-problem")).to_contain_text("已在另一个窗口中修改")
    by(page, "preset-mine").click()
    expect(by(page, "preset-editor")).to_have_count(0)
    with stack.person("doctor") as person:
        assert [one["name"] for one in person.get(PATH).json()["document"]["presets"]] == ["这里"]
        version = person.get(PATH).json()["version"]
        assert person.put(PATH, json={"version": version, "document": document}).status_code == 200
    edit(page)
    by(page, "preset-remove").click()
    by(page, "preset-save").click()
    by(page, "preset-newest").click()
    expect(by(page, "preset-name")).to_have_value("那里")
    by(page, "preset-remove").click()
    page.keyboard.press("Escape")  # what is not saved is asked for, once
    expect(by(page, "preset-editor")).to_contain_text("有未保存的修改")
    page.keyboard.press("Escape")
    expect(by(page, "preset-editor")).to_have_count(0)
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")


@pytest.mark.clause("V-4")
def test_presets_that_cannot_be_had_are_said_and_asked_for_again(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)
    page.route("**/me/preferences/window-presets", lambda route: route.abort())
    page.reload()
    open_case(page, case[0])
    button = by(page, "preset-edit")
    wait_for(lambda: "没有取到" in (button.get_attribute("title") or ""), says="the desk says that the presets are missing")
    page.unroute("**/me/preferences/window-presets")
    button.click()
    expect(by(page, "preset-editor")).to_be_visible()


@pytest.mark.clause("V-3", "V-22")
def test_gamma_by_slider_and_keys_until_reset(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    viewer = by(page, "viewer")
    by(page, "tool-gamma").click()
    slider = by(page, "gamma-slider")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(by(page, "gamma-value")).to_have_text(f"γ {5**0.2:.2f}")
    expect(viewer).to_have_attribute("data-gamma", f"{5**0.2:.2f}")
    expect(page.locator(".px-bottomRight")).to_contain_text("γ 1.38")
    page.keyboard.press("Escape")
    expect(by(page, "panel-gamma")).to_have_count(0)
    viewer.click()
    page.keyboard.press(",")
    expect(viewer).to_have_attribute("data-gamma", "1.25")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("2")
    expect(viewer).to_have_attribute("data-window", "-600/1500")
    expect(viewer).to_have_attribute("data-gamma", "1.25")
    by(page, "tool-reset").click()
    expect(viewer).to_have_attribute("data-gamma", "1")
    expect(viewer).to_have_attribute("data-window", STORED)
