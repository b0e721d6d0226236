"""Working at the records as one of the demo's own users: login, then the same requests a browser makes."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import httpx


class RecordsRefusedError(Exception):
    """The records service refused a step of the demo; the text says which and why."""


class StaffMember:
    """One logged-in user. The demo logs in through the Hub's door with the Hub's secret, and only users it has made itself."""

    def __init__(self, ris_url: str, hub_secret: str, username: str, password: str) -> None:
        self.username = username
        self._hub = {"Authorization": f"Service hub:{hub_secret}"}
        # A browser says where a request comes from; ris refuses writes with the ticket cookie otherwise.
        self._http = httpx.Client(base_url=ris_url, timeout=30, trust_env=False, headers={"Sec-Fetch-Site": "same-origin"})
        login = self._answer(
            self._http.post("/internal/login", json={"username": username, "password": password}, headers=self._hub), "login"
        )
        self._refresh: str = login["refresh"]
        self._http.headers["Cookie"] = f"hub-ticket={login['ticket']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Log out: the session and its tickets are dead."""
        del self._http.headers["Cookie"]
        self._http.post("/internal/logout", json={"refresh": self._refresh}, headers=self._hub)
        self._http.close()

    def _answer(self, response: httpx.Response, what: str) -> Any:
        if response.status_code >= httpx.codes.BAD_REQUEST:
            problem = response.json() if "json" in response.headers.get("content-type", "") else {}
            code = problem.get("code", "?")
            raise RecordsRefusedError(f"{self.username}: {what}: {response.status_code} {code} {problem.get('fields', '')}")
        return response.json() if response.content else None

    def get(self, path: str, **query: Any) -> Any:
        """GET below `/api/v1`."""
        return self._answer(self._http.get(f"/api/v1{path}", params=query), f"GET {path}")

    def post(self, path: str, body: dict[str, Any], key: str = "") -> Any:
        """POST below `/api/v1`; with `key`, doing it again has no second effect."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._answer(self._http.post(f"/api/v1{path}", json=body, headers=headers), f"POST {path}")

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT below `/api/v1`."""
        return self._answer(self._http.put(f"/api/v1{path}", json=body), f"PUT {path}")

    def wait_for_images(self, accession: str, seconds: float) -> dict[str, Any]:
        """Return the worklist row of an accession number once its images are linked to it."""
        end = time.monotonic() + seconds
        while True:
            for row in self.get("/worklist", q=accession)["rows"]:
                if row["accession"] == accession and row["study_uids"]:
                    return dict(row)
            if time.monotonic() > end:
                raise RecordsRefusedError(f"{accession}: 图像未在 {seconds:.0f} 秒内关联到检查 / its images were not linked in time")
            time.sleep(0.3)
