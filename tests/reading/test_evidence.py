"""What was drawn leaves the reading desk as DICOM, for whoever may see it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from playwright.sync_api import Page, expect

from pipelines.evidence.reading import read_measurements
from tests.reading.desk_stack import Stack
from tests.reading.test_markings_desk import own_copy, show
from tests.reading.test_reading_page import by, person_row

Open = Callable[..., Page]
POINTS = [[100.25, 200.5], [180.125, 260.75]]


@pytest.fixture(scope="module")
def measured(stack: Stack, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A chest CT with a length, a plane's length and one of a later viewer, kept by the doctor."""
    folder = own_copy(corpus, "ct-chest-ffs", tmp_path_factory.mktemp("chest"))
    images = [pydicom.dcmread(file, stop_before_pixels=True) for file in sorted(folder.glob("*.dcm"))]
    study = stack.send(folder)
    accession = stack.case("卫一鸣", study_uid=study)
    found = person_row(stack, "doctor", accession)
    assert found is not None
    image = images[3]
    common = {"study": study, "series": image.SeriesInstanceUID, "frame": 1, "index": 3, "points": POINTS, "value": 82.5, "unit": "mm"}
    plane = {"origin": [0, -100, -50], "row": [1, 0, 0], "column": [0, 0, -1], "spacing": [0.9, 0.9]}
    rows = [
        {**common, "kind": "length", "sop_uid": image.SOPInstanceUID},
        {**common, "kind": "length", "sop_uid": "", "plane": plane},
        {**common, "kind": "hologram", "sop_uid": image.SOPInstanceUID},
    ]
    with stack.person("doctor") as client:
        for number, measurement in enumerate(rows):
            address = f"/exams/{found['exam_id']}/markings/marking-{number:08}"
            client.put(address, json={"version": None, "measurement": measurement}).raise_for_status()
    return {"accession": accession, "study": study, "exam": found["exam_id"], "image": image}


def ask(stack: Stack, who: str, path: str) -> httpx.Response:
    cookies = {"hub-ticket": stack.ticket(who)} if who else None
    with httpx.Client(base_url=f"{stack.url}/services/evidence", cookies=cookies, timeout=20, trust_env=False) as client:
        return client.get(path)


@pytest.mark.clause("X-2", "V-9", "C-5")
def test_the_desk_saves_measurements_as_dicom(stack: Stack, open_desk: Open, measured: dict[str, Any]) -> None:
    page = open_desk("doctor")
    show(page, (measured["accession"], measured["study"]))
    with page.expect_download() as taken:
        by(page, "export-sr").click()
    expect(by(page, "export-says")).to_have_text("有 1 项测量无法写入此格式，未包含在文件中")
    document = pydicom.dcmread(taken.value.path())
    assert taken.value.suggested_filename == f"SR-{measured['study']}.dcm"
    assert (document.StudyInstanceUID, document.PatientID) == (measured["study"], measured["image"].PatientID)
    flat, deep = read_measurements(document)
    assert (flat["points"], flat["sop_uid"], flat["values"]) == (POINTS, measured["image"].SOPInstanceUID, [82.5])
    assert (deep["points"], deep["plane"]["column"]) == (POINTS, [0.0, 0.0, -1.0])
    with page.expect_download() as taken:
        by(page, "export-gsps").click()
    expect(by(page, "export-says")).to_have_text("有 2 项测量无法写入此格式，未包含在文件中")
    with zipfile.ZipFile(taken.value.path()) as archive:
        state = pydicom.dcmread(io.BytesIO(archive.read("PR00001.dcm")))
    (line,) = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    assert line.GraphicData == [part + 0.5 for point in POINTS for part in point]


@pytest.mark.clause("V-9", "S-9", "A-4")
@pytest.mark.parametrize("form", ["measurement-report", "presentation-states"])
def test_only_who_may_see_the_markings_can_export_them(stack: Stack, measured: dict[str, Any], form: str) -> None:
    path = f"/exams/{measured['exam']}/studies/{measured['study']}/{form}"
    assert [ask(stack, who, path).status_code for who in ("doctor", "local1")] == [200, 200]
    # of another hospital: does not exist; who does not read: not before the report is in force
    told = {who: (answer.status_code, answer.json()["code"]) for who in ("", "local2", "technician") if (answer := ask(stack, who, path))}
    assert told == {"": (401, "ticket.missing"), "local2": (404, "row.not_found"), "technician": (403, "report.not_signed")}
    address = f"{stack.url}/services/evidence{path}"
    outside = httpx.get(address, headers={"Authorization": f"Bearer {stack.ticket('doctor')}"}, trust_env=False)
    forged = httpx.get(address, headers={"Cookie": f"hub-ticket={stack.ticket('doctor')[:-6]}abcdef"}, trust_env=False)
    assert [(one.status_code, one.json()["code"]) for one in (outside, forged)] == [(401, "ticket.invalid")] * 2
    other = ask(stack, "doctor", f"/exams/{measured['exam']}/studies/1.2.3/{form}")
    assert (other.status_code, other.json()["words"]["zh"]["title"]) == (409, "没有可以导出的标注")
    assert ask(stack, "doctor", f"/exams/none/studies/1.2.3/{form}").status_code == 422
