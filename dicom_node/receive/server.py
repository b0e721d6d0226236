"""The receive process: listens on the DICOM port. It never waits for the index to store an image."""

from __future__ import annotations

import os
import signal
import ssl
import threading
import time
from pathlib import Path
from typing import Any

from pynetdicom import _config
from pynetdicom.transport import AddressInformation, RequestHandler, ThreadedAssociationServer

from dicom_node import logs
from dicom_node.archive.files import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from dicom_node.archive.journal import JournalWriter
from dicom_node.archive.notes import Notes
from dicom_node.archive.stock import Stock
from dicom_node.index.register import NAME
from dicom_node.memory import Rest
from dicom_node.query import link
from dicom_node.receive.association import NodeAssociation, install_clock
from dicom_node.receive.commitments import Commitments
from dicom_node.receive.counters import PERIOD, Counters, Refusal, publish
from dicom_node.receive.destination import CallingAE
from dicom_node.receive.devices import Devices
from dicom_node.receive.handover import answer_store
from dicom_node.receive.quick_find import QuickFind
from dicom_node.receive.reporter import Reporter
from dicom_node.receive.services import HANDLERS, VERIFICATION
from dicom_node.receive.sockets import BufferedSocket
from dicom_node.receive.store import Store
from dicom_node.receive.tls import TLSSocket, peer_certificate, server_context
from dicom_node.settings import Settings
from dicom_node.storage.parts import Storage

log = logs.get(__name__)
CONNECTION_TIMEOUT = 10.0  # seconds to reach a device that the node calls
WAITING = 200  # connections beyond `maximum_associations` that may wait for their A-ASSOCIATE-RQ
GRACE = 1.0  # seconds in which an aborted peer may close the connection when the node stops
MAXIMUM_PDU = 131072  # dcmtk senders go up to this, whatever is advertised above it


class _Handler(RequestHandler):
    """Builds the node's own association, socket and upper layer for a new connection."""

    def _create_association(self) -> NodeAssociation:
        server: Any = self.server
        receiver: Receiver = server.receiver
        assoc = NodeAssociation(receiver)
        assoc._server = server  # noqa: SLF001
        assoc.name = f"AcceptorThread@{self.client_address[0]}:{self.client_address[1]}"
        kind = BufferedSocket
        if isinstance(self.request, ssl.SSLSocket):
            kind, assoc.certificate = TLSSocket, peer_certificate(self.request)
        assoc.set_socket(kind(assoc, self.request, assoc.dul, receiver.settings.network_timeout))
        assoc.acceptor.maximum_length = receiver.ae.maximum_pdu_size
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_class_uid = receiver.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = receiver.ae.implementation_version_name
        assoc.requestor.address_info = AddressInformation.from_tuple(self.client_address)
        for event, handler in HANDLERS:
            assoc.bind(event, handler)
        return assoc


class _Server(ThreadedAssociationServer):
    request_queue_size = 128
    daemon_threads = True
    receiver: Receiver
    tls: ssl.SSLContext | None = None

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether the connection is taken at all: strangers who only connect must not use up the threads."""
        del request, client_address
        return self.receiver.connect()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a slow TLS handshake holds up nobody else."""
        handed_over = False
        try:
            if self.tls is not None:
                request.settimeout(self.receiver.settings.tls_handshake_timeout)
                request = self.tls.wrap_socket(request, server_side=True)
                request.settimeout(None)
            self.finish_request(request, client_address)
            handed_over = True
        except OSError as error:
            if isinstance(error, ssl.SSLError | TimeoutError):
                self.receiver.counters.refused("tls")
                log.warning("tls.refused", address=client_address[0], reason=getattr(error, "reason", None) or "time is up")
        except Exception:
            log.exception("connection.failed")
        finally:
            if not handed_over:
                self.receiver.disconnect()
                request.close()

    def service_actions(self) -> None:
        """Nothing: pynetdicom's periodic full collection stops all threads. Ended associations are collected when the node is at rest."""


class Receiver:
    """Everything the associations share."""

    def __init__(self, settings: Settings, run_folder: Path) -> None:
        self.settings, self.run_folder = settings, run_folder
        self.tls = server_context(settings)
        self.devices = Devices(settings.devices_file)
        self.counters = Counters()
        archive = Storage(settings).archive()
        archive.prepare()
        self.stock = archive.stock = Stock(archive.root / "stock", settings.stock_megabytes << 20)
        self.stock.open()
        journal, notes = JournalWriter(settings.data / "journal" / "journal.jsonl"), Notes(archive)
        notes.bring_in(journal)
        self.store = Store(archive, journal, self.counters, notes)
        self.quick_find = QuickFind(settings.data / "index" / NAME, settings.aet)
        self.commitments = Commitments(settings.data / "commitment.sqlite", settings.commitment_pause)
        self.reporter = Reporter(self, self.commitments)
        self.ae = CallingAE(settings.aet)
        self.ae.implementation_class_uid = IMPLEMENTATION_UID.decode()
        self.ae.implementation_version_name = IMPLEMENTATION_NAME.decode()
        self.ae.maximum_pdu_size = MAXIMUM_PDU
        self.ae.maximum_associations = 1_000_000  # `admit` counts; pynetdicom would count strangers' bare connections as well
        self.ae.network_timeout = self.ae.dimse_timeout = settings.network_timeout
        self.ae.connection_timeout = CONNECTION_TIMEOUT
        self.ae.require_called_aet = True
        self.ae.add_supported_context(VERIFICATION)
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections = 0
        self._admitted: set[NodeAssociation] = set()

    def give_up(self) -> None:
        """The journal could not be synced: only a new process may write it again; the parent starts one."""
        log.error("journal.broken", action="restart of the receive process")
        os._exit(70)

    def _settle(self) -> None:
        try:
            self.store.journal.keep_settled()
        except OSError:
            self.give_up()

    def connect(self) -> bool:
        """Count a new connection; False when there are too many to wait for what it wants."""
        with self._lock:
            if self._connections >= self.settings.maximum_associations + WAITING:
                self.counters.refused("limit")
                return False
            self._connections += 1
            return True

    def disconnect(self) -> None:
        """A connection ended before it had an association."""
        with self._lock:
            self._connections -= 1

    def admit(self, assoc: NodeAssociation) -> Refusal | None:
        """Take an association of a known device, or say why not."""
        with self._lock:
            if self.stopping.is_set():
                return "stopping"
            if len(self._admitted) >= self.settings.maximum_associations:
                return "limit"
            self._admitted.add(assoc)
            return None

    def leave(self, assoc: NodeAssociation) -> None:
        """An association, admitted or not, has ended."""
        with self._lock:
            self._connections -= 1
            self._admitted.discard(assoc)

    def _listen(self, port: int, tls: ssl.SSLContext | None) -> None:
        server: Any = self.ae.make_server((self.settings.dicom_host, port), server_class=_Server, request_handler=_Handler)
        server.receiver, server.tls = self, tls
        self.ae._servers.append(server)  # noqa: SLF001
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()

    def _publish(self) -> None:
        rest = Rest()
        while True:
            with self._lock:
                open_now: dict[str, int] = {}
                for assoc in self._admitted:
                    if assoc.device is not None:
                        open_now[assoc.device.aet] = open_now.get(assoc.device.aet, 0) + 1
            snapshot = self.counters.snapshot()
            publish(self.run_folder, snapshot | {"pid": os.getpid(), "open": open_now, "stock": self.stock.state()})
            rest.look((snapshot["accepted"], snapshot["instances"]))
            time.sleep(PERIOD)

    def run(self) -> None:
        """Serve until SIGTERM; then instances in transfer get `stop_timeout` seconds to arrive and be answered."""
        install_clock()
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        link.serve(self.run_folder, {"store": lambda question: answer_store(self, question)}, name=link.STORE_SOCKET)
        if self.settings.dicom_port:
            self._listen(self.settings.dicom_port, None)
        if self.tls is not None:
            self._listen(self.settings.dicom_tls_port, self.tls)
        threading.Thread(target=self._publish, name="publish", daemon=True).start()
        threading.Thread(target=self.stock.keep, name="stock", daemon=True).start()
        threading.Thread(target=self._settle, name="settle", daemon=True).start()
        self.reporter.start()
        log.info("receive.ready", port=self.settings.dicom_port, tls_port=self.settings.dicom_tls_port, aet=self.settings.aet)
        self.stopping.wait()
        self._drain()
        self.store.journal.settle()
        log.info("receive.stopped")
        os._exit(0)  # association threads hold nothing that is not on disk

    def _drain(self) -> None:
        """Abort what is idle, wait for what is busy; who connects meanwhile is told to come again."""
        deadline = time.monotonic() + self.settings.stop_timeout
        aborted: dict[NodeAssociation, float] = {}
        while (now := time.monotonic()) < deadline:
            with self._lock:
                admitted = list(self._admitted)
            for assoc in admitted:
                if assoc.is_established and not assoc.busy:
                    aborted.setdefault(assoc, now)
                    assoc.abort(block=False)  # sent between two messages; a message begun just now is cut, and was not answered
            if all(now - aborted.get(assoc, now) > GRACE for assoc in admitted):
                return
            time.sleep(0.05)
        log.warning("receive.cut", associations=len(admitted))
