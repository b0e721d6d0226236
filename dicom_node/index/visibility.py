"""What a batch changes of what is shown: instances that a rejection note hides, and those that are shown again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from dicom_node import logs
from dicom_node.archive.journal import Entry
from dicom_node.index.database import Database, Rows, among
from dicom_node.index.rejection import Note

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """One kept copy of an instance."""

    institution: str
    digest: str
    visible: bool
    rejected: bool  # hidden by a note
    arrival: int
    study_uid: str
    series_uid: str


class VisibilityChanges:
    """Rows of the tables `rejection` and `visibility`, and the statements upon instances that are there already."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rejections: Rows = []
        self.visibility: Rows = []
        self.statements: list[tuple[str, list[Any]]] = []

    @property
    def studies(self) -> set[str]:
        """Studies whose summaries are others now."""
        return {row["study_uid"] for row in self.visibility if not row["on_arrival"]}

    def reject(self, arrival: int, entry: Entry, note: Note) -> None:
        """Hide what a note names, and remember what it names: it may come later."""
        uids = sorted(note.references)
        qualifiers = orjson.dumps(note.qualifiers).decode()
        self.rejections += [
            {"arrival": arrival, "institution": entry.institution, "note_uid": entry.sop_uid, "sop_uid": uid, "study_uid": study,
             "series_uid": series, "reason": note.reason, "qualifiers": qualifiers}
            for uid, (study, series) in sorted(note.references.items())
        ]  # fmt: skip
        named = f"institution = ? AND {among('sop_uid', uids)}"
        shown = self._database.rows(
            f"SELECT sop_uid, study_uid, series_uid, digest FROM instance WHERE visible AND {named} ORDER BY arrival",  # noqa: S608
            [entry.institution, *uids],
        )
        for row in shown:
            self._tell(arrival, "hidden", entry.institution, row, note=arrival)
        self.statements.append(
            (
                f"UPDATE instance SET visible = false, rejected_by = ? WHERE rejected_by IS NULL AND {named}",  # noqa: S608
                [arrival, entry.institution, *uids],
            )
        )
        log.info("index.rejected", arrival=arrival, institution=entry.institution, reason=note.reason, named=len(uids), hidden=len(shown))

    def hide_arriving(self, arrival: int, entry: Entry, row: dict[str, Any], note: int) -> None:
        """An instance that an earlier note has rejected arrives: nobody sees it, but that it came is told."""
        self._tell(arrival, "hidden", entry.institution, row, note=note, on_arrival=True)

    def show_again(self, arrival: int, copy: Copy, sop_uid: str) -> None:
        """Show a hidden copy."""
        self.statements.append(("UPDATE instance SET visible = true, rejected_by = NULL WHERE arrival = ?", [copy.arrival]))
        row = {"study_uid": copy.study_uid, "series_uid": copy.series_uid, "sop_uid": sop_uid, "digest": copy.digest}
        self._tell(arrival, "shown", copy.institution, row)

    def _tell(
        self,
        arrival: int,
        kind: Literal["hidden", "shown"],
        institution: str,
        row: dict[str, Any],
        *,
        note: int | None = None,
        on_arrival: bool = False,
    ) -> None:
        place = {name: row[name] for name in ("study_uid", "series_uid", "sop_uid", "digest")}
        self.visibility.append(
            {"arrival": arrival, "kind": kind, "institution": institution, "note": note, "on_arrival": on_arrival, **place}
        )
