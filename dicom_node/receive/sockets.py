"""The association's socket with read-ahead and event-driven waiting, in place of pynetdicom's 1 ms polling.

The read-ahead buffer is small until the first C-STORE and small again after a pause: a hundred idle associations cost nothing.
TCP_QUICKACK after every receive spares senders with Nagle's algorithm (all dcmtk based ones) 40 ms an image.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from pynetdicom.transport import AssociationSocket

if TYPE_CHECKING:
    from pynetdicom.association import Association

    from dicom_node.receive.lane import FastDUL

SMALL, LARGE = 72 << 10, 1 << 20  # bytes of read-ahead when idle and when receiving
MAX_PDU_TAKEN = 4 << 20  # a longer PDU outside the fast lane is an attack on memory


class BufferedSocket(AssociationSocket):
    """Bytes `lo` to `hi` of `buffer` are received and not yet used."""

    def __init__(self, assoc: Association, client: socket.socket, dul: FastDUL, timeout: float) -> None:
        self.dul = dul
        self.lo = self.hi = 0
        self.size = SMALL
        self.buffer = bytearray(SMALL)
        self.view = memoryview(self.buffer)
        self._poll = select.poll()
        self._poll.register(client, select.POLLIN)
        self._poll.register(dul.wake_fd, select.POLLIN)
        # kernel timeouts: a silent peer in mid message must not hold its thread for ever, and cost no extra system call
        interval = struct.pack("@ll", int(timeout), int(timeout % 1 * 1e6))
        if isinstance(client, ssl.SSLSocket):
            client.settimeout(timeout)  # OpenSSL's blocking mode goes on after a kernel timeout
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(assoc, client_socket=client)

    def _resize(self, size: int) -> None:
        fresh = bytearray(size)
        if self.hi > self.lo:
            fresh[: self.hi - self.lo] = self.buffer[self.lo : self.hi]
        self.lo, self.hi = 0, self.hi - self.lo
        self.buffer, self.view, self.size = fresh, memoryview(fresh), size

    def close(self) -> None:
        """Close the connection. The association is a knot of objects that lies about until it is collected: not with the buffer in it."""
        super().close()
        self.lo = self.hi = self.size = 0
        self.buffer = bytearray()
        self.view = memoryview(self.buffer)

    def enlarge(self) -> None:
        """Make room for pixels."""
        if self.size < LARGE:
            self._resize(LARGE)

    def need(self, count: int, flush: Callable[[], None] | None = None) -> None:
        """Wait until `count` bytes are buffered. `flush` is called before buffered bytes are moved. EOFError at the end."""
        while self.hi - self.lo < count:
            if self.lo == self.hi and flush is None:
                self.lo = self.hi = 0
            if self.lo + count > self.size or self.hi == self.size:
                if flush is not None:
                    flush()
                if count > self.size:
                    self._resize(count)
                left = self.hi - self.lo
                self.buffer[:left] = self.buffer[self.lo : self.hi]
                self.lo, self.hi = 0, left
            client = self.socket
            if client is None:
                raise EOFError
            got = client.recv_into(self.view[self.hi :])
            if not got:
                raise EOFError
            self.hi += got
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def wait(self, milliseconds: int) -> bool:
        """Wait for the peer; False when nothing came or the node itself wants to send."""
        events = self._poll.poll(milliseconds)
        if not events:
            if milliseconds and self.size > SMALL and self.lo == self.hi:
                self._resize(SMALL)
            return False
        readable = False
        for fd, _ in events:
            if fd == self.dul.wake_fd:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
            else:
                readable = True
        return readable

    @property
    def ready(self) -> bool:
        """Whether there is something to read. Must not block while the state machine has events to take."""
        if self.hi > self.lo:
            return True
        if self.socket is None or not self._is_connected:
            return False
        return self.wait(0 if self.event_queue.queue or self.dul.to_provider_queue.queue else int(self.dul.tick * 1000))

    def recv(self, nr_bytes: int) -> bytearray:
        """Exactly `nr_bytes` for pynetdicom's own path; fewer when the peer is gone."""
        if nr_bytes > MAX_PDU_TAKEN:
            raise OSError("PDU is too long")
        try:
            self.need(nr_bytes)
        except EOFError:
            nr_bytes = self.hi - self.lo
        taken = self.buffer[self.lo : self.lo + nr_bytes]
        self.lo += nr_bytes
        return taken
