"""What the pages service asks ris: a kernel ticket at each opening, its renewal while the desk lives."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from hub_config.pages.identity import COOKIE, Person


class RefusedError(Exception):
    """ris said no: 401 (the ticket is dead) or 403 (no right to this desk)."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class AwayError(Exception):
    """ris does not answer."""


@dataclass
class Records:
    """One kept connection pool: a new client for each call would load the TLS store each time (17 ms)."""

    client: httpx.AsyncClient

    @classmethod
    def at(cls, url: str) -> Records:
        """Client of the records service at its base address."""
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=10)
        return cls(httpx.AsyncClient(base_url=url + "/api/v1", timeout=5.0, trust_env=False, limits=limits))

    async def kernel_ticket(self, person: Person, desk: str) -> str:
        """A ticket for the kernel of this desk, in the person's own name; asked uncached each time."""
        # ris wants proof of same origin for writes with the cookie; the proof of this request was given to us by the browser.
        headers = {"Cookie": f"{COOKIE}={person.ticket}", "Sec-Fetch-Site": "same-origin"}
        return await self._ticket("/tickets/kernel", {"desk": desk}, headers)

    async def renew(self, ticket: str) -> str:
        """The same ticket with a new life; `RefusedError` when the account or the session is no longer good."""
        return await self._ticket("/tickets/renew", None, {"Authorization": f"Bearer {ticket}"})

    async def _ticket(self, path: str, body: dict[str, str] | None, headers: dict[str, str]) -> str:
        try:
            answer = await self.client.post(path, json=body, headers=headers)
        except httpx.TransportError as fault:
            raise AwayError(str(fault) or type(fault).__name__) from fault
        if answer.status_code in {401, 403}:
            raise RefusedError(answer.status_code)
        if answer.status_code != httpx.codes.OK:
            raise AwayError(f"status {answer.status_code}")
        return str(answer.json()["ticket"])
