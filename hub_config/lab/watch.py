"""What the kernel's own limits do not see: the memory of all processes of a room together, the size of its home, and its idleness."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from hub_config.lab.sandbox import Means, Sandbox

if TYPE_CHECKING:
    from hub_config.lab.rooms import Room

log = structlog.get_logger("lab")

MEMORY_SECONDS, HOME_SECONDS, FULL_SECONDS, IDLE_SECONDS = 0.5, 5.0, 1.0, 20.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LARGE = 32 << 20


def _namespace(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    return ""


def processes_below(pid: int) -> list[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = Path(entry.path, "stat").read_bytes()
                children.setdefault(int(stat.rpartition(b")")[2].split()[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def proportional_memory(pid: int) -> int:
    """Bytes of a process, pages shared with others divided by how many share them (Pss of smaps_rollup)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
        if resident < _LARGE:
            return resident // 2
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def bytes_in(home: Path) -> int:
    """What a folder takes on the disk; links are not followed, hard links count once."""
    total, seen = 0, set[int]()
    for _, folders, files, place in os.fwalk(home, follow_symlinks=False, onerror=None):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                found = os.stat(name, dir_fd=place, follow_symlinks=False)
                if found.st_nlink > 1 and found.st_ino in seen:
                    continue
                seen.add(found.st_ino)
                total += found.st_blocks * 512
    return total


class Watch:
    """Of one room; each method runs until the room ends."""

    def __init__(self, room: Room, sandbox: Sandbox, idle: float) -> None:
        self._room, self._sandbox, self._idle = room, sandbox, idle
        self._full = False

    @property
    def _root(self) -> int:
        process = self._room.process
        if process is None:
            raise RuntimeError("the room was not launched")
        return process.pid

    def _inner(self) -> list[int]:
        """The researcher's processes: all but bubblewrap's own two, `inside.py` and JupyterLab (which starts them)."""
        inside = [pid for pid in processes_below(self._root) if _namespace(pid) != _namespace(self._root)]
        return sorted(inside)

    async def memory(self) -> None:
        """When the room as a whole has too much, its largest process ends, as the kernel would do it."""
        while True:
            await asyncio.sleep(MEMORY_SECONDS)
            sizes = await asyncio.to_thread(lambda: {pid: proportional_memory(pid) for pid in self._inner()})
            total = sum(sizes.values())
            if total <= self._sandbox.limits.memory:
                continue
            largest = max(sizes, key=lambda pid: sizes[pid])
            log.warning("room_out_of_memory", user=self._room.username, bytes=total, limit=self._sandbox.limits.memory)
            with contextlib.suppress(ProcessLookupError):
                os.kill(largest, signal.SIGKILL)

    async def home(self) -> None:
        """When the home is full, no program of the room can make any file longer (EFBIG) until there is place again; deleting works.

        A program that lifts this soft limit for itself and goes on writing ends its room.
        """
        before = 0
        while True:
            used = await asyncio.to_thread(bytes_in, self._sandbox.home)
            limit = self._sandbox.limits.home
            full = used > limit
            if full != self._full:
                log.warning("room_home_full" if full else "room_home_has_place", user=self._room.username, bytes=used)
            if full and self._full and used > max(limit + limit // 4, before):
                self._room.close("wrote on into a full home")
            if full or self._full:
                await asyncio.to_thread(self._allow_writing, not full)
            self._full, before = full, used
            await asyncio.sleep(FULL_SECONDS if full else HOME_SECONDS)

    def _allow_writing(self, allowed: bool) -> None:
        """Set the soft limit of a file's length for all processes of the room; as their own user, which needs no privilege."""
        given: dict[str, Any] = {}
        if self._sandbox.means is Means.OWN_UIDS:
            given = {"user": self._sandbox.uid, "group": self._sandbox.uid, "extra_groups": []}
        size = self._sandbox.limits.home if allowed else 0
        each = f'for pid in "$@"; do prlimit --pid "$pid" --fsize={size}: ; done'
        words = ["sh", "-c", each, "sh", *map(str, self._inner())]
        subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, cwd="/", capture_output=True, timeout=20, check=False, **given)

    async def idleness(self) -> None:
        """End a room that nobody uses and that computes nothing, and one whose person has had no login for the same time."""
        room = self._room
        while True:
            await asyncio.sleep(min(IDLE_SECONDS, self._idle / 4))
            now = time.monotonic()
            if room.ticket is None and now - room.locked_since > self._idle:
                room.close("no login")
            elif now - room.touched > self._idle:
                if await self._computes():
                    room.touched = now
                else:
                    room.close("idle")

    async def _computes(self) -> bool:
        """Whether a kernel of the room is busy."""
        try:
            kernels: list[dict[str, Any]] = json.loads(await asyncio.wait_for(self._ask("api/kernels"), 5))
        except (OSError, ValueError, TimeoutError):
            return False
        return any(kernel.get("execution_state") == "busy" for kernel in kernels)

    async def _ask(self, path: str) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self._room.door))
        try:
            writer.write(f"GET {self._room.base_url}{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read(1 << 20)
            while not reader.at_eof() and len(answer) < 1 << 20:
                answer += await reader.read(1 << 20)
        finally:
            writer.close()
        return answer.partition(b"\r\n\r\n")[2]
