"""The doctor's desk in a real browser against real services: list, case, report, failure."""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pydicom
import pypdf
import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.reading.desk_stack import Stack, wait_for

Open = Callable[..., Page]


def by(page: Page, name: str) -> Any:
    return page.get_by_test_id(name)


def row(page: Page, accession: str) -> Any:
    return page.locator(f'[data-testid="worklist-row"][data-accession="{accession}"]')


def open_case(page: Page, accession: str) -> None:
    """Open a case that may stand far down a long list: by searching for it."""
    by(page, "search").fill(accession)
    row(page, accession).click()


def saved(page: Page) -> None:
    page.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()


def person_row(stack: Stack, who: str, accession: str) -> dict[str, Any] | None:
    with stack.person(who) as client:
        rows = client.get("/worklist", params={"view": "all", "q": accession}).json()["rows"]
    return rows[0] if rows else None


def report_of(stack: Stack, who: str, accession: str) -> dict[str, Any]:
    found = person_row(stack, who, accession)
    assert found is not None
    with stack.person(who) as client:
        report: dict[str, Any] = client.get(f"/reports/{found['report_id']}").json()
    return report


def write(page: Page, findings: str, impression: str) -> None:
    by(page, "report-findings").fill(findings)
    by(page, "report-impression").fill(impression)
    by(page, "report-positive").click()


@pytest.mark.clause("H-2", "R-5")
def test_a_case_appears_by_itself_and_stat_stands_first(stack: Stack, open_desk: Open) -> None:
    stack.case("赵子涵")
    page = open_desk("doctor")
    by(page, "worklist-row").first.wait_for()
    stat = stack.order("欧阳思远", priority="stat")
    stack.arrive(study_uid=str(pydicom.uid.generate_uid()), accession=stat, patient_id=f"P{stat}")
    came = time.monotonic()
    row(page, stat).wait_for()
    assert time.monotonic() - came < 2
    first = by(page, "worklist-row").first
    expect(first).to_have_attribute("data-accession", stat)
    # never colour alone: the word and an icon stand in the row
    expect(first).to_contain_text("急")
    expect(first).to_contain_text("待写")
    assert first.locator(".state-mark svg").count() == 1
    expect(first).to_contain_text("3岁2月")
    expect(by(page, "worklist-sum")).to_contain_text("急诊")
    expect(by(page, "count-stat")).to_have_text(re.compile("[1-9]"))
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


@pytest.mark.clause("R-5")
def test_the_list_by_keyboard_and_search(stack: Stack, open_desk: Open) -> None:
    family = f"诸葛{uuid.uuid4().hex[:4]}"
    one, two = stack.case(f"{family}小雨"), stack.case(f"{family}大山")
    page = open_desk("doctor")
    by(page, "worklist-row").first.wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("zhuge")
    expect(row(page, one)).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("zg")
    wait_for(lambda: by(page, "worklist-row").count() >= 2)
    page.keyboard.press("Control+a")
    page.keyboard.type(family)
    expect(by(page, "worklist-row")).to_have_count(2)
    page.keyboard.press("Enter")
    chosen = page.locator('[data-testid="worklist-row"][aria-selected="true"]')
    expect(chosen).to_have_attribute("data-accession", one)
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_attribute("data-accession", two)
    expect(by(page, "preview")).to_contain_text("除外出血")
    page.keyboard.press("Enter")
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")
    expect(by(page, "case-name")).to_have_text(f"{family}大山")
    page.keyboard.press("Escape")
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "worklist")
    expect(chosen).to_have_attribute("data-accession", two)
    by(page, "clear-filters").click()
    expect(by(page, "search")).to_have_value("")
    by(page, "view-done").click()
    expect(row(page, two)).to_have_count(0)


@pytest.mark.clause("R-5")
def test_why_a_study_is_unscheduled_stands_in_words(stack: Stack, open_desk: Open) -> None:
    name = f"Nobody{uuid.uuid4().hex[:6]}"
    stack.arrive(study_uid=str(pydicom.uid.generate_uid()), patient_id=f"X{name}", patient_name=name)
    page = open_desk("doctor")
    by(page, "view-unscheduled").click()
    found = by(page, "worklist-row").filter(has_text=name)
    expect(found).to_contain_text("未登记")
    found.click()
    expect(by(page, "report").get_by_test_id("unscheduled-reason")).to_contain_text("图像没有检查号")


@pytest.mark.clause("H-2", "R-0", "R-3", "R-9")
def test_a_report_from_the_first_word_to_the_signature(stack: Stack, open_desk: Open, head_ct: str) -> None:
    accession = stack.case("王小明", study_uid=head_ct, instances=28)
    with stack.person("doctor") as client:
        template = {
            "name": "头颅常规",
            "modality": "CT",
            "body_part": "HEAD",
            "findings": "{{性别}}, {{年龄}}, {{部位}}CT 平扫: 脑实质密度未见异常。",
        }
        client.post("/templates", json={**template, "impression": "头颅 CT 平扫未见明显异常。", "public": False}).raise_for_status()
        client.post("/templates", json={"name": "膝关节", "modality": "CT", "body_part": "KNEE", "findings": "膝"}).raise_for_status()

    doctor = open_desk("doctor")
    open_case(doctor, accession)
    doctor.locator(f'[data-testid="viewer"][data-shown^="{head_ct} "]').wait_for(timeout=20_000)
    expect(by(doctor, "image-position")).to_contain_text("/ 28")
    expect(by(doctor, "series")).to_have_count(1)
    # opening writes nothing: nobody sees the case as being written before the first word
    found = person_row(stack, "doctor", accession)
    assert found is not None
    assert found["report_id"] is None

    by(doctor, "report-templates").click()
    expect(by(doctor, "template")).to_have_count(1)
    wait_for(lambda: doctor.evaluate("document.documentElement.dataset.kernel") == "answered", says="kernel")
    by(doctor, "template-insert").click()
    expect(by(doctor, "report-findings")).to_have_value("男, 3岁2月, 头颅CT 平扫: 脑实质密度未见异常。")
    by(doctor, "notice-action").first.click()
    expect(by(doctor, "report-findings")).to_have_value("")
    by(doctor, "template-replace").click()
    expect(by(doctor, "report-impression")).to_have_value("头颅 CT 平扫未见明显异常。")
    by(doctor, "report-positive").click()
    saved(doctor)
    expect(by(doctor, "report-saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d:\d\d"))
    assert report_of(stack, "doctor", accession)["impression"] == "头颅 CT 平扫未见明显异常。"

    by(doctor, "report-pdf").click()
    address = by(doctor, "pdf-frame").get_attribute("src")
    assert address is not None
    assert address.startswith("/services/ris/")
    by(doctor, "pdf-dialog").get_by_label("关闭").click()
    by(doctor, "report-findings").focus()
    doctor.keyboard.press("Control+Enter")
    expect(by(doctor, "notice").last).to_contain_text("已提交审核")
    expect(by(doctor, "report-state")).to_contain_text("待审")
    expect(by(doctor, "report-recall")).to_be_visible()
    expect(by(doctor, "report-sign")).to_have_count(0)

    reviewer = open_desk("reviewer")
    by(reviewer, "view-to_review").click()
    open_case(reviewer, accession)
    expect(by(reviewer, "report-submit")).to_have_count(0)
    by(reviewer, "report-return").click()
    by(reviewer, "reason-confirm").click()
    expect(by(reviewer, "reason-dialog")).to_contain_text("请写明原因")
    by(reviewer, "return-reason").fill("请描述左侧颞叶")
    by(reviewer, "reason-confirm").click()
    expect(by(reviewer, "report-state")).to_contain_text("已退回")

    # the writer still has the case open: it tells him by itself
    expect(by(doctor, "report-return-reason")).to_contain_text("请描述左侧颞叶")
    by(doctor, "report-findings").fill("左侧颞叶见片状低密度影。")
    saved(doctor)
    by(doctor, "report-submit").click()
    expect(by(doctor, "report-state")).to_contain_text("待审")

    expect(by(reviewer, "report-findings")).to_have_value("左侧颞叶见片状低密度影。")
    by(reviewer, "report-impression").fill("左侧颞叶低密度影, 建议增强。")
    expect(by(reviewer, "report-saved")).to_contain_text("随签发")
    by(reviewer, "report-findings").focus()
    reviewer.keyboard.press("Control+Enter")
    expect(by(reviewer, "report-state")).to_contain_text("已签发")
    final = report_of(stack, "reviewer", accession)
    assert final["state"] == "signed"
    assert final["impression"] == "左侧颞叶低密度影, 建议增强。"
    assert [entry["action"] for entry in final["history"]] == ["submit", "return", "submit", "sign"]

    # every version is kept; the difference of the last two is what the reviewer changed
    by(reviewer, "report-trail").click()
    expect(by(reviewer, "trail-version")).to_have_count(4)
    expect(by(reviewer, "trail")).to_contain_text("陈主任")
    expect(by(reviewer, "trail")).to_contain_text("请描述左侧颞叶")
    expect(by(reviewer, "diff-impression").locator("ins").first).to_be_visible()
    expect(by(reviewer, "diff-findings").locator("ins, del")).to_have_count(0)

    # the hospital that sent the images reads it, the other one sees nothing of it
    local = open_desk("local1")
    by(local, "view-done").click()
    open_case(local, accession)
    expect(by(local, "report-findings")).to_have_value("左侧颞叶见片状低密度影。")
    assert by(local, "report-findings").get_attribute("readonly") is not None
    for act in ("submit", "sign", "return", "recall"):
        expect(by(local, f"report-{act}")).to_have_count(0)
    for count, key in enumerate(("Control+Enter", "F4"), 1):  # keys of writing say why nothing happens
        local.keyboard.press(key)
        expect(by(local, "notice").filter(has_text="报告已签发")).to_have_count(count)
    by(local, "report-pdf").click()
    address = by(local, "pdf-frame").get_attribute("src")
    with stack.person("local1") as client:
        pdf = client.get(f"{stack.url}{address}")
    assert pdf.headers["content-type"].startswith("application/pdf")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
    assert "左侧颞叶低密度影" in text.replace("\n", "")
    assert person_row(stack, "local2", accession) is None


@pytest.mark.clause("H-2")
def test_the_next_case_comes_without_loading_a_page(stack: Stack, open_desk: Open, head_ct: str) -> None:
    family = f"连{uuid.uuid4().hex[:4]}"
    first, second = stack.case(f"{family}一"), stack.case(f"{family}二")
    page = open_desk("doctor")
    by(page, "search").fill(family)
    expect(by(page, "worklist-row")).to_have_count(2)
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    row(page, first).dblclick()
    by(page, "report-findings").wait_for()
    assert page.evaluate("String(getSelection())") == "", "the double click marked words of the page it opened"
    by(page, "report-findings").fill("第一例的文字")
    # no wait for the autosave: leaving the case must not lose the last words
    page.keyboard.press("F8")
    expect(by(page, "case-name")).to_have_text(f"{family}二")
    expect(by(page, "report-findings")).to_have_value("")
    page.keyboard.press("F8")
    expect(by(page, "notice").last).to_contain_text("没有下一例")
    page.keyboard.press("F7")
    expect(by(page, "case-name")).to_have_text(f"{family}一")
    expect(by(page, "report-findings")).to_have_value("第一例的文字")
    page.keyboard.press("Escape")
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "worklist")
    assert loads == []
    assert report_of(stack, "doctor", first)["findings"] == "第一例的文字"
    assert person_row(stack, "doctor", second)["report_id"] is None  # type: ignore[index]


@pytest.mark.clause("R-0", "H-2")
def test_a_case_opened_again_at_once_has_its_last_words(stack: Stack, open_desk: Open) -> None:
    """However long the draft is on its way: no empty report, no conflict of the doctor with himself."""
    family = f"连{uuid.uuid4().hex[:4]}"
    first = stack.case(f"{family}一")
    stack.case(f"{family}二")
    page = open_desk("doctor")
    held: list[Route] = []
    page.route("**/draft", lambda route: held.append(route))  # noqa: PLW0108 - Playwright counts the arguments
    by(page, "search").fill(family)
    expect(by(page, "worklist-row")).to_have_count(2)
    row(page, first).dblclick()
    by(page, "report-findings").fill("最后的话")
    page.keyboard.press("F8")
    expect(by(page, "case-name")).to_have_text(f"{family}二")
    wait_for(lambda: bool((found := person_row(stack, "doctor", first)) and found["report_id"]))
    page.wait_for_timeout(800)  # the desk hears that there is a report
    page.keyboard.press("F7")
    expect(by(page, "case-name")).to_have_text(f"{family}一")
    page.wait_for_timeout(800)
    held[0].continue_()
    page.unroute("**/draft")
    expect(by(page, "report-findings")).to_have_value("最后的话")
    by(page, "report-findings").press("End")
    page.keyboard.type("，再加一句")
    saved(page)
    page.keyboard.press("Escape")
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "worklist")
    by(page, "clear-filters").click()  # the list may be clicked at once
    expect(by(page, "search")).to_have_value("")
    assert report_of(stack, "doctor", first)["findings"] == "最后的话，再加一句"


@pytest.mark.clause("R-0")
def test_a_half_typed_pinyin_is_never_saved(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("孙悦")
    page = open_desk("doctor")
    open_case(page, accession)
    sent: list[dict[str, Any]] = []

    def look(request: Request) -> None:
        if request.method == "PUT" and request.url.endswith("/draft"):
            sent.append(json.loads(request.post_data or "{}"))

    page.on("request", look)
    by(page, "report-findings").click()
    keyboard = page.context.new_cdp_session(page)
    page.keyboard.type("A")
    saved(page)
    keyboard.send("Input.imeSetComposition", {"text": "fei yan", "selectionStart": 7, "selectionEnd": 7})
    page.wait_for_timeout(1200)
    assert [body["findings"] for body in sent] == ["A"]
    keyboard.send("Input.insertText", {"text": "肺炎"})
    expect(by(page, "report-saved")).to_have_attribute("data-save", "dirty")
    saved(page)
    assert [body["findings"] for body in sent] == ["A", "A肺炎"]


@pytest.mark.clause("R-0", "R-9")
def test_two_places_at_once_lose_no_text(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("周全")
    here, there = open_desk("doctor", quiet=False), open_desk("doctor", quiet=False)
    open_case(here, accession)
    by(here, "report-findings").fill("共同的开头")
    saved(here)
    open_case(there, accession)
    expect(by(there, "report-findings")).to_have_value("共同的开头")
    by(there, "report-findings").fill("那边的文字")
    saved(there)
    by(here, "report-findings").fill("这边的文字")
    expect(by(here, "conflict-mine-findings")).to_have_value("这边的文字")
    expect(by(here, "conflict-theirs-findings")).to_have_value("那边的文字")
    assert report_of(stack, "doctor", accession)["findings"] == "那边的文字"
    by(here, "conflict-mine-findings").fill("这边的文字; 那边的文字")
    by(here, "conflict-keep-mine").click()
    saved(here)
    expect(by(here, "report-findings")).to_have_value("这边的文字; 那边的文字")
    assert report_of(stack, "doctor", accession)["findings"] == "这边的文字; 那边的文字"


@pytest.mark.clause("R-0")
def test_text_typed_while_ris_is_dead_is_kept_and_sent(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("郑重")
    page = open_desk("doctor", quiet=False)
    open_case(page, accession)
    write(page, "之前", "意见")
    saved(page)
    stack.kill("ris")
    try:
        by(page, "report-findings").fill("断线时写的文字")
        by(page, "disconnected").wait_for()
        expect(by(page, "report-saved")).to_contain_text("已保存在本机")
        expect(by(page, "report-submit")).to_be_disabled()
        expect(by(page, "report-blocked")).to_contain_text("连接中断")
        expect(by(page, "report-findings")).to_be_editable()
    finally:
        stack.start("ris")
        stack.ready("ris")
    saved(page)
    expect(by(page, "disconnected")).to_have_count(0)
    assert report_of(stack, "doctor", accession)["findings"] == "断线时写的文字"
    expect(by(page, "report-submit")).to_be_enabled()


@pytest.mark.clause("R-0")
def test_the_preview_says_what_it_could_not_get(stack: Stack, open_desk: Open) -> None:
    page = open_desk("doctor", quiet=False)
    page.route("**/services/ris/api/v1/exams/*", lambda route: route.abort())
    accession = stack.case("闻人静")
    by(page, "search").fill(accession)
    row(page, accession).wait_for()
    by(page, "search").press("ArrowDown")  # chooses it: what is only pointed at goes with the pointer
    expect(by(page, "preview-failed")).to_contain_text("临床信息和历史检查没有取到")
    page.unroute("**/services/ris/api/v1/exams/*")
    by(page, "preview-retry").click()
    expect(by(page, "preview").get_by_test_id("clinical")).to_be_visible()
    expect(by(page, "preview-failed")).to_have_count(0)


@pytest.mark.clause("R-0")
def test_where_the_browser_keeps_nothing_it_is_not_said_that_it_does(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("纪无痕")
    page = open_desk("doctor", quiet=False, storage=False)
    open_case(page, accession)
    write(page, "之前", "意见")
    saved(page)
    page.route("**/draft", lambda route: route.abort())
    by(page, "report-findings").fill("只在此页中的文字")
    expect(by(page, "report-saved")).to_contain_text("请勿关闭此页")
    expect(page.locator("body")).not_to_contain_text("保存在本机")
    page.unroute("**/draft")
    saved(page)
    assert report_of(stack, "doctor", accession)["findings"] == "只在此页中的文字"


@pytest.mark.clause("R-0")
def test_a_page_that_dies_before_saving_finds_its_text_again(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("钱多多")
    page = open_desk("doctor", quiet=False)
    open_case(page, accession)
    by(page, "report-findings").fill("开头")
    saved(page)
    page.route("**/draft", lambda route: route.abort())
    by(page, "report-findings").fill("没有送到的文字")
    expect(by(page, "report-saved")).to_contain_text("已保存在本机")
    page.unroute("**/draft")
    page.reload(wait_until="commit")
    open_case(page, accession)
    expect(by(page, "report-findings")).to_have_value("没有送到的文字")
    saved(page)
    assert report_of(stack, "doctor", accession)["findings"] == "没有送到的文字"


@pytest.mark.clause("R-5")
def test_a_list_that_cannot_be_had_says_so_and_tries_again(stack: Stack, open_desk: Open) -> None:
    accession = stack.case("冯宽")
    page = open_desk("doctor", quiet=False)
    by(page, "search").fill(accession)
    row(page, accession).wait_for()
    page.route("**/worklist?**", lambda route: route.fulfill(status=500, body="{}"))
    by(page, "view-mine").click()
    expect(by(page, "worklist-error")).to_contain_text("列表没有取到")
    page.unroute("**/worklist?**")
    by(page, "view-to_write").click()
    row(page, accession).wait_for()


@pytest.mark.clause("H-2")
def test_no_request_leaves_the_machine(stack: Stack, open_desk: Open) -> None:
    hosts: set[str] = set()
    page = open_desk("doctor")
    page.on("request", lambda request: hosts.add(httpx.URL(request.url).host) if request.url.startswith("http") else None)
    page.reload(wait_until="commit")
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    by(page, "worklist-row").first.click()
    page.wait_for_timeout(1000)
    assert hosts == {"127.0.0.1"}
