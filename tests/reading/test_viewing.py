"""The images on the doctor's desk: views side by side, series dragged into them, measuring and turning by the toolbar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path) -> tuple[str, str]:
    """Accession and study of a chest on the worklist."""
    study = stack.send(corpus / "ct-chest-ffs")
    return stack.case("赵一鸣", study_uid=study), study


def opened(open_desk: Open, case: tuple[str, str]) -> Page:
    accession, study = case
    page = open_desk("doctor")
    open_case(page, accession)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=20_000)
    return page


def cells(page: Page) -> int:
    return page.locator(".px-cell").count()


@pytest.mark.clause("V-1")
def test_any_grid_up_to_four_by_four_and_a_series_dragged_into_it(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    by(page, "tool-layout").click()
    expect(by(page, "layout-grid").locator("button")).to_have_count(16)
    page.locator('[data-layout="2x3"]').hover()
    expect(by(page, "layout-grid")).to_contain_text("2×3")
    page.locator('[data-layout="1x2"]').click()
    expect(by(page, "layout-grid")).to_have_count(0)
    expect(by(page, "tool-layout")).to_have_text("1×2")
    assert cells(page) == 2
    second = page.locator(".px-cell").nth(1)
    expect(second).to_contain_text("未选择序列")
    by(page, "series").first.drag_to(second)
    wait_for(lambda: "未选择序列" not in second.inner_text(), says="the dragged series is shown in the second view")
    expect(second).to_have_class("px-cell px-active")
    # by keys alone: the picker opens at the grid that is there
    by(page, "tool-layout").focus()
    for key in ("Enter", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(by(page, "tool-layout")).to_have_text("2×4")
    assert cells(page) == 8
    by(page, "tool-layout").click()
    page.keyboard.press("Escape")
    expect(by(page, "layout-grid")).to_have_count(0)
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")


@pytest.mark.clause("V-9", "V-13", "V-19", "V-20")
def test_the_toolbar_measures_undoes_and_turns(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    box = page.locator(".px-cell").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    by(page, "tool-measures").click()
    by(page, "tool-ellipse").click()
    expect(by(page, "panel-measures")).to_have_count(0)
    expect(by(page, "tool-measure")).to_have_attribute("data-tool", "ellipse")
    expect(by(page, "tool-measure")).to_have_attribute("aria-pressed", "true")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 20)
    page.mouse.move(x + 40, y + 40)
    page.mouse.up()
    drawn = page.locator(".px-stage svg")
    expect(drawn).to_contain_text("面积")
    expect(drawn).to_contain_text("HU")
    page.wait_for_timeout(400)
    by(page, "tool-undo").click()
    expect(drawn).not_to_contain_text("面积")
    left = page.locator(".px-edge-left")
    before = left.inner_text()
    by(page, "tool-turn").click()
    by(page, "tool-flip-horizontal").click()
    expect(left).not_to_have_text(before)
    by(page, "tool-flip-horizontal").click()
    expect(left).to_have_text(before)
    by(page, "tool-rotate-right").click()
    expect(page.locator(".px-edge-top")).to_have_text(before)
    angle = page.locator('.px-line[data-item="rotation"]')
    expect(by(page, "turn-angle")).to_have_value("90")
    by(page, "turn-angle").fill("-12.5")
    by(page, "turn-angle").press("Enter")
    expect(angle).to_have_text("旋转 -12.5°")
    by(page, "turn-angle").fill("")
    by(page, "turn-angle").press("Tab")
    expect(by(page, "turn-angle")).to_have_value("-12.5")  # nothing typed, nothing turned
    by(page, "turn-none").click()
    expect(angle).to_have_text("")
    expect(by(page, "turn-angle")).to_have_value("0")
    by(page, "tool-turn-free").click()
    expect(by(page, "panel-turn")).to_have_count(0)
    box = page.locator(".px-stage").first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + 150, y)
    page.mouse.down()
    page.mouse.move(x + 106, y + 106)
    page.mouse.move(x, y + 150)
    page.mouse.move(x - 75, y + 130)
    page.mouse.up()
    expect(angle).to_contain_text("旋转 1")  # about 120 degrees clockwise
    by(page, "tool-reset").click()
    expect(left).to_have_text(before)


@pytest.mark.clause("V-27", "V-30", "V-31", "V-37")
def test_planes_of_a_series_by_the_toolbar(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    expect(by(page, "tool-slab")).to_have_count(0)
    by(page, "tool-mpr").click()
    for position, plane in enumerate(("横断位", "冠状位", "矢状位")):
        expect(page.locator(".px-cell").nth(position)).to_contain_text(f"{plane}  重建")
    coronal = page.locator(".px-cell").nth(1)
    by(page, "tool-crosshair").click()
    box = page.locator(".px-cell").nth(0).bounding_box()
    assert box is not None
    line = coronal.locator('line[data-of="sagittal"]')
    before = line.get_attribute("x1")
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    expect(line).not_to_have_attribute("x1", before or "")
    coronal.click()
    by(page, "tool-slab").click()
    by(page, "slab-max").click()
    by(page, "slab-thickness").fill("20")
    expect(coronal).to_contain_text("MIP 10 mm")
    box = coronal.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, 100)
    expect(coronal).not_to_contain_text("图像 256/512")  # news of the viewer, while the field is being typed in
    by(page, "slab-thickness").press("Enter")
    expect(coronal).to_contain_text("MIP 20 mm")
    expect(by(page, "tool-slab")).to_contain_text("MIP 20")
    by(page, "tool-mpr").click()
    expect(page.locator(".px-cell")).to_have_count(1)
    expect(by(page, "tool-slab")).to_have_count(0)
    expect(by(page, "image-position")).to_contain_text("/ 20")
