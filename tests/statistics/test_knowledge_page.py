"""The knowledge desk in a real browser: search, write, two people at one entry, reading without the right to edit."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.statistics.running import FrontHouse
from tests.statistics.test_page import LIMIT, opened

pytestmark = pytest.mark.clause("R-12")


@pytest.fixture
def knowing(front: FrontHouse) -> FrontHouse:
    if "knowledge" not in front.call("chief", "GET", "/me")["desks"]:
        pytest.skip("ris does not give the knowledge desk to any role (DESKS in ris/access/rules.py)")
    return front


def test_a_reviewer_writes_finds_and_settles_a_conflict(browser: Browser, knowing: FrontHouse) -> None:
    page, faults, _ = opened(browser, knowing, "chief", "knowledge")
    page.get_by_test_id("knowledge-new").click()
    page.get_by_test_id("knowledge-title").fill("支气管肺炎")
    page.get_by_test_id("knowledge-modality").fill("dx")
    page.get_by_test_id("knowledge-tags").fill("肺炎，婴幼儿")
    page.get_by_test_id("knowledge-body").fill("双肺纹理增粗，可见斑片影。")
    page.get_by_test_id("knowledge-save").click()
    entry = page.get_by_test_id("knowledge-entry")
    expect(entry).to_contain_text("双肺纹理增粗")

    for typed in ("肺炎", "feiyan", "zqgfy"):
        page.get_by_test_id("knowledge-search").fill(typed)
        expect(page.locator("[data-entry]")).to_have_count(1, timeout=LIMIT)
    page.get_by_test_id("knowledge-search").fill("guzhe")
    expect(page.locator("[data-entry]")).to_have_count(0, timeout=LIMIT)
    page.get_by_test_id("knowledge-search").fill("")

    page.get_by_test_id("knowledge-edit").click()
    page.get_by_test_id("knowledge-body").fill("我的内容")
    saved = knowing.call("chief", "GET", "/knowledge", params={"q": "肺炎"})["rows"][0]
    theirs = {**{name: saved[name] for name in ("title", "body_part", "modality", "tags", "version")}, "body": "别人的内容"}
    assert saved["modality"] == "DX"
    knowing.call("chief", "PUT", f"/knowledge/{saved['id']}", json=theirs)
    page.get_by_test_id("knowledge-save").click()
    expect(page.get_by_test_id("conflict-theirs")).to_contain_text("别人的内容")
    expect(page.get_by_test_id("knowledge-body")).to_have_value("我的内容")
    page.get_by_test_id("conflict-keep-mine").click()
    expect(entry).to_contain_text("我的内容")
    assert knowing.call("chief", "GET", f"/knowledge/{saved['id']}")["body"] == "我的内容"
    # the refused save is an answer of 409, which the browser writes into its console as well
    assert all("409" in fault for fault in faults)
    page.context.close()


@pytest.mark.clause("R-12", "S-9")
def test_a_radiologist_reads_only(browser: Browser, knowing: FrontHouse) -> None:
    knowing.call("chief", "POST", "/knowledge", json={"title": "骨龄", "body": "左手正位片。"})
    page, _, _ = opened(browser, knowing, "writer", "knowledge")
    page.locator("[data-entry]").filter(has_text="骨龄").click()
    expect(page.get_by_test_id("knowledge-entry")).to_contain_text("左手正位片")
    expect(page.get_by_test_id("knowledge-new")).to_have_count(0)
    expect(page.get_by_test_id("knowledge-edit")).to_have_count(0)
    page.context.close()
