"""A node with the devices of two hospitals, dcmtk as receiver and asker, and a scripted peer; shared by the tests of C-MOVE and C-GET."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from rawscu import send_files, split_file
from running_node import RunningNode, image, save, uid

from tests.worker import take_free_port

PATIENT_MOVE, STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2"
PATIENT_GET, STUDY_GET = "1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
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


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[House]:
    node = RunningNode(tmp_path_factory.mktemp("retrieve"), key, NODE_NETWORK_TIMEOUT="5")
    ports = {"PACS_A": take_free_port(), "PACS_B": take_free_port(), "SHUT_A": take_free_port()}
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
