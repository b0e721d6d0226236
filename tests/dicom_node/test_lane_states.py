"""The upper layer seen from outside: what ends an association in each state, and that nothing is left of it.

A raw peer brings the association into a state and then does one thing (PS3.8 table 9-10, Sta6). Also: the private names of
pynetdicom on which the receive lane is built, and hundreds of associations opened and aborted (thousands in the long form).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pynetdicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rawscu import EXPLICIT, RawSCU
from running_node import CT, ROOT, RunningNode, encoded, image

pytestmark = pytest.mark.clause("O-1", "S-1")
VERIFICATION = "1.2.840.10008.1.1"
RELEASED, ABORTED, CLOSED = "A-RELEASE-RP", "A-ABORT", "closed"
TIMEOUT = 2.0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    """A node that ends an association after a short silence."""
    running = RunningNode(tmp_path_factory.mktemp("node"), key, NODE_NETWORK_TIMEOUT=str(TIMEOUT)).start()
    echo(running)
    yield running
    assert running.stop() == 0


def echo(node: RunningNode) -> None:
    scu = RawSCU(node.dicom_port, "CT_A", [(VERIFICATION, [EXPLICIT])])
    elements = [(2, VERIFICATION.encode() + b"\0"), (0x100, b"\x30\0"), (0x110, b"\1\0"), (0x800, b"\1\1")]
    body = b"".join(struct.pack("<HHI", 0, tag, len(v)) + v for tag, v in elements)
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, struct.pack("<HHII", 0, 0, 4, len(body)) + body)))
    assert scu.status()[0] == 0
    scu.socket.sendall(struct.pack(">BxI4x", 5, 4))
    assert scu.pdu()[0] == 6
    scu.close()


def in_idle(scu: RawSCU) -> None:
    """Established, no message begun."""


def in_command(scu: RawSCU) -> None:
    """The first fragment of a C-STORE-RQ's command has arrived."""
    scu.socket.sendall(scu.p_data(scu.pdv(1, 1, scu.command(CT, image().SOPInstanceUID)[:40])))


def in_data_set(scu: RawSCU) -> None:
    """In the middle of a PDV of the data set: whatever comes is content, until the peer is gone."""
    ds = image()
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))))
    scu.socket.sendall(scu.p_data(scu.pdv(1, 2, encoded(ds) + bytes(60_000)))[:400])


def between_pdus(scu: RawSCU) -> None:
    """A fragment of the data set has arrived whole, the last one has not."""
    ds = image()
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))) + scu.p_data(scu.pdv(1, 0, encoded(ds)[:300])))


def request() -> bytes:
    items = b"\x10\0\0\x15" + b"1.2.840.10008.3.1.1.1"
    body = struct.pack(">HH16s16s32x", 1, 0, b"HUB".ljust(16), b"CT_A".ljust(16)) + items
    return struct.pack(">BxI", 1, len(body)) + body


EVENTS: dict[str, bytes | None] = {
    "A-ABORT": b"\7\0\0\0\0\4\0\0\0\0",
    "A-RELEASE-RQ": b"\5\0\0\0\0\4\0\0\0\0",
    "connection lost": None,
    "unknown PDU": b"\x55\0\0\0\0\4abcd",
    "garbage length": b"\4\0\xff\xff\xff\xff" + bytes(64),
    "second A-ASSOCIATE-RQ": request(),
    "silence": b"",
}
AT_BORDER = {
    "A-ABORT": {CLOSED}, "A-RELEASE-RQ": {RELEASED}, "connection lost": {CLOSED}, "unknown PDU": {ABORTED},
    "garbage length": {CLOSED, ABORTED}, "second A-ASSOCIATE-RQ": {ABORTED}, "silence": {ABORTED, CLOSED},
}  # fmt: skip
INSIDE = {event: {CLOSED} for event in EVENTS}
TABLE: dict[Callable[[RawSCU], None], dict[str, set[str]]] = {
    in_idle: AT_BORDER | {"silence": {ABORTED}},
    in_command: AT_BORDER | {"silence": {ABORTED}},
    in_data_set: INSIDE | {"silence": {ABORTED, CLOSED}},
    between_pdus: AT_BORDER,
}


def outcome(scu: RawSCU) -> str:
    try:
        kind, _ = scu.pdu()
    except (EOFError, ConnectionResetError):
        return CLOSED
    return {6: RELEASED, 7: ABORTED}.get(kind, f"PDU {kind}")


def use(node: RunningNode) -> tuple[int, int]:
    """Threads and descriptors of the receive process."""
    process = node.child("receive")
    return process.num_threads(), process.num_fds()


def settled(node: RunningNode) -> tuple[int, int]:
    """The same, when it has not changed for a moment."""
    last, since = use(node), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.03)
        if (now := use(node)) != last:
            last, since = now, time.monotonic()
    return last


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", TABLE, ids=lambda state: state.__name__)
def test_each_event_in_each_state(impatient: RunningNode, state: Callable[[RawSCU], None], event: str) -> None:
    node = impatient
    journal = node.data / "journal" / "journal.jsonl"
    before, entries = settled(node), journal.stat().st_size
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])], timeout=TIMEOUT + 8)
    state(scu)
    time.sleep(0.1)  # the node has taken it in
    sent = EVENTS[event]
    if sent:
        scu.socket.sendall(sent)
    if sent is None or (sent and state is in_data_set):
        scu.socket.shutdown(socket.SHUT_WR)
    begin = time.monotonic()
    assert outcome(scu) in TABLE[state][event]
    if event == "silence":
        assert TIMEOUT * 0.6 < time.monotonic() - begin < TIMEOUT + 3
    else:
        assert time.monotonic() - begin < TIMEOUT, "ended by the time limit, not by the event"
    scu.close()
    node.wait_for(lambda: use(node) == before, 10)
    assert list((node.data / "files" / "incoming").iterdir()) == []
    assert journal.stat().st_size == entries
    echo(node)


@pytest.mark.parametrize(
    "event", ["connection lost", "unknown PDU", "garbage length", "A-ABORT", "A-RELEASE-RQ", "P-DATA", "half a request"]
)
def test_each_event_before_the_association(impatient: RunningNode, event: str) -> None:
    """Sta2: who does anything but ask for an association is gone at once, threads and all, not after the time for the request."""
    node = impatient
    before = settled(node)
    links = [socket.create_connection(("127.0.0.1", node.dicom_port), 10) for _ in range(5)]
    time.sleep(0.1)
    sent = {"P-DATA": b"\4\0\0\0\0\6\0\0\0\2\1\3", "half a request": request()[:40], **EVENTS}[event]
    for link in links:
        if sent:
            link.sendall(sent)
        if sent is None or event == "half a request":
            link.shutdown(socket.SHUT_WR)
    for link in links:
        try:
            assert link.recv(100)[:1] in {b"", b"\7"}
        except ConnectionResetError:
            pass
        link.close()
    node.wait_for(lambda: use(node) == before, 5)
    echo(node)


@pytest.mark.parametrize("fault", ["other context", "command in data", "longer than its PDU", "shorter than its head"])
def test_a_fragment_that_does_not_go_on_with_the_message_is_answered_with_an_abort(impatient: RunningNode, fault: str) -> None:
    node = impatient
    before = settled(node)
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    between_pdus(scu)
    bad = {
        "other context": scu.p_data(scu.pdv(99, 0, bytes(20))),
        "command in data": scu.p_data(scu.pdv(1, 1, bytes(20))),
        "longer than its PDU": struct.pack(">BxIIBB", 4, 26, 60_000, 1, 0) + bytes(20),
        "shorter than its head": struct.pack(">BxIIBB", 4, 26, 1, 1, 0) + bytes(20),
    }[fault]
    scu.socket.sendall(bad)
    assert outcome(scu) == ABORTED
    scu.close()
    node.wait_for(lambda: use(node) == before, 10)
    assert list((node.data / "files" / "incoming").iterdir()) == []


@pytest.mark.parametrize("count", [400, pytest.param(4000, marks=pytest.mark.long)])
def test_many_associations_leave_nothing(node: RunningNode, count: int) -> None:
    """Fault class 6: memory, threads and descriptors are flat over associate and abort.

    A thread or descriptor left by one association is seen after any number of them; four thousand also show memory of 1.5 kB each.
    """

    def churn(count: int) -> None:
        for i in range(count):
            scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT]), (VERIFICATION, [EXPLICIT])])
            if i % 2:
                scu.socket.sendall(EVENTS["A-ABORT"])  # type: ignore[arg-type]
            scu.close()

    def both(count: int) -> None:
        threads = [threading.Thread(target=churn, args=(count // 2,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    both(200)
    before, process = settled(node), node.child("receive")
    memory = process.memory_info().rss
    both(count)
    node.wait_for(lambda: use(node) == before)
    assert process.pid == node.child("receive").pid
    assert process.memory_info().rss - memory < 6 << 20
    assert psutil.pid_exists(process.pid)


# (object, private name) → what of it must hold
def private_names() -> dict[str, bool]:
    """Every private name of pynetdicom that the node uses, and whether it still is what the node takes it for."""
    from pynetdicom import AE, _config, _globals, acse, association, dimse_messages, dul, presentation, sop_class, transport

    ae = AE("X")
    assoc = association.Association(ae, _globals.MODE_ACCEPTOR)
    provider = assoc.dul

    def takes(function: Callable, *names: str) -> bool:
        return list(inspect.signature(function).parameters) == ["self", *names]

    reactor, dul_reactor = inspect.getsource(association.Association._run_reactor), inspect.getsource(dul.DULServiceProvider.run_reactor)
    return {
        "_STORAGE_CLASSES": isinstance(sop_class._STORAGE_CLASSES, dict),
        "_config.LOG_HANDLER_LEVEL": hasattr(_config, "LOG_HANDLER_LEVEL"),
        "_config.LOG_REQUEST_IDENTIFIERS": hasattr(_config, "LOG_REQUEST_IDENTIFIERS"),
        "_config.LOG_RESPONSE_IDENTIFIERS": hasattr(_config, "LOG_RESPONSE_IDENTIFIERS"),
        "_globals.MODE_ACCEPTOR": _globals.MODE_ACCEPTOR == "acceptor",
        "_negotiate_as_acceptor": takes(acse.ACSE._negotiate_as_acceptor),
        "_transfer_syntax": hasattr(presentation.PresentationContext(), "_transfer_syntax"),
        "_accepted_cx": assoc._accepted_cx == {},
        "_is_paused": isinstance(assoc._is_paused, bool),
        "_serve_request": takes(association.Association._serve_request, "msg", "context_id"),
        "_create_association": takes(transport.RequestHandler._create_association),
        "_server": hasattr(assoc, "_server"),
        "_servers": ae._servers == [],
        "_create_socket": takes(AE._create_socket, "assoc", "address", "tls_args"),
        "_reactor_checkpoint": "self._reactor_checkpoint.wait(" in reactor,
        "_shutdown_socket": takes(transport.AssociationSocket._shutdown_socket),
        "_dataset_path": "_dataset_path" in inspect.getsource(dimse_messages.DIMSEMessage.primitive_to_message),
        "_process_recv_primitive": takes(dul.DULServiceProvider._process_recv_primitive)
        and dul_reactor.index("_process_recv_primitive") < dul_reactor.index("_is_transport_event"),
        "_read_pdu_data": takes(dul.DULServiceProvider._read_pdu_data),
        "_kill_thread": provider._kill_thread is False and "_kill_thread" in dul_reactor,
        "_run_loop_delay": "time.sleep(self._run_loop_delay)" in dul_reactor,
        "_idle_timer": hasattr(provider._idle_timer, "restart"),
        "_is_connected": "_is_connected" in inspect.getsource(transport.AssociationSocket),
        "time.sleep(0.001)": "time.sleep(0.001)" in reactor and reactor.count("time.sleep(") == 1,
        "event_queue before socket": dul_reactor.index("_is_transport_event") < dul_reactor.index("event_queue.get"),
    }


def test_pynetdicom_still_has_the_private_names_the_node_uses() -> None:
    gone = [name for name, holds in private_names().items() if not holds]
    assert gone == [], f"pynetdicom has changed {gone}: read receive/lane.py, sockets.py, association.py, server.py again before upgrading"


def test_the_list_of_private_names_is_whole() -> None:
    """Any private name of pynetdicom in the receive code, imported, touched or overridden, stands in the list above."""
    names = set(private_names())
    known = names | {name.partition(".")[0] for name in names}
    library = "".join(path.read_text("utf-8") for path in Path(inspect.getfile(pynetdicom)).parent.glob("*.py"))
    theirs = set(re.findall(r"\bself\.(_[a-z]\w*)", library)) | set(re.findall(r"def (_[a-z]\w*)", library))
    found: set[str] = set()
    for path in sorted((ROOT / "dicom_node" / "receive").glob("*.py")):
        module = importlib.import_module("dicom_node.receive." + path.stem)
        for item in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(item, ast.ImportFrom) and (item.module or "").startswith("pynetdicom"):
                found |= {alias.name for alias in item.names if alias.name.startswith("_")} - {"_config"}
            if isinstance(item, ast.Attribute) and item.attr.startswith("_") and not item.attr.startswith("__"):
                touched_on_another = not (isinstance(item.value, ast.Name) and item.value.id in {"self", "os"})
                found |= {item.attr} & theirs if touched_on_another else set()
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and any(base.__module__.startswith("pynetdicom.") for base in kind.__mro__):
                found |= set(re.findall(r"\bself\.(_[a-z]\w*)", inspect.getsource(kind))) & theirs
        found |= foreign_overrides(path)
    assert found - known == set()
    assert len(found) > 10


def foreign_overrides(path: Path) -> set[str]:
    """Private methods by which a class of the node replaces one of pynetdicom's."""
    module = importlib.import_module("dicom_node.receive." + path.stem)
    found: set[str] = set()
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if kind.__module__ != module.__name__:
            continue
        for name in vars(kind):
            if name.startswith("_") and not name.startswith("__"):
                bases = [base for base in kind.__mro__[1:] if base.__module__.startswith("pynetdicom.") and name in vars(base)]
                found |= {name} if bases else set()
    return found
