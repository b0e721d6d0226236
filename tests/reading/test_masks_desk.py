"""Bone and table out of the planes of a CT, by the toolbar, with the real masks service behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case
from tests.reading.test_viewing import Open, opened


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    study = stack.send(own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("chest")))
    return stack.case("赵一鸣", study_uid=study), study


@pytest.mark.clause("V-34", "V-35", "V-36")
@pytest.mark.usefixtures("masks")
def test_bone_and_table_go_and_come_back_by_the_toolbar(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk, case)
    expect(by(page, "tool-masks")).to_have_count(0)  # nothing is taken out of received images
    by(page, "tool-mpr").click()
    by(page, "tool-masks").click()
    warnings = page.locator(".px-cell").first.locator(".px-warnings")
    for kind, said in (("bone", "已去骨"), ("table", "已去床板")):
        by(page, f"mask-{kind}").click()
        expect(by(page, f"mask-{kind}")).to_have_attribute("aria-pressed", "true", timeout=60_000)
        expect(warnings).to_contain_text(said)
    panel, stage = (page.locator(name).bounding_box() for name in ('[data-testid="panel-masks"]', ".stage"))
    assert panel and stage
    assert stage["x"] <= panel["x"] and panel["x"] + panel["width"] <= stage["x"] + stage["width"]  # not over the report
    by(page, "mask-keep").click()
    expect(by(page, "mask-untouch")).to_be_enabled(timeout=60_000)
    by(page, "mask-untouch").click()
    expect(by(page, "mask-untouch")).to_be_disabled(timeout=60_000)
    expect(page.locator(".px-cell").nth(3).locator(".px-warnings")).not_to_contain_text("已去骨")
    for kind, said in (("bone", "已去骨"), ("table", "已去床板")):
        by(page, f"mask-{kind}").click()
        expect(by(page, f"mask-{kind}")).to_have_attribute("aria-pressed", "false")
        expect(warnings).not_to_contain_text(said)


@pytest.mark.clause("V-34")
def test_without_the_service_it_says_so(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)  # the browser notes the 503
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    page.route("**/services/masks/**", lambda route: route.fulfill(status=503, body=""))
    by(page, "tool-mpr").click()
    by(page, "tool-masks").click()
    by(page, "mask-table").click()
    expect(by(page, "mask-problem")).to_contain_text("没有去成。服务暂时不可用。", timeout=20_000)
    expect(by(page, "mask-table")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")
    expect(by(page, "tool-masks")).to_contain_text("⚠")
