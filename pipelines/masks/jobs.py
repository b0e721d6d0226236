"""The queue of masks that are asked for: one is computed at a time, equal wishes are one, and who no longer wants it may say so."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import structlog

from pipelines.masks.computing import Task, run
from pipelines.masks.kept import Kept
from pipelines.masks.problems import PROBLEMS
from pipelines.serving.problems import Problem

log = structlog.get_logger("masks")
MOST_WAITING = 20
REMEMBERED = 600.0
"""Seconds for which a failure can be asked after."""
IDLE = 300.0
"""Seconds after which the computing process ends and gives its memory back."""


@dataclass
class Job:
    """A mask that is being made."""

    name: str
    task: Task
    state: str = "queued"
    percent: int = 0
    code: str = ""
    askers: set[str] = field(default_factory=set)
    ended: float = 0.0

    def told(self) -> dict[str, Any]:
        """As the API says it."""
        about: dict[str, Any] = {"id": self.name, "kind": self.task.wish.kind, "state": self.state, "percent": self.percent}
        return {**about, "problem": {"code": self.code, "words": PROBLEMS.words(self.code)}} if self.code else about


class Jobs:
    """Waiting and running jobs, and the process that works them off."""

    def __init__(self, kept: Kept, memory: int) -> None:
        self._kept, self._memory = kept, memory
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name="masks", daemon=True)
        self._thread.start()

    def ask(self, name: str, task: Task, sid: str) -> dict[str, Any]:
        """The job of this name, a new one where there is none on its way (the caller has seen that it is not kept)."""
        with self._changed:
            self._forget()
            job = self._jobs.get(name)
            if job is None or job.state not in {"queued", "running"}:
                if sum(one.state in {"queued", "running"} for one in self._jobs.values()) >= MOST_WAITING:
                    raise Problem("mask.busy")
                job = self._jobs[name] = Job(name, task)
                self._changed.notify_all()
            job.askers.add(sid)
            return job.told()

    def told(self, name: str, study: str, series: str) -> dict[str, Any] | None:
        """What is known of a job of this series, None when nothing."""
        with self._changed:
            job = self._jobs.get(name)
            return job.told() if job and (job.task.wish.study, job.task.wish.series) == (study, series) else None

    def cancel(self, name: str, study: str, series: str, sid: str) -> dict[str, Any] | None:
        """Say that this session no longer wants it; the work ends when nobody does."""
        with self._changed:
            job = self._jobs.get(name)
            if job is None or (job.task.wish.study, job.task.wish.series) != (study, series):
                return None
            if sid in job.askers and job.state in {"queued", "running"}:
                job.askers.discard(sid)
                if not job.askers:
                    running = job.state == "running"
                    job.state, job.ended = "cancelled", time.monotonic()
                    if running:
                        self._end_process()
            return job.told()

    def stop(self) -> None:
        """End the work; what was asked for is asked for again by whoever needs it."""
        with self._changed:
            self._stopping = True
            self._end_process()
            self._changed.notify_all()
        self._thread.join(10)

    def _forget(self) -> None:
        """Drop what ended long ago, and what is done: the file on the disk speaks for that."""
        before = time.monotonic() - REMEMBERED
        self._jobs = {name: job for name, job in self._jobs.items() if job.state in {"queued", "running"} or job.ended > before}

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _started(self) -> Connection:
        if self._process is None or self._connection is None or not self._process.is_alive():
            self._end_process()
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=run, args=(theirs, self._memory), daemon=True)
            process.start()
            theirs.close()
            self._process, self._connection = process, ours
        return self._connection

    def _next(self) -> Job | None:
        """The job that waits longest; None when the service stops. The process goes after a while without work."""
        while not self._stopping:
            job = next((one for one in self._jobs.values() if one.state == "queued"), None)
            if job is not None:
                return job
            if not self._changed.wait(IDLE if self._process else None):
                self._end_process()
        return None

    def _work(self) -> None:
        while True:
            with self._changed:
                job = self._next()
                if job is None:
                    return
                job.state = "running"
                connection = self._started()
            started = time.monotonic()
            try:
                connection.send(job.task)
                state, code = self._followed(job, connection)
            except (EOFError, OSError):
                # killed: by a cancel, or because the machine was out of memory
                state, code = "failed", "mask.failed"
            with self._changed:
                if job.state == "running":
                    job.state, job.code, job.ended = state, code.partition(" ")[0], time.monotonic()
                if state == "failed" and (self._process is None or not self._process.is_alive()):
                    self._end_process()
                log.info("mask.ended", kind=job.task.wish.kind, state=job.state, code=code, seconds=round(time.monotonic() - started, 1))
            self._kept.sweep((job.name,))

    def _followed(self, job: Job, connection: Connection) -> tuple[str, str]:
        """Note the progress until the end of the task."""
        while True:
            word, value = connection.recv()
            if word != "progress":
                return word, value
            job.percent = value
