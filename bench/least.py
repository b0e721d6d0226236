"""The least a receiver does that keeps an image before it answers: what no durable node can exceed on this machine.

It counts the sha256 that names a file of the archive, writes the data set over a prepared file, syncs that and answers. It reads no
header, gives no name, keeps no journal and no index, and is told beforehand how many images come and how long they are.
`python -m bench.least <port> <folder> <images> <bytes> <associations>`.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.pair import Server, plain, process
from bench.phantom_load import Load
from tests.worker import take_free_port

BLOCK = 4096
HEAD = 12  # bytes before the value of a P-DATA-TF with one fragment (PS3.8 9.3.5)
ASSOCIATION, DATA, RELEASE, RELEASED = 1, 4, 5, 6  # PDU types


@contextmanager
def least(folder: Path, load: Load, associations: int) -> Iterator[Server]:
    """Such a receiver for one load; its files are on the disk of `folder`, ready when it is."""
    port, size = take_free_port(), len(load.images[0][1])
    with tempfile.TemporaryDirectory(dir=folder, prefix="least-") as files:
        command = [sys.executable, "-m", "bench.least", str(port), files, str(len(load.images)), str(size), str(associations)]
        with process(command, plain(folder) | {"PYTHONPATH": str(Path(__file__).parent.parent)}, (port,)) as running:
            time.sleep(0.5)  # the disk comes to rest
            yield Server("least", running.pid, port, "LEAST", "", {})


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _accepted() -> bytes:
    """A-ASSOCIATE-AC: the one context, explicit little endian, PDUs of 128 kB (PS3.8 9.3.3)."""
    context = _item(0x21, b"\1\0\0\0" + _item(0x40, b"1.2.840.10008.1.2.1"))
    user = _item(0x50, _item(0x51, struct.pack(">I", 131072)) + _item(0x52, b"1.2.3"))
    body = struct.pack(">HH", 1, 0) + b"LEAST".ljust(16) + b"BENCH".ljust(16) + bytes(32)
    body += _item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return struct.pack(">BxI", 2, len(body)) + body


def _answer() -> bytes:
    """C-STORE-RSP with success (PS3.7 9.3.1.2)."""
    elements = ((0x0100, 0x8001), (0x0120, 1), (0x0800, 0x0101), (0x0900, 0))
    body = b"".join(struct.pack("<HHIH", 0, number, 2, value) for number, value in elements)
    body = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    return struct.pack(">BxIIBB", DATA, len(body) + 6, len(body) + 2, 1, 3) + body


def _serve(peer: socket.socket, files: Iterator[str]) -> None:
    """One association to its end."""
    buffer = memoryview(bytearray(1 << 20))
    answer = _answer()

    def more(held: int) -> int:
        count = peer.recv_into(buffer[held:])
        if not count:
            raise EOFError
        return held + count

    while True:
        at = held = 0
        pieces, whole = [], False
        while not whole:
            while held < at + 6:
                held = more(held)
            kind, length = struct.unpack_from(">BxI", buffer, at)
            while held < at + 6 + length:
                held = more(held)
            if kind != DATA:
                peer.sendall(_accepted() if kind == ASSOCIATION else struct.pack(">BxII", RELEASED, 4, 0))
                if kind == RELEASE:
                    return
                at = held = 0
                continue
            control = buffer[at + HEAD - 1]
            if not control & 1:
                pieces.append(buffer[at + HEAD : at + 6 + length])
            whole = control == 2
            at += 6 + length
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        fd = os.open(next(files), os.O_RDWR)
        os.writev(fd, pieces)
        os.fdatasync(fd)
        os.close(fd)
        peer.sendall(answer)


def main() -> None:
    """Prepare the files, then take associations until it is ended; a process for each."""
    port, folder, images, size, associations = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
    paths = [f"{folder}/{number}" for number in range(images)]
    for path in paths:
        Path(path).write_bytes(bytes(-(-size // BLOCK) * BLOCK))
    os.sync()
    share = -(-images // associations)
    with socket.create_server(("127.0.0.1", port)) as server:
        begun = 0
        while True:
            peer, _ = server.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if peer.recv(1, socket.MSG_PEEK):  # nothing comes from who only looks whether it is there
                if os.fork() == 0:
                    _serve(peer, iter(paths[begun * share :][:share]))
                    os._exit(0)
                begun += 1
            peer.close()


if __name__ == "__main__":
    main()
