"""The demo against the real records service, node and followers: prepared once, sent through the DICOM port, killed, sent again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pynetdicom import AE

from hub_config.demo.examinations import EXAMINATIONS
from hub_config.demo.hospitals import CLINICAL_ROLES
from hub_config.demo.staff import RecordsRefusedError, StaffMember
from hub_config.keys import ensure_secrets
from tests.worker import take_free_port

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 120 + 24 + len(EXAMINATIONS) - 2


def until(condition: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class Hub:
    """ris, node and followers on one data folder, as the supervisor starts them."""

    def __init__(self, data: Path, ports: list[int]) -> None:
        self.data = data
        for name in ("ris", "node", "followers"):
            (data / name).mkdir()
        secrets = ensure_secrets(data)
        ris, http, self.dicom = ports
        self.ris_url, self.images_url = f"http://127.0.0.1:{ris}/services/ris", f"http://127.0.0.1:{http}/services/images"
        common = {"PATH": os.environ["PATH"], "HOME": str(data), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        follow = {"RIS_URL": self.ris_url, "IMAGES_URL": self.images_url}
        records = common | {
            "RIS_PORT": str(ris), "RIS_DATABASE": f"sqlite:///{data}/ris/records.sqlite", "RIS_TICKET_KEY": str(secrets.ticket_private),
            "RIS_SERVICES": str(secrets.service_hashes), "RIS_HUB_API": "http://127.0.0.1:9/hub/api",
        }  # fmt: skip
        self.environments = {
            "ris": records,
            "dicom_node": common | {
                "NODE_DATA": str(data / "node"), "NODE_DICOM_PORT": str(self.dicom), "NODE_DICOM_HOST": "127.0.0.1",
                "NODE_HTTP_PORT": str(http), "NODE_AET": "HUB", "NODE_DEVICES": str(data / "demo-devices.json"),
                "NODE_TICKET_KEY": str(secrets.ticket_public),
            },
            "pipelines.followers": common | follow | {
                "FOLLOWERS_DATA": str(data / "followers"), "SERVICE_NAME": "followers",
                "SERVICE_SECRET_FILE": str(secrets.service("followers")),
            },
            "hub_config.demo": records | follow | {
                "DICOM_PORT": str(self.dicom), "DATA_DIR": str(data), "SERVICE_NAME": "demo",
                "SERVICE_SECRET_FILE": str(secrets.service("demo")),
            },
        }  # fmt: skip
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.data / f"{module}.log").open("ab") as log:
            command = [sys.executable, "-m", module, *arguments]
            return subprocess.Popen(command, env=self.environments[module], stdout=log, stderr=log, cwd=ROOT, start_new_session=True)

    def start(self, module: str, url: str = "") -> None:
        self.children[module] = self.begin(module)
        if url:
            until(lambda: self.answers(url) or self.children[module].poll() is not None, 40, module)
            assert self.answers(url), (self.data / f"{module}.log").read_text()[-3000:]

    def answers(self, url: str) -> bool:
        try:
            return httpx.get(url + "/healthz", timeout=3, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def demo(self, step: str) -> str:
        child = self.begin("hub_config.demo", step)
        assert child.wait(100) == 0, (self.data / "hub_config.demo.log").read_text()[-3000:]
        return (self.data / "hub_config.demo.log").read_text()

    def stop(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(5)

    def accounts(self) -> list[dict[str, str]]:
        return json.loads((self.data / "demo-accounts.json").read_text())

    def member(self, username: str) -> StaffMember:
        password = next(one["password"] for one in self.accounts() if one["username"] == username)
        return StaffMember(self.ris_url, (self.data / "secrets" / "service-hub").read_text().strip(), username, password)

    def worklist(self, username: str) -> list[dict[str, Any]]:
        with self.member(username) as member:
            return member.get("/worklist")["rows"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    ports = [take_free_port() for _ in range(3)]
    made = Hub(tmp_path_factory.mktemp("demo"), ports)
    try:
        made.start("ris", made.ris_url)
        made.demo("prepare")
        made.start("dicom_node", made.images_url)
        made.start("pipelines.followers")
        # The first sending is killed in the middle: what was sent stays, what is missing comes with the second.
        first = made.begin("hub_config.demo", "send")
        log = made.data / "hub_config.demo.log"
        until(lambda: "5/13" in log.read_text() or first.poll() is not None, 60, "five studies")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(10)
        assert not (made.data / "demo-done").exists(), log.read_text()
        made.demo("send")
        yield made
    finally:
        made.stop()


@pytest.mark.clause("H-2", "H-3")
@pytest.mark.timeout(200)
def test_accounts_and_devices_are_exactly_as_promised(hub: Hub) -> None:
    path = hub.data / "demo-accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    accounts = hub.accounts()
    assert all(set(one) == {"username", "password", "role", "institution"} for one in accounts)
    assert len({one["password"] for one in accounts}) == len(accounts)
    roles = {(one["role"], one["institution"]) for one in accounts}
    assert {(role, place) for role in CLINICAL_ROLES for place in ("XACH", "H01", "H02")} <= roles
    assert {("administrator", "XACH"), ("operator", "XACH"), ("researcher", "XACH"), ("patient", "H01")} <= roles
    for one in (accounts[0], next(one for one in accounts if one["role"] == "patient")):
        with hub.member(one["username"]) as member:
            assert member.get("/me")["assignments"] == [{"role": one["role"], "institution": one["institution"]}]
    with hub.member("researcher.xach") as member:
        assert [(one["code"], one["pixels"]) for one in member.get("/me/projects")["projects"]] == [("demo", True)]
    devices = json.loads((hub.data / "demo-devices.json").read_text())
    assert all(set(one) == {"aet", "institution", "may"} and len(one["aet"]) <= 16 for one in devices)
    assert {one["institution"] for one in devices if "store" in one["may"]} == {"XACH", "H01", "H02"}
    assert any(one["may"] == ["echo", "find", "get", "move"] for one in devices)


@pytest.mark.clause("S-1", "H-5")
@pytest.mark.timeout(200)
def test_every_study_arrived_whole_and_linked_or_with_its_reason(hub: Hub) -> None:
    until(
        lambda: len(rows := hub.worklist("radiologist.xach")) == len(EXAMINATIONS) and sum(row["images"] for row in rows) == IMAGES,
        20,
        "all rows",
    )
    rows = hub.worklist("radiologist.xach")
    by_name = {(row["patient"]["name"], row["modality"]): row for row in rows}
    for exam in EXAMINATIONS:
        row = by_name[exam.child.name, exam.modality]
        assert row["institution"]["code"] == exam.child.institution, exam.key
        assert row["scheduled"] is exam.scheduled, exam.key
        assert row["patient"]["patient_id"] == exam.child.patient_id
        assert row["images"] == {"chest-ct": 120, "head-mr": 24}.get(exam.key, 1)
        if exam.scheduled:
            assert (row["accession"], row["priority"]) == (exam.accession, exam.priority)
    reasons = Counter(row["unscheduled_reason"]["code"] for row in rows if row["unscheduled_reason"])
    assert reasons == {"no_accession": 2, "accession_unknown": 1}
    assert rows[0]["priority"] == "stat", "STAT first"
    assert {row["patient"]["age"]["unit"] for row in rows} == {"D", "M", "Y"}
    assert sum(row["stage"] == "signed" for row in rows) == 2


@pytest.mark.clause("S-1")
def test_an_unknown_device_is_refused(hub: Hub) -> None:
    entity = AE(ae_title="STRANGER")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", hub.dicom, ae_title="HUB")
    established = association.is_established
    association.abort()
    assert not established


@pytest.mark.clause("H-2")
def test_a_hospital_sees_only_its_own(hub: Hub) -> None:
    assert {row["institution"]["code"] for row in hub.worklist("clinician.h01")} == {"H01"}
    assert {row["institution"]["code"] for row in hub.worklist("clinician.h02")} == {"H02"}


@pytest.mark.clause("R-0")
def test_signed_reports_templates_and_knowledge(hub: Hub) -> None:
    signed = next(row for row in hub.worklist("clinician.h01") if row["accession"] == "YA24110903")
    with hub.member("clinician.h01") as clinician:
        report = clinician.get(f"/reports/{signed['report_id']}")
    assert (report["state"], report["author"]["username"]) == ("delivered", "radiologist.xach"), "the hospital has it now"
    assert "脑积水" in report["impression"]
    with hub.member("radiologist.xach") as radiologist:
        assert len(radiologist.get("/templates")["rows"]) == 8
        assert len(radiologist.get("/knowledge")["rows"]) == 5


@pytest.mark.clause("H-5", "O-1")
@pytest.mark.timeout(200)
def test_sending_everything_again_doubles_nothing(hub: Hub) -> None:
    before = {row["exam_id"]: row["images"] for row in hub.worklist("radiologist.xach")}
    said = len((hub.data / "hub_config.demo.log").read_text())
    assert hub.demo("send")[said:] == "", "done is done"
    (hub.data / "demo-done").unlink()
    assert "13/13" in hub.demo("send")[said:]
    accounts = (hub.data / "demo-accounts.json").read_text()
    hub.demo("prepare")
    assert (hub.data / "demo-accounts.json").read_text() == accounts
    time.sleep(1.0)
    after = {row["exam_id"]: row["images"] for row in hub.worklist("radiologist.xach")}
    assert after == before
    assert (hub.data / "demo-done").exists()


@pytest.mark.clause("A-1", "V-22")
@pytest.mark.timeout(200)
def test_an_opened_study_is_in_the_audit_once_and_a_disabled_account_is_known_to_the_node(hub: Hub) -> None:
    row = next(row for row in hub.worklist("radiologist.xach") if row["accession"] == "YA24111207")
    (study,) = row["study_uids"]
    secret = (hub.data / "secrets" / "service-hub").read_text().strip()
    password = next(one["password"] for one in hub.accounts() if one["username"] == "nurse.h01")
    door = httpx.post(
        hub.ris_url + "/internal/login",
        json={"username": "nurse.h01", "password": password},
        headers={"Authorization": f"Service hub:{secret}"},
        trust_env=False,
    ).json()
    cookie = {"Cookie": f"hub-ticket={door['ticket']}"}
    summary = f"{hub.images_url}/studies/{study}/summary"
    for _ in range(3):
        answer = httpx.get(summary, headers=cookie, trust_env=False)
        assert answer.status_code == 200, answer.text
    with hub.member("administrator.xach") as administrator:

        def entries() -> list[dict[str, Any]]:
            found = administrator.get("/audit", username="nurse.h01", action="study.opened")
            return found["rows"] if isinstance(found, dict) else found

        until(lambda: len(entries()) > 0, 10, "the audit entry")
        time.sleep(0.5)
        (entry,) = entries()
        assert entry["entity"] == {"type": "study", "id": study}
        administrator.put("/accounts/nurse.h01", {"disabled": True})
    until(lambda: httpx.get(summary, headers=cookie, trust_env=False).status_code == 401, 10, "the revocation in the node")
    with pytest.raises(RecordsRefusedError, match="disabled"):
        hub.member("nurse.h01")


@pytest.mark.clause("H-5", "O-1")
@pytest.mark.timeout(200)
def test_killing_followers_ris_and_node_while_images_arrive_loses_nothing(hub: Hub) -> None:
    from datetime import datetime

    from hub_config.demo.phantoms import Subject, bowel_ultrasound
    from hub_config.demo.sending import send

    expected = {}
    for turn, victim in enumerate(("pipelines.followers", "ris", "pipelines.followers", "dicom_node")):
        subject = Subject(
            f"K{turn}", f"测试{turn}", "20250101", "M", "001Y", taken=datetime.fromisoformat("2026-01-05T09:30"), uid_seed=str(turn)
        )
        image = bowel_ultrasound(subject, frames=2)
        assert send([image], "HZET_US1", hub.dicom) == 1
        expected[image.StudyInstanceUID] = 1
        child = hub.children[victim]
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        hub.start(victim, {"ris": hub.ris_url, "dicom_node": hub.images_url}.get(victim, ""))

    def seen() -> dict[str, int]:
        rows = hub.worklist("radiologist.h02")
        return {uid: row["images"] for row in rows for uid in row["study_uids"] if uid in expected}

    until(lambda: seen() == expected, 30, "every study exactly once")
