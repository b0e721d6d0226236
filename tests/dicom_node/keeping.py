"""The parts of a node that keep files, over a data folder and without processes: what the keeper does can be done step by step."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydicom.dataset import Dataset
from running_node import CT, encoded, image

from dicom_node.archive.files import file_head
from dicom_node.archive.journal import Entry, JournalWriter
from dicom_node.feed import Feed
from dicom_node.index.database import Database
from dicom_node.index.writer import IndexWriter
from dicom_node.storage.deletion import Deletion
from dicom_node.storage.keeper import Keeper
from dicom_node.storage.parts import Storage

EXPLICIT = "1.2.840.10008.1.2.1"
COPY = '[[rule]]\nname = "copy"\ncopy_to = "nas"\n'
MOVE = '[[rule]]\nname = "move"\nmove_to = "nas"\n'


class Kept:
    """Index, feed, tables and keeper; `begin` anew is a start of the node."""

    def __init__(self, folder: Path) -> None:
        self.data, self.nas, self.second = folder / "data", folder / "nas", folder / "second"
        self.data.mkdir()
        self.journal = JournalWriter(self.data / "journal" / "journal.jsonl")
        self.begin()

    def begin(self) -> None:
        settings: Any = SimpleNamespace(data=self.data, storage_file=self.data / "storage.toml")
        self.storage = Storage(settings)
        self.archive = self.storage.archive()
        self.archive.prepare()
        self.database = Database(self.data / "index" / "index.duckdb")
        self.feed = Feed(self.data / "feed.sqlite")
        self.writer = IndexWriter(self.database, self.data / "journal" / "journal.jsonl", self.archive, self.storage.tombstones)
        self.deletion = Deletion(self.writer, self.feed, self.archive, self.storage)
        annotations: Any = SimpleNamespace(table=lambda _name: [])
        self.keeper = Keeper(self.storage, self.archive, self.database, self.feed, annotations, self)

    def again(self) -> None:
        """The node stops and starts."""
        self.database.close()
        self.begin()

    def delete(self, study: str, reason: str, rule: str) -> Future[bool]:
        answer: Future[bool] = Future()
        answer.set_result(self.deletion.delete(study, reason, rule))
        return answer

    def plan(self, rules: str = "", volumes: str = "", *, nas: bool = True, top: str = "", scrub: str = "every_days = 1000") -> None:
        """The storage plan from now on."""
        own = f'[[volume]]\nname = "nas"\nurl = "{self.nas.as_uri()}"\nfree_percent = 0\n' if nas else ""
        text = f"pause_seconds = 0.1\nsettled_minutes = 0\n{top}\n[scrub]\nmegabytes_per_second = 1000\n{scrub}\n{own}{volumes}{rules}"
        (self.data / "storage.toml").write_text(text)

    def two(self, rules: str = "") -> None:
        """A plan with a second folder."""
        self.plan(rules, f'[[volume]]\nname = "second"\nurl = "{self.second.as_uri()}"\nfree_percent = 0\n')

    def arrive(self, *images: Dataset, institution: str = "H01") -> list[str]:
        """Files come from a device and are indexed; their digests."""
        found = []
        for ds in images:
            file = self.archive.incoming(file_head(CT, str(ds.SOPInstanceUID), EXPLICIT))
            file.write([encoded(ds)])
            digest = file.keep()
            at = "2026-01-02T03:04:05.000+00:00"
            self.journal.append(Entry(digest, file.size, CT, str(ds.SOPInstanceUID), EXPLICIT, institution, "CT_A", "127.0.0.1", at))
            found.append(digest)
        while self.writer.step():
            pass
        return found

    def study(self, count: int = 2) -> tuple[str, list[Dataset], list[str]]:
        """A new study: its UID, images, digests."""
        first = image()
        images = [first, *(image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n + 2) for n in range(count - 1))]
        return str(first.StudyInstanceUID), images, self.arrive(*images)

    def online(self, digest: str) -> Path:
        return self.archive.place(digest)

    def copy(self, digest: str, root: Path | None = None) -> Path:
        return (root or self.nas) / digest[:2] / f"{digest}.dcm"

    def until(self, question: Callable[[], object], seconds: float = 10) -> None:
        """Let the keeper look again and again until it is so."""
        deadline = time.monotonic() + seconds
        while not question():
            assert time.monotonic() < deadline, "not seen in time"
            self.look()
            time.sleep(0.05)

    def look(self) -> None:
        """One round of the keeper's thread."""
        self.keeper.round(time.monotonic() + 1)


def whole(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
