"""The kernels of all open desks: a pool of warm ones, who owns which, and when each must end.

A kernel serves one person once. It ends when its page is gone (a hint of the browser, or no websocket for the grace time), when it dies,
or when ris no longer renews its ticket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from hub_config.pages.forking import ForkedKernelManager, ZygoteAwayError
from hub_config.pages.settings import PagesSettings

log = structlog.get_logger("kernels")

KERNEL_PATH = "/usr/local/bin:/usr/bin:/bin"
WARM_UP = "import apps.desk"


@dataclass
class OpenDesk:
    """A kernel in use."""

    kernel_id: str
    desk: str
    username: str
    sid: str
    ticket: str
    opened: float = field(default_factory=time.monotonic)
    sockets: set[Any] = field(default_factory=set)
    ending: asyncio.TimerHandle | None = None


async def wait_until_ready(client: AsyncKernelClient, limit: float = 20.0) -> None:
    """Waits until the kernel answers and our subscription to its output stands; `wait_for_ready` idles 0.2 s, this does not."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        sent = client.kernel_info()
        try:
            while (await client.get_iopub_msg(timeout=0.05))["parent_header"].get("msg_id") != sent:
                pass
        except (queue.Empty, TimeoutError):
            continue
        return
    raise RuntimeError("the kernel does not answer")


class DeskKernels(AsyncMappingKernelManager):
    """Voilà's kernel manager, with a pool, owners and an end for every kernel. `settings` is set by the service."""

    settings: PagesSettings

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_manager_class = f"{ForkedKernelManager.__module__}.{ForkedKernelManager.__name__}"
        self.desks: dict[str, OpenDesk] = {}
        self.pool: deque[str] = deque()
        self._refill = asyncio.Event()
        self._making = asyncio.Lock()
        self._stopped = False
        self.on_end: Callable[[OpenDesk, str], None] = lambda _desk, _why: None

    def get_kernel(self, kernel_id: str) -> ForkedKernelManager:
        """Every kernel here is of our own class."""
        return cast("ForkedKernelManager", super().get_kernel(kernel_id))

    # --- making and keeping warm ---------------------------------------------------------------------------------------------------

    def folder(self, kernel_id: str) -> Path:
        """`$DESK_DIR` of a kernel."""
        return self.settings.run / "desks" / kernel_id

    def _environment(self, folder: Path, *, isolated: bool) -> dict[str, str]:
        """From scratch: nothing of this process's environment, and so none of its secrets, reaches a kernel."""
        return {
            "PATH": KERNEL_PATH,
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "TMPDIR": str(folder),
            "DESK_DIR": str(folder),
            "RIS_URL": self.settings.ris_url,
            "IMAGES_URL": self.settings.images_url,
            "MART_URL": self.settings.mart_url,
            "OPENBLAS_NUM_THREADS": "1",
            # One page per kernel: telling the page its own changes again would only cost time.
            "JUPYTER_WIDGETS_ECHO": "0",
            "TZ": os.environ.get("TZ", ""),
        } | ({"DESK_ISOLATED": "1"} if isolated else {})

    async def _make(self, *, isolated: bool = False) -> str:
        """A warm kernel without an owner."""
        kernel_id = str(uuid.uuid4())
        folder = self.folder(kernel_id)
        folder.mkdir(mode=0o700, parents=True)
        try:
            await self._async_start_kernel(kernel_id=kernel_id, cwd=str(folder), env=self._environment(folder, isolated=isolated))
            manager = self.get_kernel(kernel_id)
            client = manager.client()
            client.start_channels()
            try:
                await wait_until_ready(client)
                client.execute(WARM_UP, silent=True, store_history=False)
                await wait_until_ready(client)
            finally:
                client.stop_channels()
        except BaseException:
            await self._remove(kernel_id)
            raise
        self._watch(kernel_id)
        return kernel_id

    def _watch(self, kernel_id: str) -> None:
        """The moment the process ends, whoever ended it, the desk is told."""
        descriptor = self.get_kernel(kernel_id).descriptor
        if descriptor is None:
            raise RuntimeError("the kernel was not started")
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(watched)
            os.close(watched)
            loop.create_task(self.end(kernel_id, "kernel_died"))  # noqa: RUF006 - the task removes itself from every table

        watched = os.dup(descriptor)
        loop.add_reader(watched, ended)

    async def keep_pool(self) -> None:
        """Fills the pool, one kernel at a time, and again a while after each claim. Runs for ever."""
        pause = 0.0
        while not self._stopped:
            await asyncio.sleep(pause)
            if len(self.pool) >= self.settings.pool:
                self._refill.clear()
                await self._refill.wait()
                pause = self.settings.refill
                continue
            try:
                async with self._making:
                    self.pool.append(await self._make())
                pause = 0.0 if len(self.desks) == 0 else self.settings.refill / 4
            except Exception as fault:
                log.warning("kernel_not_made", error=str(fault) or type(fault).__name__)
                pause = self.settings.refill

    # --- owners --------------------------------------------------------------------------------------------------------------------

    async def claim(self, desk: str, username: str, sid: str, ticket: str, *, isolated: bool = False) -> OpenDesk:
        """A kernel for this person's desk, from the pool or made now; the ticket is in its folder before anything runs in it.

        `isolated`: in the other environment, always made now.
        """
        await self._make_room(username)
        kernel_id = None
        while self.pool and kernel_id is None and not isolated:
            candidate = self.pool.popleft()
            if candidate in self and await self.get_kernel(candidate).is_alive():
                kernel_id = candidate
        pooled = kernel_id is not None
        if kernel_id is None:
            kernel_id = await self._make(isolated=isolated)
        opened = OpenDesk(kernel_id, desk, username, sid, ticket)
        self.desks[kernel_id] = opened
        self.write_ticket(opened, ticket)
        self._end_later(opened, self.settings.grace)
        asyncio.get_running_loop().call_later(self.settings.refill, self._refill.set)
        log.info("desk_opened", desk=desk, user=username, kernel=kernel_id, pooled=pooled)
        return opened

    async def _make_room(self, username: str) -> None:
        """A person has so many desks at most; the oldest one that no page is connected to gives way."""
        own = sorted((each for each in self.desks.values() if each.username == username), key=lambda each: each.opened)
        if len(own) >= self.settings.desks_each:
            gone = [each for each in own if not each.sockets]
            if not gone:
                raise TooManyDesksError
            await self.end(gone[0].kernel_id, "too_many")

    def write_ticket(self, opened: OpenDesk, ticket: str) -> None:
        """Replaces `$DESK_DIR/ticket` in one step, 0600."""
        opened.ticket = ticket
        path = self.folder(opened.kernel_id) / "ticket"
        fresh = path.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(ticket)
        fresh.replace(path)

    # --- ends ----------------------------------------------------------------------------------------------------------------------

    def connected(self, kernel_id: str, socket: Any) -> None:
        """A page's websocket is there: no end."""
        opened = self.desks[kernel_id]
        opened.sockets.add(socket)
        if opened.ending is not None:
            opened.ending.cancel()
            opened.ending = None

    def disconnected(self, kernel_id: str, socket: Any) -> None:
        """A websocket is gone; the desk lives on for the grace time, for the page to come back."""
        opened = self.desks.get(kernel_id)
        if opened is None:
            return
        opened.sockets.discard(socket)
        if not opened.sockets and opened.ending is None:
            self._end_later(opened, self.settings.grace)

    def left(self, kernel_id: str) -> None:
        """The browser says that the page was left. It says so for downloads too: only a page without a websocket ends."""
        asyncio.get_running_loop().call_later(self.settings.hint, self._end_if_alone, kernel_id)

    def _end_if_alone(self, kernel_id: str) -> None:
        opened = self.desks.get(kernel_id)
        if opened is not None and not opened.sockets:
            asyncio.get_running_loop().create_task(self.end(kernel_id, "page_left"))

    def _end_later(self, opened: OpenDesk, seconds: float) -> None:
        def end() -> None:
            asyncio.get_running_loop().create_task(self.end(opened.kernel_id, "page_gone"))

        opened.ending = asyncio.get_running_loop().call_later(seconds, end)

    async def end(self, kernel_id: str, why: str) -> None:
        """Ends a kernel, its websockets and its folder. Harmless when it is gone already."""
        opened = self.desks.pop(kernel_id, None)
        with contextlib.suppress(ValueError):
            self.pool.remove(kernel_id)
        if opened is not None:
            if opened.ending is not None:
                opened.ending.cancel()
            self.on_end(opened, why)
            for socket in list(opened.sockets):
                socket.close(4404, why)
            log.info("desk_ended", desk=opened.desk, user=opened.username, kernel=kernel_id, why=why)
        await self._remove(kernel_id)
        self._refill.set()

    async def _remove(self, kernel_id: str) -> None:
        if kernel_id in self:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.shutdown_kernel(kernel_id, now=True), 5)
        shutil.rmtree(self.folder(kernel_id), ignore_errors=True)

    async def stop(self) -> None:
        """Ends everything at the end of the service."""
        self._stopped = True
        await asyncio.gather(*(self.end(kernel_id, "service_stops") for kernel_id in [*self.desks, *self.pool]), return_exceptions=True)


class TooManyDesksError(Exception):
    """One person has too many desks open, all of them in use."""


__all__ = ["DeskKernels", "OpenDesk", "TooManyDesksError", "ZygoteAwayError", "wait_until_ready"]
