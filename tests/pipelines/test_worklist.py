"""From a booking in the records to what a modality at the hospital is offered: real records, real node, dcmtk at the other end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from dicom_node.worklist.entries import WorklistEntry
from pipelines.annotations import newest_annotations
from pipelines.worklist import entry_of, person_name, study_uid_of
from ris.app import make_app
from ris.setting_up import bootstrap
from tests.dicom_node.running_node import RunningNode
from tests.ris.conftest import House, arrival, book, new_database, settings_in, world

pytestmark = pytest.mark.clause("S-2")
ZONE = ZoneInfo("Asia/Shanghai")


def changed(seq: int = 5, **data: Any) -> dict[str, Any]:
    whole = {
        "exam_id": 7, "origin": "order", "accession": "A7", "exam_state": "booked", "modality": "MR", "description": "头颅平扫",
        "body_part": "HEAD", "institution": {"code": "H01", "name": "甲县医院"}, "study_uids": [], "ordered_at": "2026-11-25T23:30:00.000Z",
        "patient": {"id": 3, "patient_id": "P3", "name": "王小东", "pinyin": "wang xiao dong", "sex": "M", "birth_date": "2019-02-28"},
        "state_times": {"booked": "2026-11-25T23:40:00.000Z"},
    } | data  # fmt: skip
    return {"seq": seq, "kind": "exam.changed", "institution": "H01", "at": "2026-11-26T00:00:00.000Z", "data": whole}


def worklist_of(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in newest_annotations(rows) if one["table"] == "worklist"]


def test_a_booked_exam_becomes_an_entry_that_the_node_takes() -> None:
    (made,) = worklist_of(changed())
    assert (made["key"], made["version"]) == ("exam:7", 5)
    entry = WorklistEntry.model_validate(made["data"])
    assert (entry.institution, entry.accession, entry.state) == ("H01", "A7", "scheduled")
    assert (entry.patient.id, entry.patient.name) == ("P3", "WANG^XIAODONG=王^小东")
    assert entry.step.start == datetime.fromisoformat("2026-11-26T07:40:00"), "local time"
    assert (entry.step.modality, entry.step.body_part, entry.step.aet) == ("MR", "HEAD", ())
    arrived = changed(exam_state="checked_in", state_times={"booked": "2026-11-25T23:40:00Z", "checked_in": "2026-11-27T01:00:00Z"})
    entry = WorklistEntry.model_validate(worklist_of(arrived)[0]["data"])
    assert (entry.state, entry.step.start) == ("arrived", datetime.fromisoformat("2026-11-27T09:00:00"))


@pytest.mark.parametrize("state", ["images_complete", "cancelled"])
def test_what_is_done_or_cancelled_is_taken_away(state: str) -> None:
    assert worklist_of(changed(5), changed(6, exam_state=state)) == [{"table": "worklist", "key": "exam:7", "version": 6, "data": None}]


def test_what_was_never_booked_has_no_entry() -> None:
    assert worklist_of(changed(origin="images", accession=None)) == []
    assert worklist_of(changed(accession=None)) == []
    assert worklist_of(changed(modality=None))[0]["data"] is None, "a device may not be answered without a modality"


def test_study_uid_is_the_same_every_time_and_of_one_hospital_and_number() -> None:
    first = study_uid_of("H01", "A7")
    assert first == study_uid_of("H01", "A7")
    assert len({first, study_uid_of("H02", "A7"), study_uid_of("H01", "A8"), study_uid_of("H0", "1A7")}) == 4
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", first)
    assert len(first) <= 64


@pytest.mark.parametrize(
    ("name", "pinyin", "expected"),
    [("王小东", "wang xiao dong", "WANG^XIAODONG=王^小东"), ("欧阳娜", "ou yang na", "OUYANG^NA=欧阳^娜"), ("王", "wang", "WANG=王"),
     ("John Smith", "john smith", "John Smith"), ("Smith^John", None, "Smith^John"), ("王小东", None, "=王^小东"),
     ("李a", "li a", "LI^A=李^a")],
)  # fmt: skip
def test_names_have_both_groups(name: str, pinyin: str | None, expected: str) -> None:
    assert person_name(name, pinyin) == expected


def test_no_patient_id_of_the_hospital_is_the_records_own_number() -> None:
    row = changed(patient={"id": 3, "patient_id": None, "name": "王", "pinyin": "wang", "sex": None, "birth_date": None})
    data = entry_of(row, ZONE)
    assert data is not None
    assert WorklistEntry.model_validate(data).patient.id == "HUB-3"


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    settings = settings_in(tmp_path / "ris", new_database("sqlite", request))
    bootstrap(settings, world())
    with TestClient(make_app(settings), raise_server_exceptions=False) as http:
        yield House(http, settings, "sqlite")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path / "node", Ed25519PrivateKey.generate())
    devices = [{"aet": f"CT_{place}", "institution": place, "may": ["worklist"]} for place in ("HA", "HB")]
    (running.data / "devices.json").write_text(json.dumps(devices))
    yield running.start()
    running.stop()


@pytest.mark.skipif(shutil.which("findscu") is None, reason="dcmtk is not installed")
def test_from_the_registrars_booking_to_the_modality(house: House, node: RunningNode) -> None:
    def follow() -> None:
        rows = newest_annotations(house.feed())
        headers = {"Authorization": f"Bearer {node.ticket()}"}
        assert node.http.post(node.url + "/annotations", json={"rows": rows}, headers=headers).is_success

    def offered(aet: str) -> str:
        words = ["AccessionNumber", "PatientName", "PatientID", "StudyInstanceUID", "ScheduledProcedureStepSequence[0].Modality=CT"]
        keys = [word for key in words for word in ("-k", key)]
        command = ["findscu", "-aet", aet, "-aec", "HUB", "127.0.0.1", str(node.dicom_port), "-W", *keys]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr

    ordered = book(house, "HA", exam={"accession": None})
    accession = ordered["exams"][0]["accession"]
    assert len(accession) <= 16, "a longer one is no SH: devices cut it, and the images do not find their exam"
    house.arrive(institution="HA")  # images that nobody booked are no work to do
    follow()
    answer = offered("CT_HA")
    assert answer.count("(Pending)") == 1
    assert accession in answer
    assert "LI^XIAOHONG=李^小红" in answer
    assert ordered["patient"]["patient_id"] in answer
    study = study_uid_of("HA", accession)
    assert study in answer
    assert "(Pending)" not in offered("CT_HB")
    # the modality makes the images that it was asked for
    found = arrival(institution="HA", accession=accession, patient_id=ordered["patient"]["patient_id"], study_uid=study,
                    patient_name="LI^XIAOHONG=李^小红", birth_date="20240506", quiet=True)  # fmt: skip
    result = house.arrive(**found)
    assert (result["linked"], result["exam_id"]) == (True, ordered["exams"][0]["exam_id"])
    follow()
    assert "(Pending)" not in offered("CT_HA")
