"""Hanging protocols on the doctor's desk: put up by themselves with the right greys, priors beside, one's own kept and used again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
PATH = "/me/preferences/hanging-protocols"
BRAIN, BONE = (35, 80), (400, 1800)
BANDS = (0, 20, 50, 900)
"""HU of four bands across the middle of every image: known values among the real ones."""


def own_series(corpus: Path, name: str, folder: Path, descriptions: list[str], date: str) -> Path:
    """Real images as a study of their own, once for each description, made on `date`."""
    study = pydicom.uid.generate_uid()
    folder.mkdir(parents=True)
    for number, description in enumerate(descriptions, 2):
        series = pydicom.uid.generate_uid()
        for file in sorted((corpus / name).glob("*.dcm"))[:8]:
            image = pydicom.dcmread(file)
            image.StudyInstanceUID, image.SeriesInstanceUID, image.SeriesNumber = study, series, number
            image.SeriesDescription, image.StudyDate, image.SpecificCharacterSet = description, date, "ISO_IR 192"
            pixels = image.pixel_array.copy()
            for place, value in enumerate(BANDS):
                pixels[236:276, place * 128 : (place + 1) * 128] = (value - image.RescaleIntercept) / image.RescaleSlope
            image.PixelData = pixels.tobytes()
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
            image.save_as(folder / f"{uuid.uuid4().hex}.dcm")
    return folder


@pytest.fixture(scope="module")
def head(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Accession, study and prior's study of a child whose head was imaged twice."""
    folder = tmp_path_factory.mktemp("hang")
    before = stack.send(own_series(corpus, "ct-head-tilt", folder / "before", ["Head 5.0"], "20250102"))
    study = stack.send(own_series(corpus, "ct-head-tilt", folder / "now", ["脑 5.0 H30s", "骨 1.0 H60s"], "20261101"))
    child = {"patient_id": "P-HANG", "birth_date": "2021-03-04"}
    for uid, performed in ((before, "2025-01-02T02:00:00Z"), (study, "2026-11-01T02:00:00Z")):
        accession = stack.order("何挂片", patient=child)
        linked = stack.arrive(
            study_uid=uid, accession=accession, patient_id="P-HANG", institution="H01", instances=8, study_date=performed[:10]
        )
        assert linked["linked"] is True, linked
    return accession, study, before


@pytest.fixture(autouse=True)
def _without_own(stack: Stack) -> None:
    keep(stack, [])


def keep(stack: Stack, protocols: list[dict[str, Any]]) -> None:
    with stack.person("hanger") as person:
        version = person.get(PATH).json()["version"]
        answer = person.put(PATH, json={"version": version, "document": {"protocols": protocols, "automatic": True}})
        assert answer.status_code == 200, answer.text


def opened(open_desk: Open, accession: str, study: str, **more: Any) -> Page:
    page = open_desk("hanger", **more)
    open_case(page, accession)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=20_000)
    return page


def corner(page: Page, cell: int) -> str:
    return page.locator(".px-cell").nth(cell).inner_text()


def bands(page: Page, cell: int) -> list[int]:
    """Grey levels of the four bands, as the screen has them: the picture is square and in the middle of its view."""
    found: list[int] = page.evaluate(
        """(cell) => { const c = document.querySelectorAll('.px-cell')[cell].querySelector('canvas'); const x = document.createElement('canvas');
        x.width = c.width; x.height = c.height; const g = x.getContext('2d'); g.drawImage(c, 0, 0); const side = Math.min(c.width, c.height) * 0.95;
        return [-1.5, -0.5, 0.5, 1.5].map((k) => g.getImageData(c.width / 2 + (k * side) / 4, c.height / 2, 1, 1).data[0]); }""",
        cell,
    )
    return found


def linear(value: float, window: tuple[int, int]) -> float:
    """PS3.3 C.11.2.1.2.1, 0 … 255."""
    center, width = window
    return 255 * min(1, max(0, (value - (center - 0.5)) / (width - 1) + 0.5))


def drawn(page: Page, cell: int, window: tuple[int, int]) -> bool:
    return all(abs(is_ - linear(value, window)) <= 1.5 for is_, value in zip(bands(page, cell), BANDS, strict=True))


@pytest.mark.clause("V-1", "V-4", "R-4", "C-2")
def test_a_head_is_hung_as_brain_and_bone_with_its_prior_below(open_desk: Open, head: tuple[str, str, str]) -> None:
    accession, study, before = head
    page = opened(open_desk, accession, study)
    expect(page.locator(".px-cell")).to_have_count(4)
    expect(by(page, "tool-layout")).to_have_text("2×2")
    for cell, (window, series, date) in enumerate(
        [
            (BRAIN, "脑 5.0 H30s", "2026-11-01"),
            (BONE, "骨 1.0 H60s", "2026-11-01"),
            (BRAIN, "Head 5.0", "2025-01-02"),
            (BONE, "Head 5.0", "2025-01-02"),
        ]
    ):
        for words in (series, date, f"W {window[1]}  L {window[0]}"):
            expect(page.locator(".px-cell").nth(cell)).to_contain_text(words)
        wait_for(lambda cell=cell, window=window: drawn(page, cell, window), says=f"greys of view {cell}: {bands(page, cell)}")
    expect(page.locator(".px-cell").first).to_have_class("px-cell px-active")
    expect(by(page, "viewer")).to_have_attribute("data-shown", page.locator('[data-testid="viewer"]').get_attribute("data-shown") or "")
    expect(by(page, "tool-link")).to_have_attribute("aria-pressed", "true")
    # Linked: all go to the same place. What was put up with another window keeps it.
    page.locator(".px-cell").first.click()
    at = page.locator(".px-cell").nth(2).inner_text()
    page.keyboard.press("PageDown")
    expect(page.locator(".px-cell").nth(2)).not_to_have_text(at)
    page.keyboard.press("1")
    expect(page.locator(".px-cell").nth(0)).to_contain_text("W 400  L 40")
    expect(page.locator(".px-cell").nth(2)).to_contain_text("W 400  L 40")  # put up with the same window, so it goes with it
    for cell in (1, 3):
        assert "W 1800  L 400" in corner(page, cell)
    by(page, "tool-hanging").click()
    expect(by(page, "hanging-why")).to_have_text("依据：CT · 头颅")
    expect(page.locator('[data-hanging="ct-head"]')).to_have_attribute("aria-pressed", "true")
    by(page, "hanging-none").click()
    expect(page.locator(".px-cell")).to_have_count(1)
    by(page, "viewer").click()
    page.keyboard.press("Shift+K")
    expect(page.locator(".px-cell")).to_have_count(4)
    expect(by(page, "notice")).to_contain_text("CT 头颅：脑窗、骨窗")
    wait_for(lambda: drawn(page, 3, BONE), says="hung by key as at the opening")
    # Shift+R: the same screen anew, whatever was done to it
    by(page, "viewer").click()
    page.keyboard.press("3")
    page.keyboard.press("g")
    expect(page.locator(".px-cell")).not_to_have_count(4)
    page.keyboard.press("Shift+R")
    expect(page.locator(".px-cell")).to_have_count(4)
    for cell, (window, series) in enumerate([(BRAIN, "脑 5.0 H30s"), (BONE, "骨 1.0 H60s"), (BRAIN, "Head 5.0"), (BONE, "Head 5.0")]):
        expect(page.locator(".px-cell").nth(cell)).to_contain_text(series)
        wait_for(lambda cell=cell, window=window: drawn(page, cell, window), says=f"view {cell} is hung again: {bands(page, cell)}")


@pytest.mark.clause("V-1", "C-2")
def test_ones_own_screen_is_saved_and_used_at_the_next_opening_and_after_a_new_login(
    stack: Stack, open_desk: Open, head: tuple[str, str, str]
) -> None:
    accession, study, _ = head
    page = opened(open_desk, accession, study)
    expect(page.locator(".px-cell")).to_have_count(4)
    by(page, "tool-layout").click()
    page.locator('[data-layout="1x3"]').click()
    page.locator(".px-cell").nth(0).click()
    by(page, "series").nth(1).click()
    expect(page.locator(".px-cell").nth(0)).to_contain_text("骨 1.0 H60s")
    page.locator(".px-cell").nth(0).click()
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.press("j")
    expect(by(page, "tool-link")).to_have_attribute("aria-pressed", "false")
    by(page, "tool-hanging").click()
    by(page, "hanging-save").click()
    expect(by(page, "hanging-present")).to_contain_text("CT · 头颅")
    expect(by(page, "hanging-name")).to_have_value("CT 头颅")
    expect(by(page, "hanging-modality")).to_have_value("CT")
    expect(by(page, "hanging-part")).to_have_value("HEAD")
    expect(by(page, "hanging-fits")).to_have_text("✓ CT · 头颅")
    by(page, "hanging-name").fill(" ")
    by(page, "hanging-editor-save").click()
    expect(by(page, "hanging-faults")).to_be_visible()
    by(page, "hanging-name").fill("骨窗三联")
    by(page, "hanging-editor-save").click()
    expect(by(page, "hanging-editor")).to_have_count(0)
    with stack.person("hanger") as person:
        (kept,) = person.get(PATH).json()["document"]["protocols"]
    assert (kept["name"], kept["layout"], kept["linked"], kept["active"]) == ("骨窗三联", "1x3", False, 0)
    assert kept["cells"][0]["series"]["description"] == "骨 1.0 H60s"
    assert (kept["cells"][0]["window"]["center"], kept["cells"][0]["inverted"]) == (-600, True)
    assert [cell["prior"] for cell in kept["cells"]] == [0, 0, 1]

    by(page, "back-to-list").click()
    open_case(page, accession)  # the next opening
    stack.tickets.pop("hanger")
    again = opened(open_desk, accession, study, lang="en")  # a new login, in English
    for one in (page, again):
        expect(one.locator(".px-cell")).to_have_count(3)
        expect(one.locator(".px-cell").nth(0)).to_contain_text("W 1500  L -600")
        expect(one.locator(".px-cell").nth(0)).to_contain_text("反相" if one is page else "Inverted")
        expect(one.locator(".px-cell").nth(1)).to_contain_text("W 1800  L 400")
        expect(one.locator(".px-cell").nth(2)).to_contain_text("2025-01-02")
    by(again, "tool-hanging").click()
    expect(by(again, "hanging-choice").first).to_contain_text("骨窗三联")
    by(again, "hanging-edit").click()
    by(again, "hanging-remove").click()
    by(again, "hanging-automatic").uncheck()
    by(again, "hanging-editor-save").click()
    by(again, "back-to-list").click()
    open_case(again, accession)
    expect(again.locator(".px-cell")).to_have_count(1)
    expect(again.locator(".px-cell")).to_contain_text("脑 5.0 H30s")


@pytest.mark.clause("V-1")
def test_a_case_without_a_protocol_has_one_view_and_nothing_of_the_case_before(
    stack: Stack, open_desk: Open, head: tuple[str, str, str], corpus: Path, tmp_path: Path
) -> None:
    study = stack.send(own_series(corpus, "ct-head-tilt", tmp_path / "other", ["x"], "20261102"))
    plain = stack.case("平无片", study_uid=study, exam={"description": "其他", "body_part": "OTHER"})
    page = opened(open_desk, head[0], head[1])
    expect(page.locator(".px-cell")).to_have_count(4)
    by(page, "back-to-list").click()
    open_case(page, plain)
    page.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for(timeout=20_000)
    expect(page.locator(".px-cell")).to_have_count(1)
    assert "平无片" in corner(page, 0)
    by(page, "tool-layout").click()
    page.locator('[data-layout="1x2"]').click()
    by(page, "back-to-list").click()
    open_case(page, head[0])
    expect(page.locator(".px-cell")).to_have_count(4)
    assert "平无片" not in page.locator(".px-viewer").inner_text()


@pytest.mark.clause("V-1")
def test_protocols_that_cannot_be_had_are_said_and_those_of_the_system_apply(open_desk: Open, head: tuple[str, str, str]) -> None:
    page = open_desk("hanger", quiet=False)
    page.route(f"**/ris/api/v1{PATH}", lambda route: route.fulfill(status=503, body="{}"))
    page.reload()
    open_case(page, head[0])
    expect(page.locator(".px-cell")).to_have_count(4, timeout=20_000)
    by(page, "tool-hanging").click()
    expect(by(page, "hanging-panel")).to_contain_text("挂片协议没有取到，现为系统协议")
    page.unroute(f"**/ris/api/v1{PATH}")
    by(page, "hanging-edit").click()
    expect(by(page, "hanging-empty")).to_be_visible()
