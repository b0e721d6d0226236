"""The mart's two followers: records and images feed into the store, each with its own cursor inside the store's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines.catching_up import CatchingUpFollower
from pipelines.following import Feed, Row
from pipelines.mart import facts
from pipelines.mart.store import MartStore

RECORDS_TABLES = ("institutions", "exams", "exam_studies", "reports", "signatures", "revocations")
IMAGES_TABLES = ("accesses", "rejects")


class MartFollower(CatchingUpFollower):
    """Follows one feed into the tables that are made from it and from nothing else, so that both can be rebuilt by themselves."""

    outages = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException)

    def __init__(self, name: str, feed: Feed, store: MartStore, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(name, feed, store, **options)
        self.store, self.zone = store, zone
        self.tables = RECORDS_TABLES if name == "records" else IMAGES_TABLES
        self.kinds = facts.RECORDS if name == "records" else facts.IMAGES

    def apply(self, rows: Sequence[Row]) -> None:
        """Write what the rows mean; the base moves the cursor in the same transaction."""
        changes = facts.read(self.kinds, rows, self.zone)
        if changes.rows:
            self.store.apply(changes)

    def reset(self) -> None:
        """Empty the tables of this feed; called in the transaction that sets the cursor to 0."""
        self.store.empty(self.tables)
