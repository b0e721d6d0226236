"""The receive process asks the index process, which owns DuckDB, over a unix socket in a private folder: one JSON line each way."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from dicom_node import logs

log = logs.get(__name__)
SOCKET_NAME = "find.sock"
LONGEST_QUESTION = 64 << 20
"""Bytes; a performed step may name tens of thousands of images."""
Answerer = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a question, gives its answer; chosen by the question's `ask`."""


class LinkError(OSError):
    """The index does not answer now (it may be starting again)."""


def ask(folder: Path, question: dict[str, Any], timeout: float = 10.0) -> dict[str, Any]:
    """Put one question; LinkError when there is no answer in `timeout` seconds."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(timeout)
            link.connect(str(folder / SOCKET_NAME))
            link.sendall(orjson.dumps(question) + b"\n")
            with link.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise LinkError("the index does not answer") from error
    if not line.endswith(b"\n"):
        raise LinkError("the index broke off its answer")
    answer: dict[str, Any] = orjson.loads(line)
    return answer


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline(LONGEST_QUESTION)
        try:
            question = orjson.loads(line)
            answer = self.server.answerers[question["ask"]](question)
        except Exception as error:
            log.exception("link.failed")
            answer = {"error": type(error).__name__}
        self.wfile.write(orjson.dumps(answer) + b"\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    answerers: dict[str, Answerer]


def serve(folder: Path, answerers: dict[str, Answerer]) -> None:
    """Answer questions, each by the answerer named in its `ask`, in threads of this process until it ends."""
    path = folder / SOCKET_NAME
    path.unlink(missing_ok=True)
    server = _Server(str(path), _Handler)
    server.answerers = answerers
    threading.Thread(target=server.serve_forever, name="link", daemon=True).start()
