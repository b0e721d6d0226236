"""Which study and series a pseudonym of a project stands for: one small SQLite file per project, beside its key, never served.

Only what the project's tables show is in it, so that whatever was left out of the tables cannot be fetched either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

CREATE = (
    """CREATE TABLE study (
        pseudonym TEXT PRIMARY KEY, study_uid TEXT NOT NULL, institution TEXT NOT NULL, patient_key TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE series (
        study TEXT NOT NULL, pseudonym TEXT NOT NULL, series_uid TEXT NOT NULL, modality TEXT, PRIMARY KEY (study, pseudonym)
    ) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """What is behind the pseudonym of a study."""

    pseudonym: str
    study_uid: str
    institution: str
    patient_key: str
    """The patient's number, or the study's UID where it has none; with `institution` what `Pseudonyms.patient` and `.shift` take."""


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """What is behind the pseudonym of a series."""

    pseudonym: str
    series_uid: str
    modality: str
    study: StudyIdentity


class Identities:
    """The file of one project, open for reading; several threads and processes may."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def study(self, pseudonym: str) -> StudyIdentity | None:
        """The study with this pseudonymous UID; None when the project has none."""
        return next(iter(self._studies("WHERE pseudonym = ?", pseudonym)), None)

    def series(self, study: str, series: str) -> SeriesIdentity | None:
        """The series with this pseudonymous UID in the study with that one; None when the project has none."""
        found = [one for one in self.series_of(study) if one.pseudonym == series]
        return found[0] if found else None

    def series_of(self, study: str) -> list[SeriesIdentity]:
        """The series of the study with this pseudonymous UID that the project has, by pseudonym."""
        parent = self.study(study)
        if parent is None:
            return []
        rows = self._ask("SELECT pseudonym, series_uid, modality FROM series WHERE study = ? ORDER BY pseudonym", study)
        return [SeriesIdentity(pseudonym, uid, modality or "", parent) for pseudonym, uid, modality in rows]

    def _studies(self, where: str, *values: str) -> list[StudyIdentity]:
        rows = self._ask(f"SELECT pseudonym, study_uid, institution, patient_key FROM study {where}", *values)  # noqa: S608 - our own text
        return [StudyIdentity(*row) for row in rows]

    def _ask(self, question: str, *values: str) -> list[tuple[str, ...]]:
        if not self._path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro&immutable=1", uri=True)) as base:
            return base.execute(question, values).fetchall()


def write_identities(path: Path, studies: Iterable[tuple[str, str, str, str]], series: Iterable[tuple[str, str, str, str | None]]) -> None:
    """Replace the file in one step. `studies`: (pseudonym, UID, institution, patient key); `series`: (its study's pseudonym, pseudonym, UID, modality)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode=OFF")
        for statement in CREATE:
            base.execute(statement)
        base.execute("BEGIN")
        base.executemany("INSERT INTO study VALUES (?, ?, ?, ?)", studies)
        base.executemany("INSERT INTO series VALUES (?, ?, ?, ?)", series)
        base.execute("COMMIT")
    fresh.replace(path)
