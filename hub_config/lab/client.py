"""The Hub's side of `control`: asks the service of the rooms over its unix socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx


class RoomRefusedError(Exception):
    """There is no room; `code` belongs to `words.WORDS` (with `lab.` in front), `values` fill it."""

    def __init__(self, code: str, values: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.values = code, values or {}


class RoomsSilentError(RoomRefusedError):
    """The service has not answered in time: its rooms may well run."""

    def __init__(self) -> None:
        super().__init__("away")


START_SECONDS, END_SECONDS, ASK_SECONDS = 140.0, 20.0, 4.0
"""What a start, an end and a question may take: a person waits for it, and the whole Hub for some of them."""


class RoomsClient:
    """One kept connection pool to the service."""

    def __init__(self, socket: Path) -> None:
        self._client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://lab")

    async def _ask(self, method: str, path: str, seconds: float | None = ASK_SECONDS, **given: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, path, timeout=httpx.Timeout(seconds, connect=2), **given)
        except httpx.TimeoutException as fault:
            raise RoomsSilentError from fault
        except httpx.TransportError as fault:
            raise RoomRefusedError("away") from fault
        if answer.status_code == httpx.codes.CONFLICT:
            said = answer.json()
            raise RoomRefusedError(said["code"], said["values"])
        if answer.is_error:
            raise RoomRefusedError("failed")
        return dict(answer.json()) if answer.content else {}

    async def start(self, user: str, base_url: str, ticket: str) -> int:
        """Start a room; the port of its door."""
        wanted = {"user": user, "base_url": base_url, "ticket": ticket}
        return int((await self._ask("POST", "/room", json=wanted, seconds=START_SECONDS))["port"])

    async def is_open(self, user: str) -> bool:
        """Whether it runs."""
        return bool((await self._ask("GET", "/room", params={"user": user}))["open"])

    async def wait_for_end(self, user: str) -> str:
        """Returns when it has ended; why."""
        return str((await self._ask("GET", "/end", params={"user": user}, seconds=None)).get("why", ""))

    async def enter(self, user: str, ticket: str) -> str:
        """Address with an invitation for the person's browser; the room has the fresh ticket."""
        return str((await self._ask("POST", "/enter", json={"user": user, "ticket": ticket}))["url"])

    async def lock(self, user: str) -> None:
        """His login has ended."""
        await self._ask("POST", "/lock", json={"user": user})

    async def stop(self, user: str) -> None:
        """End it."""
        await self._ask("DELETE", "/room", params={"user": user}, seconds=END_SECONDS)
