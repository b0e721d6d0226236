"""An image arrives, a doctor reads it, a reviewer returns it and then signs it, the hospital has it, and it counts."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import httpx
import pydicom
import pypdf
import pytest
from playwright.sync_api import Locator, Page, expect

from hub_config.demo.phantoms import CT_SPACING, TEST_LENGTH_MM
from tests.path.canvas import Drawn
from tests.path.conftest import SignIn
from tests.running_hub import RunningHub

FINDINGS = "双侧大脑半球对称，脑实质内未见异常密度灶；脑室系统无扩张，中线结构居中。"
ADDED = "颅骨骨质结构完整，未见骨折线。"
IMPRESSION = "头颅 CT 平扫未见明显异常。"
REASON = "请补充颅骨骨窗所见"


def by(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)


def storescu(hub: RunningHub, aet: str, folder: Path) -> None:
    """Send a folder as a device."""
    files = sorted(str(path) for path in folder.glob("*.dcm"))
    command = ["storescu", "-aet", aet, "-aec", "HUB", "127.0.0.1", str(hub.dicom_port), *files]
    subprocess.run(command, check=True, timeout=120, capture_output=True)


def study_of(folder: Path) -> str:
    return str(pydicom.dcmread(next(folder.glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)


def row_of(page: Page, study: str) -> Locator:
    return page.locator(f'[data-testid="worklist-row"][data-studies~="{study}"]')


def counted(page: Page) -> int:
    """The exams the statistics desk shows for its period."""
    value = by(page, "figure-exams").locator(".value")
    expect(value).to_have_text(re.compile(r"^\d+$"))
    return int(value.inner_text())


def measure_the_phantom(doctor: Page) -> None:
    """The distance of the CT phantom's two markers, by mouse, on what the screen shows: 50.0 mm by construction."""
    by(doctor, "search").fill("YA24111207")
    doctor.locator('[data-testid="worklist-row"][data-accession="YA24111207"]').dblclick()
    expect(by(doctor, "image-position")).to_contain_text("/ 120")
    doctor.locator('[data-testid="viewer"][data-phase="complete"]').wait_for()
    stage = doctor.locator('[data-testid="viewer"] canvas').first
    box = stage.bounding_box()
    assert box
    doctor.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(130):  # to the slice with the markers, by wheel, as a doctor would
        position = int(re.findall(r"\d+", by(doctor, "image-position").inner_text())[0])
        if position == 61:
            break
        doctor.mouse.wheel(0, 100 if position < 61 else -100)
        expect(by(doctor, "image-position")).not_to_have_text(re.compile(rf"^\D*{position}\s*/"))
    expect(by(doctor, "image-position")).to_contain_text("61 / 120")
    doctor.wait_for_timeout(300)
    start, end = Drawn(doctor).markers()
    by(doctor, "tool-measure").click()
    doctor.mouse.move(*start)
    doctor.mouse.down()
    doctor.mouse.move((start[0] + end[0]) / 2, start[1] + 5)
    doctor.mouse.move(*end)
    doctor.mouse.up()
    label = doctor.locator('[data-testid="viewer"] svg').filter(has_text="mm").first
    expect(label).to_contain_text(re.compile(r"\d+\.\d mm"))
    found = re.search(r"(\d+\.\d) mm", label.text_content() or "")
    assert found
    screen_pixel_mm = TEST_LENGTH_MM / (end[0] - start[0])
    assert abs(float(found[1]) - TEST_LENGTH_MM) <= max(screen_pixel_mm, CT_SPACING) + 0.05, f"{found[1]} mm for {TEST_LENGTH_MM}"
    by(doctor, "back-to-list").click()
    by(doctor, "clear-filters").click()


@pytest.mark.timeout(300)
@pytest.mark.clause("H-1", "H-2", "H-3", "H-5", "S-1", "S-7", "S-8", "V-5", "V-9", "R-0", "R-5", "R-9", "A-1", "A-4")
def test_from_the_device_to_the_statistics(hub: RunningHub, sign_in: SignIn, corpus: Path) -> None:
    head, brain = corpus / "ct-head-tilt", corpus / "mr-sag-brain-child"
    administrator = sign_in("administrator", "XACH")
    assert administrator.url.endswith("/statistics")
    before = counted(administrator)

    # the images come while the doctor looks at the list
    doctor = sign_in("radiologist", "XACH")
    assert doctor.url.endswith("/reading")
    expect(by(doctor, "worklist-row").first).to_be_visible()
    for aet, folder, count in (("YAFY_CT1", head, 28), ("YAFY_MR1", brain, 100)):
        storescu(hub, aet, folder)
        row_of(doctor, study_of(folder)).wait_for()  # how soon is the bench's `worklist-visible`
        expect(row_of(doctor, study_of(folder))).to_contain_text(str(count))
        expect(row_of(doctor, study_of(folder))).to_contain_text("未登记")
    assert doctor.evaluate("performance.getEntriesByType('navigation').length") == 1
    # everything that arrived is counted, live
    expect(by(administrator, "figure-exams").locator(".value")).to_have_text(str(before + 2))

    # an unknown device is refused
    unknown = ["storescu", "-aet", "NOBODY", "-aec", "HUB", "127.0.0.1", str(hub.dicom_port), str(next(head.glob("*.dcm")))]
    assert subprocess.run(unknown, check=False, timeout=60, capture_output=True).returncode != 0

    measure_the_phantom(doctor)

    # reading: scroll, window, write, submit
    study = study_of(head)
    row_of(doctor, study).dblclick()
    doctor.locator(f'[data-testid="viewer"][data-shown^="{study} "][data-phase="complete"]').wait_for()
    expect(by(doctor, "image-position")).to_contain_text("/ 28")
    position = by(doctor, "image-position").inner_text()
    box = doctor.locator('[data-testid="viewer"] canvas').first.bounding_box()
    assert box
    shown = Drawn(doctor).grey
    doctor.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    doctor.mouse.wheel(0, 100)
    expect(by(doctor, "image-position")).not_to_have_text(position)
    doctor.wait_for_timeout(300)
    assert (Drawn(doctor).grey != shown).mean() > 0.01, "scrolling drew the same picture"
    by(doctor, "report-findings").fill(FINDINGS)
    by(doctor, "report-impression").fill(IMPRESSION)
    by(doctor, "report-negative").click()
    doctor.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    by(doctor, "report-submit").click()
    expect(by(doctor, "report-state")).to_contain_text("待审")
    expect(by(doctor, "report-sign")).to_have_count(0)

    # review: returned once, with the reason
    reviewer = sign_in("reviewer", "XACH")
    by(reviewer, "view-to_review").click()
    row_of(reviewer, study).dblclick()
    by(reviewer, "report-return").click()
    by(reviewer, "return-reason").fill(REASON)
    by(reviewer, "reason-confirm").click()
    expect(by(reviewer, "report-state")).to_contain_text("已退回")
    expect(by(doctor, "report-return-reason")).to_contain_text(REASON)
    by(doctor, "report-findings").fill(FINDINGS + ADDED)
    doctor.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    by(doctor, "report-submit").click()
    expect(by(doctor, "report-state")).to_contain_text("待审")

    # not yet signed: the hospital has no text of it
    local = sign_in("radiologist", "H01")
    by(local, "view-all").click()
    row_of(local, study).dblclick()
    expect(by(local, "image-position")).to_contain_text("/ 28")
    expect(local.locator("body")).not_to_contain_text(ADDED)
    by(local, "back-to-list").click()

    expect(by(reviewer, "report-findings")).to_have_value(FINDINGS + ADDED)
    by(reviewer, "report-sign").click()
    expect(by(reviewer, "report-state")).to_contain_text("已签发")

    # the hospital reads the report and its PDF
    by(local, "view-done").click()
    row_of(local, study).dblclick()
    expect(by(local, "report-impression")).to_have_value(IMPRESSION)
    by(local, "report-pdf").click()
    address = by(local, "pdf-frame").get_attribute("src")
    assert address
    cookies = {each["name"]: each["value"] for each in local.context.cookies(f"{hub.base}/services/ris/") if "name" in each}
    pdf = httpx.get(f"{hub.base}{address}", cookies=cookies, timeout=30)
    assert pdf.headers["content-type"].startswith("application/pdf")
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages))
    for part in (FINDINGS, ADDED, IMPRESSION, "延安市妇幼保健院", "秦远山", "陆清和"):
        assert re.sub(r"\s", "", part) in text, f"{part} is not in the PDF"

    # the other hospital sees nothing of it: not on its desk, not by address
    other = sign_in("radiologist", "H02")
    by(other, "view-all").click()
    expect(by(other, "worklist-row").first).to_be_visible()
    for folder in (head, brain):
        expect(row_of(other, study_of(folder))).to_have_count(0)
    foreign = {each["name"]: each["value"] for each in other.context.cookies(f"{hub.base}/services/ris/") if "name" in each}
    series = str(pydicom.dcmread(next(head.glob("*.dcm")), stop_before_pixels=True).SeriesInstanceUID)
    for path in (
        address,
        f"/services/images/studies/{study}",
        f"/services/images/series/{study}/{series}/stream",
        f"/services/images/dicom-web/studies/{study}/metadata",
    ):
        assert httpx.get(f"{hub.base}{path}", cookies=foreign, timeout=30).status_code in {403, 404}, path
    found = httpx.get(f"{hub.base}/services/images/dicom-web/studies", params={"StudyInstanceUID": study}, cookies=foreign, timeout=30)
    assert found.status_code in {200, 204}
    assert found.content in {b"", b"[]"}

    # the administrator has it counted, finds it behind the bar, and the turnaround has one more report
    expect(by(administrator, "figure-exams").locator(".value")).to_have_text(str(before + 2))
    bar = administrator.locator('[data-testid="chart-institutions"] .bars .point path').first.bounding_box()
    assert bar
    administrator.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    expect(by(administrator, "drill-table")).to_contain_text("已签发")
