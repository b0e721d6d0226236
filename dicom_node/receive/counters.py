"""What the receive process counts, and its publication: a small file in the run folder that the index process reads.

The file is replaced once a second; nobody waits for anybody. Counts begin at nought with each start of the process.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from pathlib import Path
from typing import Any, Literal

import orjson

from dicom_node import logs

log = logs.get(__name__)
FILE = "receive.json"
PERIOD = 1.0  # seconds between publications
BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds; upper ends of the latency histogram
Refusal = Literal["calling", "called", "certificate", "limit", "stopping", "tls"]
REFUSALS: tuple[Refusal, ...] = ("calling", "called", "certificate", "limit", "stopping", "tls")
"""Unknown calling AE, other called AE, wrong certificate, local limit exceeded, node is stopping, TLS handshake failed."""


class Counters:
    """Counts of one process; any thread may count. AE titles are those of known devices only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.started = time.time()
        self._accepted: dict[str, int] = {}
        self._refused: dict[str, int] = dict.fromkeys(REFUSALS, 0)
        self._contact: dict[str, float] = {}
        self._instances: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._statuses: dict[tuple[str, str], int] = {}
        self._latency = [0] * (len(BOUNDS) + 1)
        self._latency_sum = 0.0

    def accepted(self, aet: str) -> None:
        """An association with `aet` was accepted."""
        with self._lock:
            self._accepted[aet] = self._accepted.get(aet, 0) + 1
            self._contact[aet] = time.time()

    def refused(self, reason: Refusal) -> None:
        """An association, or a connection before it, was refused."""
        with self._lock:
            self._refused[reason] += 1

    def answered(self, aet: str, status: int, size: int, seconds: float) -> None:
        """A C-STORE of `aet` was answered `seconds` after its command; `size` is the file's, 0 when nothing was kept."""
        words = f"{status:04X}"
        with self._lock:
            self._statuses[aet, words] = self._statuses.get((aet, words), 0) + 1
            self._contact[aet] = time.time()
            if size:
                self._instances[aet] = self._instances.get(aet, 0) + 1
                self._bytes[aet] = self._bytes.get(aet, 0) + size
            self._latency[bisect_left(BOUNDS, seconds)] += 1
            self._latency_sum += seconds

    def snapshot(self) -> dict[str, Any]:
        """The counts now, as JSON can hold them."""
        with self._lock:
            return {
                "at": time.time(),
                "started": self.started,
                "accepted": dict(self._accepted),
                "refused": dict(self._refused),
                "contact": dict(self._contact),
                "instances": dict(self._instances),
                "bytes": dict(self._bytes),
                "statuses": [[aet, status, count] for (aet, status), count in self._statuses.items()],
                "latency": list(self._latency),
                "latency_sum": self._latency_sum,
            }


def publish(folder: Path, snapshot: dict[str, Any]) -> None:
    """Replace the published file; a full disk costs a log line, never an image."""
    fresh = folder / (FILE + ".new")
    try:
        fresh.write_bytes(orjson.dumps(snapshot))
        fresh.replace(folder / FILE)
    except OSError as error:
        log.warning("counters.unpublished", reason=error.strerror)


def published(folder: Path) -> dict[str, Any] | None:
    """What the receive process published last; None: nothing yet."""
    try:
        found: dict[str, Any] = orjson.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found
