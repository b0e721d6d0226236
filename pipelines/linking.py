"""Linking: an image that was stored becomes a row on the doctor's worklist.

images feed → `POST /studies/arrivals` of ris. ris decides which exam a study belongs to (institution + accession number + identity);
this follower only tells it the newest known state of each study, once for all rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipelines.following import Feed, Follower, Row, SqliteCursors

ARRIVAL_FIELDS = (
    "institution",
    "accession",
    "patient_id",
    "patient_name",
    "birth_date",
    "sex",
    "modality",
    "modalities",
    "description",
    "body_part",
    "study_date",
    "study_time",
    "series",
    "instances",
    "calling_aet",
)
"""What an Arrival says of a study beside `images_seq`, `study_uid` and `quiet` (docs/interfaces.md §4)."""

Arrival = dict[str, Any]


class Arrivals(Protocol):
    """The door of ris that linking needs."""

    def arrivals(self, arrivals: Sequence[Arrival]) -> object:
        """`POST /studies/arrivals`; idempotent by (study_uid, images_seq)."""


def arrival_of(row: Row, quiet: bool) -> Arrival:
    """Return the Arrival a row of the images feed stands for."""
    data = row["data"]
    arrival: Arrival = {name: data.get(name) for name in ARRIVAL_FIELDS}
    # The institution is that of the authenticated sender, written by the node on the row itself; never one from a header.
    arrival.update(images_seq=row["seq"], study_uid=row["study_uid"], institution=row["institution"], quiet=quiet)
    return arrival


def newest_arrivals(rows: Sequence[Row]) -> list[Arrival]:
    """Group rows by study: one Arrival each, from its newest row, in order of first appearance."""
    newest: dict[str, Arrival] = {}
    for row in rows:
        kind = row["kind"]
        if kind in ("instance.stored", "series.quiet"):
            newest[row["study_uid"]] = arrival_of(row, quiet=kind == "series.quiet")
        elif kind == "instance.hidden" and not row["data"]["on_arrival"]:
            # the study has fewer images now, perhaps none; what was hidden as it arrived was never counted
            newest[row["study_uid"]] = arrival_of(row, quiet=bool(row["data"]["quiet"]))
    return list(newest.values())


class Linking(Follower):
    """Tells ris about every study that arrives, grows, or loses images to a rejection note."""

    def __init__(self, feed: Feed, cursors: SqliteCursors, ris: Arrivals, **settings: Any) -> None:
        # A burst of 500 images would be 500 calls if each were told at once; five calls a second keep the row live and ris quiet.
        super().__init__("linking", feed, cursors, batch=500, pace=0.2, retry_aside=True, **settings)
        self.ris = ris

    def apply(self, rows: Sequence[Row]) -> None:
        """Send the newest state of each study in these rows."""
        arrivals = newest_arrivals(rows)
        if arrivals:
            self.ris.arrivals(arrivals)
