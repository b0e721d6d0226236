"""Instance Availability (0008,0056; PS3.3 C.4.23.1.1): where the files of instances, series and studies are now.

Of several files the least available counts. Most studies are wholly online and cost nothing; the others are looked at file by file,
or as a whole where a question concerns very many files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from dicom_node.archive.files import Archive
from dicom_node.index.database import Database, among
from dicom_node.storage.copies import ONLINE, Copy
from dicom_node.storage.parts import Storage

Word = Literal["ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE"]
WORDS: tuple[Word, ...] = ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE")
"""From the best to the worst."""
Entity = tuple[str, str | None, str | None]
"""Study; series, None: the whole study; digest, None: the whole series."""
REMEMBERED = 1.0  # seconds that the list of studies which are not wholly online is good for
MOST = 5000  # files looked at one by one for one question


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Studies that are not wholly online."""

    away: dict[str, str]  # study → volume to which it was moved
    lost: set[str]  # studies with a file of which no whole copy is known

    def __contains__(self, study: str) -> bool:
        return study in self.away or study in self.lost


class Availability:
    """Answers for any thread."""

    def __init__(self, storage: Storage, archive: Archive, database: Database, faults: Callable[[], Collection[str]]) -> None:
        """`faults`: names of volumes that cannot be used now."""
        self._plans, self._copies, self._archive, self._database, self._faults = storage.plans, storage.copies, archive, database, faults
        self._known = _Elsewhere({}, set())
        self._until = 0.0
        self._lost: list[str] = []
        self._studies_lost: set[str] = set()

    def _elsewhere(self) -> _Elsewhere:
        if time.monotonic() >= self._until:
            lost = self._copies.hopeless()
            if lost != self._lost:  # the index is asked only when something changed: these may be very many
                rows = self._database.rows("SELECT DISTINCT study_uid FROM instance WHERE digest IN (SELECT unnest(?::VARCHAR[]))", [lost])
                self._lost, self._studies_lost = lost, {row["study_uid"] for row in rows}
            self._known = _Elsewhere(self._copies.away(), self._studies_lost)
            self._until = time.monotonic() + REMEMBERED
        return self._known

    def all_online(self) -> bool:
        """Whether every study is."""
        known = self._elsewhere()
        return not known.away and not known.lost

    def of(self, entities: Sequence[Entity]) -> list[Word]:
        """The availability of each of these."""
        known = self._elsewhere()
        digests: dict[Entity, list[str]] = {}
        asked = {entity for entity in entities if entity[0] in known}
        studies = sorted({study for study, _, digest in asked if digest is None})
        for entity in asked:
            digests[entity] = [] if entity[2] is None else [entity[2]]
        if studies:
            rows = self._database.rows(
                f"SELECT study_uid, series_uid, digest FROM instance WHERE visible AND {among('study_uid', studies)} LIMIT ?",  # noqa: S608
                [*studies, MOST + 1],
            )
            if len(rows) > MOST:
                return [self._roughly(entity[0], known) for entity in entities]
            for row in rows:
                for entity in ((row["study_uid"], None, None), (row["study_uid"], row["series_uid"], None)):
                    if entity in asked:
                        digests[entity].append(row["digest"])
        of_file = self._of_files(sorted({digest for found in digests.values() for digest in found}))
        return [
            max((of_file[digest] for digest in digests[entity]), key=WORDS.index, default="ONLINE") if entity in asked else "ONLINE"
            for entity in entities
        ]

    def _roughly(self, study: str, known: _Elsewhere) -> Word:
        if study in known.lost:
            return "UNAVAILABLE"
        volume = known.away.get(study)
        return "ONLINE" if volume is None else "NEARLINE" if self._in_use(volume) else "OFFLINE"

    def _in_use(self, volume: str) -> bool:
        return volume in self._plans.current()[1] and volume not in self._faults()

    def _of_files(self, digests: list[str]) -> dict[str, Word]:
        copies = self._copies.among(digests)
        unknown = any(not self._copies.is_scanned(name) for name in self._plans.current()[1])
        return {digest: self._of_file(digest, copies.get(digest, []), unknown=unknown) for digest in digests}

    def _of_file(self, digest: str, copies: list[Copy], *, unknown: bool) -> Word:
        bad = any(copy.volume == ONLINE and copy.state != "whole" for copy in copies)
        if not bad and self._archive.place(digest).exists():
            return "ONLINE"
        whole = [copy.volume for copy in copies if copy.state == "whole" and copy.volume != ONLINE]
        if any(self._in_use(volume) for volume in whole):
            return "NEARLINE"
        return "OFFLINE" if whole or unknown else "UNAVAILABLE"
