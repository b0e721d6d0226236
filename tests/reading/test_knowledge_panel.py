"""The knowledge base beside the report: found, read, and its words put where the cursor is."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
BODY = "回盲部见同心圆征，直径约 3 cm。\n套头内未见肿大淋巴结。"


@pytest.fixture(scope="module")
def entry(stack: Stack) -> str:
    """The title of an entry about the bowel, written by the reviewer."""
    title = f"肠套叠{uuid.uuid4().hex[:4]}"
    with stack.person("reviewer") as client:
        content = {"title": title, "body": BODY, "modality": "US", "body_part": "ABDOMEN", "tags": ["急腹症"]}
        client.post("/knowledge", json=content).raise_for_status()
    return title


def open_report(page: Page, accession: str) -> None:
    open_case(page, accession)
    by(page, "report-findings").wait_for()


@pytest.mark.clause("R-12")
def test_words_of_the_knowledge_base_go_where_the_cursor_is(stack: Stack, open_desk: Open, entry: str) -> None:
    page = open_desk("doctor")
    open_report(page, stack.case("孟知微"))
    findings = by(page, "report-findings")
    findings.fill("开头。结尾。")
    findings.evaluate("area => area.setSelectionRange(3, 3)")
    # the cursor stays where it was in the findings, although the impression was written in later
    by(page, "report-impression").fill("意见")
    by(page, "report-knowledge").click()
    by(page, "knowledge-panel-search").fill("chang tao die")
    found = by(page, "knowledge-list").locator("button").filter(has_text=entry)
    expect(found).to_contain_text("腹部")
    found.click()
    expect(by(page, "knowledge-entry")).to_contain_text("同心圆征")
    by(page, "knowledge-insert").click()
    expect(findings).to_have_value(f"开头。{BODY}结尾。")
    expect(findings).to_be_focused()
    assert findings.evaluate("area => area.selectionStart") == 3 + len(BODY)
    expect(by(page, "report-impression")).to_have_value("意见")
    page.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    by(page, "notice-action").last.click()
    expect(findings).to_have_value("开头。结尾。")


@pytest.mark.clause("R-12")
def test_the_panel_by_keyboard_and_esc_keeps_the_case_open(stack: Stack, open_desk: Open, entry: str) -> None:
    page = open_desk("doctor")
    open_report(page, stack.case("岳清"))
    page.keyboard.press("F6")
    expect(by(page, "knowledge-list")).to_contain_text(entry)
    by(page, "report-templates").click()
    expect(by(page, "knowledge-panel")).to_have_count(0)
    expect(by(page, "templates")).to_be_visible()
    page.keyboard.press("F6")
    expect(by(page, "templates")).to_have_count(0)
    by(page, "knowledge-panel-search").focus()
    page.keyboard.press("Escape")
    expect(by(page, "knowledge-panel")).to_have_count(0)
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")
    expect(by(page, "report-findings")).to_be_focused()


@pytest.mark.clause("R-12")
def test_who_does_not_write_the_report_reads_and_inserts_nothing(stack: Stack, open_desk: Open, entry: str) -> None:
    accession = stack.case("郝安")
    writer, other = open_desk("doctor"), open_desk("doctor2")
    open_report(writer, accession)
    by(writer, "report-findings").fill("写了一句")
    writer.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    open_case(other, accession)
    expect(by(other, "report-read-only")).to_contain_text("李医生")
    by(other, "report-knowledge").click()
    by(other, "knowledge-list").locator("button").filter(has_text=entry).click()
    expect(by(other, "knowledge-entry")).to_contain_text("淋巴结")
    expect(by(other, "knowledge-insert")).to_have_count(0)
