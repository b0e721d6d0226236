"""C-MOVE and C-GET against dcmtk (storescp, movescu, getscu) and scripted pynetdicom peers: what went in comes out, byte for byte."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from retrieving import (
    EXPLICIT,
    IMPLICIT,
    PATIENT_GET,
    PATIENT_MOVE,
    STUDY_GET,
    STUDY_MOVE,
    House,
    Peer,
    ask,
    dcmtk,
    getter,
    last_counts,
    last_status,
    received,
    sent,
    storescp,
    study_identifier,
)
from running_node import CT, image, save, uid

pytestmark = [pytest.mark.clause("S-3", "H-5"), pytest.mark.skipif(shutil.which("movescu") is None, reason="dcmtk is not installed")]
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.mark.parametrize("pdu", ["16384", "131072"])
def test_move_gives_every_byte_back(house: House, tmp_path: Path, pdu: str) -> None:
    large = {"Rows": 300, "Columns": 400, "PixelData": bytes(range(256)) * 937 + bytes(128)}
    study = house.generated(tmp_path, 7, **large)
    with storescp(house, tmp_path / "in", "PACS_A", "-pdu", pdu) as folder:
        answer = dcmtk(house, "movescu", "CT_A", "STUDY", {"StudyInstanceUID": study[0].StudyInstanceUID}, "-S", "-aem", "PACS_A")
    assert received(folder) == sent(house, study)
    assert (last_status(answer.stderr), last_counts(answer.stderr)) == ("0x0000", {"Completed": 7, "Failed": 0, "Warning": 0})
    assert len(re.findall(r"DIMSE Status *: 0xff00", answer.stderr)) == 6  # one after each but the last


def test_move_at_every_level_and_by_lists(house: House, tmp_path: Path) -> None:
    patient = uid()[-16:]
    study = house.generated(tmp_path, 6, PatientID=patient)
    one = study[0]
    series = [ds for ds in study if ds.SeriesInstanceUID == one.SeriesInstanceUID]
    up = {"PatientID": patient, "StudyInstanceUID": one.StudyInstanceUID, "SeriesInstanceUID": one.SeriesInstanceUID}
    asked: list[tuple[str, dict[str, str], list[Dataset]]] = [
        ("PATIENT", {"PatientID": patient}, study),
        ("STUDY", {"PatientID": patient, "StudyInstanceUID": f"{one.StudyInstanceUID}\\1.2.3"}, study),
        ("SERIES", {"PatientID": patient, "StudyInstanceUID": one.StudyInstanceUID, "SeriesInstanceUID": one.SeriesInstanceUID}, series),
        ("IMAGE", up | {"SOPInstanceUID": f"{series[0].SOPInstanceUID}\\{series[2].SOPInstanceUID}"}, [series[0], series[2]]),
        ("IMAGE", up | {"SOPInstanceUID": "1.2.3"}, []),
    ]
    for number, (level, keys, expected) in enumerate(asked):
        with storescp(house, tmp_path / f"in{number}", "PACS_A") as folder:
            answer = dcmtk(house, "movescu", "CT_A", level, keys, "-P", "-aem", "PACS_A")
        assert received(folder) == sent(house, expected), level
        assert (last_status(answer.stderr), last_counts(answer.stderr)["Completed"]) == ("0x0000", len(expected)), level


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [(STUDY_MOVE, {"QueryRetrieveLevel": "STUDY"}, "StudyInstanceUID is missing"),
     (STUDY_MOVE, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""}, "StudyInstanceUID is missing"),
     (STUDY_MOVE, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, "QueryRetrieveLevel"),
     (STUDY_MOVE, {"StudyInstanceUID": "1.2"}, "QueryRetrieveLevel"),
     (STUDY_MOVE, {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2"}, "StudyInstanceUID is missing"),
     (STUDY_MOVE, {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2\\1.3", "SeriesInstanceUID": "1.2"}, "single value"),
     (PATIENT_MOVE, {"QueryRetrieveLevel": "PATIENT", "PatientID": "*"}, "single value"),
     (PATIENT_MOVE, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2"}, "PatientID is missing"),
     (STUDY_GET, {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": "1.2"}, "StudyInstanceUID is missing"),
     (PATIENT_GET, {"QueryRetrieveLevel": "PATIENT"}, "PatientID is missing")],
)  # fmt: skip
def test_identifiers_without_their_unique_keys_are_refused(house: House, model: str, keys: dict[str, str], words: str) -> None:
    answers = ask(house, "CT_A", model, keys, move_to="PACS_A" if model in {PATIENT_MOVE, STUDY_MOVE} else None)
    assert [answer.Status for answer in answers] == [0xA900]
    assert words in answers[0].ErrorComment


def test_relational_retrieve_only_when_negotiated(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 4)
    keys = {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": study[0].SeriesInstanceUID}
    assert ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A", extended=b"\0")[-1].Status == 0xA900
    with storescp(house, tmp_path / "in", "PACS_A") as folder:
        assert ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A", extended=b"\1")[-1].Status == 0x0000
    assert received(folder) == sent(house, [ds for ds in study if ds.SeriesInstanceUID == study[0].SeriesInstanceUID])


@pytest.mark.clause("S-9", "S-8")
def test_moves_go_only_to_devices_of_the_same_hospital(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 2)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    with storescp(house, tmp_path / "in", "PACS_B") as folder:
        for destination in ("NOBODY", "NO_ADDRESS", "PACS_B", "HUB"):
            assert [answer.Status for answer in ask(house, "CT_A", STUDY_MOVE, keys, move_to=destination)] == [0xA801], destination
        other = ask(house, "CT_B", STUDY_MOVE, keys, move_to="PACS_B")  # the other hospital's device, to its own archive
        assert [(a.Status, a.NumberOfCompletedSuboperations, a.NumberOfFailedSuboperations) for a in other] == [(0, 0, 0)]
        got = ask(house, "CT_B", STUDY_GET, keys)
        assert [(a.Status, a.NumberOfCompletedSuboperations, a.NumberOfFailedSuboperations) for a in got] == [(0, 0, 0)]
    assert received(folder) == {}


@pytest.mark.clause("S-9")
def test_without_the_right_no_context_is_accepted(house: House) -> None:
    for aet, models in (("FIND_A", [PATIENT_MOVE, STUDY_MOVE, PATIENT_GET, STUDY_GET]), ("GET_A", [PATIENT_MOVE, STUDY_MOVE, CT])):
        ae = AE(aet)
        for model in models:
            ae.add_requested_context(model)
        roles = [build_role(CT, scp_role=True)] if aet == "FIND_A" else []
        if roles:
            ae.add_requested_context(CT)
            ae.add_requested_context(STUDY_FIND)
        assoc = ae.associate("127.0.0.1", house.node.dicom_port, ae_title="HUB", ext_neg=roles)
        assert [str(cx.abstract_syntax) for cx in assoc.accepted_contexts] == ([STUDY_FIND] if roles else [])
        assoc.abort()


def test_objects_without_a_context_fail_and_the_others_arrive(house: House, tmp_path: Path) -> None:
    study = uid()
    report = "1.2.840.10008.5.1.4.1.1.88.11"
    made = [image(study), image(study, SOPClassUID=report, Modality="SR", PixelData=None), image(study)]
    headers = house.put([save(ds, tmp_path / f"{i}.dcm") for i, ds in enumerate(made)])
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study}
    with Peer().listening(house, "PACS_A", [(CT, [IMPLICIT])]) as peer:
        final = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1]
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (0xB000, 2, 1)
    assert final.failed.FailedSOPInstanceUIDList == headers[1].SOPInstanceUID
    assert {got[1] for got in peer.got} == {IMPLICIT}
    for sop_uid, _, data in peer.got:  # recoded: the same values in another encoding
        original = next(ds for ds in made if sop_uid == ds.SOPInstanceUID)
        ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data), force=True)
        assert {e.tag: e.value for e in ds} == {e.tag: e.value for e in original}


@pytest.mark.parametrize("aet", ["CT_A", "GET_A"])
def test_getscu_gets_every_byte(house: House, tmp_path: Path, aet: str) -> None:
    study = house.generated(tmp_path, 5)
    folder = tmp_path / "in"
    folder.mkdir()
    answer = dcmtk(house, "getscu", aet, "STUDY", {"StudyInstanceUID": study[0].StudyInstanceUID}, "-S", "+B", "-od", folder)
    assert received(folder) == sent(house, study)
    assert last_status(answer.stderr) == "0x0000"
    assert answer.returncode == 0


def test_one_context_of_many_syntaxes_takes_whatever_is_stored(house: House, tmp_path: Path) -> None:
    study, jpeg = house.generated(tmp_path, 3), "1.2.840.10008.1.2.4.70"
    peer = Peer()
    with getter(house, peer, [(CT, [jpeg, IMPLICIT, EXPLICIT])]) as assoc:
        *_, (final, _) = assoc.send_c_get(study_identifier(study[0].StudyInstanceUID), STUDY_GET)
    assert (final.Status, {got[0]: got[2] for got in peer.got}) == (0x0000, sent(house, study))


@pytest.mark.parametrize("service", ["get", "move"])
def test_cancel_ends_with_the_counts_so_far(house: House, tmp_path: Path, service: str) -> None:
    study = house.generated(tmp_path, 12)
    identifier = study_identifier(study[0].StudyInstanceUID)
    taker, giver = Peer(delay=0.1), Peer(delay=0.1)
    with taker.listening(house, "PACS_A", [(CT, [EXPLICIT])]), getter(house, giver, [(CT, [EXPLICIT])]) as assoc:
        final, move = None, service == "move"
        answers = assoc.send_c_move(identifier, "PACS_A", STUDY_MOVE, 7) if move else assoc.send_c_get(identifier, STUDY_GET, 7)
        for number, (status, _) in enumerate(answers):
            final = status
            if number == 2:
                assoc.send_c_cancel(7, query_model=STUDY_MOVE if move else STUDY_GET)
    assert final is not None
    arrived = len((taker if move else giver).got)
    assert 3 <= arrived <= 6
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfRemainingSuboperations) == (0xFE00, arrived, 12 - arrived)
    assert final.NumberOfFailedSuboperations == final.NumberOfWarningSuboperations == 0


def test_more_contexts_than_an_association_holds(house: House, tmp_path: Path) -> None:
    study = uid()
    classes = [f"1.2.276.0.7230010.3.0.9.{number}" for number in range(70)]  # 140 contexts
    made = [image(study, SOPClassUID=sop_class, InstanceNumber=i) for i, sop_class in enumerate(classes)]
    headers = house.put([save(ds, tmp_path / f"{i}.dcm") for i, ds in enumerate(made)])
    with storescp(house, tmp_path / "in", "PACS_A", "-pm") as folder:
        answer = dcmtk(house, "movescu", "CT_A", "STUDY", {"StudyInstanceUID": study}, "-S", "-aem", "PACS_A")
    assert received(folder) == sent(house, headers)
    assert (last_status(answer.stderr), last_counts(answer.stderr)["Completed"]) == ("0x0000", 70)


def test_a_retrieve_is_one_opening_per_study_and_sitting(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 2)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    before = len(house.node.feed())
    for _ in range(3):
        ask(house, "GET_A", STUDY_GET, keys)
    with Peer().listening(house, "PACS_A", [(CT, [EXPLICIT])]):
        ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")
    ask(house, "CT_B", STUDY_GET, keys)  # sees nothing, so opens nothing
    ask(house, "CT_A", STUDY_MOVE, keys, move_to="NOBODY")
    rows = [row for row in house.node.feed()[before:] if row["study_uid"] == str(study[0].StudyInstanceUID)]
    assert [(row["kind"], row["institution"], row["data"]) for row in rows if row["kind"] == "study.opened"] == [
        ("study.opened", "H01", {"aet": "GET_A"}),
        ("study.opened", "H01", {"aet": "CT_A", "destination": "PACS_A"}),
    ]


def test_a_class_without_a_context_fails_a_get(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 2)
    final = ask(house, "CT_A", STUDY_GET, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID})[-1]
    assert (final.Status, final.NumberOfFailedSuboperations) == (0xA702, 2)
    assert set(final.failed.FailedSOPInstanceUIDList) == {ds.SOPInstanceUID for ds in study}
