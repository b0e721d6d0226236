"""One supervised program: started in its own session with its own environment, restarted when it dies, its output in a rotated log.

Nothing outlives the supervisor: each program asks the kernel for SIGKILL at its parent's death (prctl PR_SET_PDEATHSIG), and what a dead
program leaves in its process group is killed before it is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import datetime as dt
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from hub_config.services import Process
from hub_config.settings import ROOT

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")

LOG_BYTES = 20_000_000
LOG_KEPT = 5


def become_subreaper() -> None:
    """Orphans below this process become its children instead of init's, so that it can end them."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Ask for a signal when the parent dies; called in the child, right after the fork."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        os.kill(os.getpid(), how)


def children_of(pid: int) -> list[int]:
    """Process ids whose parent is `pid`, zombies included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def end_orphans(keep: frozenset[int] | set[int] = frozenset()) -> None:
    """Kill every process below this one except those in `keep` and what runs under them; reap what is dead."""
    for _ in range(50):
        strangers = [pid for pid in children_of(os.getpid()) if pid not in keep]
        if not strangers:
            return
        for pid in strangers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # its own children come to us and are found in the next round
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)


class RotatingLog:
    """Append-only file of whole chunks; at 20 MB it becomes `.1`, five old ones are kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Append; rotate at a line end when the file has grown too big. A full disk loses log lines, never the hub."""
        with contextlib.suppress(OSError):
            self._file.write(data)
            if data.endswith(b"\n") and self._file.tell() > LOG_BYTES:
                self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(LOG_KEPT - 1, 0, -1):
            old = self._path.with_name(f"{self._path.name}.{number}")
            if old.exists():
                old.rename(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.rename(self._path.with_name(f"{self._path.name}.1"))
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def as_json_line(line: bytes, program: str) -> bytes:
    """One line of a log: JSON as it is, anything else (node's proxy, stack traces) wrapped into an object."""
    if line.startswith(b"{") or not line.strip():
        return line
    text = _COLOUR.sub(b"", line).decode(errors="replace").rstrip()
    entry = {"timestamp": dt.datetime.now(dt.UTC).isoformat(), "logger": program, "event": text}
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


class Supervised:
    """Keeps one program running until `stop`."""

    def __init__(self, process: Process, logs: Path, say: Callable[[str], None], started: Callable[[], None]) -> None:
        """`say` gets a line at each unexpected end; `started` is called at each start."""
        self._started = started
        self.process = process
        self.pid: int | None = None
        self.restarts = 0
        self._log = RotatingLog(logs / f"{process.name}.log")
        self._say = say
        self._rest = b""
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the program and the task that keeps it."""
        self._task = asyncio.create_task(self._keep(), name=self.process.name)

    async def _keep(self) -> None:
        pause = 0.2
        while not self._stopping.is_set():
            began = time.monotonic()
            code: int | str = await self._run_once()
            if self._stopping.is_set():
                return
            self.restarts += 1
            pause = 0.2 if time.monotonic() - began > 10 else min(pause * 2, 15.0)
            self._say(f"{self.process.name}: 进程退出（{code}），{pause:.1f} 秒后重启 / ended ({code}), starting again in {pause:.1f} s")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int | str:
        """Start, wait for the end, clear the process group; the exit code (negative: the signal)."""
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        supervisor = os.getpid()
        try:
            child = subprocess.Popen(  # noqa: ASYNC220 - fork and exec take a millisecond; PDEATHSIG must be tied to this thread
                self.process.command,
                env=self.process.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(supervisor),  # noqa: PLW1509 - the supervisor has one thread
            )
        except OSError as fault:
            os.close(reading)
            return f"{fault.strerror}: {self.process.command[0]}"
        finally:
            os.close(writing)
        self.pid = child.pid
        self._started()
        loop.add_reader(reading, self._drain, reading)
        ended = asyncio.Event()
        watch = os.pidfd_open(child.pid)
        loop.add_reader(watch, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(watch)
            os.close(watch)
            self.pid = None
            code = child.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            self._drain(reading)
            loop.remove_reader(reading)
            os.close(reading)
        return code

    def _drain(self, reading: int) -> None:
        try:
            while data := os.read(reading, 65536):
                self._write(data)
        except BlockingIOError:
            return
        except OSError:
            pass
        asyncio.get_running_loop().remove_reader(reading)

    def _write(self, data: bytes) -> None:
        """Log whole lines; the beginning of one waits for its rest (a very long one does not)."""
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if len(self._rest) > 65536:
            whole, newline, self._rest = whole + newline + self._rest, b"\n", b""
        if newline:
            self._log.write(b"".join(as_json_line(line + b"\n", self.process.name) for line in whole.split(b"\n") if line.strip()))

    def signal(self, how: signal.Signals) -> None:
        """Send a signal to the program's whole process group, if it runs."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, how)

    async def stop(self, seconds: float) -> None:
        """SIGTERM, after `seconds` SIGKILL; returns when it is gone."""
        self._stopping.set()
        if self._task is None:
            return
        self.signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        if not done:
            self._say(f"{self.process.name}: 未在 {seconds:.0f} 秒内结束，强制终止 / did not end within {seconds:.0f} s, killed")
            self.signal(signal.SIGKILL)
            await asyncio.wait([self._task], timeout=5)
        self._log.close()
