"""What others drew and wrote is shown on the desk: segmentations and contours on their images, reports and documents to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.reading.desk_stack import Stack, wait_for
from tests.reading.test_evidence import ask
from tests.reading.test_reading_page import by, open_case

Open = Callable[..., Page]
COLOURED = """() => {
  const canvas = document.querySelector('.px-cell .px-drawing');
  if (!canvas || !Number(canvas.dataset.shapes)) return null;
  const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [count, x, y] = [0, 0, 0];
  for (let at = 3; at < data.length; at += 4) {
    if (data[at] === 0) continue;
    count += 1; x += ((at - 3) / 4) % width; y += Math.floor((at - 3) / 4 / width);
  }
  return count ? { count, x: x / count / width, y: y / count / canvas.height, height: canvas.height, wide: width } : { count };
}"""


def sent(stack: Stack, files: list[Path], folder: Path) -> tuple[str, dict[str, str]]:
    """Send files as one study of their own; its UID, and series by file. References between them follow."""
    objects = [pydicom.dcmread(file) for file in files]
    study = str(pydicom.uid.generate_uid())
    new: dict[str, str] = {}
    for one in objects:
        for name in ("SOPInstanceUID", "SeriesInstanceUID"):
            new.setdefault(str(one[name].value), str(pydicom.uid.generate_uid()))
        new[str(one.StudyInstanceUID)] = study

    def follow(data: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.VR == "UI" and str(element.value) in new:
            element.value = new[str(element.value)]

    series = {}
    for number, (file, one) in enumerate(zip(files, objects, strict=True)):
        one.walk(follow)
        # a study is of one patient here, whoever the parts were made for
        one.PatientID, one.PatientName, one.StudyInstanceUID = "EV1", "Wen^Zi", study
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.save_as(folder / f"{number:03}.dcm")
        series[file.name] = str(one.SeriesInstanceUID)
    assert stack.send(folder) == study
    return study, series


@pytest.fixture(scope="module")
def evidence_case(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A liver CT with two segmentations, a structure set on its own CT, a PDF, an ECG and a report without images, as one exam."""
    files = [*sorted((corpus / "seg-liver-ct").glob("*.dcm")), *sorted((corpus / "rtstruct-phantom").glob("*.dcm"))]
    files += [*sorted((corpus / "pdf-stl-ecg").glob("*.dcm")), *sorted((corpus / "sr").glob("tid1500-pet*.dcm"))]
    study, series = sent(stack, files, tmp_path_factory.mktemp("evidence"))
    return {
        "accession": stack.case("文子昂", study_uid=study),
        "study": study,
        "series": series,
        "files": {file.name: file for file in files},
    }


def overlay(stack: Stack, case: dict[str, Any], name: str, who: str = "doctor") -> dict[str, Any]:
    answer = ask(stack, who, f"/series/{case['study']}/{case['series'][name]}/overlay")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def of(case: dict[str, Any], sop_class: str) -> list[str]:
    """Names of the files of a storage class."""
    return [
        name
        for name, file in case["files"].items()
        if pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"]).SOPClassUID == sop_class
    ]


SEGMENTATION, STRUCTURES = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3"
PDF, ECG, SR = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.88.33"


@pytest.mark.clause("X-2", "H-2")
def test_segments_lie_on_the_slices_they_were_drawn_on(stack: Stack, evidence_case: dict[str, Any]) -> None:
    found = [overlay(stack, evidence_case, name) for name in of(evidence_case, SEGMENTATION)]
    liver, overlaps, tumour = (
        next(one for one in found if one["layers"][0]["label"] == label) for label in ("Liver", "GREEN", "Neoplasm, Primary")
    )
    # of a PET that is not here: nothing of it is drawn, and that is said
    assert (tumour["shapes"], tumour["warnings"]) == ([], [{"code": "segment_off_grid", "count": 13}])
    frames = {}
    for series in {shape["series"] for shape in liver["shapes"]}:
        with httpx.Client(cookies={"hub-ticket": stack.ticket("doctor")}, trust_env=False) as client:
            header = client.get(f"{stack.url}/services/images/series/{evidence_case['study']}/{series}/header").json()
        frames |= {frame["sop_uid"]: frame["position"][2] for frame in header["frames"]}
    # corpus: pixels of the liver by z
    assert {round(frames[shape["sop_uid"]], 2): shape["pixels"] for shape in liver["shapes"]} == {
        -128.69: 36233,
        -127.69: 35645,
        -126.69: 35220,
    }
    assert [layer["label"] for layer in liver["layers"]] == ["Liver"]
    assert all(sum(shape["runs"][1::2]) == shape["pixels"] for shape in liver["shapes"])
    assert sorted(shape["pixels"] for shape in overlaps["shapes"]) == sorted([9602, 11888, 117, 117, 10509, 6693, 4713])
    assert liver["warnings"] == overlaps["warnings"] == []


@pytest.mark.clause("X-2", "H-2")
def test_contours_lie_on_their_slice_in_its_pixels(stack: Stack, evidence_case: dict[str, Any]) -> None:
    (name,) = of(evidence_case, STRUCTURES)
    found = overlay(stack, evidence_case, name)
    assert ([layer["label"] for layer in found["layers"]], len(found["shapes"])) == (["ROI-1"], 2)
    contour = pydicom.dcmread(evidence_case["files"][name]).ROIContourSequence[0].ContourSequence[0]
    image = next(
        one
        for file in evidence_case["files"].values()
        if (one := pydicom.dcmread(file, stop_before_pixels=True)).SOPInstanceUID
        == contour.ContourImageSequence[0].ReferencedSOPInstanceUID
    )
    places = np.asarray(contour.ContourData, float).reshape(-1, 3) - np.asarray(image.ImagePositionPatient, float)
    assert list(image.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    expected = places[:, :2] / [float(image.PixelSpacing[1]), float(image.PixelSpacing[0])]
    assert len(expected) == 4
    assert np.allclose(found["shapes"][0]["points"], expected, atol=0.001)


@pytest.mark.clause("X-2", "S-9")
def test_documents_and_objects_without_a_picture_say_what_they_are(stack: Stack, evidence_case: dict[str, Any]) -> None:
    report = overlay(stack, evidence_case, of(evidence_case, SR)[0])
    (told,) = report["objects"]
    assert (told["what"], told["document"][0]["name"]) == ("report", "Imaging Measurement Report")
    # corpus: 255 content items and the root
    assert len(told["document"]) == 256
    ecg = overlay(stack, evidence_case, of(evidence_case, ECG)[0])
    assert ([one["what"] for one in ecg["objects"]], ecg["layers"]) == (["ecg"], [])
    (name,) = of(evidence_case, PDF)
    (pdf,) = overlay(stack, evidence_case, name)["objects"]
    path = f"/instances/{evidence_case['study']}/{evidence_case['series'][name]}/{pdf['sop_uid']}/document"
    answer = ask(stack, "doctor", path)
    assert (pdf["what"], answer.headers["content-type"], len(answer.content), answer.content[:8]) == (
        "pdf",
        "application/pdf",
        20576,
        b"%PDF-1.4",
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    empty = next(name for name in evidence_case["files"] if "stl" in name.lower())
    (mesh,) = overlay(stack, evidence_case, empty)["objects"]
    none = ask(stack, "doctor", f"/instances/{evidence_case['study']}/{evidence_case['series'][empty]}/{mesh['sop_uid']}/document")
    assert (none.status_code, none.json()["code"], none.json()["words"]["zh"]["title"]) == (422, "document.none", "这个对象里没有文档")
    for what in (path, f"/series/{evidence_case['study']}/{evidence_case['series'][name]}/overlay"):
        # nobody, another hospital, and an administrator of nothing here
        refused = [ask(stack, who, what) for who in ("", "local2")]
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(401, "ticket.missing"), (404, "image.unknown")]
        assert ask(stack, "local1", what).status_code == 200


@pytest.mark.clause("X-2", "H-2")
def test_the_desk_lays_a_segmentation_over_its_images_and_shows_a_pdf(stack: Stack, open_desk: Open, evidence_case: dict[str, Any]) -> None:
    page = open_desk("doctor")
    open_case(page, evidence_case["accession"])
    page.locator(f'[data-testid="viewer"][data-shown^="{evidence_case["study"]} "]').wait_for(timeout=20_000)
    liver = next(
        name for name in of(evidence_case, SEGMENTATION) if len(pydicom.dcmread(evidence_case["files"][name]).SegmentSequence) == 1
    )
    card = page.locator(f'[data-testid="series"][data-series="{evidence_case["series"][liver]}"]')
    card.click()
    page.locator('[data-testid="evidence"][data-status="ready"]').wait_for()
    expect(by(page, "evidence")).to_contain_text("分割 (SEG)")
    expect(by(page, "evidence")).to_contain_text("Liver")
    expect(card).to_have_attribute("aria-pressed", "true")
    seen = wait_for(lambda: page.evaluate(COLOURED), says="the mask is drawn")
    # the middle slice fills the height of the view: 35,645 of 512 × 512 pixels, around the middle of the mask
    mask = pydicom.dcmread(evidence_case["files"][liver]).pixel_array[1]
    scale = min(seen["height"], seen["wide"]) / 512
    assert seen["count"] == pytest.approx(35645 * scale**2, rel=0.02)
    rows, columns = np.nonzero(mask)
    left, top = (seen["wide"] - 512 * scale) / 2, (seen["height"] - 512 * scale) / 2
    assert seen["x"] * seen["wide"] == pytest.approx(left + (columns.mean() + 0.5) * scale, abs=2)
    assert seen["y"] * seen["height"] == pytest.approx(top + (rows.mean() + 0.5) * scale, abs=2)
    by(page, "layer-0").uncheck()
    wait_for(lambda: page.evaluate(COLOURED) is None, says="a layer that is off is not drawn")
    by(page, "layer-0").check()
    wait_for(lambda: page.evaluate(COLOURED), says="and is there again")
    by(page, "evidence-close").click()
    expect(by(page, "evidence")).to_have_count(0)
    assert page.evaluate(COLOURED) is None
    (pdf,) = of(evidence_case, PDF)
    page.locator(f'[data-testid="series"][data-series="{evidence_case["series"][pdf]}"]').click()
    expect(by(page, "evidence-pdf")).to_be_visible()
    with page.expect_download() as taken:
        by(page, "evidence-download").click()
    assert pydicom.dcmread(taken.value.path()).SOPClassUID == PDF
    page.keyboard.press("Escape")
    expect(by(page, "evidence-dialog")).to_have_count(0)
    expect(by(page, "reading-desk")).to_have_attribute("data-state", "reading")
    (ecg,) = of(evidence_case, ECG)[:1]
    page.locator(f'[data-testid="series"][data-series="{evidence_case["series"][ecg]}"]').click()
    expect(by(page, "evidence-words")).to_have_text("心电图 (ECG) 不能在此页面显示，请下载原文件，用专用软件打开。")
