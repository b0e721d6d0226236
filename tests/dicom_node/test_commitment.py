"""Storage commitment: a device deletes its images when the node says that it keeps them, so the node may say so only when it is true."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from modalities import (
    COMMITMENT,
    WELL_KNOWN,
    Listener,
    association,
    hospital_node,
    images,
    references,
    refused_contexts,
    request_of,
    store,
    write_devices,
)
from pydicom.dataset import Dataset
from pynetdicom import evt
from running_node import CT, RunningNode, image, uid

from dicom_node.receive.pause import thread_paused
from tests.worker import take_free_port

pytestmark = pytest.mark.clause("S-1", "O-1")
NO_SUCH_INSTANCE, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110


def asks(node: RunningNode, aet: str, transaction: str, wanted: list[tuple[str, str]], **how: object) -> int:
    """Send an N-ACTION, end the association at once; the status."""
    with association(node, aet, COMMITMENT) as assoc:
        status, _ = assoc.send_n_action(request_of(transaction, wanted), how.get("action", 1), COMMITMENT, how.get("instance", WELL_KNOWN))
    return status.Status


def outcome(report: Dataset) -> tuple[set[str], dict[str, int]]:
    kept = {item.ReferencedSOPInstanceUID for item in report.get("ReferencedSOPSequence") or []}
    return kept, {item.ReferencedSOPInstanceUID: item.FailureReason for item in report.get("FailedSOPSequence") or []}


@pytest.fixture
def listener(hospitals: RunningNode) -> Iterator[Listener]:
    """MR_A with a port of its own."""
    device = Listener("MR_A").start()
    write_devices(hospitals, MR_A=device.port)
    yield device
    device.stop()
    write_devices(hospitals)


def test_everything_kept_is_said_on_the_same_association(hospitals: RunningNode) -> None:
    sent, transaction = images(3), uid()
    reports, seen = [], threading.Event()

    def on_report(event: evt.Event) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information, event.request.AffectedSOPInstanceUID))
        seen.set()
        return 0, None

    handlers = [(evt.EVT_N_EVENT_REPORT, on_report)]
    with association(hospitals, "MR_A", COMMITMENT, CT, handlers=handlers) as assoc:
        for ds in sent:  # acknowledged a moment before: the answer must not come from an index that lags behind
            ds.file_meta = Dataset()
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
            assert assoc.send_c_store(ds).Status == 0
        status, _ = assoc.send_n_action(request_of(transaction, references(sent)), 1, COMMITMENT, WELL_KNOWN)
        assert status.Status == 0
        assert seen.wait(5)
        assert assoc.send_c_store(sent[0]).Status == 0, "the association goes on"
    ((event_type, report, instance),) = reports
    assert (event_type, report.TransactionUID, instance) == (1, transaction, WELL_KNOWN)
    assert outcome(report) == ({ds.SOPInstanceUID for ds in sent}, {})
    assert report.RetrieveAETitle == "HUB"
    assert "FailedSOPSequence" not in report


def test_association_closed_at_once_is_answered_on_one_of_the_nodes_own(hospitals: RunningNode, listener: Listener) -> None:
    sent, transaction = images(2), uid()
    store(hospitals, "MR_A", *sent)
    assert asks(hospitals, "MR_A", transaction, references(sent)) == 0
    ((event_type, report),) = listener.wait()
    assert (event_type, report.TransactionUID) == (1, transaction)
    assert outcome(report)[0] == {ds.SOPInstanceUID for ds in sent}
    assert listener.roles == [(False, True)], "the node proposes itself as the SCP"
    time.sleep(1)
    assert len(listener.reports) == 1, "a report that was taken is not sent again"


def test_a_device_that_goes_on_storing_is_not_disturbed(hospitals: RunningNode, listener: Listener) -> None:
    first, more, transaction = images(1), images(40), uid()
    store(hospitals, "MR_A", *first)
    in_between = []

    def on_report(event: evt.Event) -> tuple[int, None]:
        in_between.append(event.event_type)
        return 0, None

    with association(hospitals, "MR_A", COMMITMENT, CT, handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]) as assoc:

        def send(images: list[Dataset]) -> None:
            for ds in images:
                ds.file_meta = Dataset()
                ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
                assert assoc.send_c_store(ds).get("Status") == 0

        with thread_paused(assoc):  # or pynetdicom's own thread may take an answer; a report in between would be taken for one
            index = hospitals.child("index")
            index.suspend()  # the report cannot be ready before the device goes on
            try:
                assert assoc.send_n_action(request_of(transaction, references(first)), 1, COMMITMENT, WELL_KNOWN)[0].Status == 0
                send(more[:1])
            finally:
                index.resume()
            send(more[1:])
        ((event_type, report),) = listener.wait(seconds=10)
    assert in_between == []
    assert (event_type, report.TransactionUID) == (1, transaction)


def test_a_missing_image_and_a_wrong_class_are_named(hospitals: RunningNode, listener: Listener) -> None:
    sent, missing = images(2), uid()
    foreign = image()
    store(hospitals, "MR_A", *sent)
    store(hospitals, "CT_B", foreign)  # the other hospital's image does not count
    mr = "1.2.840.10008.5.1.4.1.1.4"
    wanted = [(CT, sent[0].SOPInstanceUID), (mr, sent[1].SOPInstanceUID), (CT, missing), (CT, foreign.SOPInstanceUID)]
    assert asks(hospitals, "MR_A", uid(), wanted) == 0
    ((event_type, report),) = listener.wait()
    assert event_type == 2
    assert outcome(report) == (
        {sent[0].SOPInstanceUID},
        {sent[1].SOPInstanceUID: CLASS_CONFLICT, missing: NO_SUCH_INSTANCE, foreign.SOPInstanceUID: NO_SUCH_INSTANCE},
    )


def test_a_file_that_is_gone_or_cut_is_not_vouched_for(hospitals: RunningNode, listener: Listener) -> None:
    sent = images(3)
    store(hospitals, "MR_A", *sent)
    hospitals.wait_instances(sent[0].StudyInstanceUID, 3)
    rows = {row["sop_uid"]: row for row in hospitals.feed() if row["study_uid"] == sent[0].StudyInstanceUID and row["sop_uid"]}
    paths = [hospitals.data / "files" / (d := rows[ds.SOPInstanceUID]["data"]["instance"]["digest"])[:2] / f"{d}.dcm" for ds in sent]
    paths[0].unlink()
    os.truncate(paths[1], paths[1].stat().st_size - 1)
    assert asks(hospitals, "MR_A", uid(), references(sent)) == 0
    ((event_type, report),) = listener.wait()
    assert event_type == 2
    assert outcome(report) == (
        {sent[2].SOPInstanceUID}, {sent[0].SOPInstanceUID: NO_SUCH_INSTANCE, sent[1].SOPInstanceUID: PROCESSING_FAILURE},
    )  # fmt: skip


def test_many_images_are_all_named(hospitals: RunningNode, listener: Listener) -> None:
    sent = images(3)
    store(hospitals, "MR_A", *sent)
    unknown = [(CT, uid()) for _ in range(5000)]
    assert asks(hospitals, "MR_A", uid(), [*unknown, *references(sent)]) == 0
    ((event_type, report),) = listener.wait()
    kept, failed = outcome(report)
    assert (event_type, kept) == (2, {ds.SOPInstanceUID for ds in sent})
    assert failed == dict.fromkeys((uid for _, uid in unknown), NO_SUCH_INSTANCE)


def test_receiver_down_then_up(hospitals: RunningNode) -> None:
    device = Listener("MR_A")
    write_devices(hospitals, MR_A=device.port)
    sent, transaction = images(1), uid()
    store(hospitals, "MR_A", *sent)
    assert asks(hospitals, "MR_A", transaction, references(sent)) == 0
    log = hospitals.data / "node.log"
    hospitals.wait_for(lambda: log.read_text().count('"commitment.not_delivered"') >= 2)
    device.status = 0x0110  # at first it fails to take it
    device.start()
    try:
        device.wait(2)
        device.status = 0
        taken = len(device.reports)
        event_type, report = device.wait(taken + 1)[-1]
        assert (event_type, report.TransactionUID) == (1, transaction)
        time.sleep(1.5)
        assert len(device.reports) <= taken + 2
        settled = len(device.reports)
        time.sleep(1)
        assert len(device.reports) == settled
    finally:
        device.stop()
        write_devices(hospitals)


def test_the_same_transaction_again_is_reported_again_but_not_for_other_instances(hospitals: RunningNode, listener: Listener) -> None:
    sent, transaction = images(2), uid()
    store(hospitals, "MR_A", *sent)
    assert asks(hospitals, "MR_A", transaction, references(sent)) == 0
    listener.wait(1)
    assert asks(hospitals, "MR_A", transaction, references(sent)) == 0  # its report was lost on the device
    assert outcome(listener.wait(2)[1][1])[0] == {ds.SOPInstanceUID for ds in sent}
    assert asks(hospitals, "MR_A", transaction, references(sent[:1])) == 0x0115


@pytest.mark.parametrize(
    ("transaction", "wanted", "how", "status"),
    [("1.2.3", [], {}, 0x0115), ("", [(CT, "1.2")], {}, 0x0115), ("1.2.4", [(CT, "")], {}, 0x0115),
     ("1.2.5", [(CT, "1.2")], {"action": 2}, 0x0123), ("1.2.6", [(CT, "1.2")], {"instance": "1.2.3"}, 0x0112)],
)  # fmt: skip
def test_bad_requests_are_refused(hospitals: RunningNode, transaction: str, wanted: list, how: dict, status: int) -> None:
    assert asks(hospitals, "MR_A", transaction, wanted, **how) == status


@pytest.mark.clause("S-9")
def test_a_device_without_the_right_gets_no_context(hospitals: RunningNode) -> None:
    assert refused_contexts(hospitals, "STORE_ONLY", COMMITMENT)
    assert not refused_contexts(hospitals, "MR_A", COMMITMENT)


def test_a_device_without_an_address_is_told_when_it_comes_again(tmp_path: Path, key) -> None:
    """At once, however long the pause until the next try is, and on an association on which its later request was told before."""
    node = hospital_node(tmp_path / "node", key, NODE_COMMITMENT_PAUSE="600").start()
    try:
        sent, first, second, third = images(1), uid(), uid(), uid()
        store(node, "US_A", *sent)
        told, all_told = [], threading.Event()

        def on_report(event: evt.Event) -> tuple[int, None]:
            told.append(event.event_information.TransactionUID)
            if set(told) == {first, second, third}:
                all_told.set()
            return 0, None

        def ask(transaction: str) -> int:
            return assoc.send_n_action(request_of(transaction, references(sent)), 1, COMMITMENT, WELL_KNOWN)[0].Status

        assert asks(node, "US_A", first, references(sent)) == 0
        log = node.data / "node.log"
        node.wait_for(lambda: '"commitment.not_delivered"' in log.read_text())
        with association(node, "US_A", COMMITMENT, handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]) as assoc:
            assert ask(second) == 0
            node.wait_for(lambda: set(told) == {first, second})
            assert ask(third) == 0
            assert all_told.wait(15)
        assert len(told) == 3, "each once"
    finally:
        node.stop()


def test_killed_between_request_and_report(tmp_path: Path, key) -> None:
    device = Listener("MR_A", take_free_port())
    node = hospital_node(tmp_path / "node", key, {"MR_A": device.port}).start()
    try:
        sent, transaction = images(2), uid()
        store(node, "MR_A", *sent)
        children = [node.child("receive"), node.child("index")]
        children[1].send_signal(signal.SIGSTOP)  # no answer can be found while it stands still
        assert asks(node, "MR_A", transaction, references(sent)) == 0
        assert node.process is not None
        node.process.kill()
        node.process.wait(10)
        assert psutil.wait_procs(children, 10)[1] == [], "children outlived the node"
        assert device.reports == []
        device.start()
        node.start()
        ((event_type, report),) = device.wait()
        assert (event_type, report.TransactionUID) == (1, transaction)
        assert outcome(report)[0] == {ds.SOPInstanceUID for ds in sent}
        node.wait_for(lambda: "commitment.reported" in (node.data / "node.log").read_text())
    finally:
        device.stop()
        if node.process is not None and node.process.poll() is None:
            node.stop()
