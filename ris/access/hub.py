"""Asking the Hub whose token this is, for scripts that have a Hub token and want a ticket."""

from __future__ import annotations

import hashlib
import threading
import time

import httpx

from ris.problems import Problem

FRESH = 15.0
"""Seconds an answer of the Hub is believed."""
ACCESS = frozenset({"access:services", "access:services!service=ris"})


class HubTokens:
    """Hub token → user name, by `GET <hub api>/user`; answers (also negative ones) are kept for FRESH seconds."""

    def __init__(self, hub_api: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = hub_api.rstrip("/") + "/user"
        self._client = httpx.Client(timeout=5, transport=transport, trust_env=False)
        self._kept: dict[str, tuple[float, str | None]] = {}
        self._lock = threading.Lock()

    def user_of(self, token: str) -> str:
        """Return the user the token belongs to; raise `hub.token` or `hub.away`."""
        key = hashlib.sha256(token.encode()).hexdigest()
        moment = time.monotonic()
        with self._lock:
            self._kept = {one: kept for one, kept in self._kept.items() if kept[0] > moment}
            known = self._kept.get(key)
        name = known[1] if known is not None else self._ask(token)
        if known is None:
            with self._lock:
                self._kept[key] = (moment + FRESH, name)
        if name is None:
            raise Problem("hub.token")
        return name

    def _ask(self, token: str) -> str | None:
        try:
            answer = self._client.get(self._url, headers={"Authorization": f"token {token}"})
        except httpx.HTTPError as error:
            raise Problem("hub.away") from error
        if answer.status_code >= 500:
            raise Problem("hub.away")
        if answer.status_code != 200:
            return None
        model = answer.json()
        if model.get("kind") != "user" or not ACCESS & set(model.get("scopes") or ()):
            return None
        return str(model["name"])

    def close(self) -> None:
        """Close connections."""
        self._client.close()
