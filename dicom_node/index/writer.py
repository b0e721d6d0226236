"""The one writer of the index: follows the journal, parses headers, decides conflicts, keeps the summaries.

Each batch is one transaction together with the journal cursor, so a crash repeats or skips nothing. The outcome of an entry
depends only on the entries before it: a rebuild from the journal gives the identical index. An entry that changes what is there
already, a rejection note or an instance sent again after its retention had expired, is a batch of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.archive.journal import Entry, JournalReader
from dicom_node.index import header, header_json, register, schema
from dicom_node.index.database import Database, among
from dicom_node.index.dataset import UnparsableError
from dicom_node.index.rejection import RETENTION_EXPIRED, Note, note_of
from dicom_node.index.visibility import Copy, VisibilityChanges
from dicom_node.storage.recall import AwayError
from dicom_node.storage.tombstones import Tombstones

log = logs.get(__name__)
BATCH = 1000
AHEAD, MOST_AHEAD = 50, 2000  # headers read at once before their batch; in memory at most
HEADERS_AT_ONCE, AT_ONCE = 20, 500


class IndexWriter:
    """Brings the index up to the journal, batch by batch."""

    def __init__(self, database: Database, journal: Path, archive: Archive, tombstones: Tombstones | None = None) -> None:
        self.database, self._archive, self._tombstones = database, archive, tombstones
        self.journal = JournalReader(journal)
        self.cursor = database.journal_cursor()
        self.headers = int(database.rows("SELECT headers FROM cursor")[0]["headers"])
        """Arrival number up to which the header JSON is written."""
        self._unwritten = True  # there may be instances beyond it
        self._ahead: dict[int, tuple[Entry, dict[str, Any]]] = {}  # arrival → entry, row
        self._ahead_to = 0

    def read_ahead(self) -> int:
        """Read headers of entries that a later step will index, while more of them arrive; returns how many entries were looked at."""
        if len(self._ahead) >= MOST_AHEAD:
            return 0
        self._ahead_to = max(self._ahead_to, self.cursor)
        entries, self._ahead_to = self.journal.glance(self._ahead_to, AHEAD)
        for arrival, entry in entries:
            try:  # whatever is the matter with it, the step will find and say it
                self._ahead[arrival] = entry, header.parse(self._archive.place(entry.digest), entry, arrival)
            except (UnparsableError, OSError):
                continue
        return len(entries)

    def _parse(self, entry: Entry, arrival: int) -> dict[str, Any]:
        ahead = self._ahead.get(arrival)
        if ahead is not None and ahead[0] == entry:
            return dict(ahead[1])  # placing changes it
        with self._archive.borrowed(entry.digest) as path:
            return header.parse(path, entry, arrival)

    def step(self) -> int:
        """Index the next entries; returns how many there were."""
        entries, end = self.journal.read(self.cursor, BATCH)
        if not entries:
            return 0
        batch, count = _Batch(self.database, entries), 0
        dead = self._tombstones.dead([entry.digest for _, entry in entries]) if self._tombstones is not None else {}
        for arrival, entry in entries:
            row, note, again = None, None, False
            if arrival < dead.get((entry.institution, entry.digest), -1):
                count += 1  # deleted on purpose
                continue
            if batch.known_copy(entry):
                again = batch.comes_again(entry)
                if not again:
                    count += 1
                    continue
            else:
                try:
                    row = self._parse(entry, arrival)
                except (UnparsableError, AwayError) as error:
                    if isinstance(error, AwayError) and not error.hopeless:
                        raise  # the volume may come back
                    log.warning("index.quarantined", arrival=arrival, reason=str(error))
                    batch.quarantine(arrival, entry, None, "unparsable", str(error))
                else:
                    note = note_of(row, partial(self._whole, entry.digest))
            alone = again or note is not None
            if alone and count:
                break  # it is the first of the next step
            count += 1
            if again:
                batch.show_again(arrival, entry)
            elif row is not None:
                batch.place(arrival, entry, row, note)
            if alone:
                break
        if count < len(entries):
            end = entries[count][0]
        self._commit(batch, end)
        self.cursor, self._unwritten = end, True
        self._ahead = {arrival: ahead for arrival, ahead in self._ahead.items() if arrival >= end}
        return count

    def replace_quarantined(self, arrival: int, entry: Entry, row: dict[str, Any]) -> None:
        """Index `row`, an arrival behind the cursor that was in quarantine until now."""
        batch = _Batch(self.database, [(arrival, entry)])
        batch.place(arrival, entry, row)
        self._commit(batch, self.cursor, released=arrival)
        if arrival <= self.headers:
            self._render(batch.rows, self.headers)

    def _commit(self, batch: _Batch, end: int, *, released: int | None = None) -> None:
        writer = self.database.writer
        writer.execute("BEGIN")
        try:
            if released is not None:
                writer.execute("DELETE FROM quarantine WHERE arrival = ?", [released])
            for name, rows, columns in (
                ("instance", batch.rows, schema.INSTANCE_ARROW),
                ("rejection", batch.changes.rejections, schema.REJECTION_ARROW),
                ("visibility", batch.changes.visibility, schema.VISIBILITY_ARROW),
            ):
                if rows:
                    writer.register("arrived", schema.pa.Table.from_pylist(rows, schema=columns))
                    writer.execute(f"INSERT INTO {name} SELECT * FROM arrived")  # noqa: S608
                    writer.unregister("arrived")
            for statement, parameters in batch.changes.statements:
                writer.execute(statement, parameters)
            studies = sorted({row["study_uid"] for row in batch.rows if row["visible"]} | batch.changes.studies)
            if studies:
                self._summarize(studies)
            for name, found in (("quarantine", batch.quarantined), ("conflict", batch.conflicts)):
                for values in found:
                    writer.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", list(values))  # noqa: S608
            writer.execute("UPDATE cursor SET journal = ?", [end])
            with self.database.changing({row["study_uid"] for row in batch.rows} | batch.changes.studies):
                writer.execute("COMMIT")
        except BaseException:
            writer.execute("ROLLBACK")
            raise

    def forget(self, buried: Mapping[int, tuple[str, int]]) -> None:
        """Take deleted instances out of the index: arrival → its study, and the journal's end at the deletion.

        What was said of the study goes as far as it was said before that end; the study may have been sent again since.
        """
        arrivals, ends = list(buried), dict[str, int]()
        for study, until in buried.values():
            ends[study] = max(until, ends.get(study, 0))
        writer = self.database.writer
        writer.execute("BEGIN")
        try:
            for at in range(0, len(arrivals), AT_ONCE):
                part = arrivals[at : at + AT_ONCE]
                for table in ("instance", "header", "conflict", "rejection"):
                    writer.execute(f"DELETE FROM {table} WHERE {among('arrival', part)}", part)  # noqa: S608
            for study, until in ends.items():
                writer.execute("DELETE FROM visibility WHERE study_uid = ? AND arrival < ?", [study, until])
            self._summarize(sorted(ends))
            with self.database.changing(ends):
                writer.execute("COMMIT")
        except BaseException:
            writer.execute("ROLLBACK")
            raise

    def _summarize(self, studies: list[str]) -> None:
        """Make the summaries of these studies anew."""
        touched = among("study_uid", studies)
        for name, select in (("study", schema.STUDY_SELECT), ("series", schema.SERIES_SELECT)):
            self.database.writer.execute(f"DELETE FROM {name} WHERE {touched}", studies)  # noqa: S608
            self.database.writer.execute(f"INSERT INTO {name} {select.format(touched)}", studies)

    def render(self) -> int:
        """Write the header JSON of the next instances that have none; returns how many were looked at."""
        if not self._unwritten:
            return 0
        rows = self.database.rows(
            "SELECT arrival, digest FROM instance WHERE arrival > ? ORDER BY arrival LIMIT ?", [self.headers, HEADERS_AT_ONCE]
        )
        if rows:
            self._render(rows, rows[-1]["arrival"])
            self.headers = rows[-1]["arrival"]
        self._unwritten = bool(rows)
        return len(rows)

    def _render(self, rows: list[dict[str, Any]], end: int) -> None:
        made = [{"arrival": row["arrival"], "json": text} for row in rows if (text := self._header_of(row)) is not None]
        writer = self.database.writer
        writer.execute("BEGIN")
        try:
            writer.register("rendered", schema.pa.Table.from_pylist(made, schema=schema.HEADER_ARROW))
            writer.execute("INSERT INTO header SELECT * FROM rendered")
            writer.unregister("rendered")
            writer.execute("UPDATE cursor SET headers = ?", [end])
            writer.execute("COMMIT")
        except BaseException:
            writer.execute("ROLLBACK")
            raise

    def _whole(self, digest: str) -> str:
        with self._archive.borrowed(digest) as path:
            return header_json.render(path)

    def _header_of(self, row: dict[str, Any]) -> str | None:
        try:
            return self._whole(row["digest"])
        except (UnparsableError, OSError) as error:
            log.warning("header.unrendered", arrival=row["arrival"], reason=str(error))
            return None  # tried again when somebody asks for it


class _Batch:
    """Decisions about a few entries, on the index as it is and on the entries before them."""

    def __init__(self, database: Database, entries: list[tuple[int, Entry]]) -> None:
        self.rows: list[dict[str, Any]] = []
        self.quarantined: list[tuple[Any, ...]] = []
        self.conflicts: list[tuple[Any, ...]] = []
        self.changes = VisibilityChanges(database)
        self._database = database
        uids = sorted({entry.sop_uid for _, entry in entries})
        # copies by SOP UID, the visible one first; a hidden note names itself and is no rejected instance
        self._copies: dict[str, list[Copy]] = {}
        for row in database.rows(
            "SELECT sop_uid, institution, digest, visible, coalesce(rejected_by <> arrival, false) AS rejected, arrival, study_uid, "  # noqa: S608
            f"series_uid FROM instance WHERE {among('sop_uid', uids)} ORDER BY NOT visible, arrival",
            uids,
        ):
            self._copies.setdefault(row.pop("sop_uid"), []).append(Copy(**row))
        # rejected for good, (institution, SOP UID) → arrival of the first note that says so
        self._rejected = {
            (row["institution"], row["sop_uid"]): int(row["note"])
            for row in database.rows(
                "SELECT institution, sop_uid, min(arrival) AS note FROM rejection "  # noqa: S608
                f"WHERE {among('sop_uid', uids)} AND reason <> ? GROUP BY ALL",
                [*uids, RETENTION_EXPIRED],
            )
        }
        digests = sorted({entry.digest for _, entry in entries})
        self._quarantine_seen = {
            (row["institution"], row["digest"])
            for row in database.rows(f"SELECT institution, digest FROM quarantine WHERE {among('digest', digests)}", digests)  # noqa: S608
        }
        self._owners: dict[str, str | None] = {}
        self._patients: dict[str, set[str]] = {}

    def known_copy(self, entry: Entry) -> bool:
        """The same bytes from the same institution again: nothing changes."""
        copy = (entry.institution, entry.digest)
        return self._copy(entry) is not None or copy in self._quarantine_seen

    def _copy(self, entry: Entry) -> Copy | None:
        copies = self._copies.get(entry.sop_uid, [])
        return next((copy for copy in copies if (copy.institution, copy.digest) == (entry.institution, entry.digest)), None)

    def _expired(self, entry: Entry) -> bool:
        """Whether every copy is hidden because its retention had expired, and nothing forbids to show the instance anew."""
        copies = self._copies.get(entry.sop_uid, [])
        return all(copy.rejected for copy in copies) and (entry.institution, entry.sop_uid) not in self._rejected

    def comes_again(self, entry: Entry) -> bool:
        """Whether a copy that is known is to be shown again."""
        return self._copy(entry) is not None and self._expired(entry)

    def show_again(self, arrival: int, entry: Entry) -> None:
        """Show a known copy again."""
        copy = self._copy(entry)
        if copy is not None:
            self.changes.show_again(arrival, copy, entry.sop_uid)

    def _owner(self, study_uid: str) -> str | None:
        if study_uid not in self._owners:
            found = self._database.rows(
                "SELECT institution, coalesce(patient_id, '') AS patient, bool_or(visible) AS shown FROM instance "
                "WHERE study_uid = ? GROUP BY ALL",
                [study_uid],
            )
            # a study stays whose it is, also when nothing of it is shown any more
            self._owners[study_uid] = found[0]["institution"] if found else None
            self._patients[study_uid] = {row["patient"] for row in found if row["shown"]}
        return self._owners[study_uid]

    def place(self, arrival: int, entry: Entry, row: dict[str, Any], note: Note | None = None) -> None:
        """Decide whether a parsed instance is shown, hidden, kept beside another one, or put into quarantine. `note`: what it says."""
        study = row["study_uid"]
        rejected_by = self._rejected.get((entry.institution, entry.sop_uid))
        owner = self._owner(study)
        copies = self._copies.get(entry.sop_uid, [])
        if owner not in {None, entry.institution}:
            self._collision(arrival, entry, row, "study_of_other_institution")
            return
        if copies and copies[0].institution != entry.institution:
            self._collision(arrival, entry, row, "instance_of_other_institution")
            return
        if copies and not self._expired(entry):  # same UID, other bytes: both are kept, the first stays visible
            row["visible"], row["rejected_by"], note = False, rejected_by, None
            self._conflict(arrival, entry, row, "same_uid_other_bytes", copies[0].digest)
        elif rejected_by is not None:
            row["visible"], row["rejected_by"] = False, rejected_by
            self._owners[study] = entry.institution
            self.changes.hide_arriving(arrival, entry, row, rejected_by)
        elif note is not None and not note.shown:
            row["visible"], row["rejected_by"] = False, arrival
            self._owners[study] = entry.institution
        else:
            patient = row["patient_id"] or ""
            known = self._patients.setdefault(study, set())
            if known and patient not in known:
                self._conflict(arrival, entry, row, "patient_differs", None)
            known.add(patient)
            self._owners[study] = entry.institution
        copy = Copy(entry.institution, entry.digest, row["visible"], rejected_by is not None, arrival, study, row["series_uid"])
        copies.append(copy)
        self._copies[entry.sop_uid] = sorted(copies, key=lambda copy: not copy.visible)
        self.rows.append(row)
        if note is not None:
            self.changes.reject(arrival, entry, note)

    def _collision(self, arrival: int, entry: Entry, row: dict[str, Any], reason: str) -> None:
        self.quarantine(arrival, entry, row["study_uid"], reason, None)
        self._conflict(arrival, entry, row, reason, None)

    def quarantine(self, arrival: int, entry: Entry, study_uid: str | None, reason: str, detail: str | None) -> None:
        """Keep the file out of the index, with the reason."""
        self._quarantine_seen.add((entry.institution, entry.digest))
        self.quarantined.append((arrival, entry.digest, entry.institution, entry.aet, entry.sop_uid, study_uid, reason, detail, entry.at))

    def _conflict(self, arrival: int, entry: Entry, row: dict[str, Any], reason: str, visible: str | None) -> None:
        log.warning("index.conflict", arrival=arrival, reason=reason, institution=entry.institution)
        self.conflicts.append(
            (arrival, reason, entry.institution, row["study_uid"], row["series_uid"], entry.sop_uid, entry.digest, visible, entry.at)
        )


def rebuild(target: Path, journal: Path, archive: Archive, tombstones: Tombstones | None = None) -> int:
    """Build the index anew beside `target`, then put it in its place; returns how many entries the journal has."""
    fresh = target.with_name(target.name + ".new")
    for left in (fresh, fresh.with_name(fresh.name + ".wal")):
        left.unlink(missing_ok=True)
    database = Database(fresh)
    writer = IndexWriter(database, journal, archive, tombstones)
    count = 0
    while step := writer.step():
        count += step
    database.close()
    target.with_name(target.name + ".wal").unlink(missing_ok=True)
    register.forget(target)
    fresh.replace(target)
    return count
