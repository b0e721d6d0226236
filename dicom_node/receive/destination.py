"""Associations that the node opens to a device, to send it instances."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from contextlib import contextmanager
from ssl import SSLContext, SSLSocket
from typing import TYPE_CHECKING, Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation, AssociationSocket

from dicom_node import logs
from dicom_node.receive.devices import Device, DeviceTLS
from dicom_node.receive.pause import thread_paused
from dicom_node.receive.recoding import NATIVE
from dicom_node.receive.suboperation import LARGEST_PDU, LostError, Match
from dicom_node.receive.tls import ClientContext, client_context
from dicom_node.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicom_node.receive.server import Receiver

log = logs.get(__name__)
MAX_CONTEXTS = 128  # odd IDs from 1 to 255 (PS3.8 9.3.2.2)


def proposals(matches: Iterable[Match]) -> tuple[list[PresentationContext], int]:
    """Contexts for as many of `matches`, from the first on, as fit into one association, and how many those are.

    Each stored syntax of a class stands alone, so that the peer cannot choose another one; beside them one context with the
    native syntaxes for a peer that cannot take what is stored.
    """
    pairs: dict[tuple[str, tuple[str, ...]], None] = {}
    count = 0
    for match in matches:
        sop_class = match["sop_class"]
        needed = [(sop_class, (match["transfer_syntax"],)), (sop_class, NATIVE)]
        fresh = [pair for pair in needed if pair not in pairs]
        if len(pairs) + len(fresh) > MAX_CONTEXTS:
            break
        pairs.update(dict.fromkeys(fresh))
        count += 1
    contexts = []
    for abstract, syntaxes in pairs:
        context: Any = PresentationContext()
        context.abstract_syntax = abstract
        context._transfer_syntax = list(syntaxes)  # noqa: SLF001 - the setter refuses private syntaxes
        contexts.append(context)
    return contexts, count


class _PromptSocket(AssociationSocket):
    """Acknowledges what it reads at once: peers with Nagle's algorithm (all dcmtk based ones) hold their answer back for 40 ms else."""

    def recv(self, nr_bytes: int) -> bytearray:
        if self.socket is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().recv(nr_bytes)


class CallingAE(AE):
    """The node's application entity, which opens associations over prompt sockets."""

    def _create_socket(self, assoc: Association, address: AddressInformation, tls_args: tuple[SSLContext, str] | None) -> AssociationSocket:
        made = _PromptSocket(assoc, address=address)
        made.tls_args = tls_args
        return made


def tls_arguments(settings: Settings, device: Device) -> tuple[ClientContext, str] | None:
    """How to wrap a connection to `device`; None: it is not called over TLS. LostError: it is, and the node cannot."""
    if not device.tls or device.host is None:
        return None
    own = device.tls.verify_host if isinstance(device.tls, DeviceTLS) else None
    try:
        return client_context(settings, verify_host=settings.tls_verify_host if own is None else own), device.host
    except SettingsError as error:
        raise LostError(f"not called without TLS: {error}") from error


def fault_of(arguments: tuple[ClientContext, str] | None) -> str | None:
    """Why the handshake of an association with these arguments failed."""
    return f"TLS: {arguments[0].fault}" if arguments is not None and arguments[0].fault else None


def _on_open(event: Any) -> None:
    # a peer that stops in mid PDU must not hold the thread for ever
    seconds = event.assoc.network_timeout or 60
    interval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
    client = event.assoc.dul.socket.socket
    if isinstance(client, SSLSocket):
        client.settimeout(seconds)  # OpenSSL's blocking mode goes on after a kernel timeout
    else:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def association(receiver: Receiver, device: Device, contexts: list[PresentationContext]) -> Iterator[Association]:
    """An association with `device`, its reactor paused; ended with the block. LostError when it cannot be opened."""
    if device.host is None or device.port is None:
        raise LostError("device has no address")
    tls = tls_arguments(receiver.settings, device)
    try:
        assoc = receiver.ae.associate(
            device.host, device.port, contexts, ae_title=device.aet, max_pdu=LARGEST_PDU, evt_handlers=[(evt.EVT_CONN_OPEN, _on_open)],
            tls_args=tls,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise LostError(f"no connection: {error}") from error
    if not assoc.is_established:
        _end(assoc, lost=True)
        raise LostError(fault_of(tls) or ("association was refused" if assoc.is_rejected else "no association"))
    lost = True
    try:
        with thread_paused(assoc):
            yield assoc
        lost = False
    finally:
        _end(assoc, lost=lost)


def _end(assoc: Association, *, lost: bool) -> None:
    """Release the association, or abort it when it is lost; in any case it is gone afterwards."""
    over = assoc.acse.is_aborted() or not assoc.dul.is_alive()
    try:
        if not over and assoc.is_established:
            if lost:
                assoc.abort()
            else:
                assoc.release()
        if assoc.ident is not None:
            assoc.join(5)
        if assoc.dul.is_alive():
            assoc.kill()
    finally:
        transport = assoc.dul.socket
        if transport is not None and transport.socket is not None:
            transport._shutdown_socket()  # noqa: SLF001
