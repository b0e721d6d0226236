"""The receive process: listens on the DICOM port. It never waits for the index to store an image."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from pynetdicom import _config
from pynetdicom.transport import AddressInformation, RequestHandler, ThreadedAssociationServer

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.archive.journal import JournalWriter
from dicom_node.query import link
from dicom_node.receive.association import NodeAssociation, install_clock
from dicom_node.receive.commitments import Commitments
from dicom_node.receive.destination import CallingAE
from dicom_node.receive.devices import Devices
from dicom_node.receive.handover import answer_store
from dicom_node.receive.reporter import Reporter
from dicom_node.receive.services import HANDLERS, VERIFICATION
from dicom_node.receive.sockets import BufferedSocket
from dicom_node.receive.store import Store
from dicom_node.settings import Settings

log = logs.get(__name__)
CONNECTION_TIMEOUT = 10.0  # seconds to reach a device that the node calls
MAXIMUM_PDU = 131072  # dcmtk senders go up to this, whatever is advertised above it


class _Handler(RequestHandler):
    """Builds the node's own association, socket and upper layer for a new connection."""

    def _create_association(self) -> NodeAssociation:
        server: Any = self.server
        receiver: Receiver = server.receiver
        assoc = NodeAssociation(receiver)
        assoc._server = server  # noqa: SLF001
        assoc.name = f"AcceptorThread@{self.client_address[0]}:{self.client_address[1]}"
        assoc.set_socket(BufferedSocket(assoc, self.request, assoc.dul, receiver.settings.network_timeout))
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

    def service_actions(self) -> None:
        """Associations are freed by reference counting; pynetdicom's periodic full collection stops all threads."""


class Receiver:
    """Everything the associations share."""

    def __init__(self, settings: Settings, run_folder: Path) -> None:
        self.settings, self.run_folder = settings, run_folder
        self.devices = Devices(settings.devices_file)
        archive = Archive(settings.data / "files")
        archive.prepare()
        self.store = Store(archive, JournalWriter(settings.data / "journal" / "journal.jsonl"))
        self.commitments = Commitments(settings.data / "commitment.sqlite", settings.commitment_pause)
        self.reporter = Reporter(self, self.commitments)
        self.ae = CallingAE(settings.aet)
        self.ae.maximum_pdu_size = MAXIMUM_PDU
        self.ae.maximum_associations = settings.maximum_associations
        self.ae.network_timeout = self.ae.dimse_timeout = settings.network_timeout
        self.ae.connection_timeout = CONNECTION_TIMEOUT
        self.ae.require_called_aet = True
        self.ae.add_supported_context(VERIFICATION)
        self._stopping = threading.Event()

    def give_up(self) -> None:
        """The journal could not be synced: only a new process may write it again; the parent starts one."""
        log.error("journal.broken", action="restart of the receive process")
        os._exit(70)

    def run(self) -> None:
        """Serve until SIGTERM; open associations get five seconds to finish."""
        install_clock()
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
        server: Any = self.ae.make_server(
            (self.settings.dicom_host, self.settings.dicom_port),
            server_class=_Server,
            request_handler=_Handler,
        )
        server.receiver = self
        self.ae._servers.append(server)  # noqa: SLF001
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        link.serve(self.run_folder, {"store": lambda question: answer_store(self, question)}, name=link.STORE_SOCKET)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
        self.reporter.start()
        log.info("receive.ready", port=self.settings.dicom_port, aet=self.settings.aet)
        self._stopping.wait()
        server.socket.shutdown(socket.SHUT_RD)
        deadline = 5.0
        for assoc in list(server.active_associations):
            step = 0.05
            while deadline > 0 and assoc.is_alive() and not assoc.dul.idle:
                deadline -= step
                assoc.join(step)
        log.info("receive.stopped")
        os._exit(0)  # association threads hold nothing that is not on disk
