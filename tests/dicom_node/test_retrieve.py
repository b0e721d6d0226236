"""C-MOVE and C-GET against dcmtk (storescp, movescu, getscu) and scripted pynetdicom peers: what went in comes out, byte for byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from rawscu import RawSCU, send_files, split_file
from running_node import CT, RunningNode, free_port, image, save, uid

pytestmark = [pytest.mark.clause("S-3", "H-5"), pytest.mark.skipif(shutil.which("movescu") is None, reason="dcmtk is not installed")]

PATIENT_MOVE, STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2"
PATIENT_GET, STUDY_GET = "1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RIGHTS = ["echo", "store", "find", "move", "get"]


@dataclass
class House:
    """A node with the devices of two hospitals; the port of each destination is fixed before anybody listens on it."""

    node: RunningNode
    ports: dict[str, int]
    known: dict[str, bytes] = field(default_factory=dict)  # SOP instance UID → data set as it was sent

    def put(self, paths: list[Path], aet: str = "CT_A") -> list[Dataset]:
        """Store files; returns when the index shows them all."""
        answers = send_files(self.node.dicom_port, aet, paths)
        assert {status for status, _ in answers.values()} == {0}
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        self.known |= {str(ds.SOPInstanceUID): split_file(path)[3] for ds, path in zip(headers, paths, strict=True)}
        for study in {str(ds.StudyInstanceUID) for ds in headers}:
            count = len({ds.SOPInstanceUID for ds in headers if study == ds.StudyInstanceUID})
            self.node.wait_for(lambda study=study, count=count: len(self.node.instances(study)) >= count)
        return headers

    def generated(self, folder: Path, count: int, aet: str = "CT_A", **changed: object) -> list[Dataset]:
        """A study of `count` slices in two series."""
        study, series = uid(), [uid(), uid()]
        made = [image(study, series[i % 2], SeriesNumber=i % 2 + 1, InstanceNumber=i + 1, **changed) for i in range(count)]
        return self.put([save(ds, folder / f"{i}.dcm") for i, ds in enumerate(made)], aet)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[House]:
    node = RunningNode(tmp_path_factory.mktemp("retrieve"), key, NODE_NETWORK_TIMEOUT="5")
    ports = {"PACS_A": free_port(), "PACS_B": free_port(), "SHUT_A": free_port()}
    devices = [
        {"aet": "CT_A", "institution": "H01", "may": RIGHTS},
        {"aet": "CT_B", "institution": "H02", "may": RIGHTS},
        {"aet": "FIND_A", "institution": "H01", "may": ["echo", "store", "find"]},
        {"aet": "GET_A", "institution": "H01", "may": ["get"]},
        {"aet": "NO_ADDRESS", "institution": "H01", "may": ["echo"]},
        *({"aet": aet, "institution": f"H0{1 if aet[-1] == 'A' else 2}", "may": [], "host": "127.0.0.1", "port": p} for aet, p in ports.items()),
    ]  # fmt: skip
    (node.data / "devices.json").write_text(json.dumps(devices))
    node.start()
    yield House(node, ports)
    assert node.stop() == 0
    log = (node.data / "node.log").read_text()
    assert "Traceback" not in log
    assert "Wang" not in log


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def storescp(house: House, folder: Path, aet: str, *words: str) -> Iterator[Path]:
    """dcmtk's receiver, which keeps the bytes as they come."""
    folder.mkdir()
    command = ["storescp", "-v", "+B", "-od", str(folder), "-aet", aet, *words, str(house.ports[aet])]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder.parent / "storescp.log").open("wb")) as process:
        try:
            house.node.wait_for(lambda: listens(house.ports[aet]))
            yield folder
        finally:
            process.terminate()


def dcmtk(house: House, program: str, aet: str, level: str, keys: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    options = [word for name, value in ({"QueryRetrieveLevel": level} | keys).items() for word in ("-k", f"{name}={value}")]
    command = [program, "-d", "-aet", aet, "-aec", "HUB", *map(str, words), *options, "127.0.0.1", str(house.node.dicom_port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def received(folder: Path) -> dict[str, bytes]:
    """SOP instance UID → data set bytes of the files in a folder."""
    found = {split_file(path)[1]: split_file(path)[3] for path in folder.iterdir()}
    assert len(found) == len(list(folder.iterdir()))
    return found


def sent(house: House, headers: list[Dataset]) -> dict[str, bytes]:
    return {str(ds.SOPInstanceUID): house.known[str(ds.SOPInstanceUID)] for ds in headers}


def last_counts(text: str) -> dict[str, int]:
    """The counts of the last response that dcmtk printed."""
    found = re.findall(r"(Remaining|Completed|Failed|Warning) Suboperations *: (\d+|none)", text)
    return {name: int(number) for name, number in found[-4:] if number != "none" and name != "Remaining"}


def last_status(text: str) -> str:
    return re.findall(r"DIMSE Status *: (0x[0-9a-f]{4})", text)[-1]


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


def ask(house: House, aet: str, model: str, keys: dict[str, str], *, move_to: str | None = None, extended: bytes = b"") -> list[Dataset]:
    """Responses to one C-MOVE or C-GET (which proposes no storage context), the last one final."""
    ae = AE(aet)
    ae.add_requested_context(model)
    items = []
    if extended:
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = model, extended
        items.append(item)
    assoc = ae.associate("127.0.0.1", house.node.dicom_port, ae_title="HUB", ext_neg=items)
    assert assoc.is_established
    identifier = Dataset()
    for name, value in keys.items():
        setattr(identifier, name, value)
    answers = assoc.send_c_move(identifier, move_to, model) if move_to else assoc.send_c_get(identifier, model)
    found = []
    for status, failed in answers:
        status.failed = failed
        found.append(status)
    assoc.release()
    return found


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


@pytest.mark.clause("O-1")
def test_a_destination_that_cannot_take_anything_fails_everything(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 3)
    uids = {str(ds.SOPInstanceUID) for ds in study}
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    closed = ask(house, "CT_A", STUDY_MOVE, keys, move_to="SHUT_A")[-1]
    with storescp(house, tmp_path / "in", "PACS_A", "--refuse"):
        refusing = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1]
    for answer in (closed, refusing):
        assert (answer.Status, answer.NumberOfFailedSuboperations, answer.NumberOfCompletedSuboperations) == (0xA702, 3, 0)
        assert set(answer.failed.FailedSOPInstanceUIDList) == uids


@dataclass
class Peer:
    """A scripted storage SCP: what it got, and what it answers to the n-th instance."""

    got: list[tuple[str, str, bytes]] = field(default_factory=list)  # SOP UID, transfer syntax, data set
    moves: set[tuple[str, int]] = field(default_factory=set)
    answers: dict[int, int] = field(default_factory=dict)
    abort_at: int | None = None
    delay: float = 0

    def on_store(self, event: evt.Event) -> int:
        number = len(self.got)
        if number == self.abort_at:
            self.abort_at = None
            event.assoc.abort()
            return 0xC000
        time.sleep(self.delay)
        request = event.request
        self.got.append((str(request.AffectedSOPInstanceUID), str(event.context.transfer_syntax), request.DataSet.getvalue()))
        if request.MoveOriginatorMessageID is not None:
            self.moves.add((str(request.MoveOriginatorApplicationEntityTitle).strip(), request.MoveOriginatorMessageID))
        return self.answers.get(number, 0)

    @contextmanager
    def listening(self, house: House, aet: str, contexts: list[tuple[str, list[str]]]) -> Iterator[Peer]:
        ae = AE(aet)
        for abstract, syntaxes in contexts:
            ae.add_supported_context(abstract, syntaxes)
        server = ae.start_server(("127.0.0.1", house.ports[aet]), block=False, evt_handlers=[(evt.EVT_C_STORE, self.on_store)])
        try:
            yield self
        finally:
            server.shutdown()


def test_failures_and_warnings_of_the_destination_are_counted_and_named(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 6)
    order = [ds.SOPInstanceUID for ds in sorted(study, key=lambda ds: (ds.SeriesNumber, ds.InstanceNumber))]
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    with Peer(answers={1: 0xA700, 2: 0xB000, 4: 0xC123}).listening(house, "PACS_A", [(CT, [EXPLICIT])]) as peer:
        answers = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")
    assert [got[0] for got in peer.got] == order  # by series and instance number
    assert peer.moves == {("CT_A", 1)}
    remaining = [(a.Status, a.NumberOfRemainingSuboperations) for a in answers[:-1]]
    assert remaining == [(0xFF00, left) for left in (5, 4, 3, 2, 1)]
    final = answers[-1]
    counts = (final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations, final.NumberOfWarningSuboperations)
    assert (final.Status, counts) == (0xB000, (3, 2, 1))
    assert final.failed.FailedSOPInstanceUIDList == [order[1], order[4]]


@pytest.mark.clause("O-1")
def test_a_destination_that_aborts_gets_the_rest_over_a_new_association(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 6)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    with Peer(abort_at=2).listening(house, "PACS_A", [(CT, [EXPLICIT])]) as peer:
        final = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1]
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (0xB000, 5, 1)
    missing = {str(ds.SOPInstanceUID) for ds in study} - {got[0] for got in peer.got}
    assert {final.failed.FailedSOPInstanceUIDList} == missing
    receive = house.node.child("receive")
    house.node.wait_for(lambda: not [c for c in receive.net_connections() if c.raddr and c.raddr.port == house.ports["PACS_A"]])


@pytest.mark.clause("O-1")
def test_a_destination_that_falls_silent_is_given_up(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 4)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    begin = time.monotonic()
    with Peer(delay=30).listening(house, "PACS_A", [(CT, [EXPLICIT])]):
        final = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1]
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (0xA702, 0, 4)
    assert time.monotonic() - begin < 25  # two associations, five seconds of silence each
    receive = house.node.child("receive")
    house.node.wait_for(lambda: not [c for c in receive.net_connections() if c.raddr and c.raddr.port == house.ports["PACS_A"]])


@pytest.mark.clause("O-1")
def test_many_retrieves_leave_nothing_open(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 2)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    receive = house.node.child("receive")
    house.node.wait_for(lambda: not [c for c in receive.net_connections() if c.status == psutil.CONN_ESTABLISHED])
    before = receive.num_fds(), receive.num_threads()
    with Peer().listening(house, "PACS_A", [(CT, [EXPLICIT])]) as peer:
        for number in range(30):
            destination = ("PACS_A", "SHUT_A", "NOBODY")[number % 3]
            status = {"PACS_A": 0x0000, "SHUT_A": 0xA702, "NOBODY": 0xA801}[destination]
            assert ask(house, "CT_A", STUDY_MOVE, keys, move_to=destination)[-1].Status == status
    assert len(peer.got) == 20
    house.node.wait_for(lambda: receive.num_fds() <= before[0] and receive.num_threads() <= before[1])


@pytest.mark.clause("O-1")
@pytest.mark.parametrize(
    "identifier",
    [b"\xff" * 40, b"\x08\0\x52\0CS\xff\xffSTUDY ", b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 3000,
     b"\x08\0\x52\0CS\x06\0STUDY \x20\0\x0d\0UI\x08\0\xff\xfe1'--;\0", bytes(2)],
)  # fmt: skip
def test_hostile_identifiers_are_refused(house: House, identifier: bytes) -> None:
    scu = RawSCU(house.node.dicom_port, "CT_A", [(STUDY_GET, [EXPLICIT])])
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, scu.command(STUDY_GET, "1.2", field=0x10))) + scu.data_pdus(1, identifier, 16384))
    status, words = scu.status()
    assert (status, bool(words)) in {(0xA900, True), (0xC001, True), (0x0000, False)}
    scu.close()
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3"}
    assert ask(house, "CT_A", STUDY_GET, keys)[-1].Status == 0


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


@contextmanager
def getter(house: House, peer: Peer, contexts: list[tuple[str, list[str]]], aet: str = "CT_A") -> Iterator[object]:
    """An association that may C-GET, with the storage contexts in which the peer is the SCP."""
    ae = AE(aet)
    ae.maximum_pdu_size = 131072
    ae.requested_contexts = [
        build_context(STUDY_GET),
        build_context(STUDY_MOVE),
        *(build_context(abstract, syntaxes) for abstract, syntaxes in contexts),
    ]
    roles = [build_role(abstract, scp_role=True) for abstract in {abstract for abstract, _ in contexts}]
    assoc = ae.associate(
        "127.0.0.1", house.node.dicom_port, ae_title="HUB", ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, peer.on_store)], max_pdu=131072
    )
    assert assoc.is_established
    yield assoc
    if assoc.is_established:
        assoc.release()


def study_identifier(study: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", study
    return identifier


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


@pytest.mark.clause("O-1")
def test_a_peer_that_vanishes_in_the_middle_ends_only_its_own_association(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 8)
    taker, giver = Peer(delay=0.05), Peer(delay=0.05)
    receive = house.node.child("receive")
    with taker.listening(house, "PACS_A", [(CT, [EXPLICIT])]), getter(house, giver, [(CT, [EXPLICIT])]) as assoc:
        other = AE("CT_A")
        other.add_requested_context(STUDY_MOVE)
        mover = other.associate("127.0.0.1", house.node.dicom_port, ae_title="HUB")
        moving = mover.send_c_move(study_identifier(study[0].StudyInstanceUID), "PACS_A", STUDY_MOVE)
        for _ in range(2):
            next(moving)
        mover.dul.socket.socket.close()  # no A-ABORT, no A-RELEASE
        getting = assoc.send_c_get(study_identifier(study[0].StudyInstanceUID), STUDY_GET)
        results = [status.Status for status, _ in getting]
        assert results == [0xFF00] * 7 + [0x0000]
        house.node.wait_for(lambda: not [c for c in receive.net_connections() if c.raddr and c.raddr.port == house.ports["PACS_A"]])
        assert len(taker.got) < 8
    house.node.wait_for(lambda: not [c for c in receive.net_connections() if c.status == psutil.CONN_ESTABLISHED])
    assert house.node.child("receive").pid == receive.pid


@pytest.mark.clause("O-1")
def test_a_large_instance_goes_out_in_constant_memory(house: House, tmp_path: Path) -> None:
    size = 96 << 20
    made = image(Rows=6144, Columns=8192, PixelData=np.arange(size // 2, dtype="<u2").tobytes())
    header = house.put([save(made, tmp_path / "large.dcm")])[0]
    receive, highest, done = house.node.child("receive"), [0], threading.Event()
    before = receive.memory_info().rss

    def watch() -> None:
        while not done.wait(0.01):
            highest[0] = max(highest[0], receive.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with storescp(house, tmp_path / "in", "PACS_A") as folder:
        answer = dcmtk(house, "movescu", "CT_A", "STUDY", {"StudyInstanceUID": header.StudyInstanceUID}, "-S", "-aem", "PACS_A")
        (tmp_path / "got").mkdir()
        got = dcmtk(house, "getscu", "CT_A", "STUDY", {"StudyInstanceUID": header.StudyInstanceUID}, "-S", "+B", "-od", tmp_path / "got")
    done.set()
    watcher.join()
    assert (last_status(answer.stderr), last_status(got.stderr)) == ("0x0000", "0x0000")
    assert received(folder) == received(tmp_path / "got") == sent(house, [header])
    assert highest[0] - before < 24 << 20


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


def own_copy(path: Path, target: Path) -> Path:
    """The file under study, series and instance UIDs of its own, of the same length; every other byte stays."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    whole = path.read_bytes()
    for old in {str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)}:
        fresh = ("2.25." + str(int(uid()[5:]) + 10**38) * 2)[: len(old)]
        whole = whole.replace(old.encode(), fresh.encode())
    target.write_bytes(whole)
    return target


CORPUS = ["ct-head-tilt", "us-cine", "sr", "one-bit-overlay", "sc-colour", "pdf-stl-ecg", "rtstruct-phantom"]
SLICE = "1bee432808f49770"  # known from the collection: sha256 of the array of one slice that it holds in nine lossless syntaxes
SYNTAXES = ["deflated", "explicit-be", "explicit-le", "implicit-le", "j2k-lossless", "jpeg-lossless-p14", "jpeg-lossless-sv1",
            "jpegls-lossless", "rle"]  # fmt: skip


@pytest.fixture(scope="module")
def real(house: House, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """Real images in the node, by the name of their file."""
    folder = tmp_path_factory.mktemp("real")
    paths = [path for name in CORPUS for path in sorted((corpus / name).glob("*.dcm"))]
    paths += [own_copy(path, folder / path.name) for path in sorted((corpus / "syntax-ct-same-image").glob("*.dcm"))]
    headers: dict[str, Dataset] = {}
    for path in paths:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if str(ds.SOPInstanceUID) not in house.known:
            headers[path.name] = ds
            house.known[str(ds.SOPInstanceUID)] = split_file(path)[3]
    chosen = [path for path in paths if path.name in headers]
    assert {status for status, _ in send_files(house.node.dicom_port, "CT_A", chosen).values()} == {0}
    studies = {str(ds.StudyInstanceUID) for ds in headers.values()}
    house.node.wait_for(lambda: sum(len(house.node.instances(study)) for study in studies) == len(headers), 60)
    return headers


def test_real_images_of_every_kind_arrive_byte_for_byte(house: House, real: dict[str, Dataset], tmp_path: Path) -> None:
    studies = "\\".join(dict.fromkeys(str(ds.StudyInstanceUID) for ds in real.values()))
    with storescp(house, tmp_path / "in", "PACS_A", "+xa", "-pm", "-pdu", "131072") as folder:
        answer = dcmtk(house, "movescu", "CT_A", "STUDY", {"StudyInstanceUID": studies}, "-S", "-aem", "PACS_A")
    assert (last_status(answer.stderr), last_counts(answer.stderr)) == ("0x0000", {"Completed": len(real), "Failed": 0, "Warning": 0})
    # only an odd deflated stream is padded (PS3.5 A.5): one of the collection lacks its padding
    expected = {sop_uid: data + b"\0" * (len(data) % 2) for sop_uid, data in sent(house, list(real.values())).items()}
    assert [len(data) for sop_uid, data in sent(house, list(real.values())).items() if len(data) % 2] == [250631]
    found = received(folder)
    assert found.keys() == expected.keys()
    # this storescp refuses JPEG process 14, so it gets the array in a native syntax instead
    decoded = str(real["jpeg-lossless-p14.dcm"].SOPInstanceUID)
    assert [sop_uid for sop_uid in found if found[sop_uid] != expected[sop_uid]] == [decoded]
    assert hashlib.sha256(found[decoded][-(512 * 512 * 2) :]).hexdigest().startswith(SLICE)
    peer = Peer()
    pairs = sorted({(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in real.values()})
    with getter(house, peer, [(abstract, [syntax]) for abstract, syntax in pairs]) as assoc:
        identifier = study_identifier(studies)
        final = [status for status, _ in assoc.send_c_get(identifier, STUDY_GET)][-1]
    assert final.Status == 0x0000
    assert {got[0]: got[2] for got in peer.got} == expected


@pytest.mark.parametrize("name", SYNTAXES)
def test_a_peer_of_native_syntaxes_gets_the_same_array(house: House, real: dict[str, Dataset], tmp_path: Path, name: str) -> None:
    ds = real[f"{name}.dcm"]
    folder = tmp_path / "in"
    folder.mkdir()
    answer = dcmtk(house, "getscu", "CT_A", "STUDY", {"StudyInstanceUID": ds.StudyInstanceUID}, "-S", "+B", "-od", folder)
    assert last_status(answer.stderr) == "0x0000"
    path = next(folder.iterdir())
    got = pydicom.dcmread(path)
    assert got.file_meta.TransferSyntaxUID in {EXPLICIT, IMPLICIT}
    assert got.SOPInstanceUID == ds.SOPInstanceUID
    assert hashlib.sha256(np.frombuffer(got.PixelData, "<i2").tobytes()).hexdigest().startswith(SLICE)


def test_what_must_be_changed_is_counted_as_warning(house: House, real: dict[str, Dataset], tmp_path: Path) -> None:
    ds = real["us-30f-ybr422-jpeg.dcm"]
    (tmp_path / "in").mkdir()
    answer = dcmtk(house, "getscu", "CT_A", "STUDY", {"StudyInstanceUID": ds.StudyInstanceUID}, "-S", "+B", "-od", tmp_path / "in")
    assert (last_status(answer.stderr), last_counts(answer.stderr)) == ("0xb000", {"Completed": 0, "Failed": 0, "Warning": 1})
    got = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    assert (got.PhotometricInterpretation, got.SOPInstanceUID, len(got.PixelData)) == ("RGB", ds.SOPInstanceUID, 30 * 240 * 320 * 3)


def test_what_cannot_be_decoded_is_named_and_the_rest_arrives(house: House, corpus: Path, tmp_path: Path) -> None:
    broken = own_copy(corpus / "broken" / "JPEG2000-embedded-sequence-delimiter.dcm", tmp_path / "broken.dcm")
    bad = pydicom.dcmread(broken, stop_before_pixels=True)
    whole = image(bad.StudyInstanceUID, PatientID=bad.PatientID)
    house.put([broken, save(whole, tmp_path / "whole.dcm")])
    peer = Peer()
    with getter(house, peer, [(CT, [EXPLICIT]), (str(bad.SOPClassUID), [EXPLICIT])]) as assoc:
        *_, (final, failed) = assoc.send_c_get(study_identifier(bad.StudyInstanceUID), STUDY_GET)
    assert [got[0] for got in peer.got] == [whole.SOPInstanceUID]
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (0xB000, 1, 1)
    assert failed.FailedSOPInstanceUIDList == bad.SOPInstanceUID


@pytest.mark.clause("O-1")
def test_while_the_index_is_down_a_retrieve_is_refused_in_words(house: House, tmp_path: Path) -> None:
    study = house.generated(tmp_path, 2)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study[0].StudyInstanceUID}
    house.node.child("index").kill()
    down = ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1]
    assert (down.Status, down.ErrorComment) == (0xA700, "index is starting, try again")
    house.node.wait_ready()
    with Peer().listening(house, "PACS_A", [(CT, [EXPLICIT])]) as peer:
        assert ask(house, "CT_A", STUDY_MOVE, keys, move_to="PACS_A")[-1].Status == 0x0000
    assert len(peer.got) == 2
