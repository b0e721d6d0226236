"""The proposed cardiothoracic ratio on the doctor's desk: offered, drawn as proposed, saved only when a doctor makes it his own."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.cardiothoracic.dicom import radiograph_image
from tests.cardiothoracic.faint import faint_bodies
from tests.cardiothoracic.no_chests import abdomen
from tests.cardiothoracic.phantom import Body, Device, Radiograph, chest
from tests.dicom_node.running_node import uid
from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_markings_desk import kept, on_the_image
from tests.reading.test_reading_page import by, open_case
from tests.reading.test_viewing import Open

DEVICE = Device(inverse=True)
PROPOSED = "自动建议，待医生确认"


def sent(stack: Stack, folder: Path, name: str, radiograph: Radiograph) -> tuple[str, str]:
    """Accession and study of a radiograph on the worklist."""
    study = uid()
    ds = radiograph_image(radiograph, DEVICE, study, uid())
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(folder / "one.dcm", ds, enforce_file_format=True)
    stack.send(folder)
    return stack.case(name, study_uid=study), study


def with_tool(page: Page, case: tuple[str, str]) -> None:
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    expect(by(page, "ratio-proposal")).to_have_count(0)
    by(page, "tool-measures").click()
    by(page, "tool-cardiothoracic").click()


@pytest.mark.clause("V-18")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("masks")
def test_a_proposal_is_the_doctors_only_after_he_confirms(stack: Stack, open_desk: Open, tmp_path: Path) -> None:
    body = Body()
    case = sent(stack, tmp_path, "顾小满", chest(body, DEVICE))
    page = open_desk("doctor")
    with_tool(page, case)
    by(page, "ratio-propose").click()
    expect(by(page, "ratio-waiting")).to_be_visible(timeout=30_000)
    wait_for(lambda: PROPOSED in on_the_image(page), says="drawn as proposed")
    dashes = page.locator(".px-stage svg line[stroke-dasharray='7,5']")
    expect(dashes).to_have_count(2)
    # nobody's yet: not in the list, not in the record
    page.wait_for_timeout(1500)
    expect(by(page, "marking")).to_have_count(0)
    assert kept(stack, case[0]) == []
    by(page, "ratio-drop").click()
    wait_for(lambda: PROPOSED not in on_the_image(page), says="gone")
    assert kept(stack, case[0]) == []
    # a moved end makes it his: the corrected lines
    by(page, "ratio-propose").click()
    expect(by(page, "ratio-waiting")).to_be_visible()
    drag_an_end(page)
    expect(by(page, "ratio-waiting")).to_have_count(0)
    expect(by(page, "marking")).to_have_count(1)
    wait_for(lambda: PROPOSED not in on_the_image(page) and "心胸比" in on_the_image(page), says="an ordinary measurement")
    expect(dashes).to_have_count(0)
    wait_for(lambda: len(kept(stack, case[0])) == 1, says="saved")
    # and so does the button: the lines as they were proposed
    by(page, "ratio-propose").click()
    by(page, "ratio-confirm").click()
    expect(by(page, "marking")).to_have_count(2)
    wait_for(lambda: len(kept(stack, case[0])) == 2, says="saved")
    records = sorted(kept(stack, case[0]), key=lambda one: one["measurement"]["created"])
    assert {(one["measurement"]["kind"], one["author"]["name"]) for one in records} == {("cardiothoracic", "李医生")}
    moved, as_proposed = (one["measurement"]["value"] for one in records)
    assert as_proposed == pytest.approx(body.ratio, abs=0.03)
    assert moved < as_proposed - 0.005, "over a wider thorax"


def drag_an_end(page: Page) -> None:
    """Pulls the left end of the thorax's dashed line outwards."""
    ends = page.locator(".px-stage svg line[stroke-dasharray='7,5']").nth(1)
    x, y = (float(ends.get_attribute(name) or 0) for name in ("x1", "y1"))
    box = page.locator(".px-stage").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_timeout(450)
    page.mouse.down()
    page.mouse.move(box["x"] + x - 12, box["y"] + y, steps=4)
    page.mouse.up()
    page.wait_for_timeout(450)


@pytest.mark.clause("V-18")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("masks")
def test_it_says_why_there_is_no_proposal_and_the_tool_still_works(stack: Stack, open_desk: Open, tmp_path: Path) -> None:
    case = sent(stack, tmp_path, "顾小寒", abdomen(DEVICE))
    (tmp_path / "faint").mkdir()
    faint = sent(stack, tmp_path / "faint", "顾小暑", chest(faint_bodies(10, seed=4)[-1][0], DEVICE))
    page = open_desk("doctor", quiet=False)  # the browser notes the 422 and the 503
    with_tool(page, case)
    by(page, "ratio-propose").click()
    expect(by(page, "ratio-problem")).to_contain_text("请手动测量", timeout=30_000)
    page.route("**/cardiothoracic", lambda route: route.fulfill(status=503, body=""))
    by(page, "ratio-propose").click()
    expect(by(page, "ratio-problem")).to_contain_text("没有得到建议。服务暂时不可用。", timeout=30_000)
    box = page.locator(".px-stage").first.bounding_box()
    assert box
    for x, y in ((0.4, 0.4), (0.6, 0.4), (0.3, 0.6), (0.7, 0.6)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_timeout(450)
    expect(by(page, "marking")).to_have_count(1)
    assert PROPOSED not in on_the_image(page)
    # of a heart that can hardly be told from the spine it says that it is not sure
    page.unroute("**/cardiothoracic")
    by(page, "back-to-list").click()
    open_case(page, faint[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{faint[1]} "]').wait_for(timeout=20_000)
    by(page, "ratio-propose").click()
    expect(by(page, "ratio-waiting")).to_contain_text("把握不大：请核对两侧心缘", timeout=30_000)
