"""The index process: follows the journal, owns DuckDB, answers C-FIND's questions and HTTP."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import uvicorn

from dicom_node import logs
from dicom_node.annotations import Annotations
from dicom_node.archive.files import WEB, Archive
from dicom_node.feed import Feed
from dicom_node.index.database import Database, StaleIndexError
from dicom_node.index.publish import Publisher
from dicom_node.index.writer import IndexWriter, rebuild
from dicom_node.query import link
from dicom_node.query.commitment import answer_commitment
from dicom_node.query.find import answer_find
from dicom_node.query.retrieve import Openings, answer_retrieve
from dicom_node.settings import Settings
from dicom_node.web.app import Node, make_app
from dicom_node.worklist.entries import Entries
from dicom_node.worklist.find import answer_worklist
from dicom_node.worklist.steps import Steps

log = logs.get(__name__)
PAUSE = 0.1  # seconds between looks at the journal


class Follower:
    """The thread that brings index and feed up to the journal."""

    def __init__(self, settings: Settings, database: Database, feed: Feed, archive: Archive, steps: Steps) -> None:
        self._writer = IndexWriter(database, journal_file(settings), archive)
        self._publisher = Publisher(database, feed, settings.quiet_seconds)
        self._steps = steps
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.beat = time.monotonic()

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                count = self._writer.step()
                self._publisher.step(self._writer.cursor)
                self._publisher.report_quiet()
                self._steps.tell()
                self.beat = time.monotonic()
                if count == 0:
                    self._stop.wait(PAUSE)
            except Exception:
                log.exception("follower.failed")
                self._stop.wait(1.0)

    @property
    def alive(self) -> bool:
        """Whether the follower has made a round lately."""
        return self._thread.is_alive() and time.monotonic() - self.beat < 30


def journal_file(settings: Settings) -> Path:
    """Where the journal is."""
    return settings.data / "journal" / "journal.jsonl"


def index_file(settings: Settings) -> Path:
    """Where the index is."""
    return settings.data / "index" / "index.duckdb"


def open_index(settings: Settings, archive: Archive) -> Database:
    """The index; one that is stale, damaged or ahead of the journal is put aside and built anew from journal and files."""
    path = index_file(settings)
    try:
        database = Database(path)
        journal = journal_file(settings)
        if database.journal_cursor() <= (journal.stat().st_size if journal.exists() else 0):
            return database
        database.close()
        reason = "ahead of the journal"
    except StaleIndexError:
        reason = "other schema version"
    except Exception as error:
        if "lock" in str(error).lower():
            raise
        reason = f"cannot be opened ({type(error).__name__})"
    log.warning("index.rebuild", reason=reason)
    for left in (path, path.with_name(path.name + ".wal")):
        if left.exists():
            left.replace(left.with_name(left.name + ".aside"))
    rebuild(path, journal_file(settings), archive)
    return Database(path)


def run(settings: Settings, run_folder: Path) -> None:
    """Work until SIGTERM."""
    archive = Archive(settings.data / "files")
    archive.prepare(WEB)
    database = open_index(settings, archive)
    feed = Feed(settings.data / "feed.sqlite")
    annotations = Annotations(settings.data / "annotations.sqlite", settings.annotations)
    steps = Steps(settings.data / "mpps.sqlite", feed)
    entries = Entries(annotations, settings.worklist_files)
    follower = Follower(settings, database, feed, archive, steps)
    openings = Openings(feed)
    answerers: dict[str, link.Answerer] = {
        "find": lambda question: answer_find(database, question),
        "retrieve": lambda question: answer_retrieve(database, openings, question),
        "worklist": lambda question: answer_worklist(entries, question),
        "mpps": steps.answer,
        "commitment": lambda question: answer_commitment(database, archive, question),
    }
    link.serve(run_folder, answerers)
    follower.start()
    app = make_app(Node(settings, archive, database, feed, annotations, lambda: follower.alive, run_folder))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.http_port, log_config=None, access_log=False, proxy_headers=False,
        timeout_graceful_shutdown=2, timeout_keep_alive=75, server_header=False,
    )  # fmt: skip
    log.info("index.ready", port=settings.http_port)
    uvicorn.Server(config).run()
    follower.stop()
    database.close()
    log.info("index.stopped")
