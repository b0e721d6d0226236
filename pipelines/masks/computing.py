"""The process that computes: one mask at a time, at a low priority, within its own bound of memory.

It keeps what was prepared for the last series, so that a reader's clicks need neither the pixels again nor the seeds.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from pipelines.masks.access import Caller, problem_of
from pipelines.masks.bone import Prepared, prepare, solve
from pipelines.masks.kept import Wish, packed
from pipelines.masks.series import Geometry, hounsfield
from pipelines.masks.table import table
from pipelines.serving.problems import Problem

NICE = 5
Volume = np.ndarray[tuple[int, int, int], np.dtype[np.int16]]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """One mask to be made and where to put it."""

    wish: Wish
    geometry: Geometry
    caller: Caller
    images_url: str
    path: Path


class Bench:
    """The last volume and what was prepared for it."""

    def __init__(self) -> None:
        self._of: tuple[str, tuple[tuple[str, int], ...]] | None = None
        self._volume: Volume | None = None
        self._prepared: Prepared | None = None

    def make(self, task: Task, progress: Progress) -> None:
        """Compute the mask of a task and put it in its place in one step."""
        started = time.monotonic()
        volume = self._loaded(task, progress)
        geometry, wish = task.geometry, task.wish
        if wish.kind == "table":
            mask = table(volume, geometry.spacing, lambda part: progress(0.4 + 0.55 * part))
            unsure = np.zeros(volume.shape, bool)
        else:
            if self._prepared is None:
                self._prepared = prepare(volume, geometry.spacing, lambda part: progress(0.4 + 0.3 * part))
            places = [[geometry.index(point) for point in points] for points in (wish.keep, wish.remove)]
            found = solve(self._prepared, volume, places[0], places[1], lambda part: progress(0.7 + 0.25 * part))
            mask, unsure = found.mask, found.unsure
        about = {
            "kind": wish.kind,
            "removed": int(np.count_nonzero(mask)),
            "unsure": int(np.count_nonzero(unsure)),
            "seconds": round(time.monotonic() - started, 2),
        }
        fresh = task.path.with_suffix(".new")
        fresh.write_bytes(packed(geometry, about, mask, unsure))
        fresh.chmod(0o600)
        fresh.rename(task.path)
        progress(1.0)

    def _loaded(self, task: Task, progress: Progress) -> Volume:
        of = (task.wish.series, task.geometry.instances)
        if self._of != of or self._volume is None:
            self._of = self._volume = self._prepared = None
            with task.caller.client(task.images_url) as node:
                parts = node.series_frames(task.wish.study, task.wish.series)
                self._volume = hounsfield(task.geometry, parts, lambda part: progress(0.4 * part))
            self._of = of
        return self._volume


def run(connection: Connection, memory: int) -> None:
    """Take tasks from the connection and answer each with its progress, then `("done", "")` or `("failed", code)`."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    bench = Bench()
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        said = -1

        def progress(part: float) -> None:
            nonlocal said
            percent = int(100 * part)
            if percent > said:
                said = percent
                connection.send(("progress", percent))

        try:
            bench.make(task, progress)
            answer = ("done", "")
        except MemoryError:
            bench = Bench()
            answer = ("failed", "mask.too_large")
        except Exception as error:
            bench = Bench()
            known = error if isinstance(error, Problem) else problem_of(error)
            answer = ("failed", known.code if known else f"mask.failed {type(error).__name__}")
        connection.send(answer)
