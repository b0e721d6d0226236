"""A follower whose service must not answer before it has read its feed to the end once: until then a revocation could still be unknown."""

from __future__ import annotations

import threading
from typing import Any

from pipelines.following import CursorStore, Feed, Follower


class CatchingUpFollower(Follower):
    """`caught_up` is set when the feed's end was reached once."""

    def __init__(self, name: str, feed: Feed, cursors: CursorStore, **options: Any) -> None:
        super().__init__(name, feed, cursors, **options)
        self.caught_up = threading.Event()
        self._patience = self.wait

    def step(self) -> int:
        """One page; until the feed's end was reached once, its end is answered at once instead of waited at."""
        self.wait = self._patience if self.caught_up.is_set() else 0.0
        found = super().step()
        if found < self.batch:
            self.caught_up.set()
        return found
