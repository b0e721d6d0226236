"""Associations that the node opens over TLS: to dcmtk's storescp and to pynetdicom, with certificates of the right and the wrong kind."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from modalities import COMMITMENT, WELL_KNOWN, Listener, association, request_of
from pynetdicom import AE, evt
from retrieving import EXPLICIT, STUDY_MOVE, House, Peer, ask, listens, received, sent
from running_node import CT, ROOT, RunningNode

from tests.worker import take_free_port

pytestmark = [pytest.mark.clause("O-11", "S-9"), pytest.mark.skipif(shutil.which("storescp") is None, reason="dcmtk is not installed")]
NOTHING_SENT = 0xA702


class Calling:
    """A node with an authority and devices that it calls over TLS, each on a port of its own."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey) -> None:
        self.ours, self.theirs = Authority(folder / "ours", "Hospital CA"), Authority(folder / "theirs", "Other CA")
        self.own, self.server, self.stranger = self.ours.issue("node"), self.ours.issue("pacs.h01"), self.theirs.issue("pacs.h01")
        self.ports = {name: take_free_port() for name in ("PACS_TLS", "OTHER_HOST", "ANY_HOST", "COMMIT_TLS")}
        self.node = RunningNode(
            folder / "node", key, NODE_TLS_CERT=str(self.own.cert), NODE_TLS_KEY=str(self.own.key), NODE_TLS_CA=str(self.ours.path),
            NODE_NETWORK_TIMEOUT="5", NODE_COMMITMENT_PAUSE="0.3",
        )  # fmt: skip
        devices = [
            {"aet": "CT_A", "institution": "H01", "may": ["store", "find", "move"]},
            *(
                {"aet": name, "institution": "H01", "may": ["commit"] if name == "COMMIT_TLS" else [], "host": host, "port": self.ports[name],
                 "tls": tls}
                for name, host, tls in (
                    ("PACS_TLS", "127.0.0.1", True), ("COMMIT_TLS", "127.0.0.1", True),
                    # the certificates are for 127.0.0.1 only
                    ("OTHER_HOST", "localhost", True), ("ANY_HOST", "localhost", {"verify_host": False}),
                )
            ),
        ]  # fmt: skip
        (self.node.data / "devices.json").write_text(json.dumps(devices))
        self.node.start()
        self.house = House(self.node, self.ports)

    def move(self, study: str, to: str) -> Any:
        """The final response of a C-MOVE."""
        return ask(self.house, "CT_A", STUDY_MOVE, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study}, move_to=to)[-1]

    def log(self) -> list[dict[str, Any]]:
        lines = (self.node.data / "node.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def reasons(self, event: str, aet: str) -> list[str]:
        return [line["reason"] for line in self.log() if line["event"] == event and line.get("aet") == aet]


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[Calling]:
    place = Calling(tmp_path_factory.mktemp("calling"), key)
    yield place
    assert place.node.stop() == 0
    assert "Traceback" not in (place.node.data / "node.log").read_text()


@contextmanager
def storescp(calling: Calling, folder: Path, pair: Pair | None, trusted: Authority) -> Iterator[Path]:
    """dcmtk's receiver, which wants a certificate of `trusted` from its caller; without a pair it speaks no TLS."""
    folder.mkdir()
    tls = ["+tls", pair.key, pair.cert, "+cf", trusted.path] if pair is not None else []
    command = ["storescp", "-v", "+B", "-od", folder, "-aet", "PACS_TLS", *tls, calling.ports["PACS_TLS"]]
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=(folder.parent / "scp.log").open("wb")
    ) as process:
        try:
            calling.node.wait_for(lambda: listens(calling.ports["PACS_TLS"]))
            yield folder
        finally:
            process.terminate()


def server_context(pair: Pair, trusted: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(trusted.path)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def listening(calling: Calling, aet: str, pair: Pair) -> Iterator[tuple[Peer, list[str]]]:
    """pynetdicom's TLS server, and whom the certificates of its callers are of."""
    peer, callers = Peer(), []

    def on_open(event: evt.Event) -> None:
        shown = event.assoc.dul.socket.socket.getpeercert()
        callers.append(dict(pair for part in shown["subject"] for pair in part)["commonName"])

    ae = AE(aet)
    ae.add_supported_context(CT, [EXPLICIT])
    server = ae.start_server(
        ("127.0.0.1", calling.ports[aet]), block=False, ssl_context=server_context(pair, calling.ours),
        evt_handlers=[(evt.EVT_C_STORE, peer.on_store), (evt.EVT_CONN_OPEN, on_open)],
    )  # fmt: skip
    try:
        yield peer, callers
    finally:
        server.shutdown()


def test_storescp_gets_the_stored_bytes_over_tls(calling: Calling, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    headers = calling.house.generated(tmp_path / "out", 3, Rows=512, Columns=512, PixelData=bytes(range(256)) * 2048)
    with storescp(calling, tmp_path / "in", calling.server, calling.ours) as folder:
        final = calling.move(headers[0].StudyInstanceUID, "PACS_TLS")
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 3)
    assert received(folder) == sent(calling.house, headers)


@pytest.mark.parametrize("case", ["stranger", "refuses us", "no tls"])
def test_nothing_is_sent_to_a_peer_that_is_not_who_it_should_be(calling: Calling, tmp_path: Path, case: str) -> None:
    (tmp_path / "out").mkdir()
    (ds,) = calling.house.generated(tmp_path / "out", 1)
    before = len(calling.reasons("retrieve.destination_lost", "PACS_TLS"))
    pair = {"stranger": calling.stranger, "refuses us": calling.server, "no tls": None}[case]
    with storescp(calling, tmp_path / "in", pair, calling.theirs if case == "refuses us" else calling.ours) as folder:
        final = calling.move(ds.StudyInstanceUID, "PACS_TLS")
    assert (final.Status, final.NumberOfFailedSuboperations, final.NumberOfCompletedSuboperations) == (NOTHING_SENT, 1, 0)
    assert final.failed.FailedSOPInstanceUIDList == ds.SOPInstanceUID
    assert list(folder.iterdir()) == []
    reasons = calling.reasons("retrieve.destination_lost", "PACS_TLS")[before:]
    assert reasons
    if case == "stranger":
        assert "unable to get local issuer certificate" in reasons[0]
    if case == "no tls":
        assert reasons[0].startswith("TLS: ")


def test_pynetdicom_sees_the_nodes_certificate(calling: Calling, tmp_path: Path) -> None:
    headers = calling.house.generated(tmp_path, 2)
    with listening(calling, "PACS_TLS", calling.server) as (peer, callers):
        final = calling.move(headers[0].StudyInstanceUID, "PACS_TLS")
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 2)
    assert {got[0]: got[2] for got in peer.got} == sent(calling.house, headers)
    assert callers == ["node"]


def test_the_certificate_must_be_for_the_host_unless_the_device_says_otherwise(calling: Calling, tmp_path: Path) -> None:
    (ds,) = calling.house.generated(tmp_path, 1)
    with listening(calling, "OTHER_HOST", calling.server) as (peer, _):
        assert calling.move(ds.StudyInstanceUID, "OTHER_HOST").Status == NOTHING_SENT
    assert peer.got == []
    assert "Hostname mismatch" in calling.reasons("retrieve.destination_lost", "OTHER_HOST")[-1]
    with listening(calling, "ANY_HOST", calling.server) as (peer, _):
        assert calling.move(ds.StudyInstanceUID, "ANY_HOST").Status == 0
    assert [got[0] for got in peer.got] == [ds.SOPInstanceUID]
    with listening(calling, "ANY_HOST", calling.stranger) as (peer, _):  # of another authority: never
        assert calling.move(ds.StudyInstanceUID, "ANY_HOST").Status == NOTHING_SENT
    assert peer.got == []


class SecureListener(Listener):
    """A modality that takes reports of storage commitment over TLS only."""

    def __init__(self, calling: Calling, pair: Pair) -> None:
        super().__init__("COMMIT_TLS", calling.ports["COMMIT_TLS"])
        self.context = server_context(pair, calling.ours)

    def start(self) -> SecureListener:
        ae = AE(self.aet)
        ae.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self.on_report)]
        self.server = ae.start_server(("127.0.0.1", self.port), block=False, ssl_context=self.context, evt_handlers=handlers)
        return self


@pytest.mark.clause("S-4")
def test_a_report_of_storage_commitment_waits_for_the_right_certificate(calling: Calling, tmp_path: Path) -> None:
    (ds,) = calling.house.generated(tmp_path, 1)
    wrong = SecureListener(calling, calling.stranger).start()
    try:
        with association(calling.node, "COMMIT_TLS", COMMITMENT) as assoc:
            status, _ = assoc.send_n_action(request_of("2.25.4242", [(CT, ds.SOPInstanceUID)]), 1, COMMITMENT, WELL_KNOWN)
            assert status.Status == 0
            assoc.abort()  # the report must come on an association of the node's own
        calling.node.wait_for(lambda: calling.reasons("commitment.not_called", "COMMIT_TLS"))
        assert "unable to get local issuer certificate" in calling.reasons("commitment.not_called", "COMMIT_TLS")[0]
        assert wrong.reports == []
    finally:
        wrong.stop()
    right = SecureListener(calling, calling.server).start()
    try:
        ((event_type, report),) = right.wait()
    finally:
        right.stop()
    assert (event_type, report.TransactionUID) == (1, "2.25.4242")
    assert [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence] == [ds.SOPInstanceUID]


def test_without_an_authority_nothing_starts_and_nothing_is_called(calling: Calling, tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "node", calling.node.key, NODE_NETWORK_TIMEOUT="5")
    plain = json.loads((node.data / "devices.json").read_text())
    secured = {"aet": "PACS_TLS", "institution": "H01", "host": "127.0.0.1", "port": take_free_port(), "tls": True}
    asker = {"aet": "MOVER", "institution": "H01", "may": ["store", "move"]}
    (node.data / "devices.json").write_text(json.dumps([*plain, secured]))
    done = subprocess.run(
        [sys.executable, "-m", "dicom_node"], cwd=ROOT, env=node.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "PACS_TLS" in done.stderr and "NODE_TLS_CA" in done.stderr and "要求以 TLS 连接" in done.stderr
    assert "Traceback" not in done.stderr
    (node.data / "devices.json").write_text(json.dumps([*plain, asker]))
    node.start()
    try:  # the list is read again while the node runs: such a device is there, and is not called
        house = House(node, {"PACS_TLS": secured["port"]})
        (ds,) = house.generated(tmp_path, 1, aet="MOVER")
        (node.data / "devices.json").write_text(json.dumps([*plain, asker, secured]))
        peer = Peer()
        keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ds.StudyInstanceUID}
        with peer.listening(house, "PACS_TLS", [(CT, [EXPLICIT])]):
            assert ask(house, "MOVER", STUDY_MOVE, keys, move_to="PACS_TLS")[-1].Status == NOTHING_SENT
        assert peer.got == []
        assert "NODE_TLS_CA is needed" in (node.data / "node.log").read_text()
    finally:
        assert node.stop() == 0


@pytest.mark.parametrize("tls", ["yes", {"verify": False}, {"verify_host": "maybe"}])
def test_a_misspelt_entry_is_a_fault_of_the_list(tmp_path: Path, tls: object) -> None:
    from dicom_node.receive.devices import read_devices

    entry = {"aet": "A", "institution": "H01", "tls": tls}
    (tmp_path / "devices.json").write_text(json.dumps([entry]))
    if tls == "yes":  # pydantic reads it as true, as it does everywhere
        assert read_devices(tmp_path / "devices.json")[0].tls is True
        return
    with pytest.raises(ValueError, match="tls"):
        read_devices(tmp_path / "devices.json")
