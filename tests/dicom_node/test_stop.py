"""SIGTERM while images come in, and the limit of associations: nothing acknowledged is lost, nobody is refused for ever."""

from __future__ import annotations

import queue
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from rawscu import EXPLICIT, RawSCU, RefusedError
from running_node import CT, RunningNode, encoded, image

from dicom_node.archive.journal import JournalReader

pytestmark = [pytest.mark.clause("S-1", "O-1"), pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")]
ABORT = 7


def raw(node: RunningNode, aet: str = "CT_A") -> RawSCU:
    return RawSCU(node.dicom_port, aet, [(CT, [EXPLICIT])])


def ended(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


def acknowledged(node: RunningNode) -> set[str]:
    entries, _ = JournalReader(node.data / "journal" / "journal.jsonl").read(0, 100_000)
    for _, entry in entries:
        assert (node.data / "files" / entry.digest[:2] / f"{entry.digest}.dcm").stat().st_size == entry.size
    return {entry.sop_uid for _, entry in entries}


@pytest.fixture
def brief(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    """A node that waits half as long as others, when it stops, for what is in transfer and never comes."""
    running = RunningNode(tmp_path / "node", key, NODE_STOP_TIMEOUT="5").start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.mark.parametrize("lane", ["fast", "slow"])
def test_the_running_instance_is_finished_and_answered(brief: RunningNode, lane: str) -> None:
    node = brief
    scu, idle = raw(node), raw(node)
    ds = image(Rows=512, Columns=512, PixelData=bytes(524288))
    data, head = encoded(ds), scu.command(CT, ds.SOPInstanceUID)
    if lane == "fast":
        scu.socket.sendall(scu.p_data(scu.pdv(1, 3, head)))
    else:
        scu.socket.sendall(scu.p_data(scu.pdv(1, 1, head[:40])) + scu.p_data(scu.pdv(1, 3, head[40:])))
    pdus = scu.data_pdus(1, data, 16384)
    half = len(pdus) // 2
    scu.socket.sendall(pdus[:half])
    time.sleep(0.3)
    assert node.process is not None
    node.process.send_signal(signal.SIGTERM)
    assert idle.pdu()[0] == ABORT  # who is between two messages learns it at once
    with pytest.raises(RefusedError) as refused:
        raw(node)
    assert refused.value.args[0] == (2, 3, 1)  # rejected transient, presentation layer, temporary congestion
    with pytest.raises(RefusedError) as refused:
        raw(node, "NOBODY")
    assert refused.value.args[0] == (1, 1, 3)
    rest = pdus[half:]
    if lane == "fast":  # and the next message follows so closely that the lane is never seen idle
        following = image()
        rest += scu.p_data(scu.pdv(1, 3, scu.command(CT, following.SOPInstanceUID))) + scu.data_pdus(1, encoded(following), 400)[:900]
    for i in range(0, len(rest), 65536):
        scu.socket.sendall(rest[i : i + 65536])
        time.sleep(0.05)
    assert scu.status() == (0, "")
    assert scu.pdu()[0] == ABORT  # and no next one
    assert node.process.wait(15) == 0
    node.process = None
    assert ds.SOPInstanceUID in acknowledged(node)
    node.start()
    node.wait_instances(ds.StudyInstanceUID, 1)


def test_everything_acknowledged_before_and_during_a_stop_is_there(own_node: RunningNode) -> None:
    node = own_node
    answered: list[str] = []
    lock = threading.Lock()
    running = threading.Event()

    def took(sop_uid: str) -> None:
        with lock:
            answered.append(sop_uid)
            if len(answered) > 60:
                running.set()

    def small() -> Dataset:
        return image(Rows=128, Columns=128, PixelData=bytes(32768))

    def send() -> None:
        try:
            scu = raw(node)
            while True:
                ds = small()
                if scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0:
                    took(ds.SOPInstanceUID)
        except (EOFError, OSError, RefusedError):
            return

    def pipeline() -> None:
        """Never lets the node rest between two messages."""
        scu, sent = raw(node), queue.SimpleQueue[str]()

        def read() -> None:
            try:
                while True:
                    if scu.status()[0] == 0:
                        took(sent.get())
            except (EOFError, OSError):
                scu.close()

        threading.Thread(target=read, daemon=True).start()
        made = [(ds.SOPInstanceUID, encoded(ds)) for ds in (small() for _ in range(40))]
        messages = [scu.p_data(scu.pdv(1, 3, scu.command(CT, uid))) + scu.data_pdus(1, data, 16384) for uid, data in made]
        try:
            while True:
                for (uid, _), message in zip(made, messages, strict=True):
                    sent.put(uid)
                    scu.socket.sendall(message)
        except OSError:
            return

    threads = [threading.Thread(target=work, daemon=True) for work in (send, send, send, pipeline, pipeline)]
    for thread in threads:
        thread.start()
    assert running.wait(30)
    begin = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - begin < 8, "busy senders must not hold up the stop until the time limit"
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    missing = set(answered) - acknowledged(node)
    assert missing == set()
    assert list((node.data / "files" / "incoming").iterdir()) == []


def test_a_sender_that_stalls_is_cut_and_leaves_nothing(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    node = RunningNode(tmp_path / "node", key, NODE_STOP_TIMEOUT="1").start()
    scu, ds = raw(node), image()
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))) + scu.p_data(scu.pdv(1, 0, encoded(ds)[:200])))
    time.sleep(0.2)
    begin = time.monotonic()
    assert node.stop() == 0
    assert 0.9 < time.monotonic() - begin < 8
    assert acknowledged(node) == set()
    node.start()
    assert list((node.data / "files" / "incoming").iterdir()) == []
    node.stop()


def test_one_association_too_many_is_rejected_for_the_moment_only(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    node = RunningNode(tmp_path / "node", key, NODE_MAXIMUM_ASSOCIATIONS="10").start()
    try:
        strangers = [socket.create_connection(("127.0.0.1", node.dicom_port), 5) for _ in range(60)]  # who only connects takes no place
        outcomes: list[object] = []
        lock = threading.Lock()

        def associate() -> None:
            try:
                found: object = raw(node)
            except RefusedError as error:
                found = error.args[0]
            with lock:
                outcomes.append(found)

        threads = [threading.Thread(target=associate) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        kept = [found for found in outcomes if isinstance(found, RawSCU)]
        assert len(kept) == 10  # exactly the limit, however many ask at once
        assert [found for found in outcomes if not isinstance(found, RawSCU)] == [(2, 3, 2)] * 30  # transient, local limit exceeded
        words = subprocess.run(
            ["echoscu", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom_port)], capture_output=True, text=True, check=False
        ).stderr
        assert "Local Limit Exceeded" in words
        for scu in kept:
            ds = image()
            assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
        with pytest.raises(RefusedError) as refused:
            raw(node, "NOBODY")
        assert refused.value.args[0] == (1, 1, 3)
        kept.pop().socket.sendall(struct.pack(">BxI4x", 5, 4))  # A-RELEASE-RQ
        kept.pop().close()

        def two_more() -> bool:
            try:
                kept.append(raw(node))
            except RefusedError:
                return False
            return len(kept) == 10

        node.wait_for(two_more)
        more = [socket.create_connection(("127.0.0.1", node.dicom_port), 5) for _ in range(200)]
        time.sleep(0.5)
        closed = sum(ended(link) for link in more)
        assert 60 <= closed < 100  # 210 connections are allowed in all: 10 associations, 60 strangers, 140 more
        for link in strangers + more:
            link.close()
        kept.pop().close()
        node.wait_for(lambda: subprocess.run(
            ["echoscu", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom_port)], capture_output=True, check=False
        ).returncode == 0)  # fmt: skip
    finally:
        assert node.stop() == 0
