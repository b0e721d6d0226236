"""The parent: starts `receive` and `index`, restarts one that dies, ends both. They die with it, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import orjson

from dicom_node import logs
from dicom_node.settings import Settings

log = logs.get(__name__)
CHILDREN = ("receive", "index")
RUN_FOLDER = "DICOM_NODE_RUN"
RESTARTS = "restarts.json"  # child → how often it was started again, in the run folder
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class AlreadyRunningError(RuntimeError):
    """Another node works on the same data folder."""


def lock(data: Path) -> IO[str]:
    """Hold the data folder for this process; AlreadyRunningError when another one does."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (data / "node.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise AlreadyRunningError(
            f"数据目录 {data} 已被另一个节点占用, 请先停止它 | another node works on this folder: stop it first"
        ) from error
    return handle


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Keeps the children alive."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = False
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._died: dict[str, list[float]] = {name: [] for name in CHILDREN}
        self._restarts = dict.fromkeys(CHILDREN, 0)

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; 0 when the children ended cleanly."""
        held = lock(self._settings.data)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="dicom-node-") as folder, held:
            self._folder = Path(folder)
            environment = os.environ | self._settings.environment() | {RUN_FOLDER: folder}
            log.info("node.start", dicom_port=self._settings.dicom_port, http_port=self._settings.http_port)
            while not self._stopping:
                for name in CHILDREN:
                    self._look_after(name, environment)
                time.sleep(0.1)
            return self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _look_after(self, name: str, environment: dict[str, str]) -> None:
        child = self._children.get(name)
        if child is not None and child.poll() is None:
            return
        now = time.monotonic()
        if child is not None:
            del self._children[name]
            self._died[name] = [*(t for t in self._died[name] if now - t < 10), now]
            log.error("child.died", child=name, code=child.returncode, again=len(self._died[name]))
            self._restarts[name] += 1
            with contextlib.suppress(OSError):  # only told to the status page: a full disk must not stop the restart
                (self._folder / RESTARTS).write_bytes(orjson.dumps(self._restarts))
        # the first deaths are answered at once, those of a child that dies again and again after a second
        recent = self._died[name]
        if len(recent) > 3 and now - recent[-1] < 1.0:
            return
        command = [sys.executable, "-m", "dicom_node", name]
        self._children[name] = subprocess.Popen(command, env=environment, preexec_fn=_die_with_parent)  # noqa: PLW1509

    def _end(self) -> int:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + 15
        for name, child in self._children.items():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child.killed", child=name)
                child.kill()
                child.wait()
        log.info("node.stopped")
        return 0
