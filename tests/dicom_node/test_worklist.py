"""Modality Worklist: entries told by annotation and by worklist files, asked for by dcmtk's findscu and by pynetdicom."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pydicom
import pytest
from modalities import MWL, dcmtk, find, refused_contexts, until_listening
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from running_node import RunningNode, uid

from tests.worker import take_free_port

pytestmark = [pytest.mark.clause("S-2"), pytest.mark.skipif(shutil.which("findscu") is None, reason="dcmtk is not installed")]
STEP = "ScheduledProcedureStepSequence[0]."
TYPE_1 = ["PatientName", "PatientID", "StudyInstanceUID", "RequestedProcedureID"]
TYPE_1_OF_STEP = [
    "ScheduledStationAETitle", "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "Modality",
    "ScheduledProcedureStepID", "ScheduledProcedureStepDescription",
]  # fmt: skip


def entry(accession: str, **changed: object) -> dict:
    data = {
        "institution": "H01", "state": "scheduled", "accession": accession,
        "patient": {"id": "P-" + accession, "name": "WANG^XIAODONG=王^小东", "birth_date": "2019-02-28", "sex": "M", "weight": 14.5,
                    "allergies": ["碘"]},
        "referring_physician": "LI^MING=李^明", "requested_procedure": {"id": "R-" + accession, "description": "MR 头颅平扫"},
        "study_uid": uid(),
        "step": {"id": "S-" + accession, "aet": ["MR_A", "MR_B"], "modality": "MR", "start": "2026-11-26T09:30:00",
                 "description": "头颅平扫", "station": "MR1", "body_part": "HEAD", "performing_physician": "ZHAO=赵"},
    }  # fmt: skip
    for path, value in changed.items():
        *parts, last = path.split("__")
        place = data
        for part in parts:
            place = place[part]
        place[last] = value
    return data


def tell(node: RunningNode, *entries: dict | None, key: str | None = None, version: int = 1) -> None:
    keys = [key or f"test:{e['accession'] if e else ''}" for e in entries]
    rows = [{"table": "worklist", "key": k, "version": version, "data": e} for k, e in zip(keys, entries, strict=True)]
    answer = node.http.post(node.url + "/annotations", json={"rows": rows}, headers={"Authorization": f"Bearer {node.ticket()}"})
    assert answer.json()["taken"] == len(rows)


def fresh() -> str:
    return uuid.uuid4().hex[:10].upper()


def query(step: dict[str, str] | None = None, **keys: str) -> Dataset:
    ds = Dataset()
    item = Dataset()
    for name in TYPE_1_OF_STEP:
        setattr(item, name, (step or {}).get(name, ""))
    for name in [*TYPE_1, "AccessionNumber"]:
        setattr(ds, name, "")
    for name, value in keys.items():
        setattr(ds, name, value)
    ds.ScheduledProcedureStepSequence = Sequence([item])
    return ds


def accessions(node: RunningNode, aet: str, step: dict[str, str] | None = None, **keys: str) -> set[str]:
    found, last = find(node, aet, query(step, **keys))
    assert last.Status == 0
    return {answer.AccessionNumber for answer in found}


def findscu(node: RunningNode, aet: str, *keys: str) -> str:
    words = [word for key in keys for word in ("-k", key)]
    return dcmtk(node, "findscu", aet, "-W", *words).stderr


def test_findscu_gets_exactly_what_it_asked_for(hospitals: RunningNode) -> None:
    accession = fresh()
    told = entry(accession)
    tell(hospitals, told)
    answer = findscu(
        hospitals, "MR_A", f"AccessionNumber={accession}", "PatientName", "PatientID", "PatientBirthDate", "PatientWeight", "Allergies",
        "StudyInstanceUID", "RequestedProcedureID", "MedicalAlerts", STEP + "ScheduledStationAETitle=MR_A", STEP + "Modality=MR",
        STEP + "ScheduledProcedureStepStartDate=20261126", STEP + "ScheduledProcedureStepStartTime", STEP + "ScheduledProcedureStepID",
    )  # fmt: skip
    assert answer.count("(Pending)") == 1
    tags = re.findall(r"\(([0-9a-f]{4},[0-9a-f]{4})\)", answer.split("# Dicom-Data-Set")[-1])
    assert tags == ["0008,0005", "0008,0050", "0010,0010", "0010,0020", "0010,0030", "0010,1030", "0010,2000", "0010,2110", "0020,000d",
                    "0040,0100", "fffe,e000", "0008,0060", "0040,0001", "0040,0002", "0040,0003", "0040,0009", "fffe,e00d", "fffe,e0dd",
                    "0040,1001"]  # fmt: skip
    for line in (f"[{told['study_uid']}", "[20190228", "[14.5", r"[MR_A\MR_B", "[093000", f"[S-{accession}", "[ISO_IR 192]", "王^小东"):
        assert line in answer, line
    assert re.search(r"\(0010,2000\) LO \(no value", answer), "an attribute without a value is returned empty"


def test_every_answer_has_its_type_1_keys(hospitals: RunningNode) -> None:
    accession = fresh()
    bare = {
        "institution": "H01", "accession": accession, "patient": {"id": "P", "name": "=王^小东"}, "requested_procedure": {"id": "1"},
        "study_uid": uid(), "step": {"id": "1", "modality": "US", "start": "2026-11-26T00:00:00"},
    }  # fmt: skip
    tell(hospitals, bare)
    found, _ = find(hospitals, "US_A", query(AccessionNumber=accession))
    (answer,) = found
    for holder, names in ((answer, TYPE_1), (answer.ScheduledProcedureStepSequence[0], TYPE_1_OF_STEP)):
        for name in names:
            assert holder[name].value not in {"", None}, name
    assert answer.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "US_A", "no station: any of the institution, so the caller's"
    assert accessions(hospitals, "MR_A", {"ScheduledStationAETitle": "US_7"}, AccessionNumber=accession) == {accession}


@pytest.mark.parametrize(
    ("step", "keys", "matches"),
    [
        ({"ScheduledStationAETitle": "MR_B"}, {}, True), ({"ScheduledStationAETitle": "MR_"}, {}, False),
        ({"ScheduledStationAETitle": "MR*"}, {}, True), ({"Modality": "MR"}, {}, True), ({"Modality": "CT"}, {}, False),
        ({"ScheduledProcedureStepStartDate": "20261126"}, {}, True), ({"ScheduledProcedureStepStartDate": "20261125"}, {}, False),
        ({"ScheduledProcedureStepStartDate": "20261101-20261126"}, {}, True),
        ({"ScheduledProcedureStepStartDate": "20261127-"}, {}, False), ({"ScheduledProcedureStepStartDate": "-20261126"}, {}, True),
        ({"ScheduledProcedureStepStartTime": "0930"}, {}, True), ({"ScheduledProcedureStepStartTime": "10"}, {}, False),
        ({"ScheduledProcedureStepStartTime": "0900-1000"}, {}, True), ({"ScheduledProcedureStepStartTime": "0931-"}, {}, False),
        # both ranges: one span of time, from the first day's evening to the last day's morning
        ({"ScheduledProcedureStepStartDate": "20261125-20261127", "ScheduledProcedureStepStartTime": "2000-0600"}, {}, True),
        ({"ScheduledProcedureStepStartDate": "20261126-20261127", "ScheduledProcedureStepStartTime": "1000-1800"}, {}, False),
        ({"ScheduledProcedureStepStartDate": "20261126", "ScheduledProcedureStepStartTime": "1000-1800"}, {}, False),
        ({"ScheduledProcedureStepDescription": "头颅*"}, {}, True), ({"ScheduledProcedureStepDescription": "胸*"}, {}, False),
        ({"ScheduledProcedureStepID": "S-*"}, {}, True),
        ({}, {"PatientName": "wang^xiao*"}, True), ({}, {"PatientName": "王小东"}, True), ({}, {"PatientName": "wangxiaodong"}, True),
        ({}, {"PatientName": "=王*"}, True), ({}, {"PatientName": "Zhang*"}, False), ({}, {"PatientName": "*"}, True),
        ({}, {"PatientID": "p-*"}, False), ({}, {"RequestedProcedureID": "R-*"}, True), ({}, {"StudyInstanceUID": "1.2.3"}, False),
        ({}, {"ReferringPhysicianName": "li^ming"}, True), ({}, {"ReferringPhysicianName": "wu*"}, False),
    ],
)  # fmt: skip
def test_keys_match_inside_the_step_as_well(hospitals: RunningNode, step: dict, keys: dict, matches: bool) -> None:
    accession = fresh()
    tell(hospitals, entry(accession))
    identifier = {"SpecificCharacterSet": "ISO_IR 192", "AccessionNumber": accession} | keys
    assert accessions(hospitals, "MR_A", step, **identifier) == ({accession} if matches else set())


@pytest.mark.clause("S-8")
def test_the_other_hospitals_entries_are_never_seen(hospitals: RunningNode) -> None:
    mine, theirs = fresh(), fresh()
    tell(hospitals, entry(mine), entry(theirs, institution="H02"))
    assert mine in accessions(hospitals, "MR_A")
    assert theirs not in accessions(hospitals, "MR_A")
    assert accessions(hospitals, "CT_B", AccessionNumber=mine) == set()
    assert accessions(hospitals, "CT_B", AccessionNumber=theirs) == {theirs}
    assert accessions(hospitals, "CT_B", {"ScheduledStationAETitle": "MR_A"}, AccessionNumber="*") == {theirs}


@pytest.mark.clause("S-9")
def test_a_device_without_the_right_gets_no_context(hospitals: RunningNode) -> None:
    assert refused_contexts(hospitals, "STORE_ONLY", MWL)
    assert not refused_contexts(hospitals, "MR_A", MWL)


def test_entries_of_the_file_of_a_node_that_stands_alone(hospitals: RunningNode) -> None:
    assert accessions(hospitals, "MR_A", PatientID="P-STANDING") == {"STANDING"}
    assert accessions(hospitals, "CT_B", PatientID="P-STANDING") == set()


def test_only_what_is_to_be_done_is_offered(hospitals: RunningNode) -> None:
    accession = fresh()
    for version, state in enumerate(("scheduled", "cancelled", "started", "completed", "arrived", "discontinued"), 1):
        tell(hospitals, entry(accession, state=state), version=version)
        offered = state in {"scheduled", "started", "arrived"}
        assert accessions(hospitals, "MR_A", AccessionNumber=accession) == ({accession} if offered else set()), state
    tell(hospitals, entry(accession), version=10)
    tell(hospitals, None, key=f"test:{accession}", version=11)
    assert accessions(hospitals, "MR_A", AccessionNumber=accession) == set()


def test_an_entry_that_cannot_be_answered_is_named_in_the_log_without_the_patient(hospitals: RunningNode) -> None:
    good, bad = fresh(), fresh()
    tell(hospitals, entry(good), entry(bad, study_uid="no uid", patient__name="GEHEIM^NAME"), entry(fresh(), step__start="morgen"))
    assert accessions(hospitals, "MR_A", AccessionNumber=good) == {good}
    assert accessions(hospitals, "MR_A", AccessionNumber=bad) == set()
    log = (hospitals.data / "node.log").read_text()
    assert f"test:{bad}" in log
    assert "step.start" in log
    assert "GEHEIM" not in log


@pytest.mark.clause("H-4")
@pytest.mark.parametrize("charset", ["GB18030", "GBK", "ISO_IR 192", None])
def test_answers_are_in_the_characters_of_the_asker(hospitals: RunningNode, charset: str | None, tmp_path: Path) -> None:
    accession = fresh()
    tell(hospitals, entry(accession))
    keys = ["-k", f"AccessionNumber={accession}", "-k", "PatientName"] + (["-k", f"SpecificCharacterSet={charset}"] if charset else [])
    dcmtk(hospitals, "findscu", "MR_A", "-W", "-X", "-od", tmp_path, *keys)
    raw = (tmp_path / "rsp0001.dcm").read_bytes()
    ds = pydicom.dcmread(tmp_path / "rsp0001.dcm", force=True)
    chinese = charset in {"GB18030", "GBK"}
    assert ds.SpecificCharacterSet == ("GB18030" if chinese else "ISO_IR 192")
    assert ds.PatientName.ideographic == "王^小东"
    assert "王^小东".encode("gb18030" if chinese else "utf-8") in raw


def test_a_chinese_name_is_asked_for_in_gb18030(hospitals: RunningNode) -> None:
    accession = fresh()
    tell(hospitals, entry(accession))
    assert accessions(hospitals, "MR_A", SpecificCharacterSet="GB18030", AccessionNumber=accession, PatientName="王^小*") == {accession}


@pytest.mark.clause("H-4")
@pytest.mark.parametrize("declared", [[], [b"SpecificCharacterSet=ISO_IR 100"]])
def test_a_device_that_sends_gbk_and_does_not_say_so_is_understood(hospitals: RunningNode, declared: list[bytes], tmp_path: Path) -> None:
    accession = fresh()
    tell(hospitals, entry(accession))
    asked = [b"PatientName=" + "王小*".encode("gbk"), STEP.encode() + b"ScheduledProcedureStepDescription=" + "头颅*".encode("gbk")]
    keys = [word for key in [b"AccessionNumber=" + accession.encode(), *asked, *declared] for word in (b"-k", key)]
    command = ["findscu", "-aet", "MR_A", "-aec", "HUB", "127.0.0.1", str(hospitals.dicom_port), "-W", "-X", "-od", str(tmp_path), *keys]
    subprocess.run(command, timeout=60, check=True, capture_output=True)
    assert accession.encode() in (raw := (tmp_path / "rsp0001.dcm").read_bytes())
    assert "王^小东".encode("gb18030") in raw, "answered as it was asked"


@pytest.mark.clause("O-1")
@pytest.mark.parametrize(
    ("keyword", "value"),
    [("ScheduledProcedureStepStartDate", "2026112x"), ("ScheduledProcedureStepStartDate", "20261301-"),
     ("ScheduledProcedureStepStartTime", "99-"), ("ScheduledProcedureStepStartTime", "0970")],
)  # fmt: skip
def test_a_key_that_cannot_be_read_is_refused_not_ignored(hospitals: RunningNode, keyword: str, value: str) -> None:
    with pydicom.config.disable_value_validation():
        found, last = find(hospitals, "MR_A", query({keyword: value}))
    assert (found, last.Status) == ([], 0xC001)
    assert keyword in last.ErrorComment


@pytest.mark.clause("O-1")
def test_two_items_in_the_step_are_refused_and_a_star_for_a_date_is_anything(hospitals: RunningNode) -> None:
    accession = fresh()
    tell(hospitals, entry(accession))
    twice = query()
    twice.ScheduledProcedureStepSequence.append(Dataset())
    twice.ScheduledProcedureStepSequence[1].Modality = "MR"
    assert find(hospitals, "MR_A", twice)[1].Status == 0xC001
    star = {"ScheduledProcedureStepStartDate": "*", "ScheduledProcedureStepStartTime": "*"}
    with pydicom.config.disable_value_validation():
        assert accessions(hospitals, "MR_A", star, AccessionNumber=accession) == {accession}


# worklist files


def worklist_file(accession: str, **changed: object) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "GB18030"
    ds.AccessionNumber, ds.PatientName, ds.PatientID = accession, "CHEN^HE=陈^禾", "P9"
    ds.StudyInstanceUID, ds.RequestedProcedureID, ds.RequestedProcedureDescription = uid(), "RP1", "CT 胸部"
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle, step.ScheduledProcedureStepID = "CT", "CT_B", "SP1"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20261126", "110000"
    step.ScheduledProcedureStepDescription = "胸部平扫"
    ds.ScheduledProcedureStepSequence = Sequence([step])
    for name, value in changed.items():
        setattr(step if name in step or name == "ScheduledProcedureStepStatus" else ds, name, value)
    return ds


def put(node: RunningNode, institution: str, ds: Dataset, name: str) -> Path:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = "1.2.276.0.7230010.3.1.0.1", uid()
    path = Path(node.environment["NODE_WORKLIST_FILES"]) / institution / name
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


@pytest.mark.clause("S-8")
def test_worklist_files_are_followed_and_belong_to_their_folders_institution(hospitals: RunningNode) -> None:
    accession, done, incomplete = fresh(), fresh(), fresh()
    path = put(hospitals, "H02", worklist_file(accession), f"{accession}.wl")
    put(hospitals, "H02", worklist_file(done, ScheduledProcedureStepStatus="COMPLETED"), f"{done}.wl")
    put(hospitals, "H02", worklist_file(incomplete, PatientID=""), "geheim.wl")
    put(hospitals, "H02", worklist_file(fresh()), "note.txt")
    path.with_name("junk.wl").write_bytes(b"no DICOM at all")
    found, _ = find(hospitals, "CT_B", query({"Modality": "CT"}, PatientName="chenhe"))
    assert [a.AccessionNumber for a in found] == [accession]
    assert found[0].PatientName.ideographic == "陈^禾"
    assert found[0].ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription == "胸部平扫"
    assert accessions(hospitals, "MR_A", PatientName="chenhe") == set()
    put(hospitals, "H02", worklist_file(accession, PatientID="P10"), path.name)  # changed
    assert accessions(hospitals, "CT_B", PatientID="P10") == {accession}
    path.unlink()
    assert accessions(hospitals, "CT_B", AccessionNumber=accession) == set()
    log = (hospitals.data / "node.log").read_text()
    assert "worklist.incomplete_file" in log
    assert "geheim" not in log


@pytest.fixture
def provider(hospitals: RunningNode, corpus: Path) -> Iterator[int]:
    """dcmtk's wlmscpfs over the corpus' worklist files, which the node offers to H03."""
    if shutil.which("wlmscpfs") is None:
        pytest.skip("wlmscpfs is not installed")
    root = Path(hospitals.environment["NODE_WORKLIST_FILES"])
    for path in sorted((corpus / "mwl").glob("*.wl")):
        shutil.copyfile(path, root / "H03" / path.name)
    (root / "H03" / "lockfile").touch()
    port = take_free_port()
    with subprocess.Popen(["wlmscpfs", "-dfp", str(root), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until_listening(port)
        yield port
        process.terminate()


QUERIES = [
    [], ["PatientName=VIVALDI*"], ["PatientID=AV35674"], ["AccessionNumber=00002"], ["AccessionNumber=0000?"],
    [STEP + "Modality=CR"], [STEP + "Modality=CT"], [STEP + "ScheduledStationAETitle=AA33"], [STEP + "ScheduledStationAETitle=NN77"],
    [STEP + "ScheduledStationAETitle=AB45", STEP + "Modality=CT"], [STEP + "ScheduledProcedureStepStartDate=19960101-19960131"],
    [STEP + "ScheduledProcedureStepStartDate=19960406"], [STEP + "ScheduledProcedureStepStartDate=-19951231"],
    [STEP + "ScheduledProcedureStepStartTime=160000-170000"],
    [STEP + "ScheduledProcedureStepStartDate=19960103-19960123", STEP + "ScheduledProcedureStepStartTime=170000-140000"],
    ["RequestedProcedureID=RP56567"], [STEP + "ScheduledPerformingPhysicianName=MEYER"], ["PatientSex=F"],
]  # fmt: skip


def test_the_corpus_is_answered_as_by_the_reference_provider(hospitals: RunningNode, provider: int) -> None:
    sizes = []
    for keys in QUERIES:
        wanted = {key.split("=")[0]: key for key in ("AccessionNumber", STEP + "Modality")} | {key.split("=")[0]: key for key in keys}
        words = [word for key in wanted.values() for word in ("-k", key)]
        theirs = subprocess.run(
            ["findscu", "-aet", "NM_C", "-aec", "H03", "127.0.0.1", str(provider), "-W", *words], capture_output=True, text=True, timeout=60, check=False
        ).stderr  # fmt: skip
        ours = dcmtk(hospitals, "findscu", "NM_C", "-W", *words).stderr
        expected, found = (
            set(re.findall(r"\(0008,0050\) SH \[(\d+) ?\]", answer.split("Find Response: 1 ")[-1] if "(Pending)" in answer else ""))
            for answer in (theirs, ours)
        )
        assert found == expected, keys
        sizes.append(len(found))
    assert sizes[0] == 7, "all entries of the corpus"
    assert len(set(sizes)) >= 4


@pytest.mark.clause("O-1")
def test_two_thousand_entries_are_answered_in_time(hospitals: RunningNode) -> None:
    day = datetime(2031, 1, 1)  # noqa: DTZ001
    entries = [entry(f"L{n:05}", institution="H02", step__start=(day + timedelta(minutes=n)).isoformat()) for n in range(2000)]
    tell(hospitals, *entries)
    found, last = find(
        hospitals, "CT_B", query({"ScheduledProcedureStepStartDate": "20310101", "ScheduledProcedureStepStartTime": "10-11"})
    )
    assert last.Status == 0
    assert [a.AccessionNumber for a in found] == [f"L{n:05}" for n in range(600, 720)], "in order of their start"
