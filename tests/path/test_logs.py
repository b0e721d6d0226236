"""After a day's work with mistakes and deaths in it no log holds a patient's name, number or a word of a report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import pydicom
import pytest
from playwright.sync_api import expect
from pydicom.uid import generate_uid

from hub_config.demo.examinations import EXAMINATIONS
from hub_config.demo.phantoms import Subject, chest_film
from tests.path.conftest import SignIn
from tests.running_hub import RunningHub, wait_until

API = "/services/ris/api/v1"
DICOM_WEB = "/services/images/dicom-web"
NAME, LATIN, NUMBER = "诸葛隐秘", "Zhuge^Yinmi", "SECRET7719"
WORDS = "胼胝体压部独一无二之所见"


def forms(secret: str) -> set[bytes]:
    """The bytes under which a text may stand in a log."""
    escaped = json.dumps(secret)[1:-1]
    return {
        secret.encode(),
        secret.encode("gb18030"),
        quote(secret).encode(),
        escaped.encode(),
        escaped.replace("\\", "\\\\").encode(),
        repr(secret.encode())[2:-1].encode(),
        repr(secret.encode("gb18030"))[2:-1].encode(),
    }


def secrets() -> set[bytes]:
    """Names and numbers of the demo's children and of the child of this test, and what is written about them."""
    texts = {NAME, LATIN, LATIN.replace("^", " "), "zhuge yinmi", NUMBER, WORDS}
    for each in EXAMINATIONS:
        texts |= {each.child.name, each.child.patient_id, *each.child.dicom_name.split("="), each.history}
    return set().union(*(forms(text) for text in texts if text))


def logs(hub: RunningHub) -> dict[str, bytes]:
    """Every log of the hub, rotated ones too, and what it printed."""
    files = [path for path in (hub.data_dir / "logs").rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in [*files, hub.output]}


def send(hub: RunningHub, path: Path, aet: str) -> int:
    command = ["storescu", "-aet", aet, "-aec", "HUB", "127.0.0.1", str(hub.dicom_port), str(path)]
    return subprocess.run(command, check=False, timeout=60, capture_output=True).returncode


def film(name: str, accession: str = "") -> pydicom.FileDataset:
    subject = Subject(NUMBER, name, "20210305", "F", "005Y", accession=accession, institution="H01", uid_seed=generate_uid())
    return chest_film(subject, 5)


@pytest.mark.timeout(300)
@pytest.mark.clause("H-7", "S-9")
def test_no_log_names_a_patient(hub: RunningHub, sign_in: SignIn, tmp_path: Path) -> None:
    # images: good, refused, conflicting, of no sense
    good = film(f"{LATIN}={NAME}")
    good.save_as(tmp_path / "good.dcm")
    assert send(hub, tmp_path / "good.dcm", "YAFY_DR1") == 0
    assert send(hub, tmp_path / "good.dcm", "NOBODY") != 0
    good.PatientName = f"{LATIN}2={NAME}"
    good.PixelData = bytes(len(good.PixelData))
    good.save_as(tmp_path / "conflict.dcm")
    send(hub, tmp_path / "conflict.dcm", "YAFY_DR1")
    bad = film(f"{LATIN}={NAME}")
    bad.StudyInstanceUID = f"../{NUMBER}"
    bad.save_as(tmp_path / "bad.dcm")
    send(hub, tmp_path / "bad.dcm", "YAFY_DR1")
    wrong_charset = film(f"{LATIN}={NAME}")
    wrong_charset.SpecificCharacterSet = "GB18030"
    wrong_charset.save_as(tmp_path / "charset.dcm")
    text = (tmp_path / "charset.dcm").read_bytes().replace(b"GB18030 ", b"ISO_IR 100"[:8])
    (tmp_path / "charset.dcm").write_bytes(text)
    send(hub, tmp_path / "charset.dcm", "YAFY_DR1")

    # queries by name over every door
    find = ["findscu", "-S", "-aet", "YAFY_WS1", "-aec", "HUB", "127.0.0.1", str(hub.dicom_port)]
    for key in (f"PatientName={LATIN}*", f"PatientID={NUMBER}", "StudyDate=not-a-date"):
        subprocess.run([*find, "-k", "QueryRetrieveLevel=STUDY", "-k", key], check=False, timeout=60, capture_output=True)
    with hub.login_as("radiologist", "XACH") as client:
        for address, asked in (
            (f"{API}/worklist", {"view": "all", "q": NAME}),
            (f"{API}/worklist", {"view": NAME, "q": LATIN}),
            (f"{API}/patients", {"q": NAME}),
            (f"{API}/reports/{NAME}", {}),
            (f"{DICOM_WEB}/studies", {"PatientName": f"*{NAME}*"}),
            (f"{DICOM_WEB}/studies", {"PatientID": NUMBER, "StudyDate": NAME}),
            (f"{DICOM_WEB}/studies/{NUMBER}/metadata", {}),
            (f"/services/pages/desk/{NAME}", {}),
            (f"/services/{quote(NAME)}/nothing", {"q": NAME}),
            ("/services/mart/nothing", {"q": NAME}),
            ("/services/masks/nothing", {"q": NAME}),
        ):
            client.get(address, params=asked)
        client.post(f"{API}/patients", json={"name": NAME, "patient_id": NUMBER, "sex": "?"})
    with hub.visitor() as client:
        hub.try_login(client, NAME, NUMBER)

    # a desk: search, open, write, with the services dying under it
    doctor = sign_in("radiologist", "XACH")
    doctor.get_by_test_id("view-all").click()
    doctor.get_by_test_id("search").fill(NAME)
    row = doctor.get_by_test_id("worklist-row").first
    expect(row).to_contain_text(NAME)
    row.dblclick()
    doctor.get_by_test_id("report-findings").fill(WORDS)
    doctor.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
    for program in ("ris", "node", "zygote"):
        before = hub.pids()[program]
        os.kill(before, signal.SIGKILL)
        doctor.get_by_test_id("report-findings").fill(f"{WORDS}{program}")
        wait_until(f"{program} again", lambda program=program, before=before: hub.pids()[program] not in {None, before}, 20)
    wait_until("ris works", lambda: hub.is_well("/services/ris/healthz") and hub.is_well("/services/images/healthz"), 60)
    doctor.locator('[data-testid="report-saved"][data-save="saved"]').wait_for(timeout=60_000)
    doctor.get_by_test_id("report-pdf").click()
    doctor.get_by_test_id("pdf-frame").wait_for()
    doctor.context.close()

    written = logs(hub)
    assert {
        "ris.log",
        "node.log",
        "pages.log",
        "zygote.log",
        "hub.log",
        "followers.log",
        "mart.log",
        "masks.log",
        "evidence.log",
        "proxy.log",
    } <= set(written)
    found = [(name, secret) for name, text in written.items() for secret in secrets() if secret in text]
    assert found == []
    for name in ("ris.log", "node.log", "pages.log", "followers.log", "mart.log", "masks.log"):
        lines = [line for line in written[name].splitlines() if line.strip()]
        assert lines
        for line in lines:
            json.loads(line)
