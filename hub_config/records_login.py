"""What the Hub asks the records service: who may come in, whether an account is still active, fresh tickets, the end of a session.

One HTTP client is kept for the life of the Hub (making one per call costs 17 ms); calls are to 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Session:
    """One login: the account, where it lands, the browser ticket, and the secret that renews it."""

    username: str
    landing: str
    ticket: str
    refresh: str


@dataclass(frozen=True)
class Refusal:
    """Why somebody may not come in: a code of `words.WORDS`, and the values of its text."""

    code: str
    values: dict[str, object]


class RecordsUnreachableError(Exception):
    """The records service does not answer; nothing is known about the account."""


class RecordsLogin:
    """Client of `/services/ris/internal/…` with the Hub's own secret."""

    def __init__(self, url: str, secret_file: Path) -> None:
        secret = secret_file.read_text(encoding="utf-8").strip()
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Service hub:{secret}"},
            timeout=httpx.Timeout(15, connect=2),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=20, keepalive_expiry=30),
        )

    async def _post(self, path: str, body: dict[str, Any], tries: int = 8) -> httpx.Response:
        """POST; while ris restarts (refused connections) try for about three seconds."""
        for left in reversed(range(tries)):
            try:
                answer = await self._client.post(f"/internal/{path}", json=body)
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as fault:
                if left == 0:
                    raise RecordsUnreachableError(str(fault)) from fault
                await asyncio.sleep(0.4)
                continue
            except httpx.HTTPError as fault:
                raise RecordsUnreachableError(type(fault).__name__) from fault
            if answer.status_code >= 500:
                raise RecordsUnreachableError(f"HTTP {answer.status_code}")
            return answer
        raise RecordsUnreachableError(path)

    async def login(self, username: str, password: str) -> Session | Refusal:
        """Check name and password."""
        return _session_or_refusal(await self._post("login", {"username": username, "password": password}))

    async def refresh(self, refresh: str) -> Session | Refusal:
        """A new browser ticket for a session that still lives."""
        return _session_or_refusal(await self._post("refresh", {"refresh": refresh}))

    async def logout(self, refresh: str) -> None:
        """End a session: all its tickets are dead from now on."""
        answer = await self._post("logout", {"refresh": refresh}, tries=3)
        if answer.status_code not in {200, 204, 401, 404}:  # the last two: it had ended already
            raise RecordsUnreachableError(f"HTTP {answer.status_code}")

    async def is_active(self, username: str) -> bool:
        """Whether the account exists and is not disabled."""
        answer = await self._post("active", {"usernames": [username]}, tries=2)
        if answer.status_code != 200:
            raise RecordsUnreachableError(f"HTTP {answer.status_code}")
        return bool(answer.json().get(username, False))


def _session_or_refusal(answer: httpx.Response) -> Session | Refusal:
    if answer.status_code == 200:
        body = answer.json()
        return Session(body["username"], body["landing"], body["ticket"], body["refresh"])
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    code = str(problem.get("code", ""))
    if code == "login.locked":
        return Refusal(code, {"minutes": _minutes_until(str(problem.get("until", "")))})
    if code == "login.disabled":
        return Refusal(code, {})
    if answer.status_code in {401, 403, 422}:
        return Refusal("login.wrong", {})
    raise RecordsUnreachableError(f"HTTP {answer.status_code}")


def _minutes_until(until: str) -> int:
    """Whole minutes from now to an ISO time, at least one."""
    try:
        moment = dt.datetime.fromisoformat(until)
    except ValueError:
        return 15
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(1, -int((dt.datetime.now(dt.UTC) - moment).total_seconds() // 60))
