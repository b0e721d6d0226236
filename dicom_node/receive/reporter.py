"""Delivers the reports of storage commitment: on the association that asked while it is open, else on one of the node's own.

A report is tried again with growing pauses until the device has answered it. After a crash between sending and noting the
answer a device gets it twice; it never gets it not at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pynetdicom import build_role
from pynetdicom.status import code_to_category

from dicom_node import logs
from dicom_node.query import link
from dicom_node.receive.commitment import COMMITMENT, WELL_KNOWN, report_of
from dicom_node.receive.commitments import Commitments, Request
from dicom_node.receive.destination import CallingAE, fault_of, tls_arguments
from dicom_node.receive.devices import Device
from dicom_node.receive.pause import thread_paused
from dicom_node.receive.suboperation import LostError

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation
    from dicom_node.receive.server import Receiver

log = logs.get(__name__)
SAME_ASSOCIATION_SECONDS = 2.0
"""How long after the request its own association is used for the report."""
ANSWER_SECONDS = 10.0
PAUSE, INDEX_PAUSE = 0.1, 1.0
ASKED_AT_ONCE = 2000
WORKERS = 8
PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
Owner = tuple[str, str]
"""Institution and AE title: the reports of one device are delivered one after another."""


class Reporter:
    """The thread that looks for reports that are due, and short-lived ones that deliver them, one for each device."""

    def __init__(self, receiver: Receiver, commitments: Commitments) -> None:
        self._receiver, self._commitments = receiver, commitments
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[Owner] = set()
        self._open: dict[int, tuple[NodeAssociation, int]] = {}  # request → its association, and how much that had served
        self._here: dict[Owner, NodeAssociation] = {}  # device → where it asked last; one without an address is told there all it is owed
        self._come: set[Owner] = set()  # devices that have asked since the last look

    def start(self) -> None:
        """Begin; what an earlier run owes is tried first."""
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def asked(self, assoc: NodeAssociation, numbers: Iterable[int]) -> None:
        """Requests whose N-ACTION was answered on `assoc`: their reports may follow there."""
        with self._lock:
            self._open = {number: known for number, known in self._open.items() if known[0].is_established}
            self._open.update(dict.fromkeys(numbers, (assoc, assoc.served)))
            self._here = {owner: one for owner, one in self._here.items() if one.is_established}
            if assoc.device is not None:
                owner = (assoc.device.institution, assoc.device.aet)
                self._here[owner] = assoc
                self._come.add(owner)
        self._wake.set()

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except Exception:
                log.exception("reporter.failed")
            self._wake.wait(PAUSE)
            self._wake.clear()

    def _look(self) -> None:
        with self._lock:
            come = self._come - self._busy
            self._come -= come
        for institution, aet in come:
            device = self._receiver.devices.of(institution, aet)
            if device is not None and not device.reachable:
                self._commitments.due_now(institution, aet)  # it may stay for a moment only
        owed: dict[Owner, list[Request]] = {}
        for request in self._commitments.due():
            owed.setdefault((request.institution, request.aet), []).append(request)
        for owner, requests in owed.items():
            with self._lock:
                if owner in self._busy or len(self._busy) >= WORKERS:
                    continue
                self._busy.add(owner)
            threading.Thread(target=self._serve, args=(owner, requests), name="report", daemon=True).start()

    def _serve(self, owner: Owner, requests: list[Request]) -> None:
        try:
            self._deliver(requests)
        except Exception:
            log.exception("commitment.failed", aet=owner[1])
            for request in requests:
                self._commitments.failed(request)
        finally:
            with self._lock:
                self._busy.discard(owner)
            self._wake.set()

    def _deliver(self, requests: list[Request]) -> None:
        left = []
        for request in requests:
            failed = self._verdict(request)
            if failed is None:
                continue
            event_type, report = report_of(request, failed, self._receiver.settings.aet)
            if failed:
                log.warning("commitment.instances_failed", aet=request.aet, request=request.id, failed=len(failed))
            if self._on_same(request, event_type, report):
                self._commitments.ended(request, f"event type {event_type}")
                log.info("commitment.reported", aet=request.aet, request=request.id, event_type=event_type, association="same")
            else:
                left.append((request, event_type, report))
        if left:
            self._on_own(left)

    def _verdict(self, request: Request) -> dict[str, int] | None:
        """Instances that failed and why; None: the index does not know yet, the request waits."""
        # a power cut may have shortened the journal by lines that were never acknowledged
        journal = min(request.journal, self._receiver.store.journal.end)
        failed: dict[str, int] = {}
        for at in range(0, len(request.references), ASKED_AT_ONCE):
            references = request.references[at : at + ASKED_AT_ONCE]
            question = {"ask": "commitment", "institution": request.institution, "journal": journal, "references": references}
            try:
                answer = link.ask(self._receiver.run_folder, question, timeout=60)
            except link.LinkError:
                answer = {"error": "link"}
            if "failed" not in answer:
                recent = (datetime.now(UTC) - request.asked_at).total_seconds() < SAME_ASSOCIATION_SECONDS
                self._commitments.wait(request, PAUSE if recent else INDEX_PAUSE)
                return None
            failed |= answer["failed"]
        return failed

    def _on_same(self, request: Request, event_type: int, report: Dataset) -> bool:
        """Deliver on the association that asked, soon after; to a device without an address, on any on which it asked."""
        device = self._receiver.devices.of(request.institution, request.aet)
        with self._lock:
            assoc, served = self._open.get(request.id, (None, 0))
            if device is not None and not device.reachable and (assoc is None or not assoc.is_established):
                assoc = self._here.get((request.institution, request.aet))
        if device is None or assoc is None or not assoc.is_established:
            return False
        age = (datetime.now(UTC) - request.asked_at).total_seconds()
        # a device that goes on with other things does not wait for the report here, and may not understand it in between
        if device.reachable and (age > SAME_ASSOCIATION_SECONDS or assoc.served != served):
            return False
        answered = assoc.report(event_type, report)
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline and assoc.is_established and not answered.done.wait(0.05):
            pass
        with self._lock:
            self._open.pop(request.id, None)
            if not answered.done.is_set() and self._here.get((request.institution, request.aet)) is assoc:
                del self._here[request.institution, request.aet]  # it does not answer here
        return _is_taken(answered.status)

    def _on_own(self, left: list[tuple[Request, int, Dataset]]) -> None:
        first = left[0][0]
        device = self._receiver.devices.of(first.institution, first.aet)
        assoc = self._associate(device) if device is not None else None
        try:
            with nullcontext() if assoc is None else thread_paused(assoc):
                for number, (request, event_type, report) in enumerate(left, 1):
                    status = None
                    if assoc is not None and assoc.is_established:
                        found, _ = assoc.send_n_event_report(report, event_type, COMMITMENT, WELL_KNOWN, msg_id=number % 65536)
                        status = found.get("Status")
                    if _is_taken(status):
                        self._commitments.ended(request, f"event type {event_type}")
                        log.info("commitment.reported", aet=request.aet, request=request.id, event_type=event_type, association="own")
                        continue
                    pause = self._commitments.failed(request)
                    reason = "no answer" if status is None else f"status {status:04X}"
                    action = "nobody takes the report: ask the device's vendor" if pause is None else "tried again"
                    log.warning("commitment.not_delivered", aet=request.aet, request=request.id, reason=reason, pause=pause, action=action)
        finally:
            if assoc is not None and assoc.is_established:
                assoc.release()

    def _associate(self, device: Device) -> Any:
        """An association in which the node is the SCP (PS3.7 D.3.3.4); None when the device cannot be reached."""
        if device.host is None or device.port is None or "commit" not in device.may:
            log.warning("commitment.no_address", aet=device.aet, action="give the device host, port and the right commit")
            return None
        try:
            tls = tls_arguments(self._receiver.settings, device)
        except LostError as error:
            log.warning("commitment.not_called", aet=device.aet, reason=str(error))
            return None
        ae = CallingAE(self._receiver.settings.aet)
        ae.connection_timeout, ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 5, 10, 20, 30
        ae.add_requested_context(COMMITMENT, PLAIN)
        role = build_role(COMMITMENT, scp_role=True)
        assoc = ae.associate(device.host, device.port, ae_title=device.aet, ext_neg=[role], tls_args=tls)
        if fault := fault_of(tls):
            log.warning("commitment.not_called", aet=device.aet, reason=fault)
        return assoc if assoc.is_established and assoc.accepted_contexts else None


def _is_taken(status: int | None) -> bool:
    return status is not None and code_to_category(status) in {"Success", "Warning"}
