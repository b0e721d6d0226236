"""Key images on the doctor's desk: from a measurement on the screen to the picture in the signed report."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_markings_desk import DOUBLE_CLICK, choose, show
from tests.reading.test_reading_page import by, person_row, report_of, saved, write
from tests.ris.test_key_images import pictures
from tests.ris.test_pdf import words

Open = Callable[..., Page]
APART, SPACING = 120, 0.4
"""Rods of the phantom: pixels from middle to middle, and mm of a pixel: 48 mm."""


def phantom(template: Path, folder: Path) -> Path:
    """Twelve slices of nothing with two bright rods, 48 mm apart."""
    pixels = np.full((256, 256), 1000, dtype="<i2")
    for column in (128 - APART // 2, 128 + APART // 2):
        pixels[126:131, column - 2 : column + 3] = 3000
    study, series, space = (str(pydicom.uid.generate_uid()) for _ in range(3))
    for number in range(12):
        image = pydicom.dcmread(template)
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, space
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        image.PixelSpacing, image.SliceThickness, image.InstanceNumber = [SPACING, SPACING], 2, number + 1
        image.ImageOrientationPatient, image.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-51.2, -51.2, 2.0 * number]
        image.SliceLocation = 2.0 * number
        image.Rows = image.Columns = 256
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleSlope, image.RescaleIntercept = 1, -1000
        image.WindowCenter, image.WindowWidth = 500, 4000
        image.PixelData = pixels.tobytes()
        image.save_as(folder / f"{number}.dcm")
    return folder


@pytest.fixture
def case(stack: Stack, corpus: Path, tmp_path: Path) -> tuple[str, str]:
    """Accession and study of a child with the phantom's images."""
    study = stack.send(phantom(next((corpus / "ct-chest-ffs").glob("*.dcm")), tmp_path))
    return stack.case("欧阳星辰", study_uid=study), study


def rods(picture: np.ndarray) -> list[tuple[float, float]]:
    """Middles (x, y) of the two bright rods in a picture: grey spots in its middle half that are brighter than all around."""
    height, width, _ = picture.shape
    top, left = height // 4, width // 8
    middle = picture[top : 3 * height // 4, left : 7 * width // 8].astype(int)
    bright = (middle.min(axis=2) > 170) & (np.ptp(middle, axis=2) < 20)
    rows, columns = np.nonzero(bright)
    split = (columns.min() + columns.max()) / 2
    return [(float(columns[side].mean()) + left, float(rows[side].mean()) + top) for side in (columns < split, columns > split)]


def on_screen(page: Page) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(page.locator(".px-cell").first.screenshot())).convert("RGB"))


def yellow(picture: np.ndarray) -> np.ndarray:
    """Pixels of the measurements' colour (255, 214, 64), half of it at the least: a line between two rows of pixels is in both."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return (red - blue > 60) & (red - green > 10) & (red - green < 60)


def measure(page: Page) -> None:
    """Draw a length from rod to rod."""
    box = page.locator(".px-cell").first.bounding_box()
    assert box is not None
    (x0, y0), (x1, y1) = rods(on_screen(page))
    page.wait_for_timeout(DOUBLE_CLICK)
    choose(page, "length")
    page.mouse.move(box["x"] + x0, box["y"] + y0)
    page.mouse.down()
    page.mouse.move(box["x"] + (x0 + x1) / 2, box["y"] + (y0 + y1) / 2)
    page.mouse.move(box["x"] + x1, box["y"] + y1)
    page.mouse.up()
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] - 60)


def cards(page: Page) -> list[str]:
    return [str(one.get_attribute("data-number")) for one in by(page, "key-image").all()]


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/key-images-{name}.png")


def plane(cell: Locator) -> list[str]:
    """What the corners say of the plane a cell shows: its kind, its place, the greys."""
    return [line for line in cell.inner_text().split("\n") if re.match(r"(Axial|Coronal|Sagittal|Position|W \d)", line)]


@pytest.mark.clause("R-10", "V-9", "R-9")
@pytest.mark.timeout(300)
def test_a_measured_image_goes_from_the_screen_into_the_signed_report(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor")
    show(page, case)
    expect(by(page, "key-images-empty")).to_contain_text("还没有关键图像")
    shot(page, "empty")
    bar = page.locator(".stage .tools").bounding_box()
    assert bar is not None
    assert bar["height"] < 40, "all tools stand in one row on a small screen"
    measure(page)
    value = by(page, "marking").locator(".what b")
    expect(value).to_have_text(re.compile(r"^\d+\.\d mm$"))
    assert float(value.inner_text().split()[0]) == pytest.approx(APART * SPACING, abs=0.6), "the phantom's own distance"
    name_on_screen = on_screen(page)[:40, :160]
    assert name_on_screen.max() > 180, "the child's name stands in the corner of the screen"

    # by key, with the focus on the image
    page.keyboard.press("Shift+I")
    page.locator('[data-testid="key-image"][data-saved="true"][data-number="1"]').wait_for()
    saved(page)
    expect(page.locator(".px-line[data-item=key]").first).to_contain_text("关键图像")
    by(page, "key-image-caption").fill("两棒间距，随访比较")
    by(page, "key-image-caption").press("Enter")
    # a second one by the button, from another slice
    page.locator(".px-cell").first.hover()
    for _ in range(3):
        page.mouse.wheel(0, 120)
    expect(by(page, "image-position")).not_to_have_text("7 / 12")
    by(page, "tool-key-image").click()
    page.locator('[data-testid="key-image"][data-saved="true"][data-number="2"]').wait_for()
    write(page, "可见两处高密度影，间距 48 mm。", "随访。")
    saved(page)
    shot(page, "strip")

    # a click on the card goes back to its slice
    by(page, "key-image-go").first.click()
    expect(by(page, "image-position")).to_have_text("7 / 12")

    # the preview
    by(page, "report-pdf").click()
    by(page, "pdf-frame").wait_for()
    shot(page, "preview")
    page.keyboard.press("Escape")
    report = report_of(stack, "doctor", case[0])
    with stack.person("doctor") as doctor:
        preview = doctor.get(f"/reports/{report['id']}/pdf").content
    check_paper(preview, name_on_screen)

    # the other order, then only the measured one: the report as the doctor wants it
    by(page, "key-image-later").first.click()
    saved(page)
    assert [one["caption"] for one in report_of(stack, "doctor", case[0])["key_images"]] == ["", "两棒间距，随访比较"]
    by(page, "key-image-take").first.click()
    saved(page)
    assert cards(page) == ["1", ""]
    by(page, "report-submit").click()
    expect(by(page, "key-images-fixed")).to_be_visible()
    expect(by(page, "key-image-take")).to_have_count(0)
    shot(page, "fixed")
    submitted = report_of(stack, "reviewer", case[0])
    with stack.person("reviewer") as reviewer:
        body = {"action": "sign", "version": submitted["version"]}
        signed = reviewer.post(f"/reports/{submitted['id']}/transitions", json=body).raise_for_status().json()
    (kept,) = signed["key_images"]
    # the exam loses it, the signed report does not
    found = person_row(stack, "doctor", case[0])
    assert found is not None
    with stack.person("doctor") as doctor:
        doctor.delete(f"/exams/{found['exam_id']}/key-images/{kept['id']}").raise_for_status()
    with stack.person("local1") as hospital:
        final = hospital.get(f"/reports/{signed['id']}/pdf").content
    assert len(check_paper(final, name_on_screen)) == 1
    assert "草稿" not in words(final)
    by(page, "report-trail").click()
    expect(by(page, "diff-key-images").locator("li")).to_have_count(1)
    expect(by(page, "diff-key-images")).to_contain_text("两棒间距，随访比较")
    shot(page, "trail")


def check_paper(pdf: bytes, name_on_screen: np.ndarray) -> list[Image.Image]:
    """The first picture of the report has the measurement from rod to rod, and nobody's name; gives all pictures."""
    found = [image for page in pictures(pdf) for image in page]
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        found[0].save(f"{folder}/key-images-picture.png")
    text = words(pdf)
    assert "关键图像" in text
    assert "图1两棒间距,随访比较" in text
    picture = np.array(found[0])
    (x0, y0), (x1, y1) = rods(picture)
    drawn = yellow(picture)
    steps = [(x0 + (x1 - x0) * part, y0 + (y1 - y0) * part) for part in np.linspace(0.2, 0.8, 25)]
    hit = [drawn[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].any() for x, y in steps]
    assert sum(hit) >= 20, "the line of the measurement lies between the rods"
    corner = picture[: name_on_screen.shape[0], : name_on_screen.shape[1]]
    assert corner.max() <= 110, "no letters, only the grey of the phantom (96): nothing is written where the name stands on the screen"
    return found


@pytest.mark.clause("R-10")
@pytest.mark.timeout(300)
def test_the_notice_says_what_became_of_a_key_image(stack: Stack, open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)
    show(page, case)
    notice = by(page, "notice")
    refusal = {"status": 409, "code": "key_image.too_many", "words": {"zh": {"title": "该检查的关键图像过多", "action": ""}}}
    page.route("**/key-images/**", lambda route: route.fulfill(status=409, json=refusal, content_type="application/problem+json"))
    by(page, "tool-key-image").click()
    expect(notice).to_have_text(re.compile("关键图像没有保存：该检查的关键图像过多"))
    expect(notice).to_have_count(1)
    shot(page, "refused")
    page.unroute("**/key-images/**")
    page.route("**/key-images/**", lambda route: route.abort())
    by(page, "tool-key-image").click()
    expect(notice.last).to_have_text(re.compile("关键图像暂存在本机，恢复连接后自动保存并放入报告"))
    expect(notice).to_have_count(2)
    shot(page, "waiting")
    page.unroute("**/key-images/**")
    by(page, "tool-key-image").click()
    expect(notice.last).to_have_text(re.compile("已设为关键图像，并放入报告"))
    shot(page, "taken")


@pytest.mark.clause("R-10")
@pytest.mark.timeout(300)
def test_what_is_made_offline_is_kept_and_put_in_later_and_removing_can_be_undone(
    stack: Stack, open_desk: Open, case: tuple[str, str]
) -> None:
    page = open_desk("doctor", 1920, 1080, quiet=False, lang="en")
    show(page, case)
    page.route("**/key-images/**", lambda route: route.abort())
    by(page, "tool-key-image").click()
    page.locator('[data-testid="key-images-saved"][data-save="kept"]').wait_for()
    card = by(page, "key-image")
    expect(card).to_have_attribute("data-saved", "false")
    expect(by(page, "notice")).to_have_text(re.compile("kept on this computer; it is saved and put into the report when the link is back"))
    expect(by(page, "notice")).to_have_count(1)
    assert card.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 300, "its picture is seen all the same"
    shot(page, "offline")
    # the page dies; the next one sends it, with its picture
    page.unroute("**/key-images/**")
    page.reload(wait_until="commit")
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()
    show(page, case)
    page.locator('[data-testid="key-image"][data-saved="true"]').wait_for()
    expect(card).to_have_attribute("data-number", "1")
    saved(page)
    by(page, "key-image-remove").click()
    expect(by(page, "key-images-empty")).to_be_visible()
    wait_for(lambda: report_of(stack, "doctor", case[0])["key_images"] == [], says="out of the draft")
    by(page, "notice-action").last.click()
    expect(card).to_have_attribute("data-number", "1")
    wait_for(lambda: len(report_of(stack, "doctor", case[0])["key_images"]) == 1, says="back again")
    # a reconstruction says so, on the card, and names no image
    by(page, "reading-desk").focus()
    page.locator(".px-viewer").focus()
    page.keyboard.press("m")
    wait_for(lambda: "reformatted" in page.locator(".px-cell").nth(1).inner_text(), says="planes")
    page.locator(".px-cell").nth(1).click()
    page.wait_for_timeout(DOUBLE_CLICK)
    page.keyboard.press("Shift+I")
    expect(page.locator('[data-testid="key-image"][data-made="mpr"]')).to_contain_text("Reformatted")
    saved(page)
    shot(page, "mpr-en")
    # a click on it shows that very plane again, wherever the reader has gone meanwhile
    kept = plane(page.locator(".px-cell").nth(1))
    page.locator(".px-cell").nth(1).hover()
    for _ in range(6):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(100)
    wait_for(lambda: plane(page.locator(".px-cell").nth(1)) != kept, says="another plane")
    page.locator(".px-viewer").focus()
    page.keyboard.press("m")
    wait_for(lambda: "reformatted" not in page.locator(".px-viewer").inner_text(), says="no planes")
    page.locator('[data-testid="key-image"][data-made="mpr"] button').first.click()
    wait_for(lambda: kept in [plane(cell) for cell in page.locator(".px-cell").all()], says=f"the plane of the key image, {kept}")
    shot(page, "mpr-again-en")
    found = person_row(stack, "doctor", case[0])
    assert found is not None
    with stack.person("doctor") as doctor:
        made: list[dict[str, Any]] = doctor.get(f"/exams/{found['exam_id']}/key-images").json()["rows"]
    assert [(one["reference"]["made"], one["reference"]["sop_uid"] == "") for one in made] == [("image", False), ("mpr", True)]
