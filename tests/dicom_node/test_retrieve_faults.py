"""C-MOVE and C-GET when something goes wrong: destinations that refuse, abort or fall silent, askers that vanish, hostile identifiers."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from pynetdicom import AE
from rawscu import RawSCU
from retrieving import (
    EXPLICIT,
    STUDY_GET,
    STUDY_MOVE,
    House,
    Peer,
    ask,
    dcmtk,
    getter,
    last_status,
    received,
    sent,
    storescp,
    study_identifier,
)
from running_node import CT, image, save

pytestmark = [pytest.mark.clause("S-3", "H-5"), pytest.mark.skipif(shutil.which("movescu") is None, reason="dcmtk is not installed")]


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
