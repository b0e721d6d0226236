"""The running rooms: making one, who may enter, keeping its person's ticket alive, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

from hub_config.lab import seccomp
from hub_config.lab.relay import research_application
from hub_config.lab.sandbox import (
    EXAMPLES,
    HOME,
    PLACE,
    RESEARCH_PORT,
    SERVER_PORT,
    SOCKET,
    Means,
    Refusal,
    Sandbox,
    arguments,
    command,
    find_means,
)
from hub_config.lab.settings import LabSettings
from hub_config.lab.uids import PoolEmptyError, UidPool, own_home
from hub_config.lab.watch import Watch
from hub_config.pages.records import AwayError, Records, RefusedError
from hub_config.process import RotatingLog, as_json_line

log = structlog.get_logger("lab")

CODE_SECONDS = 60
START_SECONDS = 120


class RoomError(Exception):
    """A room cannot be had; with `lab.` in front `code` is one of `words.WORDS`, but `refused`, whose values are the words."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def memory_file(content: bytes) -> int:
    """An open file descriptor to read `content` from; it is in no folder and in no command line."""
    descriptor = os.memfd_create("lab")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Room:
    """One researcher's sandbox and his doors to it."""

    def __init__(self, username: str, base_url: str, ticket: str) -> None:
        self.username, self.base_url = username, base_url
        self.ticket: str | None = ticket
        """Ticket `kernel` of desk `research`; None when ris no longer renews it: the room is locked then."""
        self.locked_since = 0.0
        self.touched = time.monotonic()
        self.ended = asyncio.Event()
        self.why = ""
        self.door = Path()
        self.process: asyncio.subprocess.Process | None = None
        self._codes: dict[str, float] = {}
        self._browsers: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[HTTPServer] = []

    @property
    def cookie(self) -> str:
        """Name of the cookie of this room's door."""
        return "lab-room"

    # --- who may enter -----------------------------------------------------------------------------------------------------------------

    def invite(self) -> str:
        """A code for one entry within a minute, for a browser that the Hub knows as this person's."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = time.monotonic() + CODE_SECONDS
        return code

    def enter(self, code: str) -> str | None:
        """The value of the door's cookie for a good code, which is then used up."""
        until = self._codes.pop(code, 0.0)
        if until < time.monotonic() or self.ticket is None:
            return None
        browser = secrets.token_urlsafe(32)
        self._browsers.add(browser)
        return browser

    def knows(self, browser: str | None) -> bool:
        """Whether this browser has entered."""
        return browser is not None and browser in self._browsers and self.ticket is not None

    def renewed(self, ticket: str | None) -> None:
        """A fresh ticket; None locks the room: no browser may stay, no research data come in."""
        if ticket is None:
            if self.ticket is not None:
                self.locked_since = time.monotonic()
            self._browsers.clear()
            self._codes.clear()
        self.ticket = ticket

    # --- life --------------------------------------------------------------------------------------------------------------------------

    def keep(self, work: Any) -> None:
        """A task that ends with the room."""
        self._tasks.append(asyncio.create_task(work))

    def serve(self, server: HTTPServer) -> None:
        """A server that ends with the room."""
        self._servers.append(server)

    def close(self, why: str) -> None:
        """End everything of it at once."""
        if self.ended.is_set():
            return
        self.why = self.why or why
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for server in self._servers:
            server.stop()
        self.ended.set()
        log.info("room_ended", user=self.username, why=self.why)


class Rooms:
    """All rooms of this hub, one for each person at most."""

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self.records = Records.at(settings.ris_url)
        self.open: dict[str, Room] = {}
        first, _, last = settings.uids.partition("-")
        self._pool = UidPool(settings.data / "uids.json", int(first), int(last))
        for name in ("homes", "rooms"):
            (settings.data / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._interpreter: Path | None = None

    async def start(self, username: str, base_url: str, ticket: str) -> Room:
        """A room that answers; `RoomError` says why there is none."""
        if username in self.open:
            await self.stop(username, "restarted")
        means = await asyncio.to_thread(find_means, self.settings.environment)
        if isinstance(means, Refusal):
            raise RoomError("refused", zh=means.zh, en=means.en)
        if len(self.open) >= self.settings.rooms:
            raise RoomError("full")
        room = Room(username, base_url, ticket)
        self.open[username] = room
        try:
            sandbox = await asyncio.to_thread(self._prepare, room, means)
            await self._launch(room, sandbox)
            await asyncio.wait_for(self._until_it_answers(room), START_SECONDS)
        except PoolEmptyError as fault:
            self._failed(room, "no uid")
            raise RoomError("no_uid") from fault
        except TimeoutError as fault:
            self._failed(room, "did not answer")
            raise RoomError("slow") from fault
        except BaseException:
            self._failed(room, "did not start")
            raise
        watch = Watch(room, sandbox, self.settings.idle)
        for work in (self._renew(room), watch.memory(), watch.home(), watch.idleness()):
            room.keep(work)
        log.info("room_started", user=username, means=means.value, uid=sandbox.uid)
        return room

    def _failed(self, room: Room, why: str) -> None:
        room.close(why)
        self.open.pop(room.username, None)

    async def stop(self, username: str, why: str) -> None:
        """End a room; harmless when there is none."""
        room = self.open.pop(username, None)
        if room is None:
            return
        room.close(why)
        if room.process is not None:
            await room.process.wait()

    async def stop_all(self) -> None:
        """At the end of the service."""
        await asyncio.gather(*(self.stop(username, "service stops") for username in list(self.open)))

    # --- making one --------------------------------------------------------------------------------------------------------------------

    def _prepare(self, room: Room, means: Means) -> Sandbox:
        """Home, uid and the few files of a sandbox."""
        settings = self.settings
        home = settings.data / "homes" / ("u-" + quote(room.username, safe=""))
        # short: the address of a unix socket may have 107 bytes
        folder = settings.data / "rooms" / hashlib.sha256(room.username.encode()).hexdigest()[:10]
        uid = self._pool.uid_of(room.username) if means is Means.OWN_UIDS else os.geteuid()
        own_home(home, uid)
        logs = folder / "logs"
        for inner in (logs, folder / "etc", folder / "settings"):
            inner.mkdir(mode=0o755, parents=True, exist_ok=True)
        files = {
            "etc/passwd": f"root:x:0:0:root:/:/bin/sh\nresearcher:x:{uid}:{uid}:researcher:{HOME}:/bin/bash\n",
            "etc/group": f"root:x:0:\nresearcher:x:{uid}:\n",
            "etc/hosts": "127.0.0.1 localhost lab\n::1 localhost\n",
            "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            "settings/overrides.json": json.dumps(
                {
                    "@jupyterlab/translation-extension:plugin": {"locale": "zh_CN"},
                    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
                }
            ),
            "settings/page_config.json": json.dumps({"hubHost": settings.hub_url, "hubPrefix": "/hub/", "hubUser": room.username}),
        }
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
            (folder / file).chmod(0o644)
        room.door = folder / "door.sock"
        return Sandbox(
            means=means,
            uid=uid,
            home=home,
            folder=folder,
            environment=settings.environment,
            interpreter=self._base_prefix(),
            own=Path(__file__).parents[1],
            shared=settings.shared,
            limits=settings.limits,
            timezone=settings.timezone,
        )

    def _base_prefix(self) -> Path:
        if self._interpreter is None:
            ask = [str(self.settings.environment / "bin" / "python"), "-I", "-c", "import sys; print(sys.base_prefix)"]
            self._interpreter = Path(subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout.strip())
        return self._interpreter

    async def _launch(self, room: Room, sandbox: Sandbox) -> None:
        """Sockets outside, then the sandbox with the door's listening end inherited: nothing inside could lead us to another socket."""
        relay = HTTPServer(research_application(room, self.settings), max_body_size=256 << 20, max_header_size=16384)
        research = bind_unix_socket(str(sandbox.folder / "research.sock"), mode=0o600)
        if sandbox.means is Means.OWN_UIDS:
            os.chown(sandbox.folder / "research.sock", sandbox.uid, sandbox.uid)
        relay.add_socket(research)
        room.serve(relay)
        door = bind_unix_socket(str(room.door), mode=0o600)
        limits = sandbox.limits
        server = [str(sandbox.environment / "bin" / "python"), "-P", f"{PLACE}/quick.py", f"--config={PLACE}/jupyter_server_config.py"]
        server += [f"--ServerApp.port={SERVER_PORT}", f"--ServerApp.base_url={room.base_url}", f"--ServerApp.root_dir={HOME}"]
        if any(place.endswith("/hub_research") for _, place in sandbox.shared):
            # images for the viewer in notebooks; JupyterLab's own setting of this name hides one in the file
            server.append("--ServerApp.jpserver_extensions={'hub_research.server': True}")
        wanted = {
            "command": server,
            "limits": {
                "RLIMIT_CORE": 0,
                "RLIMIT_NPROC": limits.processes,
                "RLIMIT_NOFILE": limits.files,
                "RLIMIT_DATA": limits.memory,
                "RLIMIT_FSIZE": limits.home,
                "RLIMIT_MEMLOCK": 1 << 20,
                "RLIMIT_MSGQUEUE": 1 << 16,
            },
            "nice": 10,
            "server_port": SERVER_PORT,
            "research_port": RESEARCH_PORT,
            "socket": SOCKET,
            "examples": [EXAMPLES, f"{HOME}/示例"],
        }
        options = memory_file("\0".join(arguments(sandbox)).encode() + b"\0")
        filtering = seccomp.program()
        program = memory_file(filtering) if filtering else None
        start = ["bwrap", "--args", str(options), *(["--seccomp", str(program)] if program is not None else []), "--"]
        try:
            room.process = await asyncio.create_subprocess_exec(
                *start,
                *command(sandbox, door.fileno(), json.dumps(wanted)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                pass_fds=[door.fileno(), options, *([program] if program is not None else [])],
                start_new_session=True,
            )
        finally:
            door.close()
            os.close(options)
            if program is not None:
                os.close(program)
        room.keep(self._follow(room, sandbox.folder / "logs" / "lab.log"))

    async def _follow(self, room: Room, path: Path) -> None:
        """Keep what the sandbox prints, and see its end at once."""
        process = room.process
        if process is None or process.stdout is None:
            raise RuntimeError("the room was not launched")
        file = RotatingLog(path)
        try:
            while data := await process.stdout.read(65536):
                file.write(b"".join(as_json_line(line + b"\n", "lab") for line in data.split(b"\n") if line.strip()))
            code = await process.wait()
        finally:
            file.close()
        if self.open.get(room.username) is room:
            del self.open[room.username]
        room.close(f"exit {code}")

    async def _until_it_answers(self, room: Room) -> None:
        question = f"GET {room.base_url}api HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
        while True:
            if room.ended.is_set():
                raise RoomError("ended")
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(str(room.door))
                try:
                    writer.write(question)
                    line = await reader.readline()
                finally:
                    writer.close()
                if b" 200 " in line:
                    return
            await asyncio.sleep(0.05)

    async def _renew(self, room: Room) -> None:
        """A new ticket each minute; refused ones lock the room. While ris is away the old one stays."""
        while True:
            await asyncio.sleep(self.settings.renew)
            if room.ticket is None:
                continue
            asked = room.ticket
            try:
                fresh = await self.records.renew(asked)
            except RefusedError as fault:
                if room.ticket == asked:  # the Hub may have brought a new one meanwhile
                    room.renewed(None)
                    log.info("room_locked", user=room.username, status=fault.status)
            except AwayError as fault:
                log.warning("ticket_not_renewed", user=room.username, error=str(fault))
            else:
                if room.ticket == asked:
                    room.renewed(fresh)


def forget_room_files(data: Path) -> None:
    """Sockets of rooms that ran before; homes stay."""
    for socket in (data / "rooms").glob("*/*.sock"):
        socket.unlink(missing_ok=True)
