"""The DICOM port with TLS: dcmtk and a raw sender as peers; certificates of a right, a wrong and an expired kind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority, Pair
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rawscu import EXPLICIT, RawSCU, RefusedError, split_file
from running_node import CT, DEVICES, ROOT, RunningNode, encoded, image, save

from tests.worker import take_free_port

pytestmark = [pytest.mark.clause("O-11", "S-9"), pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")]


class Secured:
    """A node with a plain and a TLS port, its authority, a stranger's authority, and client certificates."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey) -> None:
        self.ours, self.theirs = Authority(folder / "ours", "Hospital CA"), Authority(folder / "theirs", "Other CA")
        self.server, self.client = self.ours.issue("node"), self.ours.issue("ct-a.h01")
        self.other, self.expired = self.ours.issue("ct-b.h02"), self.ours.issue("old", days=(-20, -1))
        self.stranger = self.theirs.issue("ct-a.h01")
        self.port = take_free_port()
        self.node = RunningNode(
            folder / "node", key, NODE_DICOM_TLS_PORT=str(self.port), NODE_TLS_CERT=str(self.server.cert),
            NODE_TLS_KEY=str(self.server.key), NODE_TLS_CA=str(self.ours.path), NODE_TLS_HANDSHAKE_TIMEOUT="4",
        )  # fmt: skip
        colons = ":".join(self.other.fingerprint[i : i + 2].upper() for i in range(0, 64, 2))
        bound = [
            {"aet": "BY_NAME", "institution": "H01", "may": ["echo", "store"], "certificate": "ct-a.h01"},
            {"aet": "BY_PRINT", "institution": "H02", "may": ["echo"], "certificate": colons},
        ]
        (self.node.data / "devices.json").write_text(json.dumps(DEVICES + bound))

    def dcmtk(
        self, program: str, aet: str, pair: Pair | None, *words: object, trust: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        tls = ["+tla", "-ic"] if pair is None else ["+tls", pair.key, pair.cert]
        trusted = ["+cf", trust or self.ours.path] if pair is not None else []
        command = [program, *tls, *trusted, "-to", 5, "-aet", aet, "-aec", "HUB", "127.0.0.1", self.port, *words]
        return subprocess.run([str(w) for w in command], capture_output=True, text=True, timeout=60, check=False)

    def context(self, pair: Pair | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ours.path))
        context.check_hostname = False
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        return context

    def scu(self, aet: str = "CT_A", pair: Pair | None = None) -> RawSCU:
        return RawSCU(self.port, aet, [(CT, [EXPLICIT])], tls=self.context(pair or self.client))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[Secured]:
    place = Secured(tmp_path_factory.mktemp("tls"), key)
    place.node.start()
    yield place
    assert place.node.stop() == 0


def stored(node: RunningNode, sop_uid: str) -> bytes:
    found = [p for p in (node.data / "files").rglob("*.dcm") if sop_uid.encode() in p.read_bytes()[:2000]]
    assert len(found) == 1
    return split_file(found[0])[3]


def test_dcmtk_echoes_stores_and_finds_over_tls(secured: Secured, tmp_path: Path) -> None:
    ds = image()
    path = save(ds, tmp_path / "a.dcm")
    assert secured.dcmtk("echoscu", "CT_A", secured.client).returncode == 0
    for pdu in (16384, 131072):
        answer = secured.dcmtk("storescu", "CT_A", secured.client, "-pdu", pdu, path)
        assert answer.returncode == 0, answer.stderr
    assert stored(secured.node, ds.SOPInstanceUID) == split_file(path)[3]
    secured.node.wait_instances(ds.StudyInstanceUID, 1)
    keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}", "-k", "AccessionNumber"]
    found = secured.dcmtk("findscu", "CT_A", secured.client, *keys)
    assert "(0008,0050) SH [A1" in found.stderr
    plain = subprocess.run(["echoscu", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(secured.node.dicom_port)], timeout=30, check=False)
    assert plain.returncode == 0  # both ports live side by side


@pytest.mark.parametrize("kind", ["none", "stranger", "expired"])
def test_without_a_good_certificate_no_association_is_opened(secured: Secured, kind: str) -> None:
    pair = {"none": None, "stranger": secured.stranger, "expired": secured.expired}[kind]
    before = secured.node.get("/metrics", operator(secured)).text
    assert secured.dcmtk("echoscu", "CT_A", pair).returncode != 0
    with pytest.raises((OSError, EOFError)):  # TLS 1.3 reports the server's verdict with the first read
        RawSCU(secured.port, "CT_A", [(CT, [EXPLICIT])], tls=secured.context(pair), timeout=10)
    secured.node.wait_for(lambda: refused_tls(secured.node.get("/metrics", operator(secured)).text) >= refused_tls(before) + 2)


def operator(secured: Secured) -> str:
    return secured.node.ticket(operations=["system.operate"])


def refused_tls(text: str) -> float:
    return next(float(line.split()[-1]) for line in text.splitlines() if 'refused_total{reason="tls"}' in line)


def test_a_peer_that_does_not_know_our_authority_refuses_us(secured: Secured) -> None:
    answer = secured.dcmtk("echoscu", "CT_A", secured.client, trust=secured.theirs.path)
    assert answer.returncode != 0


def test_old_protocol_versions_and_plain_dicom_are_refused(secured: Secured) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(secured.client.cert, secured.client.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secured.port), 10) as link, pytest.raises(OSError):
        context.wrap_socket(link)
    with pytest.raises((OSError, EOFError)):
        RawSCU(secured.port, "CT_A", [(CT, [EXPLICIT])], timeout=10)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", secured.port), 10) as link, context.wrap_socket(link) as wrapped:
        assert wrapped.version() == "TLSv1.2"


def test_a_bound_device_needs_its_own_certificate(secured: Secured) -> None:
    assert secured.dcmtk("echoscu", "BY_NAME", secured.client).returncode == 0
    assert secured.dcmtk("echoscu", "BY_PRINT", secured.other).returncode == 0
    for aet, wrong in (("BY_NAME", secured.other), ("BY_PRINT", secured.client)):
        with pytest.raises(RefusedError) as refused:
            secured.scu(aet, wrong)
        assert refused.value.args[0] == (1, 1, 3)  # calling AE title not recognized, permanent
    for aet in ("BY_NAME", "BY_PRINT"):  # the title alone, without TLS
        with pytest.raises(RefusedError):
            RawSCU(secured.node.dicom_port, aet, [(CT, [EXPLICIT])])
    text = secured.node.wait_for(
        lambda: (found := secured.node.get("/metrics", operator(secured)).text) and 'reason="certificate"} 4' in found and found
    )
    assert 'accepted_total{aet="BY_PRINT"} 1' in text


@pytest.mark.clause("S-1")
@pytest.mark.parametrize("size", [1024, 16384, 131072])
def test_bytes_are_kept_exactly_over_tls(secured: Secured, size: int) -> None:
    ds = image(Rows=600, Columns=800, PixelData=bytes(range(256)) * 3750)
    data = encoded(ds)
    scu = secured.scu()
    assert scu.store(1, CT, ds.SOPInstanceUID, data, size) == (0, "")
    assert stored(secured.node, ds.SOPInstanceUID) == data
    pipelined = [image() for _ in range(5)]  # several messages may lie decrypted in one record
    for one in pipelined:
        scu.send_store(1, CT, one.SOPInstanceUID, encoded(one), size)
    assert [scu.status()[0] for _ in pipelined] == [0] * 5
    scu.close()


@pytest.mark.clause("S-1")
def test_a_message_that_waits_decrypted_is_seen(secured: Secured) -> None:
    """The first data set ends where the read-ahead buffer ends; the next message is in the same record, and nothing on the wire."""
    one, two = image(), image()
    one.PixelData = bytes(8 * 131060 - len(encoded(one)) + len(one.PixelData))
    data = encoded(one)
    assert len(data) == 8 * 131060  # with 12 bytes of heads for each of 8 PDUs: 1 MiB
    scu = RawSCU(secured.port, "CT_A", [(CT, [EXPLICIT])], tls=secured.context(secured.client), timeout=5)
    stream = scu.p_data(scu.pdv(1, 3, scu.command(CT, one.SOPInstanceUID))) + scu.data_pdus(1, data, 131066)
    stream += scu.p_data(scu.pdv(1, 3, scu.command(CT, two.SOPInstanceUID))) + scu.data_pdus(1, encoded(two), 131066)
    scu.socket.sendall(stream)
    assert [scu.status()[0], scu.status()[0]] == [0, 0]
    scu.close()


def test_a_record_in_pieces_and_silence_in_its_middle_hold_up_nobody(secured: Secured) -> None:
    """Bytes of a TLS record that is not whole yet are no data: the association neither hangs nor loses its place."""
    raw = socket.create_connection(("127.0.0.1", secured.port), 10)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = secured.context(secured.client).wrap_bio(incoming, outgoing)

    def exchange(work):
        while True:
            try:
                found = work()
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
                continue
            raw.sendall(outgoing.read())
            return found

    exchange(tls.do_handshake)
    shape = RawSCU.__new__(RawSCU)
    shape.message = 0
    items = b"\x10\0\0\x15" + b"1.2.840.10008.3.1.1.1"
    context = b"\1\0\0\0" + b"\x30\0\0\x11" + b"1.2.840.10008.1.1" + b"\x40\0\0\x13" + b"1.2.840.10008.1.2.1"
    items += b"\x20\0" + len(context).to_bytes(2, "big") + context + b"\x50\0\0\x08\x51\0\0\x04\0\2\0\0"
    body = b"\0\1\0\0" + b"HUB".ljust(16) + b"CT_A".ljust(16) + bytes(32) + items
    tls.write(b"\1\0" + len(body).to_bytes(4, "big") + body)
    assert exchange(lambda: tls.read(1)) == b"\2"
    exchange(lambda: tls.read(65536))
    echo = shape.p_data(shape.pdv(1, 3, command(1)))
    tls.write(echo)
    record = outgoing.read()
    for i in range(0, len(record), 7):  # 7 bytes at a time
        raw.sendall(record[i : i + 7])
        time.sleep(0.01)
    answer = exchange(lambda: tls.read(65536))
    assert answer[0] == 4 and b"\0\0\0\x09\x02\0\0\0\0\0" in answer
    raw.close()


def command(message: int) -> bytes:
    """A C-ECHO-RQ."""
    import struct

    elements = [(2, b"1.2.840.10008.1.1\0"), (0x100, struct.pack("<H", 0x30)), (0x110, struct.pack("<H", message)), (0x800, b"\1\1")]
    body = b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


@pytest.mark.clause("O-1")
def test_slow_handshakes_hold_up_nobody_and_are_ended(secured: Secured) -> None:
    silent = [socket.create_connection(("127.0.0.1", secured.port), 10) for _ in range(30)]
    begin = time.monotonic()
    assert secured.dcmtk("echoscu", "CT_A", secured.client).returncode == 0
    assert time.monotonic() - begin < 3.5, "the echo waited for another's handshake"
    for link in silent:
        link.settimeout(10)
        try:
            assert link.recv(100) == b""
        except ConnectionResetError:
            pass
        link.close()
    assert 3 < time.monotonic() - begin < 12


def test_twenty_parallel_associations_store_over_tls(secured: Secured) -> None:
    study, failures = image().StudyInstanceUID, []
    pixels = bytes(range(256)) * 1024

    def send(number: int) -> None:
        try:
            scu = secured.scu()
            for i in range(5):
                ds = image(study, InstanceNumber=number * 5 + i, Rows=256, Columns=512, PixelData=pixels)
                assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds), 16384 if number % 2 else 131072) == (0, "")
            scu.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    secured.node.wait_instances(study, 100)


@pytest.mark.parametrize(
    "case", ["no key", "missing", "mismatch", "no pem", "unreadable ca", "no ca for bound device", "bad devices", "no port"]
)
def test_a_start_that_cannot_work_says_why_in_both_languages(secured: Secured, tmp_path: Path, case: str) -> None:
    settings = {
        "NODE_DICOM_TLS_PORT": str(take_free_port()),
        "NODE_TLS_CERT": str(secured.server.cert),
        "NODE_TLS_KEY": str(secured.server.key),
    }
    node = RunningNode(tmp_path / "node", secured.node.key)
    (tmp_path / "rubbish").write_text("rubbish")
    expected = {
        "no key": "NODE_TLS_KEY", "missing": "NODE_TLS_CERT cannot be read", "mismatch": "do not belong together", "no pem": "PEM",
        "unreadable ca": "NODE_TLS_CA cannot be read", "no ca for bound device": "BOUND", "bad devices": "the list of devices has a fault",
        "no port": "must be set",
    }[case]  # fmt: skip
    if case == "no key":
        del settings["NODE_TLS_KEY"]
    elif case == "missing":
        settings["NODE_TLS_CERT"] = str(tmp_path / "nowhere.pem")
    elif case == "mismatch":
        settings["NODE_TLS_KEY"] = str(secured.client.key)
    elif case == "no pem":
        settings["NODE_TLS_CERT"] = str(tmp_path / "rubbish")
    elif case == "unreadable ca":
        settings["NODE_TLS_CA"] = str(tmp_path / "nowhere.pem")
    elif case == "no ca for bound device":
        device = {"aet": "BOUND", "institution": "H01", "may": ["echo"], "certificate": "x"}
        (node.data / "devices.json").write_text(json.dumps([device]))
    elif case == "bad devices":
        (node.data / "devices.json").write_text('[{"aet": "A", "institution": "H01", "may": ["fly"]}]')
    elif case == "no port":
        settings = {"NODE_DICOM_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "dicom_node"],
        cwd=ROOT,
        env=node.environment | settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert any("\u4e00" <= c <= "\u9fff" for c in done.stderr)
    assert "Traceback" not in done.stderr


def test_the_plain_port_can_be_switched_off(secured: Secured, tmp_path: Path) -> None:
    port = take_free_port()
    node = RunningNode(
        tmp_path / "node", secured.node.key, NODE_DICOM_TLS_PORT=str(port), NODE_TLS_CERT=str(secured.server.cert),
        NODE_TLS_KEY=str(secured.server.key),
    )  # fmt: skip
    plain, node.dicom_port = node.dicom_port, port
    node.environment["NODE_DICOM_PORT"] = "0"
    node.start()
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", plain), 5)
        scu = RawSCU(port, "CT_A", [(CT, [EXPLICIT])], tls=secured.context(None))  # no tls_ca: no client certificate is asked for
        ds = image()
        assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
        os.write(scu.socket.fileno(), b"\x17\x03\x03\x40\x00" + bytes(100))  # a record that never becomes whole
        time.sleep(0.7)
        assert node.process is not None
        node.process.send_signal(signal.SIGTERM)
        assert scu.pdu()[0] == 7  # what the node wants to say is not held up by it
    finally:
        assert node.stop() == 0
