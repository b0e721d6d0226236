"""Measurements on the doctor's desk: saved as they are made, there again at any place, only those of the case, and never lost."""

from __future__ import annotations

import math
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_reading_page import by, open_case, person_row, row

Open = Callable[..., Page]
DOUBLE_CLICK = 500
"""ms after which a press is no longer the second of a double click."""


def own_copy(corpus: Path, name: str, folder: Path) -> Path:
    """Real images under a study of their own: a study serves one exam here, and every test wants its own."""
    study = pydicom.uid.generate_uid()
    series: dict[str, str] = {}
    for file in sorted((corpus / name).glob("*.dcm"))[:12]:
        image = pydicom.dcmread(file)
        image.StudyInstanceUID = study
        image.SeriesInstanceUID = series.setdefault(image.SeriesInstanceUID, str(pydicom.uid.generate_uid()))
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        image.save_as(folder / file.name)
    return folder


@pytest.fixture
def new_case(stack: Stack, corpus: Path, tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """Make a case with images of its own; gives accession and study."""

    def make(name: str, images: str = "ct-chest-ffs", **more: Any) -> tuple[str, str]:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        study = stack.send(own_copy(corpus, images, folder))
        return stack.case(name, study_uid=study, **more), study

    return make


def show(page: Page, case: tuple[str, str]) -> None:
    accession, study = case
    open_case(page, accession)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=20_000)


def choose(page: Page, tool: str) -> None:
    by(page, "tool-measures").click()
    by(page, f"tool-{tool}").click()


def draw(page: Page, tool: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Drag with a tool, from and to in pixels of the screen from the middle of the first view."""
    page.wait_for_timeout(DOUBLE_CLICK)
    choose(page, tool)
    box = page.locator(".px-cell").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + start[0], y + start[1])
    page.mouse.down()
    page.mouse.move(x + (start[0] + end[0]) / 2, y + (start[1] + end[1]) / 2)
    page.mouse.move(x + end[0], y + end[1])
    page.mouse.up()


def saved(page: Page, count: int) -> None:
    expect(page.locator('[data-testid="marking"][data-saved="true"]')).to_have_count(count)
    page.locator('[data-testid="markings-saved"][data-save="saved"]').wait_for()


def values(page: Page) -> list[str]:
    return [text.strip() for text in page.locator('[data-testid="marking"] .what b').all_inner_texts()]


def on_the_image(page: Page) -> str:
    return "\n".join(page.locator(".px-stage svg").all_text_contents())


def kept(stack: Stack, accession: str, who: str = "reviewer") -> list[dict[str, Any]]:
    """What ris itself says, asked as somebody else."""
    found = person_row(stack, who, accession)
    assert found is not None
    with stack.person(who) as client:
        rows: list[dict[str, Any]] = client.get(f"/exams/{found['exam_id']}/markings").json()["rows"]
    return rows


@pytest.mark.clause("V-9", "V-13", "V-18", "C-5")
def test_what_one_doctor_measures_another_finds_at_another_machine(stack: Stack, open_desk: Open, new_case: Any, corpus: Path) -> None:
    case = new_case("唐一白")
    page = open_desk("doctor")
    show(page, case)
    expect(by(page, "markings-empty")).to_contain_text("还没有测量")
    draw(page, "length", (-60, 0), (60, 0))
    draw(page, "ellipse", (20, 60), (60, 100))
    saved(page, 2)
    expect(by(page, "markings-saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d:\d\d"))
    length, area = values(page)
    assert re.fullmatch(r"\d+\.\d+ mm", length), length
    assert f"{length}" in on_the_image(page), "the list says what stands on the image"
    assert area in on_the_image(page)
    records = kept(stack, case[0])
    assert [(one["measurement"]["kind"], one["author"]["name"]) for one in records] == [("length", "李医生"), ("ellipse", "李医生")]
    ((x0, y0), (x1, y1)) = records[0]["measurement"]["points"]
    row_mm, column_mm = pydicom.dcmread(next((corpus / "ct-chest-ffs").glob("*.dcm")), stop_before_pixels=True).PixelSpacing
    millimetres = math.hypot((x1 - x0) * column_mm, (y1 - y0) * row_mm)
    assert millimetres > 20
    assert float(length.split()[0]) == pytest.approx(millimetres, abs=0.06)
    assert records[0]["measurement"]["value"] == pytest.approx(millimetres, abs=1e-6)

    # another machine: a browser that has never seen this page, another doctor
    other = open_desk("doctor2", lang="en", width=1920, height=1080)
    show(other, case)
    expect(by(other, "marking")).to_have_count(2)
    assert values(other) == [length, area]
    expect(by(other, "marking").first).to_contain_text("李医生")
    expect(by(other, "marking").first).to_contain_text(re.compile(r"Length.*Image \d+", re.DOTALL))
    wait_for(lambda: length in on_the_image(other), says="drawn on the image again")
    # he is told, and may not remove it
    expect(by(other, "marking-remove")).to_have_count(0)
    draw(other, "angle", (-40, -60), (40, -60))
    assert len(kept(stack, case[0])) == 2, "half an angle is no measurement"
    other.keyboard.press("Escape")
    expect(by(other, "reading-desk")).to_have_attribute("data-state", "reading")

    # the list leads to the slice
    other.locator(".px-cell").first.hover()
    first = by(other, "image-position").inner_text()
    for _ in range(3):
        other.mouse.wheel(0, 120)
    wait_for(lambda: by(other, "image-position").inner_text() != first)
    wait_for(lambda: length not in on_the_image(other), says="another slice")
    by(other, "marking").first.locator("button").first.click()
    expect(by(other, "image-position")).to_have_text(first)
    wait_for(lambda: length in on_the_image(other), says="back on its slice")

    # the author removes one: quiet, with undo; gone at the other desk by itself
    by(page, "marking-remove").first.click()
    expect(by(page, "notice").last).to_contain_text("已删除测量：长度")
    expect(by(other, "marking")).to_have_count(1)
    wait_for(lambda: length not in on_the_image(other), says="removed live")
    by(page, "notice-action").last.click()
    expect(by(other, "marking")).to_have_count(2)
    assert values(other) == [length, area]
    by(page, "marking-remove").first.click()
    expect(by(other, "marking")).to_have_count(1)
    assert [one["measurement"]["kind"] for one in kept(stack, case[0])] == ["ellipse"]


@pytest.mark.clause("V-9", "V-18")
def test_what_is_measured_offline_is_kept_here_and_sent_later(stack: Stack, open_desk: Open, new_case: Any) -> None:
    case = new_case("宋清")
    page = open_desk("doctor", quiet=False)
    show(page, case)
    page.route("**/markings/**", lambda route: route.abort())
    draw(page, "length", (-50, 20), (50, 20))
    page.locator('[data-testid="markings-saved"][data-save="kept"]').wait_for()
    expect(by(page, "markings-saved")).to_contain_text("已保存在本机")
    expect(by(page, "marking")).to_have_attribute("data-saved", "false")
    (value,) = values(page)
    assert kept(stack, case[0]) == []
    page.unroute("**/markings/**")
    saved(page, 1)
    assert len(kept(stack, case[0])) == 1

    # the page dies before the link is back: the next one sends it, whichever case is opened
    page.route("**/markings/**", lambda route: route.abort())
    draw(page, "length", (-50, 60), (50, 60))
    page.locator('[data-testid="markings-saved"][data-save="kept"]').wait_for()
    page.unroute("**/markings/**")
    page.reload(wait_until="commit")
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    wait_for(lambda: len(kept(stack, case[0])) == 2, says="sent by the next page")
    show(page, case)
    expect(by(page, "marking")).to_have_count(2)
    assert values(page)[0] == value
    assert {one["author"]["username"] for one in kept(stack, case[0])} == {"doctor"}


@pytest.mark.clause("V-9", "V-18", "H-2")
def test_a_case_shows_only_its_own_and_undo_stays_in_it(stack: Stack, open_desk: Open, new_case: Any) -> None:
    family = f"齐{uuid.uuid4().hex[:4]}"
    one, two = new_case(f"{family}一"), new_case(f"{family}二", images="ct-head-tilt")
    page = open_desk("doctor")
    by(page, "search").fill(family)
    expect(by(page, "worklist-row")).to_have_count(2)
    row(page, one[0]).click()
    page.locator(f'[data-testid="viewer"][data-shown^="{one[1]} "]').wait_for(timeout=20_000)
    draw(page, "length", (-60, 0), (60, 0))
    expect(by(page, "marking")).to_have_count(1)
    (value,) = values(page)
    # at once, by key, with the focus on the image: the pending save goes out all the same
    page.keyboard.press("F8")
    page.locator(f'[data-testid="viewer"][data-shown^="{two[1]} "]').wait_for(timeout=20_000)
    expect(by(page, "markings-empty")).to_be_visible()
    wait_for(lambda: len(kept(stack, one[0])) == 1, says="saved after the case was left")
    by(page, "tool-undo").click()
    page.wait_for_timeout(1200)
    expect(by(page, "marking")).to_have_count(0)
    assert kept(stack, two[0]) == []
    assert len(kept(stack, one[0])) == 1, "undo in the next case did not reach the case before"
    draw(page, "length", (-30, 30), (30, 30))
    saved(page, 1)
    page.keyboard.press("F7")
    page.locator(f'[data-testid="viewer"][data-shown^="{one[1]} "]').wait_for(timeout=20_000)
    expect(by(page, "marking")).to_have_count(1)
    assert values(page) == [value]
    wait_for(lambda: value in on_the_image(page), says="drawn again")
    # undo where it belongs: what came from the record is not taken back, what is drawn now is
    draw(page, "length", (-60, 50), (60, 50))
    saved(page, 2)
    by(page, "tool-undo").click()
    expect(by(page, "marking")).to_have_count(1)
    wait_for(lambda: len(kept(stack, one[0])) == 1, says="undone in the record too")
    by(page, "tool-undo").click()
    page.wait_for_timeout(1000)
    assert values(page) == [value]
    assert [found["measurement"]["study"] for found in kept(stack, two[0])] == [two[1]]


@pytest.mark.clause("V-9")
def test_what_others_draw_comes_in_without_losing_a_drawing_under_way(stack: Stack, open_desk: Open, new_case: Any) -> None:
    case = new_case("潘安")
    page, reviewer = open_desk("doctor"), open_desk("reviewer")
    show(page, case)
    show(reviewer, case)
    choose(page, "length")
    box = page.locator(".px-cell").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y + 40)
    page.mouse.down()
    page.mouse.move(x, y + 40)
    draw(reviewer, "length", (-60, -60), (60, -60))
    wait_for(lambda: any(one["author"]["username"] == "reviewer" for one in kept(stack, case[0])))
    expect(by(page, "marking").filter(has_text="陈主任")).to_have_count(1)
    page.mouse.move(x + 60, y + 40)
    page.mouse.up()
    expect(by(page, "marking")).to_have_count(2)
    saved(page, 2)
    expect(by(reviewer, "marking")).to_have_count(2)
    wait_for(
        lambda: sorted(values(reviewer)) == sorted(values(page)), says="the reviewer sees the whole line, after the half that came first"
    )
    mine = next(one for one in kept(stack, case[0]) if one["author"]["username"] == "doctor")
    (x0, _), (x1, _) = mine["measurement"]["points"]
    theirs = next(one for one in kept(stack, case[0]) if one["author"]["username"] == "reviewer")
    (a0, _), (a1, _) = theirs["measurement"]["points"]
    assert x1 - x0 == pytest.approx(a1 - a0, abs=1.5), "the whole drag, not the half before the other came in"
    # a doctor cannot move the reviewer's; the reviewer may remove the doctor's
    expect(by(page, "marking-remove")).to_have_count(1)
    expect(by(reviewer, "marking-remove")).to_have_count(2)
    page.wait_for_timeout(DOUBLE_CLICK)
    by(page, "tool-window").click()
    page.mouse.move(x + 60, y - 60)
    page.wait_for_timeout(300)
    page.mouse.down()
    page.mouse.move(x + 80, y - 90, steps=4)
    page.mouse.up()
    expect(by(page, "notice").last).to_contain_text("只有标注者或审核医生可以修改此测量")
    page.wait_for_timeout(1200)
    assert next(one for one in kept(stack, case[0]) if one["id"] == theirs["id"]) == theirs
    wait_for(lambda: sorted(values(page)) == sorted(values(reviewer)), says="shown again where it was")
    by(reviewer, "marking").filter(has_text="李医生").get_by_test_id("marking-remove").click()
    expect(by(page, "marking")).to_have_count(1)


@pytest.mark.clause("V-18")
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080)])
def test_the_list_takes_no_room_from_images_and_report(
    stack: Stack, open_desk: Open, new_case: Any, lang: str, width: int, height: int, tmp_path: Path
) -> None:
    case = new_case("欧阳明月")
    page = open_desk("doctor", width, height, lang=lang)
    show(page, case)

    def places() -> list[dict[str, float] | None]:
        return [page.locator(one).bounding_box() for one in (".stage", "aside.report", ".px-cell")]

    before = places()
    for line in range(8):
        draw(page, "length", (-60, -80 + 20 * line), (60 - 10 * line, -80 + 20 * line))
    saved(page, 8)
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/markings-{width}-{lang}.png")
    assert places() == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box, strip = by(page, "markings").bounding_box(), by(page, "series-strip").bounding_box()
    assert box is not None
    assert strip is not None
    assert strip["height"] > 100
    assert box["y"] + box["height"] <= height
    # no words of the other language
    words = by(page, "markings").inner_text().replace("李医生", "")
    assert bool(re.search("[一-龥]", words)) is (lang == "zh"), words
    by(page, "marking").last.scroll_into_view_if_needed()
    by(page, "marking").last.locator("button").first.focus()
    page.keyboard.press("Delete")
    expect(by(page, "marking")).to_have_count(7)


@pytest.mark.clause("C-6")
def test_words_on_an_image_are_kept_and_seen_by_others(stack: Stack, open_desk: Open, new_case: Any) -> None:
    case = new_case("秦越人")
    page, other = open_desk("doctor"), open_desk("doctor2")
    show(page, case)
    show(other, case)
    draw(page, "arrow", (20, 20), (70, 60))
    field = page.locator(".px-dialog textarea")
    expect(field).to_be_focused()
    page.keyboard.insert_text("左肺下叶结节，建议随访")
    page.keyboard.press("Enter")
    saved(page, 1)
    expect(by(page, "marking")).to_contain_text(re.compile("箭头.*左肺下叶结节，建议随访", re.DOTALL))
    wait_for(lambda: [one["measurement"].get("text") for one in kept(stack, case[0])] == ["左肺下叶结节，建议随访"], says="with its words")
    expect(by(other, "marking")).to_contain_text("左肺下叶结节，建议随访")
    wait_for(lambda: "左肺下叶结节" in on_the_image(other), says="at the other desk, live")
    page.reload(wait_until="commit")
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    show(page, case)
    expect(by(page, "marking")).to_contain_text("左肺下叶结节，建议随访")
    wait_for(lambda: "左肺下叶结节" in on_the_image(page), says="after reload")
    (one,) = kept(stack, case[0])
    assert (one["measurement"]["kind"], len(one["measurement"]["points"]), one["measurement"]["value"]) == ("arrow", 2, None)
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        by(page, "tool-measures").click()
        page.screenshot(path=f"{folder}/annotate-1366.png")
