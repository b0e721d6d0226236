"""What the desk says of parts of a case that could not be had, in both languages; it gets them by itself when the servers are back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import pydicom
import pytest
from playwright.sync_api import Page, Route, expect
from pydicom.sr.codedict import codes

from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
DETAILS = re.compile(r"/services/ris/api/v1/exams/\d+$")
PICTURE = re.compile(r"/exams/\d+/key-images/[^/]+/picture")
PANELS = [re.compile(path) for path in (r"/images/series/.*/stream$", r"/services/evidence/", r"/exams/\d+/(markings|key-images)\?")]
SUMMARY = re.compile(r"/services/images/studies/[0-9.]+/summary$")


@pytest.fixture(scope="module")
def case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    study = stack.send(own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("away")))
    return stack.case("贺远归", study_uid=study), study


def away(route: Route) -> None:
    route.fulfill(status=503, body="")


def within(page: Page, name: str) -> bool:
    """Whether nothing of an element reaches out of it to the side."""
    return bool(by(page, name).evaluate("element => element.scrollWidth <= element.clientWidth"))


@pytest.mark.timeout(300)
@pytest.mark.clause("V-1")
def test_details_priors_and_series_are_said_to_be_missing_and_come_by_themselves(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)  # the browser notes the 503
    for address in (DETAILS, SUMMARY):
        page.route(address, away)
    open_case(page, case[0])
    expect(by(page, "priors-failed")).to_contain_text("临床信息和历史检查没有取到。", timeout=30_000)
    expect(by(page, "clinical-failed")).to_be_visible()
    expect(by(page, "series-failed")).to_contain_text("序列没有取到。", timeout=30_000)
    expect(by(page, "images-away")).to_contain_text("服务暂时不可用。请稍后重试。")  # no series to be chosen: there are none yet
    by(page, "language").click()
    expect(by(page, "priors-failed")).to_contain_text("Clinical information and priors could not be loaded. ")
    expect(by(page, "series-failed")).to_contain_text("Series could not be loaded. ")
    assert within(page, "series-strip")
    by(page, "language").click()
    assert within(page, "series-strip")
    for address in (DETAILS, SUMMARY):
        page.unroute(address)
    expect(by(page, "priors-failed")).to_have_count(0, timeout=30_000)
    expect(by(page, "series-failed")).to_have_count(0, timeout=30_000)
    expect(by(page, "images-away")).to_have_count(0)
    expect(by(page, "series-strip")).to_contain_text("没有历史检查")
    expect(by(page, "series")).not_to_have_count(0)
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=30_000)


@pytest.fixture(scope="module")
def chosen(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], str]:
    """A chest of which a workstation chose one slice, and an earlier exam of the same child: accession and study, the selection's series."""
    folder = own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("chosen"))
    images = [pydicom.dcmread(file) for file in sorted(folder.glob("*.dcm"))[-1:]]
    observer = hd.sr.ObserverContext(codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(hd.UID(), name="ACME"))
    content = hd.ko.KeyObjectSelection(codes.DCM.ForReferringProvider, images, observer_device_context=observer)
    series = str(hd.UID())
    document = hd.ko.KeyObjectSelectionDocument(images, content, series, 99, str(hd.UID()), 1, manufacturer="ACME")
    document.save_as(folder / "chosen.dcm")
    study = stack.send(folder)
    for uid in (str(pydicom.uid.generate_uid()), study):
        accession = stack.order("贺近归", patient={"patient_id": "P-AWAY"})
        linked = stack.arrive(study_uid=uid, accession=accession, patient_id="P-AWAY")
        assert linked["linked"] is True, linked
    return (accession, study), series


@pytest.mark.timeout(300)
@pytest.mark.clause("V-1", "R-4", "R-10", "X-2")
def test_images_markings_key_images_and_what_others_chose_are_said_to_be_away_and_come_by_themselves(
    open_desk: Open, chosen: tuple[tuple[str, str], str]
) -> None:
    (accession, study), series = chosen
    page = open_desk("doctor", quiet=False)  # the browser notes the 503
    for address in PANELS:
        page.route(address, away)
    open_case(page, accession)
    by(page, "series-strip").locator(f'[data-series="{series}"]').click()
    expect(by(page, "viewer-failed")).to_contain_text("影像服务暂时不可用", timeout=30_000)
    for failed, says in (
        ("evidence-failed", "内容没有取到"),
        ("markings-failed", "测量没有取到"),
        ("key-images-failed", "关键图像没有取到"),
    ):
        expect(by(page, failed)).to_contain_text(f"{says}。服务暂时不可用。", timeout=30_000)
    for nothing in ("markings-empty", "key-images-empty"):
        expect(by(page, nothing)).to_have_count(0)
    for address in PANELS:
        page.unroute(address)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=30_000)
    expect(by(page, "viewer-failed")).to_have_count(0)
    expect(by(page, "markings-empty")).to_be_visible(timeout=30_000)
    expect(by(page, "key-images-empty")).to_be_visible(timeout=30_000)
    expect(by(page, "evidence")).to_have_attribute("data-status", "ready", timeout=30_000)
    expect(by(page, "key-object")).to_have_count(1)
    # the series of a prior are on their way, not none
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(SUMMARY, hold)
    page.locator(".prior-head").click()
    expect(by(page, "prior-loading")).to_be_visible()
    while not held:
        page.wait_for_timeout(50)
    held[0].fulfill(status=404, body="")
    expect(by(page, "prior-failed")).to_be_visible()
    expect(by(page, "prior-loading")).to_have_count(0)


@pytest.mark.timeout(300)
@pytest.mark.clause("R-10")
def test_a_caption_typed_while_its_image_is_being_saved_stays_and_its_picture_comes_again(open_desk: Open, case: tuple[str, str]) -> None:
    page = open_desk("doctor", quiet=False)  # the browser notes the 503
    page.route(PICTURE, away)
    held: list[Route] = []
    page.route("**/key-images/*", lambda route: held.append(route) if route.request.method == "PUT" else route.continue_())
    open_case(page, case[0])
    page.locator(f'[data-testid="viewer"][data-shown^="{case[1]} "]').wait_for(timeout=20_000)
    by(page, "tool-key-image").click()
    caption = by(page, "key-image-caption")
    caption.fill("右肺下叶实变")
    page.wait_for_timeout(500)
    assert held, "the image is on its way"
    for route in held:
        route.continue_()
    page.unroute("**/key-images/*")
    expect(by(page, "key-image")).to_have_attribute("data-saved", "true", timeout=20_000)
    expect(by(page, "key-image")).to_have_attribute("data-number", "1")
    expect(caption).to_have_value("右肺下叶实变")
    expect(by(page, "key-picture-missing")).to_have_text("图像没有取到，稍后自动重试")
    page.unroute(PICTURE)
    expect(by(page, "key-picture-missing")).to_have_count(0, timeout=20_000)
    expect(by(page, "key-image").locator("img")).to_be_visible()
