"""Key object selections of other systems on the doctor's desk: what was chosen, by what, and a click to each image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import httpx
import pydicom
import pytest
from playwright.sync_api import Page, expect
from pydicom.sr.codedict import codes

from tests.reading.desk_stack import Stack
from tests.reading.test_evidence import ask
from tests.reading.test_key_images_desk import phantom
from tests.reading.test_markings_desk import show
from tests.reading.test_reading_page import by

Open = Callable[..., Page]
DEVICE = "ACME Workstation 4"


@pytest.fixture(scope="module")
def chosen(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], str, list[str]]:
    """A case of twelve slices of which a workstation chose the ninth, then the third: accession and study, the selection's series, the images."""
    folder = phantom(next((corpus / "ct-chest-ffs").glob("*.dcm")), tmp_path_factory.mktemp("chosen"))
    images = [pydicom.dcmread(folder / f"{number}.dcm") for number in (8, 2)]
    observer = hd.sr.ObserverContext(codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(hd.UID(), name=DEVICE))
    content = hd.ko.KeyObjectSelection(codes.DCM.ForReferringProvider, images, observer_device_context=observer, description="左肺上叶结节")
    series = str(hd.UID())
    document = hd.ko.KeyObjectSelectionDocument(images, content, series, 99, str(hd.UID()), 1, manufacturer="ACME")
    document.SpecificCharacterSet = "ISO_IR 192"
    document.save_as(folder / "chosen.dcm")
    study = stack.send(folder)
    return (stack.case("司徒静怡", study_uid=study), study), series, [str(image.SOPInstanceUID) for image in images]


@pytest.mark.clause("X-2", "R-10")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("lang", "size", "words"),
    [
        ("zh", (1366, 768), ("关键影像选择 (KOS)", "供申请医生", f"由 {DEVICE} 选定", "左肺上叶结节", "★ 关键图像 · " + DEVICE)),
        ("en", (1920, 1080), ("Key object selection (KOS)", "For referring provider", f"Chosen by {DEVICE}", "左肺上叶结节", "★ Key image · " + DEVICE)),
    ],
)  # fmt: skip
def test_the_images_another_system_chose_are_a_click_away_and_marked(
    stack: Stack,
    open_desk: Open,
    chosen: tuple[tuple[str, str], str, list[str]],
    lang: str,
    size: tuple[int, int],
    words: tuple[str, ...],
) -> None:
    (accession, study), series, images = chosen
    found = ask(stack, "doctor", f"/series/{study}/{series}/overlay").json()
    (told,) = found["objects"]
    with httpx.Client(cookies={"hub-ticket": stack.ticket("doctor")}, trust_env=False) as client:
        header = client.get(f"{stack.url}/services/images/series/{study}/{told['key_objects']['images'][0]['series']}/header").json()
    places = {frame["sop_uid"]: number for number, frame in enumerate(header["frames"], 1)}
    assert [one["sop_uid"] for one in told["key_objects"]["images"]] == images
    page = open_desk("doctor", *size, lang=lang)
    show(page, (accession, study))
    position, mark = by(page, "image-position"), page.locator(".px-line[data-item=key]").first
    page.locator(f'[data-testid="series"][data-series="{series}"]').click()
    panel = page.locator('[data-testid="evidence"][data-status="ready"]')
    panel.wait_for()
    for text in words[:4]:
        expect(panel).to_contain_text(text)
    expect(by(page, "key-object")).to_have_count(2)
    # the first chosen one is shown at once, and says who chose it
    expect(position).to_have_text(f"{places[images[0]]} / 12")
    expect(mark).to_have_text(words[4])
    by(page, "key-object").nth(1).click()
    expect(position).to_have_text(f"{places[images[1]]} / 12")
    expect(mark).to_have_text(words[4])
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/key-objects-{lang}.png")
    # one that was not chosen says nothing
    page.locator(".px-cell").first.hover()
    page.mouse.wheel(0, 120)
    expect(position).not_to_have_text(f"{places[images[1]]} / 12")
    expect(page.locator(".px-line[data-item=key]:not(:empty)")).to_have_count(0)
    by(page, "key-object").nth(0).click()
    expect(mark).to_have_text(words[4])
    # closed, the images bear no mark of it any more
    by(page, "evidence-close").click()
    expect(page.locator(".px-line[data-item=key]:not(:empty)")).to_have_count(0)
