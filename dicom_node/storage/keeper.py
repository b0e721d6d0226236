"""The keeper: does what the storage plan says, one study after another, and reads old copies again.

A thread of the index process at the lowest priority. It can be killed anywhere: a copy counts only when it was read back whole, the
online file goes only while enough such copies are known, and the next look at the study goes on where this one ended.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from dicom_node import logs
from dicom_node.annotations import Annotations
from dicom_node.archive.files import Archive, sync_folder
from dicom_node.feed import Event, Feed
from dicom_node.index.database import Database, among
from dicom_node.storage.adoption import adopt
from dicom_node.storage.availability import Availability
from dicom_node.storage.copies import Copy
from dicom_node.storage.deletion import Deletion
from dicom_node.storage.parts import Storage
from dicom_node.storage.plan import Conditions, Rule, StoragePlan, Subject
from dicom_node.storage.rescan import Rescan
from dicom_node.storage.scrub import Scrubber
from dicom_node.storage.volume import AbsentError, DamagedError, NoCopyError, SourceError, Volume, VolumeError

log = logs.get(__name__)
NOT_IN_PLAN = "不在存储方案中 | not in the storage plan"
LONGEST_PAUSE = 600.0  # seconds until a volume that was away is tried again


class Deleter(Protocol):
    """Who deletes: the thread that writes the index."""

    deletion: Deletion

    def delete(self, study: str, reason: str, rule: str) -> Future[bool]:
        """Have a study deleted; False: it must stay."""


@dataclass
class Progress:
    """What the status page and the metrics tell of the keeper."""

    faults: dict[str, str] = field(default_factory=dict)  # volume → why it cannot be used now
    full: set[str] = field(default_factory=set)
    waiting: int = 0  # studies that want something which cannot be done now


@dataclass(frozen=True, slots=True)
class _File:
    digest: str
    size: int


class Keeper:
    """One thread."""

    def __init__(
        self, storage: Storage, archive: Archive, database: Database, feed: Feed, annotations: Annotations, follower: Deleter
    ) -> None:
        self.plans, self.copies, self._archive = storage.plans, storage.copies, archive
        self._tombstones = storage.tombstones
        self._database, self._feed, self._annotations, self._follower = database, feed, annotations, follower
        self.progress = Progress()
        self.scrubber = Scrubber(storage, archive, database)
        self.availability = Availability(storage, archive, database, lambda: self.progress.faults)
        self.rescan = Rescan(storage, archive, database)
        self._again: dict[str, tuple[float, float]] = {}  # volume → (not before, pause)
        self._unwritten: set[str] = set()  # volumes that are there, and take no copy
        self._adopted: set[tuple[str, str]] = set()  # volumes that are known to be the right ones, by name and URL
        self._left: dict[str, int] = {}  # volume out of the plan → copies of deleted files that are waited for
        self._settled: dict[str, tuple[object, ...]] = {}
        self._opened: dict[str, str] = {}
        self._opened_to = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file in hand."""
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        while not self._stop.is_set():
            plan = self.plans.current()[0]
            until = time.monotonic() + plan.pause_seconds
            try:
                self.round(until)
            except Exception:
                log.exception("keeper.failed")
            self._stop.wait(0.1)
            while time.monotonic() < until and not self._stop.is_set() and self.plans.current()[0] is plan:
                self._stop.wait(min(1.0, max(0.0, until - time.monotonic())))

    def round(self, until: float) -> None:
        """A look at all studies; then other work until `until` (monotonic)."""
        self.look()
        self._rescan(max(until, time.monotonic() + 1.0))
        self.scrubber.work(self._stop, until)

    def _rescan(self, until: float) -> None:
        for volume in self.plans.current()[1].values():
            if self.rescan.due(volume.name) and self._in_reach(volume):
                try:
                    if not self.rescan.work(volume, self._stop, until):
                        return
                except VolumeError as error:
                    self._fault(volume, error)
        for name in self.rescan.progress.keys() - self.plans.current()[1].keys():
            self.rescan.progress.pop(name, None)

    def look(self) -> None:
        """One look at all studies."""
        plan, volumes = self.plans.current()
        self._prepare(plan, volumes)
        self.progress.waiting = 0
        if plan.rule:
            self._read_openings()
            reports = {row["key"]: str(row["data"].get("report_state") or "none") for row in self._annotations.table("report_state")}
            for subject in self._subjects():
                if self._stop.is_set():
                    return
                self._keep(subject, reports, plan, volumes)
            self._keep_quarantine(plan, volumes)
        self._watch_recalled()
        for name, error in self._follower.deletion.settle(filter(self._in_reach, volumes.values())).items():
            self._fault(volumes[name], error)
        for name, count in self._tombstones.waiting().items():
            if name not in volumes and count != self._left.get(name):
                self._left[name] = self._follower.deletion.leave(name)
        self._follower.deletion.sweep()

    def _in_reach(self, volume: Volume) -> bool:
        """Whether the volume may be asked now; one that was away is left alone for a while."""
        return time.monotonic() >= self._again.get(volume.name, (0.0, 0.0))[0]

    def undeleted(self) -> list[tuple[str, int, str]]:
        """Volumes with copies of deleted files that cannot be removed now: name, how many, why."""
        volumes, found = self.plans.current()[1], []
        for name, count in self._tombstones.waiting().items():
            why = self.progress.faults.get(name, "") if name in volumes else NOT_IN_PLAN
            if why:
                found.append((name, count, why))
        return found

    def _prepare(self, plan: StoragePlan, volumes: dict[str, Volume]) -> None:
        """Look whether each volume is there and is the one it was; one that is named for the first time is made ready."""
        for known in plan.volume:
            volume = volumes[known.name]
            if not self._in_reach(volume):
                continue
            try:
                if (known.name, known.url) in self._adopted:
                    volume.check()
                else:
                    adopt(volume, known.url, self.copies)
                    self._adopted.add((known.name, known.url))
            except VolumeError as error:
                self._adopted.discard((known.name, known.url))
                self._fault(volume, error)
            else:
                if known.name not in self._unwritten:
                    self._usable(volume)
        for gone in self.progress.faults.keys() - volumes.keys():
            del self.progress.faults[gone]

    def _usable(self, volume: Volume) -> None:
        self._again.pop(volume.name, None)
        self._unwritten.discard(volume.name)
        self.progress.faults.pop(volume.name, None)

    def _subjects(self) -> list[dict[str, object]]:
        """Every study, those of which nothing is shown too."""
        return self._database.rows(
            "SELECT study_uid, institution, modality, last_at, last_arrival, instances FROM study UNION ALL "
            "SELECT study_uid, min(institution), arg_min(modality, arrival), max(received_at), max(arrival), count(*) FROM instance "
            "WHERE NOT visible AND study_uid NOT IN (SELECT study_uid FROM study) GROUP BY study_uid"
        )

    def _keep_quarantine(self, plan: StoragePlan, volumes: dict[str, Volume]) -> None:
        """Files that are not indexed are copied by the rules that ask nothing of a study; they are never moved or deleted."""
        rules = [rule for rule in plan.rule if rule.copy_to is not None and rule.when == Conditions()]
        rows = self._database.rows("SELECT DISTINCT digest FROM quarantine ORDER BY digest") if rules else []
        files = []
        for row in rows:
            with suppress(OSError):  # one that is gone has its own fault
                files.append(_File(row["digest"], self._archive.size(row["digest"])))
        for rule in rules:
            if files and not self._copy(files, volumes[str(rule.copy_to)]):
                self.progress.waiting += 1

    def _read_openings(self) -> None:
        """When each study was opened last."""
        while True:
            rows, following = self._feed.read(self._opened_to, 2000, None)
            for row in rows:
                if row["kind"] == "study.opened":
                    self._opened[row["study_uid"]] = row["at"]
            if following == self._opened_to:
                return
            self._opened_to = following

    def _keep(self, row: dict[str, object], reports: dict[str, str], plan: StoragePlan, volumes: dict[str, Volume]) -> None:
        study = str(row["study_uid"])
        now = datetime.now(UTC)
        opened = self._opened.get(study)
        subject = Subject(
            datetime.fromisoformat(str(row["last_at"])), datetime.fromisoformat(opened) if opened else None,
            reports.get(study, "none"), str(row["modality"]) if row["modality"] else None, str(row["institution"]),
        )  # fmt: skip
        online = shutil.disk_usage(self._archive.root)
        applies = [rule for rule in plan.rule if rule.meets(subject, now, 100 * online.free / online.total)]
        if not applies:
            return
        if ending := next((rule for rule in applies if rule.delete), None):
            if not self._follower.delete(study, str(ending.reason), ending.name).result(600):
                self.progress.waiting += 1
            return
        wish = (row["last_arrival"], row["instances"], tuple(rule.name for rule in applies), plan)
        if self._settled.get(study) != wish and self._do(study, str(row["institution"]), applies, volumes):
            self._settled[study] = wish

    def _files(self, study: str) -> list[_File]:
        """Every file of the study, hidden ones too."""
        rows = self._database.rows("SELECT DISTINCT digest, size FROM instance WHERE study_uid = ? ORDER BY digest", [study])
        return [_File(row["digest"], row["size"]) for row in rows]

    def _do(self, study: str, institution: str, rules: list[Rule], volumes: dict[str, Volume]) -> bool:
        """Copy, then move; whether everything that the rules want is done."""
        files, done = self._files(study), True
        for target in dict.fromkeys(name for rule in rules for name in (rule.copy_to, rule.move_to) if name is not None):
            done &= self._copy(files, volumes[target])
        moves = [rule for rule in rules if rule.move_to is not None]
        if moves and done:
            done = self._release(study, institution, files, moves[-1])
        elif not done:
            self.progress.waiting += 1
        return done

    def _copy(self, files: list[_File], volume: Volume) -> bool:
        """Whether every file has a copy on `volume` that was read back whole."""
        if self.rescan.due(volume.name):
            return False
        known = self.copies.among([file.digest for file in files])
        missing = [file for file in files if not any(c.volume == volume.name and c.proven for c in known.get(file.digest, []))]
        if missing and not self._in_reach(volume):
            return False
        if missing:
            self.copies.begin((file.digest for file in missing), volume.name)
        for file in missing:
            if self._stop.is_set() or self._is_full(volume, file.size):
                return False
            try:
                self._copy_one(file, volume)
            except SourceError as error:
                log.error("copy.source_damaged", digest=file.digest, reason=str(error))  # noqa: TRY400
                self.scrubber.suspect(file.digest)
                return False
            except DamagedError as error:
                log.error("copy.unwritten", digest=file.digest, volume=volume.name, reason=str(error))  # noqa: TRY400
                return False
            except VolumeError as error:
                if not isinstance(error, AbsentError):
                    self._unwritten.add(volume.name)
                self._fault(volume, error)
                return False
            except OSError as error:
                log.error("copy.source_unreadable", digest=file.digest, reason=str(error))  # noqa: TRY400
                return False
        if missing:
            self._usable(volume)
        return True

    def _copy_one(self, file: _File, volume: Volume) -> None:
        """Write, read back, then say so. A copy that is there already is read and never written over while it is whole."""
        with suppress(NoCopyError, DamagedError):
            self.copies.record([(file.digest, volume.name, volume.verify(file.digest), "whole")])
            return
        with self._archive.borrowed(file.digest) as source:
            volume.write(file.digest, source)
        try:
            size = volume.verify(file.digest)
        except (DamagedError, NoCopyError):
            volume.delete(file.digest)
            raise
        self.copies.record([(file.digest, volume.name, size, "whole")])

    def _is_full(self, volume: Volume, size: int) -> bool:
        plan = next(known for known in self.plans.current()[0].volume if known.name == volume.name)
        try:
            space = volume.free()
        except OSError as error:
            self._fault(volume, error)
            return True
        full = space is not None and space[0] - size < space[1] * plan.free_percent / 100
        (self.progress.full.add if full else self.progress.full.discard)(volume.name)
        return full

    def _fault(self, volume: Volume, error: OSError) -> None:
        pause = min(LONGEST_PAUSE, self._again.get(volume.name, (0.0, 0.5))[1] * 2)
        self._again[volume.name] = (time.monotonic() + pause, pause)
        self.progress.faults[volume.name] = str(error)
        log.warning("volume.fault", volume=volume.name, reason=str(error), again_in=pause)

    def _release(self, study: str, institution: str, files: list[_File], rule: Rule) -> bool:
        """Let the online files go that have enough copies; whether all of them are gone."""
        if any(self.rescan.due(volume.name) and self._in_reach(volume) for volume in self.plans.current()[1].values()):
            return False
        known = self.copies.among([file.digest for file in files])
        shared = self._shared([file.digest for file in files], study)
        going, settled = [], True
        for file in files:
            place = self._archive.place(file.digest)
            try:
                fresh = time.time() - place.stat().st_ctime < self.plans.current()[0].settled_minutes * 60
            except FileNotFoundError:
                continue
            if fresh or file.digest in shared or self._proven_now(file, known.get(file.digest, [])) < rule.copies:
                settled = False
            else:
                going.append(file)
        if going:
            self.copies.release(file.digest for file in going)
            for file in going:
                place = self._archive.place(file.digest)
                place.unlink(missing_ok=True)
                sync_folder(place.parent)
            self.copies.set_away(study, str(rule.move_to))
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            data = {"volume": rule.move_to, "rule": rule.name, "files": len(going), "bytes": sum(file.size for file in going)}
            self._feed.append([Event(f"moved:{study}:{rule.move_to}:{at}", "copy.moved", institution, study, data=data)])
            log.info("study.moved", study_uid=study, volume=rule.move_to, files=len(going))
        return settled

    def _proven_now(self, file: _File, known: list[Copy]) -> int:
        """On how many volumes a copy that was read whole is there at this moment: a table of yesterday gives no file away."""
        volumes, found = self.plans.current()[1], 0
        for copy in known:
            if not copy.proven or copy.volume not in volumes or not self._in_reach(volumes[copy.volume]) or self.rescan.due(copy.volume):
                continue
            try:
                found += volumes[copy.volume].size(file.digest) == file.size
            except NoCopyError:
                log.error("copy.not_whole", digest=file.digest, volume=copy.volume, state="missing")  # noqa: TRY400 - no trace is needed
                self.copies.record([(file.digest, copy.volume, copy.size, "missing")])
            except VolumeError as error:
                self._fault(volumes[copy.volume], error)
        return found

    def _shared(self, digests: list[str], study: str) -> set[str]:
        """Those whose bytes belong to something else too, which may not be moved."""
        named = among("digest", digests)
        rows = self._database.rows(
            f"SELECT digest FROM instance WHERE study_uid <> ? AND {named} UNION SELECT digest FROM quarantine WHERE {named}",  # noqa: S608
            [study, *digests, *digests],
        )
        return {row["digest"] for row in rows}

    def _watch_recalled(self) -> None:
        """Studies of which files came back: online when all did; the rules may send them away again."""
        digests = self.copies.take_recalled()
        if not digests:
            return
        away = self.copies.away()
        for row in self._database.rows(f"SELECT DISTINCT study_uid FROM instance WHERE {among('digest', digests)}", digests):  # noqa: S608
            study = row["study_uid"]
            self._settled.pop(study, None)
            if study in away and all(self._archive.place(file.digest).exists() for file in self._files(study)):
                self.copies.set_away(study, None)
