"""The bone-age atlas beside a child's hand: the nearest plate, turned and zoomed, and the age put into the report. All plates are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Page, Route, expect

from tests.boneage.drawn import film, install, plate, remove
from tests.dicom_node.running_node import uid
from tests.reading.desk_stack import Stack
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
PLATES = [("M", 96), ("M", 108), ("M", 120), ("M", 132), ("F", 36), ("F", 96), ("F", 114), ("F", 126)]
HAND = {"modality": "DX", "description": "左手正位（骨龄）", "body_part": "HAND"}
KEY = "Shift+Y"


def born(months: int) -> str:
    """The birth date of a child who is so many months and some days old today, wherever the day begins."""
    today = datetime.now(timezone(timedelta(hours=8))).date()
    past = today - timedelta(days=min(today.day - 1, 10))  # in this month, so that every month has the day
    first = past.replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return first.replace(day=min(past.day, 28)).isoformat()


@pytest.fixture(scope="module")
def case(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Accession and study of a boy's hand, 9 years 4 months old."""
    study, folder = uid(), tmp_path_factory.mktemp("hand")
    ds = film(112, study, uid())
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(folder / "one.dcm", ds, enforce_file_format=True)
    stack.send(folder)
    return stack.case("龚念恩", study_uid=study, exam=HAND, patient={"birth_date": born(112)}), study


@pytest.fixture
def files(stack: Stack) -> Iterator[dict[tuple[str, int], Path]]:
    """The centre's atlas, installed while the services run; taken away again."""
    folder = stack.folder / "atlas" / "bone-age"
    yield install(folder, PLATES)
    remove(folder)


def opened(page: Page, case: tuple[str, str]) -> Page:
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    return page


def panel(page: Page) -> Any:
    return by(page, "atlas-panel")


def shows(page: Page, sex: str, months: int, files: dict[tuple[str, int], Path]) -> None:
    """This plate is on the screen: its picture, decoded, at the address of its bytes."""
    expect(panel(page)).to_have_attribute("data-months", str(months))
    expect(panel(page)).to_have_attribute("data-sex", sex)
    expect(by(page, "atlas-picture")).to_have_attribute("data-state", "ready")
    picture = by(page, "atlas-picture").locator("img")
    assert str(picture.get_attribute("src")).endswith(hashlib.sha256(files[sex, months].read_bytes()).hexdigest())
    assert picture.evaluate("one => [one.naturalWidth, one.naturalHeight]") == [600, 800]


def apart(page: Page, one: Any, other: Any) -> bool:
    """Two parts stand beside each other, and neither is hidden."""
    left, right = one.bounding_box(), other.bounding_box()
    assert left and right and left["width"] > 200 and right["width"] > 200, (left, right)
    return bool(left["x"] + left["width"] <= right["x"] + 0.5)


@pytest.mark.clause("R-12")
def test_the_plate_nearest_to_the_child_beside_the_images(
    open_desk: Open, case: tuple[str, str], files: dict[tuple[str, int], Path]
) -> None:
    page = opened(open_desk("doctor"), case)
    expect(panel(page)).to_have_count(0)
    expect(by(page, "atlas-open")).to_have_attribute("title", "骨龄图谱 (Shift Y)")
    by(page, "viewer").locator("[tabindex]").first.focus()
    page.keyboard.press(KEY)
    expect(panel(page)).to_be_focused()
    shows(page, "M", 108, files)
    expect(by(page, "atlas-name")).to_have_text("试验图谱")
    expect(by(page, "atlas-child")).to_have_text("患儿 男 实足年龄 9岁4月")
    expect(by(page, "atlas-age")).to_have_text("9岁比患儿小 4月")
    assert apart(page, by(page, "viewer"), panel(page)) and apart(page, panel(page), by(page, "report"))
    # ← → turn the plates, as far as there are any
    page.keyboard.press("ArrowRight")
    shows(page, "M", 120, files)
    expect(by(page, "atlas-age")).to_have_text("10岁比患儿大 8月")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    shows(page, "M", 96, files)
    expect(by(page, "atlas-previous")).to_be_disabled()
    by(page, "atlas-next").click()
    shows(page, "M", 108, files)
    # only while the panel has the focus
    by(page, "viewer").locator("[tabindex]").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    shows(page, "M", 108, files)
    by(page, "atlas-next").click()
    by(page, "atlas-age").click()
    shows(page, "M", 108, files)
    # the other sex, and back
    expect(by(page, "atlas-other-sex")).to_have_count(0)
    by(page, "atlas-sex-F").click()
    shows(page, "F", 114, files)
    expect(by(page, "atlas-other-sex")).to_contain_text("不是患儿性别")
    by(page, "atlas-sex-M").click()
    shows(page, "M", 108, files)
    # Esc closes the panel, not the case; so does its key
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")
    page.keyboard.press(KEY)
    expect(panel(page)).to_be_focused()
    page.keyboard.press(KEY)
    expect(panel(page)).to_have_count(0)


@pytest.mark.clause("R-12")
@pytest.mark.usefixtures("files")
def test_a_plate_is_zoomed_by_wheel_and_moved_by_drag(open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk("doctor"), case)
    by(page, "atlas-open").click()
    picture = by(page, "atlas-picture")
    expect(picture).to_have_attribute("data-state", "ready")
    box = picture.bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3
    where = "([x, y]) => { const box = document.querySelector('.plate img').getBoundingClientRect(); return [(x - box.x) / box.width, (y - box.y) / box.height] }"
    before = page.evaluate(where, [x, y])
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -100)
    expect(picture).to_have_attribute("data-zoom", "2.23")
    assert page.evaluate(where, [x, y]) == pytest.approx(before, abs=0.005), "what is under the pointer stays there"
    page.mouse.down()
    page.mouse.move(x - 60, y + 40, steps=3)
    page.mouse.up()
    assert page.evaluate(where, [x - 60, y + 40]) == pytest.approx(before, abs=0.005), "it goes with the hand"
    page.keyboard.press("ArrowRight")
    expect(panel(page)).to_have_attribute("data-months", "120")
    expect(picture).to_have_attribute("data-zoom", "2.23")
    page.keyboard.press("0")
    expect(picture).to_have_attribute("data-zoom", "1.00")
    by(page, "atlas-zoom-in").click()
    expect(picture).to_have_attribute("data-zoom", "1.25")
    picture.dblclick(position={"x": 40, "y": 60})
    expect(picture).to_have_attribute("data-zoom", "1.00")
    # the panel is as wide as its reader wants it, on this machine from now on
    width = panel(page).bounding_box()["width"]
    by(page, "edge-atlas").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(panel(page)).to_have_css("width", f"{width + 32:g}px")
    page.reload()
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    opened(page, case)
    expect(panel(page)).to_have_css("width", f"{width + 32:g}px")  # open and wide as it was left
    by(page, "collapse-atlas").click()
    expect(panel(page)).to_have_count(0)


@pytest.mark.clause("R-12")
@pytest.mark.usefixtures("files")
def test_the_age_goes_into_the_report_where_the_cursor_is(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = opened(open_desk("doctor"), case)
    by(page, "atlas-open").click()
    findings, impression = by(page, "report-findings"), by(page, "report-impression")
    findings.fill("左手骨质未见异常。")
    impression.fill("结论：。随访")
    impression.evaluate("area => area.setSelectionRange(3, 3)")
    impression.press("Shift")  # a key is let go: the place is known
    by(page, "atlas-insert").click()
    expect(impression).to_have_value("结论：骨龄约 9岁（试验图谱）。随访")
    expect(impression).to_be_focused()
    expect(findings).to_have_value("左手骨质未见异常。")
    by(page, "notice-action").last.click()
    expect(impression).to_have_value("结论：。随访")
    # from the end of the findings, and of the other sex: that is said
    findings.focus()
    findings.press("End")
    by(page, "atlas-sex-F").click()
    by(page, "atlas-insert").click()
    expect(findings).to_have_value("左手骨质未见异常。骨龄约 9岁6月（试验图谱，女性图谱）")
    page.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    # another doctor's report is not written into
    other = opened(open_desk("doctor2"), case)
    by(other, "atlas-open").click()
    expect(by(other, "atlas-picture")).to_have_attribute("data-state", "ready")
    expect(by(other, "atlas-insert")).to_be_disabled()
    expect(by(other, "atlas-insert")).to_have_attribute("title", "现在不能书写此报告")


@pytest.mark.clause("R-12")
def test_what_the_record_does_not_say_is_asked_for(stack: Stack, open_desk: Open, files: dict[tuple[str, int], Path]) -> None:
    nobody = stack.order("未详儿", exam=HAND, patient={"sex": None, "birth_date": None})
    stack.arrive(study_uid=uid(), accession=nobody, patient_id=f"P{nobody}", modality="DX")
    page = open_desk("doctor")
    open_case(page, nobody)
    by(page, "atlas-open").click()
    expect(panel(page)).to_have_attribute("data-status", "asking")
    expect(by(page, "atlas-picture")).to_have_count(0)
    by(page, "atlas-ask-years").fill("9")
    by(page, "atlas-ask-months").fill("12")
    by(page, "atlas-ask-F").click()
    expect(by(page, "atlas-ask-done")).to_be_disabled()
    by(page, "atlas-ask-months").fill("4")
    by(page, "atlas-ask-months").press("Enter")
    shows(page, "F", 114, files)
    expect(by(page, "atlas-child")).to_contain_text("女 实足年龄 9岁4月（由您填写）")
    by(page, "atlas-change").click()
    by(page, "atlas-ask-years").fill("2")
    by(page, "atlas-ask-done").click()
    shows(page, "F", 36, files)
    expect(by(page, "atlas-outside")).to_contain_text("比图谱最小的一幅还小")
    with stack.person("doctor") as client:
        (row,) = client.get("/worklist", params={"view": "all", "q": nobody}).json()["rows"]
    assert (row["patient"]["sex"], row["patient"]["birth_date"]) == (None, None), "it goes into no record"
    # of another child it is asked anew
    back = stack.order("又未详", exam=HAND, patient={"sex": None, "birth_date": born(50)})
    stack.arrive(study_uid=uid(), accession=back, patient_id=f"P{back}", modality="DX")
    by(page, "back-to-list").click()
    open_case(page, back)
    expect(panel(page)).to_have_attribute("data-status", "asking")
    expect(by(page, "atlas-ask-years")).to_have_count(0)
    expect(by(page, "atlas-ask-M")).to_have_attribute("aria-pressed", "false")


@pytest.mark.clause("R-12")
def test_no_atlas_a_bad_one_and_a_service_that_is_away(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    folder = stack.folder / "atlas" / "bone-age"
    page = opened(open_desk("doctor", quiet=False), case)
    by(page, "atlas-open").click()
    expect(panel(page)).to_have_attribute("data-status", "none")
    expect(by(page, "atlas-none")).to_contain_text("请联系运维人员安装本中心的图谱")
    try:
        files = install(folder, [("M", 108), ("F", 108)], '[[plates]]\nfile = "M-108.png"\nsex = "x"\nmonths = 5\n')
        by(page, "atlas-again").click()
        shows(page, "M", 108, files)
        by(page, "atlas-faults").locator("summary").click()
        expect(by(page, "atlas-faults").locator("li")).to_have_text(['第 3 项 M-108.png sex 须为 "M"（男）或 "F"（女）'])
        by(page, "language").click()
        expect(by(page, "atlas-faults").locator("summary")).to_contain_text("1 fault in the atlas: tell the operators")
        expect(by(page, "atlas-child")).to_have_text("Child M chronological age 9 y 4 mo")
        by(page, "language").click()
        # a plate that was changed behind the page's back: told, and there after a retry
        files["F", 108].write_bytes(plate(107, "F"))
        by(page, "atlas-sex-F").click()
        expect(by(page, "atlas-broken")).to_contain_text("这幅图片无法显示")
        by(page, "atlas-broken-retry").click()
        shows(page, "F", 108, files)
        # the atlas has nothing for one sex
        install(folder, [("F", 108)])
        by(page, "atlas-close").click()
        by(page, "atlas-open").click()
        expect(by(page, "atlas-no-sex")).to_have_text("没有男性图谱")
        by(page, "atlas-close").click()
        page.route("**/atlas/bone-age", lambda route: route.fulfill(status=503, body="{}"))
        by(page, "atlas-open").click()
        expect(by(page, "atlas-failed")).to_contain_text("图谱没有取到", timeout=20_000)
        page.unroute("**/atlas/bone-age")
        by(page, "atlas-retry").click()
        expect(panel(page)).to_have_attribute("data-status", "no_sex")
    finally:
        remove(folder)


@pytest.mark.clause("R-12")
def test_who_operates_the_hub_reads_what_to_do(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor")

    def operating(route: Route) -> None:
        me = route.fetch().json()
        route.fulfill(json=me | {"operations": [*me["operations"], "system.operate"]})

    page.route("**/api/v1/me", operating)
    page.reload()
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    opened(page, case)
    by(page, "atlas-open").click()
    expect(by(page, "atlas-none")).to_contain_text("atlas.toml 放入数据目录的 atlas/bone-age/ 文件夹")
    expect(by(page, "atlas-none")).not_to_contain_text("请联系运维人员")


@pytest.mark.clause("R-12")
@pytest.mark.usefixtures("files")
def test_only_a_hand_has_it_and_its_key_is_the_readers_own(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    head = stack.case("非手片")
    page = opened(open_desk("doctor2"), case)
    by(page, "atlas-open").click()
    expect(panel(page)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("骨龄图谱")
    by(page, "edit-keys").click()
    line = page.locator('[data-command="bone-age-atlas"]')
    expect(line.get_by_test_id("key")).to_contain_text(["Shift Y"])
    line.get_by_test_id("key-add").click()
    page.keyboard.press("F9")
    by(page, "keys-save").click()
    expect(by(page, "key-editor")).to_have_count(0)
    panel(page).focus()
    page.keyboard.press("F9")
    expect(panel(page)).to_have_count(0)
    page.keyboard.press("F9")
    expect(panel(page)).to_be_visible()
    by(page, "back-to-list").click()
    open_case(page, head)
    expect(by(page, "atlas-open")).to_have_count(0)
    expect(panel(page)).to_have_count(0)
    by(page, "viewer").locator("[tabindex]").first.focus()
    page.keyboard.press("F9")
    expect(by(page, "notice").last).to_contain_text("不是手部或骨龄摄片")
    with stack.person("doctor2") as client:
        kept = client.get("/me/preferences/viewer-keys").json()
        assert kept["document"]["keys"] == {"bone-age-atlas": ["Shift+y", "F9"]}
        client.put("/me/preferences/viewer-keys", json={"version": kept["version"], "document": {"keys": {}}}).raise_for_status()


@pytest.mark.clause("R-12")
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_fits_the_screen(open_desk: Open, case: tuple[str, str], width: int, height: int, lang: str) -> None:
    page = opened(open_desk("doctor", width, height, lang=lang), case)
    by(page, "atlas-open").click()
    expect(by(page, "atlas-picture")).to_have_attribute("data-state", "ready")
    by(page, "atlas-sex-F").click()
    expect(by(page, "atlas-other-sex")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = panel(page).evaluate(
        "panel => [...panel.querySelectorAll('header, .child, .turn, footer, .warned, .btn')].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className + one.textContent)"
    )
    assert clipped == []
    assert apart(page, by(page, "viewer"), panel(page)) and apart(page, panel(page), by(page, "report"))
    assert by(page, "atlas-picture").bounding_box()["height"] > height * 0.4
