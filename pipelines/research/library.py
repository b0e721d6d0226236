"""The projects' folders: tables made when their sources or rules have changed, given out, and taken away with the project's end.

<data>/keys/<project>                    the key, 0600
<data>/projects/<project>/manifest.json  what is there; tables; identities.sqlite
<data>/results/<project>/                what platforms have sent back, not confirmed
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import structlog

from dicom_node.client import Published, PublishedError, read_published
from pipelines.following import reason_of
from pipelines.research.arrow import pa
from pipelines.research.identities import Identities
from pipelines.research.making import EXAM_FACTS, IDENTITIES, Making, read_manifest, rules_of
from pipelines.research.projects import Keys, ProjectRecord
from pipelines.research.pseudonyms import Pseudonyms
from pipelines.research.store import ResearchStore
from pipelines.serving.problems import Problem

log = structlog.get_logger("research")
LOOK = 1.0
AGAIN = 60.0
"""Seconds until a making that has failed is tried again."""


class Library:
    """The folders of all projects, and the thread that keeps them right."""

    def __init__(self, data: Path, published: Path, store: ResearchStore, today: Callable[[], date], minutes: float) -> None:
        self._data, self._published, self._store, self._today, self._pause = data, published, store, today, minutes * 60
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
        self.keys = Keys(data / "keys")
        self._due: dict[str, float] = {}
        self._again: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="library", daemon=True)

    def start(self, ready: threading.Event) -> None:
        """Begin once the records are known (`ready`): what is in the folders may belong to a project that has ended meanwhile."""
        self._ready = ready
        self._thread.start()

    def stop(self) -> None:
        """End; a making under way is abandoned with the process, its files are replaced by the next."""
        self._stop.set()

    def _run(self) -> None:
        while not self._ready.wait(LOOK):
            if self._stop.is_set():
                return
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:
                log.warning("research.look_failed", reason=reason_of(error))
            self._stop.wait(LOOK)

    # -- keeping ---------------------------------------------------------------------------------------------------------------------

    def folder(self, code: str) -> Path:
        """The project's folder."""
        return self._data / "projects" / code

    def look(self) -> None:
        """Make what has to be made, take away what is over."""
        today = self._today()
        for project in self._store.projects():
            try:
                self._keep(project, today)
            except Exception as error:  # the others are looked after all the same
                self._again[project.code] = time.monotonic() + AGAIN
                log.warning("research.making_failed", project=project.code, reason=reason_of(error), again_in_s=AGAIN)
        known = {project.code for project in self._store.projects()}
        for folder in (self._data / "projects").glob("*"):
            if folder.name not in known:  # of a records database that is no more
                shutil.rmtree(folder)
                log.warning("research.unknown_folder_removed", project=folder.name)

    def _keep(self, project: ProjectRecord, today: date) -> None:
        if not project.open_on(today):
            if self.folder(project.code).exists():
                shutil.rmtree(self.folder(project.code))
                log.info("research.shut", project=project.code, state=project.state)
        elif time.monotonic() >= self._again.get(project.code, 0.0):
            self.keys.ensure(project.code)
            self._freshen(project)

    def _freshen(self, project: ProjectRecord) -> None:
        try:
            published = read_published(self._published)
        except PublishedError:
            return  # the node has not published yet
        exams_at = self._store.exams_at
        wanted = _fingerprint(project, published, exams_at)
        there = read_manifest(self.folder(project.code)) or {}
        if there.get("made_from") == wanted:
            return
        if there.get("rules") == rules_of(project) and time.monotonic() < self._due.get(project.code, 0.0):
            return
        self.make(project, published, wanted)
        self._due[project.code] = time.monotonic() + self._pause

    def make(self, project: ProjectRecord, published: Published, made_from: str) -> dict[str, Any]:
        """Make the tables of a project; returns the manifest."""
        begun = time.monotonic()
        exams = pa.Table.from_pylist(self._store.exams(), schema=EXAM_FACTS)
        made = Making(project, self.keys.pseudonyms(project.code), self.folder(project.code)).make(published, exams, made_from)
        rows = {name: table["rows"] for name, table in made.manifest["tables"].items()}
        told = made.manifest["told"]
        log.info("research.made", project=project.code, seconds=round(time.monotonic() - begun, 1), **rows, told=told)
        return made.manifest

    # -- giving ----------------------------------------------------------------------------------------------------------------------

    def pseudonyms(self, code: str) -> Pseudonyms:
        """The project's pseudonyms; Problem `table.not_ready` before its key is made."""
        try:
            return self.keys.pseudonyms(code)
        except FileNotFoundError as error:
            raise Problem("table.not_ready") from error

    def identities(self, code: str) -> Identities:
        """What is behind the project's pseudonyms."""
        return Identities(self.folder(code) / IDENTITIES)

    def manifest(self, project: ProjectRecord) -> dict[str, Any]:
        """What is there of a project; Problem `table.not_ready` when it was made by other rules than the project's present ones."""
        found = read_manifest(self.folder(project.code))
        if found is None or found["rules"] != rules_of(project):
            raise Problem("table.not_ready")
        return found

    def table(self, project: ProjectRecord, name: str) -> tuple[Path, dict[str, Any]]:
        """File and description of a table that the project may have; Problem `table.unknown`."""
        if name not in project.tables:
            raise Problem("table.unknown")
        about: dict[str, Any] = self.manifest(project)["tables"][name]
        return self.folder(project.code) / about["file"], about

    def rows(self, project: ProjectRecord, name: str, where: str, values: list[Any], order: str, limit: int) -> list[dict[str, Any]]:
        """Rows of a table. `where` and `order` are text of ours over its columns; every value travels as a parameter."""
        about = self.manifest(project)["tables"][name]
        file = self.folder(project.code) / about["file"]
        with duckdb.connect(config={"threads": 1}) as base:
            found = base.execute(f"SELECT * FROM read_parquet(?) WHERE {where} ORDER BY {order} LIMIT ?", [str(file), *values, limit])  # noqa: S608
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _fingerprint(project: ProjectRecord, published: Published, exams_at: int) -> str:
    """What the tables are made from, in one word."""
    said = [rules_of(project), published.published_at, sorted(path.name for path in published.files.values()), exams_at]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
