"""The processes of the node ask each other over unix sockets in a private folder.

The receive process asks the index process, which owns DuckDB (`find.sock`); the index process hands files that came over
HTTP to the receive process, the only writer of the journal (`store.sock`). A question is one JSON line; the answer is one JSON line too, or a line `{"blobs": [lengths]}` with the bytes behind it. Each thread
keeps its connection, and with it the thread and the cursor that answer it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from dicom_node import logs

log = logs.get(__name__)
SOCKET_NAME = "find.sock"
STORE_SOCKET = "store.sock"
LONGEST_QUESTION = 64 << 20
"""Bytes; a performed step may name tens of thousands of images."""


@dataclass(frozen=True, slots=True)
class Blobs:
    """An answer of bytes: no JSON is made of it. `whole` false: there is more than was given."""

    parts: list[bytes]
    whole: bool = True


Answerer = Callable[[dict[str, Any]], dict[str, Any] | Blobs]
"""Takes a question, gives its answer; chosen by the question's `ask`."""


class LinkError(OSError):
    """The other process does not answer now (it may be starting again)."""


class _Connection:
    """One thread's way to another process."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(place))
        self._stream = self._socket.makefile("rb")
        self._poll = select.poll()  # unlike select, good for any number of a descriptor
        self._poll.register(self._socket, select.POLLIN)

    @property
    def over(self) -> bool:
        """Whether the other process has ended (it may have started anew): nothing else can be readable between two questions."""
        return bool(self._poll.poll(0))

    def ask(self, line: bytes, timeout: float) -> dict[str, Any] | Blobs:
        self._socket.settimeout(timeout)
        self._socket.sendall(line)
        answer: dict[str, Any] = orjson.loads(self._exactly_one_line())
        if "blobs" not in answer:
            return answer
        return Blobs([_exactly(self._stream, length) for length in answer["blobs"]], whole=answer["whole"])

    def _exactly_one_line(self) -> bytes:
        line = self._stream.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data


_own = threading.local()


def ask(folder: Path, question: dict[str, Any], timeout: float = 10.0, *, name: str = SOCKET_NAME) -> dict[str, Any]:
    """Put one question to the process behind the socket `name`, whose answer is JSON; LinkError when there is none in `timeout` seconds."""
    answer = _asked(folder / name, question, timeout)
    if isinstance(answer, Blobs):
        raise LinkError("bytes in place of an answer")
    return answer


def ask_blobs(folder: Path, question: dict[str, Any], timeout: float = 10.0) -> dict[str, Any] | Blobs:
    """Put one question to the index whose answer is bytes, or JSON that says why not."""
    return _asked(folder / SOCKET_NAME, question, timeout)


def _asked(place: Path, question: dict[str, Any], timeout: float) -> dict[str, Any] | Blobs:
    line = orjson.dumps(question) + b"\n"
    connections: dict[Path, _Connection] = _own.__dict__.setdefault("connections", {})
    connection = connections.pop(place, None)  # an exchange that fails in the middle must not be continued by the next one
    if connection is not None and connection.over:
        connection.close()
        connection = None
    try:
        connection = connection or _Connection(place)
    except OSError as error:
        raise LinkError("the other process does not answer") from error
    try:
        answer = connection.ask(line, timeout)
    except (OSError, EOFError, ValueError) as error:
        # never put again: it may have been taken, and a step or a file would be made twice
        connection.close()
        raise LinkError("the other process broke off its answer") from error
    connections[place] = connection
    return answer


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    wbufsize = -1

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline(LONGEST_QUESTION):
                self._answer(line)
                self.wfile.flush()

    def _answer(self, line: bytes) -> None:
        try:
            question = orjson.loads(line)
            answer = self.server.answerers[question["ask"]](question)
        except Exception as error:
            log.exception("link.failed")
            answer = {"error": type(error).__name__}
        if isinstance(answer, Blobs):
            self.wfile.write(orjson.dumps({"blobs": [len(part) for part in answer.parts], "whole": answer.whole}) + b"\n")
            self.wfile.writelines(answer.parts)
        else:
            self.wfile.write(orjson.dumps(answer) + b"\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    answerers: dict[str, Answerer]


def serve(folder: Path, answerers: dict[str, Answerer], *, name: str = SOCKET_NAME) -> None:
    """Answer questions, each by the answerer named in its `ask`, in threads of this process until it ends."""
    path = folder / name
    path.unlink(missing_ok=True)
    server = _Server(str(path), _Handler)
    server.answerers = answerers
    threading.Thread(target=server.serve_forever, name="link", daemon=True).start()
