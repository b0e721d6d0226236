"""How much one person or platform may ask: requests a minute, bytes a day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.research.store import ResearchStore
from pipelines.serving.problems import Problem


class Limits:
    """Counts per caller. Requests are counted in a bucket that fills again evenly; bytes in the store, so that a restart forgets none."""

    def __init__(
        self, store: ResearchStore, requests: int, daily_bytes: int, zone: ZoneInfo, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._requests, self._daily, self._zone, self._clock = store, requests, daily_bytes, zone, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def ask(self, caller: str) -> None:
        """Count a request; Problem 429 `limit.requests` with `retry_after` (seconds) when there were too many."""
        rate = self._requests / 60
        with self._lock:
            now = self._clock()
            left, at = self._left.get(caller, (float(self._requests), now))
            left = min(float(self._requests), left + (now - at) * rate)
            if left < 1:
                self._left[caller] = left, now
                raise Problem("limit.requests", retry_after=max(1, round((1 - left) / rate + 0.5)))
            self._left[caller] = left - 1, now

    def give(self, caller: str, size: int) -> None:
        """Count bytes before they go out; Problem 429 `limit.bytes` with `retry_after` when the day's are used up."""
        now = datetime.now(self._zone)
        if self._store.used(caller, now.date()) + size > self._daily:
            midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), self._zone)
            raise Problem("limit.bytes", retry_after=max(1, round((midnight - now).total_seconds())))
        self._store.use(caller, now.date(), size)
