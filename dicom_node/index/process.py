"""The index process: follows the journal, owns DuckDB, answers C-FIND's questions and HTTP."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from dicom_node import logs
from dicom_node.annotations import Annotations
from dicom_node.archive.files import Archive
from dicom_node.feed import Feed
from dicom_node.index.database import Database, StaleIndexError
from dicom_node.index.places import index_file, journal_file
from dicom_node.index.publish import Publisher
from dicom_node.index.register import Register
from dicom_node.index.retry import Outcome, retry
from dicom_node.index.tables import TablePublisher
from dicom_node.index.writer import IndexWriter, rebuild
from dicom_node.memory import Rest, give_back
from dicom_node.query import link
from dicom_node.query.commitment import answer_commitment
from dicom_node.query.find import answer_find
from dicom_node.query.retrieve import Openings, answer_retrieve, answer_stored_syntaxes
from dicom_node.settings import Settings
from dicom_node.storage.deletion import Deletion
from dicom_node.storage.keeper import Keeper
from dicom_node.storage.parts import Storage
from dicom_node.storage.tombstones import Tombstones
from dicom_node.web.app import Node, make_app
from dicom_node.worklist.entries import Entries
from dicom_node.worklist.find import answer_worklist
from dicom_node.worklist.steps import Steps

log = logs.get(__name__)
T = TypeVar("T")
PAUSE = 0.1  # seconds between looks at the journal
GATHER, STILL, GLANCE = 0.5, 0.04, 0.01  # seconds: arrivals that follow each other this closely are indexed together, for so long at most
KEEP_ALIVE = 3600  # seconds an idle HTTP connection stands: a proxy uses it again, and one that closes just then is a 503 for whoever asked
LEISURE, BREATH = 1.0, 0.03  # seconds without arrivals until header JSON is written; between two lots of it, for whoever asks
FORGETTING = 30.0  # seconds of rest until the index's copy in memory goes; readers of the working day come sooner


class Follower:
    """The thread that brings index and feed up to the journal."""

    def __init__(self, settings: Settings, database: Database, feed: Feed, archive: Archive, steps: Steps, storage: Storage) -> None:
        self._database, self._archive, self._feed = database, archive, feed
        self._writer = IndexWriter(database, journal_file(settings), archive, storage.tombstones)
        self.deletion = Deletion(self._writer, feed, archive, storage)
        self._register = Register(database)
        self._publisher = Publisher(database, feed, settings.quiet_seconds)
        self._steps = steps
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.beat = self._arrived = time.monotonic()
        self.batches, self.batch_seconds = 0, 0.0
        self._rest, self._long_rest = Rest(), Rest(self._forget, FORGETTING)
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stop.set()
        self._thread.join(20)

    def _ask(self, task: Callable[[], T]) -> Future[T]:
        """Have the thread that writes the index do something between two batches."""
        answer: Future[T] = Future()
        self._tasks.put((task, answer))
        return answer

    def retry(self, arrival: int) -> Future[tuple[Outcome, str]]:
        """Have a quarantined arrival read again."""

        def task() -> tuple[Outcome, str]:
            outcome = retry(self._writer, self._feed, self._archive, arrival)
            self._publisher.publish_retried()
            return outcome

        return self._ask(task)

    def delete(self, study: str, reason: str, rule: str) -> Future[bool]:
        """Have a study deleted; False: it must stay."""
        return self._ask(lambda: self.deletion.delete(study, reason, rule))

    def backlog(self) -> tuple[int, float]:
        """Arrivals that are not indexed yet, and for how many seconds the oldest of them has waited."""
        count, at = self._writer.journal.backlog(self._writer.cursor)
        return count, max(0.0, time.time() - datetime.fromisoformat(at).timestamp()) if at else 0.0

    def _do_tasks(self) -> None:
        while not self._tasks.empty():
            task, answer = self._tasks.get()
            try:
                found = task()
            except Exception as error:
                log.exception("task.failed")
                answer.set_exception(error)
            else:
                answer.set_result(found)

    def _run(self) -> None:
        started = True
        while not self._stop.is_set():
            try:
                if started and self._writer.cursor >= self._feed.cursor():  # a lost index is made anew first
                    self._publisher.publish_retried()
                    self._publisher.publish_visibility()
                    self.deletion.finish()
                    started = False
                self._do_tasks()
                begin = time.monotonic()
                count = self._writer.step()
                if count:
                    self.batches, self.batch_seconds = self.batches + 1, self.batch_seconds + time.monotonic() - begin
                self._register.catch_up(self._writer.cursor)
                self._publisher.step(self._writer.cursor)
                self._publisher.report_quiet()
                self._steps.tell()
                self.beat = time.monotonic()
                if count:
                    self._arrived = time.monotonic()
                    self._gather()
                else:
                    idle = time.monotonic() - self._arrived > LEISURE
                    at_leisure = idle and self._writer.render()
                    if idle and not at_leisure:
                        work = (self.batches, self._writer.headers)
                        self._long_rest.look(work)
                        self._rest.look(work)
                    self._stop.wait(BREATH if at_leisure else PAUSE)
            except Exception:
                log.exception("follower.failed")
                self._stop.wait(1.0)

    def _forget(self) -> None:
        self._database.let_go()
        give_back()

    def _gather(self) -> None:
        """While instances keep arriving only read their headers: a commit costs the same for one as for a hundred."""
        seen = time.monotonic()
        until = seen + GATHER
        while time.monotonic() < until and not self._stop.wait(GLANCE):
            if self._writer.read_ahead():
                seen = time.monotonic()
            elif time.monotonic() - seen >= STILL:
                return

    def headers_waiting(self) -> int:
        """Instances whose header JSON is not written yet."""
        return int(self._database.rows("SELECT count(*) AS n FROM instance WHERE arrival > ?", [self._writer.headers])[0]["n"])

    @property
    def alive(self) -> bool:
        """Whether the follower has made a round lately."""
        return self._thread.is_alive() and time.monotonic() - self.beat < 30


def open_index(settings: Settings, archive: Archive, tombstones: Tombstones) -> Database:
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
    rebuild(path, journal_file(settings), archive, tombstones)
    return Database(path)


def run(settings: Settings, run_folder: Path) -> None:
    """Work until SIGTERM."""
    storage = Storage(settings)
    archive = storage.archive()
    archive.prepare()
    database = open_index(settings, archive, storage.tombstones)
    feed = Feed(settings.data / "feed.sqlite")
    annotations = Annotations(settings.data / "annotations.sqlite", settings.annotations)
    steps = Steps(settings.data / "mpps.sqlite", feed)
    entries = Entries(annotations, settings.worklist_files)
    follower = Follower(settings, database, feed, archive, steps, storage)
    keeper = Keeper(storage, archive, database, feed, annotations, follower)
    openings = Openings(feed)
    answerers: dict[str, link.Answerer] = {
        "find": lambda question: answer_find(database, question, keeper.availability.of),
        "retrieve": lambda question: answer_retrieve(database, openings, question),
        "stored_syntaxes": lambda question: answer_stored_syntaxes(database, question),
        "worklist": lambda question: answer_worklist(entries, question),
        "mpps": steps.answer,
        "commitment": lambda question: answer_commitment(database, archive, question),
    }
    link.serve(run_folder, answerers)
    follower.start()
    keeper.start()
    tables = None
    if settings.publish is not None:
        tables = TablePublisher(database, feed, settings.publish, settings.publish_minutes, settings.publish_changes)
        tables.start()
    app = make_app(Node(settings, archive, database, feed, annotations, lambda: follower.alive, follower, run_folder, keeper))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.http_port, log_config=None, access_log=False, proxy_headers=False,
        timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE, server_header=False,
    )  # fmt: skip
    log.info("index.ready", port=settings.http_port)
    uvicorn.Server(config).run()
    if tables is not None:
        tables.stop()
    keeper.stop()
    follower.stop()
    database.close()
    log.info("index.stopped")
