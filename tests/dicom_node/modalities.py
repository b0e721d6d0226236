"""Devices of two hospitals for worklist, performed steps and storage commitment, and what the tests of all three need."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from running_node import CT, RunningNode, image

from tests.worker import take_free_port

MWL = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
COMMITMENT, WELL_KNOWN = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
ALL = ["echo", "store", "find", "worklist", "mpps", "commit"]


def devices(**listening: int) -> list[dict]:
    """The devices' file; `listening`: AE title → port where the device takes associations."""
    found = [
        {"aet": "MR_A", "institution": "H01", "may": ALL},
        {"aet": "US_A", "institution": "H01", "may": ALL},
        {"aet": "CT_B", "institution": "H02", "may": ALL},
        {"aet": "NM_C", "institution": "H03", "may": ["worklist"]},
        {"aet": "STORE_ONLY", "institution": "H01", "may": ["echo", "store", "find"]},
    ]
    return [device | ({"host": "127.0.0.1", "port": listening[device["aet"]]} if device["aet"] in listening else {}) for device in found]


def write_devices(node: RunningNode, **listening: int) -> None:
    (node.data / "devices.json").write_text(json.dumps(devices(**listening)))


def hospital_node(folder: Path, key: Ed25519PrivateKey, listening: dict[str, int] | None = None, **settings: str) -> RunningNode:
    made = RunningNode(folder, key, **{"NODE_COMMITMENT_PAUSE": "0.3"} | settings)
    write_devices(made, **(listening or {}))
    return made


@pytest.fixture(scope="session")
def hospitals(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("hospitals")
    files = folder / "worklists"
    (files / "H01").mkdir(parents=True)
    (files / "H02").mkdir()
    (files / "H03").mkdir()
    standing = {
        "institution": "H01", "accession": "STANDING", "patient": {"id": "P-STANDING", "name": "SUN^HE=孙^禾"}, "study_uid": "2.25.4711",
        "requested_procedure": {"id": "1"}, "step": {"id": "1", "modality": "US", "start": "2026-11-26T08:00:00"},
    }  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps({"worklist": {"one": standing}}))
    settings = {"NODE_WORKLIST_FILES": str(files), "NODE_ANNOTATIONS": str(folder / "annotations.json")}
    running = hospital_node(folder / "node", key, **settings).start()
    yield running
    assert running.stop() == 0


def dcmtk(node: RunningNode, program: str, aet: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [program, "-aet", aet, "-aec", "HUB", "127.0.0.1", str(node.dicom_port), *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def association(node: RunningNode, aet: str, *classes: str, handlers: list | None = None) -> Iterator[Any]:
    ae = AE(aet)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    for uid in classes:
        ae.add_requested_context(uid, "1.2.840.10008.1.2.1")
    assoc = ae.associate("127.0.0.1", node.dicom_port, ae_title="HUB", evt_handlers=handlers or [])
    assert assoc.is_established, "association was refused"
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()


def refused_contexts(node: RunningNode, aet: str, uid: str) -> bool:
    """Whether a device gets no context for a class (it proposes verification as well, so that the association stands)."""
    with association(node, aet, uid, "1.2.840.10008.1.1") as assoc:
        return uid not in {str(context.abstract_syntax) for context in assoc.accepted_contexts}


def find(node: RunningNode, aet: str, query: Dataset) -> tuple[list[Dataset], Dataset]:
    with association(node, aet, MWL) as assoc:
        answers = list(assoc.send_c_find(query, MWL))
    return [found for status, found in answers if status.Status in {0xFF00, 0xFF01}], answers[-1][0]


def store(node: RunningNode, aet: str, *images: Dataset) -> None:
    """Send images over one association; all must succeed."""
    with association(node, aet, CT) as assoc:
        for ds in images:
            ds.file_meta = pydicom.dataset.FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
            assert assoc.send_c_store(ds).Status == 0


def request_of(transaction: str, images: list[tuple[str, str]]) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = []
    for sop_class, sop_uid in images:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        ds.ReferencedSOPSequence.append(item)
    return ds


class Listener:
    """A modality that takes reports of storage commitment on a port of its own (pynetdicom)."""

    def __init__(self, aet: str, port: int | None = None, status: int = 0) -> None:
        self.aet, self.port, self.status = aet, port or take_free_port(), status
        self.reports: list[tuple[int, Dataset]] = []
        self.roles: list[tuple[bool, bool]] = []
        self.seen = threading.Condition()
        self.server: Any = None

    def start(self) -> Listener:
        ae = AE(self.aet)
        ae.require_called_aet = True
        ae.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
        self.server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self.on_report), (evt.EVT_REQUESTED, self.on_requested)],
        )
        return self

    def on_requested(self, event: evt.Event) -> None:
        roles = event.assoc.requestor.role_selection
        self.roles += [(bool(item.scu_role), bool(item.scp_role)) for item in roles.values()]

    def on_report(self, event: evt.Event) -> tuple[int, None]:
        with self.seen:
            self.reports.append((event.event_type, event.event_information))
            self.seen.notify_all()
        return self.status, None

    def wait(self, count: int = 1, seconds: float = 20) -> list[tuple[int, Dataset]]:
        deadline = time.monotonic() + seconds
        with self.seen:
            while len(self.reports) < count:
                assert self.seen.wait(max(0.0, deadline - time.monotonic())), f"{len(self.reports)} of {count} reports in {seconds} s"
            return list(self.reports)

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server = None


def images(count: int) -> list[Dataset]:
    first = image()
    return [first, *(image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n) for n in range(2, count + 1))]


def references(found: list[Dataset]) -> list[tuple[str, str]]:
    return [(ds.SOPClassUID, ds.SOPInstanceUID) for ds in found]


def until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.03)
    raise AssertionError("nobody listens")
