"""The press: WeasyPrint in a process of its own, kept warm, so that setting a page never holds up the records.

Run as a module it is that process: it reads `[u32 length][HTML]` and answers `[u8 status][u32 length][PDF or a word]`.
It ends when its input ends, so it never outlives the service.
"""

from __future__ import annotations

import base64
import os
import re
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import structlog

from ris.problems import Problem

log = structlog.get_logger("ris.press")
DONE, NO_PANGO, FAILED = 0, 1, 2
PATIENCE = 60.0
"""Seconds a page may take; then the process is ended."""


class Press:
    """The service's side. One page at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def warm(self) -> None:
        """Start in the background and set one page, so that the first reader does not wait for fonts."""
        threading.Thread(target=self._try, name="press", daemon=True).start()

    def _try(self) -> None:
        try:
            self.print("<html lang=zh-CN><p style='font-family:\"Noto Sans CJK SC\"'>第 1 页 影像</p></html>")
        except Problem as problem:
            log.warning("no PDF can be made", code=problem.code)
        except Exception as error:
            log.warning("the press did not start", error=type(error).__name__)

    def print(self, html: str) -> bytes:
        """Return the PDF of a document; raise `pdf.pango` or `pdf.failed`."""
        with self._lock:
            for fresh in (False, True):
                try:
                    status, body = self._send(html.encode())
                except (OSError, EOFError, struct.error):
                    self._end()
                    if fresh or self._closed:
                        raise Problem("pdf.failed") from None
                    continue
                if status == DONE:
                    return body
                if status == NO_PANGO:
                    self._end()  # it may be installed by the next try
                raise Problem("pdf.pango" if status == NO_PANGO else "pdf.failed")
        raise Problem("pdf.failed")

    def _send(self, document: bytes) -> tuple[int, bytes]:
        if self._closed:
            raise EOFError
        if self._process is None or self._process.poll() is not None:
            keep = {
                name: os.environ[name]
                for name in ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
                if name in os.environ
            }
            command = [sys.executable, "-m", "ris.reports.press"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=keep)
        process = self._process
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            process.stdin.write(struct.pack("<I", len(document)) + document)
            process.stdin.flush()
            status, length = struct.unpack("<BI", _exactly(process.stdout, 5))
            return status, _exactly(process.stdout, length)
        finally:
            timer.cancel()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def close(self) -> None:
        """End the process."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    body = pipe.read(length)
    if len(body) != length:
        raise EOFError
    return body


PICTURE = re.compile(r"data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=]+)")


def _only_pictures(url: str, *_rest: Any, **_more: Any) -> Any:
    """Give the pictures that lie in the page itself and fetch nothing: a report must not make the server open files or addresses."""
    found = PICTURE.fullmatch(url)
    if found is None:
        raise ValueError(f"refused: {url[:40]}")
    from weasyprint.urls import URLFetcherResponse

    return URLFetcherResponse(url[:40], base64.b64decode(found[2]), {"Content-Type": found[1]})  # type: ignore[no-untyped-call]


def _serve(given: IO[bytes], taken: IO[bytes]) -> None:
    """Set pages until the input ends."""
    while head := given.read(4):
        html = _exactly(given, struct.unpack("<I", head)[0]).decode()
        try:
            from weasyprint import HTML
        except (OSError, ImportError):
            _reply(taken, NO_PANGO, b"pango")
            continue
        try:
            pdf: bytes = HTML(string=html, base_url=None, url_fetcher=_only_pictures).write_pdf()  # type: ignore[no-untyped-call]
        except Exception as error:
            _reply(taken, FAILED, type(error).__name__.encode())
            continue
        _reply(taken, DONE, pdf)


def _reply(pipe: IO[bytes], status: int, body: bytes) -> None:
    pipe.write(struct.pack("<BI", status, len(body)) + body)
    pipe.flush()


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the answers
    _serve(sys.stdin.buffer, out)
