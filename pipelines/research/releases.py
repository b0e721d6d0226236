"""What was given out, to whom, stands in the audit of the records: one entry for a person, thing and hour.

An entry is on our disk before the bytes go, and sent until the records service has taken it; its key makes twice the same as once.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from pipelines.following import reason_of
from pipelines.research.store import ResearchStore

log = structlog.get_logger("research")
BATCH = 200
PAUSE = 0.5
MOST_REMEMBERED = 50_000


class Audit(Protocol):
    """The door of ris for the audit."""

    def audit_entries(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Add entries, once per key."""


class Releases:
    """Writes the audit entries, and the thread that sends them."""

    def __init__(self, store: ResearchStore, audit: Audit) -> None:
        self._store, self._audit = store, audit
        self._noted: dict[str, None] = {}
        self._lock = threading.Lock()

    def note(self, username: str, action: str, kind: str, entity: str, project: str, **detail: Any) -> None:
        """Note that this person did this with that thing in this hour."""
        now = datetime.now(UTC)
        said = "\0".join((username, action, kind, entity, project, now.strftime("%Y-%m-%dT%H")))
        key = "research:" + hashlib.sha256(said.encode()).hexdigest()
        with self._lock:
            if key in self._noted:
                return
            self._store.wait_for_audit({
                "key": key, "at": now.isoformat(timespec="milliseconds"), "username": username, "action": action,
                "entity": {"type": f"research.{kind}", "id": entity}, "institution": None, "detail": {"project": project, **detail},
            })  # fmt: skip
            self._noted[key] = None
            while len(self._noted) > MOST_REMEMBERED:
                self._noted.pop(next(iter(self._noted)))

    def send(self) -> int:
        """Send what waits; returns how many were taken."""
        waiting = self._store.waiting(BATCH)
        if waiting:
            self._audit.audit_entries([entry for _, entry in waiting])
            self._store.sent(place for place, _ in waiting)
        return len(waiting)

    def run(self, stop: threading.Event) -> None:
        """Send for ever."""
        failing = False
        while not stop.is_set():
            try:
                more = self.send() == BATCH
                failing = False
            except Exception as error:
                if not failing:
                    log.warning("research.audit_waits", reason=reason_of(error))
                failing, more = True, False
                stop.wait(2.0)
            if not more:
                stop.wait(PAUSE)


def moment() -> str:
    """Now, UTC, ISO 8601."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
