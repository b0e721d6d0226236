"""JupyterHub's view of a room: its spawner starts and ends rooms by asking the service of the rooms."""

# mypy: disable-error-code="no-untyped-call"
# JupyterHub has no type hints.
from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner

from hub_config.lab.client import RoomRefusedError, RoomsClient, RoomsSilentError

rooms = RoomsClient(Path(os.environ.get("FRONT_LAB_CONTROL", "/nonexistent")))


class RoomSpawner(Spawner):
    """One room for one person. The room needs nothing of the Hub: no token and no address of it gets in."""

    _waiting: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Start; returns when JupyterLab inside answers. `RoomRefusedError` tells why it does not."""
        ticket = getattr(self.handler, "research_ticket", None)
        if ticket is None:
            raise RoomRefusedError("only_here")
        port = await rooms.start(self.user.name, self.user.base_url, ticket)
        self._waiting = asyncio.create_task(self._tell_the_end())
        return f"http://127.0.0.1:{port}"

    async def _tell_the_end(self) -> None:
        """The Hub hears at once of a room that ended by itself."""
        with contextlib.suppress(RoomRefusedError):
            await rooms.wait_for_end(self.user.name)
        await self.poll_and_notify()

    async def stop(self, now: bool = False) -> None:
        """End it."""
        del now
        if self._waiting is not None and self._waiting is not asyncio.current_task():
            self._waiting.cancel()
        try:
            await rooms.stop(self.user.name)
        except RoomRefusedError as fault:
            self.log.warning("room not stopped: %s", fault.code)

    async def poll(self) -> int | None:
        """None while it runs."""
        try:
            return None if await rooms.is_open(self.user.name) else 0
        except RoomsSilentError:
            return None  # a room that runs must not be started anew because its service was busy
        except RoomRefusedError:
            return 1  # with its service every room is gone

    def get_env(self) -> dict[str, Any]:
        """Nothing: see the class."""
        return {}
