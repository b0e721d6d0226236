"""The scrub: every copy is read again after a time; one that is damaged or gone is made anew from another that is whole.

The online files are copies too, also on a node without volumes: a damaged one of them is then only said. What is read are files that
the index knows, from the journal; another one in the online folder was left by a power cut and never acknowledged.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.index.database import Database
from dicom_node.storage.copies import ONLINE, State
from dicom_node.storage.folder import FolderVolume
from dicom_node.storage.parts import Storage
from dicom_node.storage.recall import AwayError, Recall
from dicom_node.storage.volume import DamagedError, NoCopyError, Volume, VolumeError

log = logs.get(__name__)
LOT = 200  # copies looked up at once
ENROLLED = 2000  # online files that get their first row at once


@dataclass
class Findings:
    """Since the start of the process, but `hopeless`: digests of which no whole copy is known now."""

    checked: int = 0
    checked_bytes: int = 0
    damaged: int = 0
    missing: int = 0
    repaired: int = 0
    hopeless: set[str] = field(default_factory=set)
    passed_at: dict[str, float] = field(default_factory=dict)  # volume → when nothing was due, last


class _Online(FolderVolume):
    """The online folder, read as a volume; it needs no mark, and is never written to from here."""

    def _present(self) -> Path:
        return self.root


class Scrubber:
    """Works for the keeper, in its thread."""

    def __init__(self, storage: Storage, archive: Archive, database: Database) -> None:
        self._plans, self._copies, self._archive, self._database = storage.plans, storage.copies, archive, database
        self._recall = Recall(storage.plans, storage.copies)
        self.findings = Findings()
        self._suspects: list[str] = []

    def suspect(self, digest: str) -> None:
        """Look at the online file of `digest` next."""
        self._suspects.append(digest)

    def work(self, stop: threading.Event, until: float, *, everything: bool = False) -> None:
        """Read what is due, at the plan's pace, until `until` (monotonic); or everything, as fast as it goes."""
        try:
            self._work(stop, until, everything=everything)
        finally:
            self.findings.hopeless = self._known(self._copies.hopeless())

    def _work(self, stop: threading.Event, until: float, *, everything: bool) -> None:
        plan, volumes = self._plans.current()
        places: dict[str, Volume] = {ONLINE: _Online(ONLINE, self._archive.root), **volumes}
        while self._suspects and not stop.is_set():
            self._check(self._suspects.pop(), ONLINE, places)
        self._enrol(stop, until)
        before = time.time() - (0 if everything else plan.scrub.every_days * 86400)
        for name in places:
            if name != ONLINE and not self._copies.is_scanned(name):
                continue
            while due := self._copies.due(name, before, LOT):
                for copy in due:
                    begun = time.monotonic()
                    if stop.is_set() or begun >= until:
                        return
                    size = self._check(copy.digest, name, places)
                    if not everything:
                        stop.wait(max(0.0, size / (plan.scrub.megabytes_per_second * 1e6) - (time.monotonic() - begun)))
                if self._copies.due(name, before, 1) == due[:1]:
                    break  # the volume is away
            else:
                self.findings.passed_at[name] = time.time()

    def _enrol(self, stop: threading.Event, until: float) -> None:
        """Give online files that have no row yet one; many at the first start of a large archive, so most of the time is left to others."""
        self._enrol_online([(row["digest"], 0) for row in self._database.rows("SELECT DISTINCT digest FROM quarantine")])
        done = self._copies.enrolled_to()
        while True:
            begun = time.monotonic()
            rows = self._database.rows(
                "SELECT arrival, digest, size FROM instance WHERE arrival > ? ORDER BY arrival LIMIT ?",
                [-(2**62) if done is None else done, ENROLLED],
            )
            if not rows:
                return
            self._enrol_online([(row["digest"], row["size"]) for row in rows])
            done = rows[-1]["arrival"]
            self._copies.set_enrolled(done)
            if stop.is_set() or time.monotonic() >= until:
                return  # the next round goes on from here: the keeper has other work as well
            if len(rows) == ENROLLED:
                stop.wait(4 * (time.monotonic() - begun))

    def _enrol_online(self, files: list[tuple[str, int]]) -> None:
        known = self._copies.among([digest for digest, _ in files])
        self._copies.enrol(
            (digest, ONLINE, size)
            for digest, size in files
            if not any(copy.volume == ONLINE for copy in known.get(digest, []))
            and (self._archive.place(digest).exists() or not self._copies.released(digest))
        )

    def _is_known(self, digest: str) -> bool:
        """Whether the index knows the file. One that was deleted, or never acknowledged, is not missed."""
        return bool(self._known([digest]))

    def _known(self, digests: list[str]) -> set[str]:
        """Those of `digests` that the index knows."""
        if not digests:
            return set()
        listed = "digest IN (SELECT unnest(?::VARCHAR[]))"
        rows = self._database.rows(
            f"SELECT digest FROM instance WHERE {listed} UNION SELECT digest FROM quarantine WHERE {listed}",  # noqa: S608
            [digests, digests],
        )
        return {row["digest"] for row in rows}

    def _check(self, digest: str, name: str, places: dict[str, Volume]) -> int:
        """Read one copy; repair it when it is not whole. Returns the bytes read."""
        volume = places[name]
        state: State = "whole"
        size = 0
        try:
            size = volume.verify(digest)
        except DamagedError:
            state = "damaged"
        except NoCopyError:
            if name == ONLINE and self._copies.released(digest):
                self._copies.drop(digest, name)  # given up on purpose: nothing is wrong
                return 0
            state = "missing"
        except (VolumeError, OSError) as error:
            log.warning("scrub.unread", volume=name, digest=digest, reason=str(error))
            return 0
        self.findings.checked += 1
        self.findings.checked_bytes += size
        if state == "whole":
            self._copies.record([(digest, name, size, state)])
            return size
        if not self._is_known(digest):
            self._copies.drop(digest, name)
            return size
        if state == "damaged":
            self.findings.damaged += 1
        else:
            self.findings.missing += 1
        log.error("copy.not_whole", digest=digest, volume=name, state=state)
        self._copies.record([(digest, name, size, state)])
        self._repair(digest, name, places)
        return size

    def _repair(self, digest: str, name: str, places: dict[str, Volume]) -> None:
        """Make the copy anew from another one."""
        temporary = self._archive.root / "incoming" / f"repair-{os.getpid()}-0"  # one at a time
        try:
            self._source(digest, name, temporary, places)
            if name == ONLINE:
                self._archive.replace(digest, temporary)
            else:
                places[name].write(digest, temporary)
            size = places[name].verify(digest)
        except AwayError as error:
            lost = digest in self._copies.hopeless()
            log.error("copy.hopeless" if lost else "copy.unrepaired", digest=digest, volume=name, reason=str(error))  # noqa: TRY400
        except OSError as error:
            log.error("copy.unrepaired", digest=digest, volume=name, reason=str(error))  # noqa: TRY400
        else:
            self._copies.record([(digest, name, size, "whole")])
            self.findings.repaired += 1
            log.warning("copy.repaired", digest=digest, volume=name)
        finally:
            temporary.unlink(missing_ok=True)

    def _source(self, digest: str, bad: str, target: Path, places: dict[str, Volume]) -> None:
        """Write a whole copy to `target`: the online one, or one from another volume. AwayError when there is none."""
        if bad != ONLINE:
            with suppress(VolumeError):
                with target.open("wb") as file:
                    places[ONLINE].fetch(digest, file)
                return
        self._recall.fetch(digest, target)
