"""The one door through which other Python code calls the records service.

    tickets = ServiceTicket("http://127.0.0.1:8001/services/ris", "mart", "secrets/mart.secret")
    ris = RisClient("http://127.0.0.1:8001/services/ris", tickets)
    page = ris.feed(since=0, wait=20)

A client is safe to use from several threads. Answers are the JSON of docs/interfaces.md, section 4.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ris.tickets import COOKIE, Ticket, TicketError, TicketVerifier

__all__ = ["COOKIE", "RisClient", "RisProblem", "ServiceTicket", "Ticket", "TicketError", "TicketVerifier"]

Json = dict[str, Any]


class RisProblem(Exception):  # noqa: N818 - the answer is a problem (RFC 9457)
    """The service refused. `code` is stable; `body` is the whole problem with words in both languages."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", "ris.failed"))
        self.body = dict(body)
        super().__init__(f"{status} {self.code}")


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    try:
        body = response.json()
    except ValueError:
        body = {"code": "ris.failed"}
    raise RisProblem(response.status_code, body if isinstance(body, dict) else {"code": "ris.failed"})


class ServiceTicket:
    """A callable that returns a living service ticket, fetched with the service's secret and kept for two thirds of its life."""

    def __init__(self, base_url: str, name: str, secret_file: Path | str, client: httpx.Client | None = None) -> None:
        self._url = base_url.rstrip("/") + "/internal/service-ticket"
        self._name = name
        self._file = Path(secret_file)
        self._client = client or httpx.Client(timeout=10, trust_env=False)
        self._lock = threading.Lock()
        self._ticket = ""
        self._until = 0.0

    def __call__(self) -> str:
        """Return the ticket."""
        with self._lock:
            if time.monotonic() >= self._until:
                secret = self._file.read_text("utf-8").strip()
                data = _answer(self._client.post(self._url, headers={"Authorization": f"Service {self._name}:{secret}"}))
                life = (datetime.fromisoformat(data["expires_at"]) - datetime.now(UTC)).total_seconds()
                self._ticket, self._until = str(data["ticket"]), time.monotonic() + max(life * 2 / 3, 1.0)
            return self._ticket

    def forget(self) -> None:
        """Fetch a new one next time (the service answered 401)."""
        with self._lock:
            self._until = 0.0


class RisClient:
    """Calls of the records API with the ticket that `ticket()` returns.

    `browser`: it is a browser's ticket, which a service hands on to read what its caller may read; it travels as the cookie it is.
    """

    def __init__(
        self,
        base_url: str,
        ticket: Callable[[], str],
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        browser: bool = False,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._ticket = ticket
        self._browser = browser
        self._client = httpx.Client(timeout=timeout, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Call `/api/v1<path>`; `key` is sent as Idempotency-Key. Raises RisProblem, or httpx.HTTPError when the service is away."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        for again in (True, False):
            ticket = self._ticket()
            headers = {"Cookie": f"{COOKIE}={ticket}"} if self._browser else {"Authorization": f"Bearer {ticket}"}
            headers |= {"Idempotency-Key": key} if key else {}
            response = self._client.request(
                method,
                f"{self._base}/api/v1{path}",
                params=given,
                json=json,
                headers=headers,
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            )
            if response.status_code == 401 and again and isinstance(self._ticket, ServiceTicket):
                self._ticket.forget()  # its key or secret was changed meanwhile
                continue
            break
        return _answer(response)

    def healthy(self) -> bool:
        """Say whether the service answers and can work."""
        try:
            return self._client.get(f"{self._base}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    # who I am
    def me(self) -> Json:
        """Return the caller."""
        return dict(self.call("GET", "/me"))

    def renew(self) -> Json:
        """Return `{ticket, expires_at}`, a fresh ticket of the same kind."""
        return dict(self.call("POST", "/tickets/renew"))

    def kernel_ticket(self, browser_ticket: str, desk: str) -> Json:
        """Return `{ticket, expires_at}` for the kernel of a desk, from its user's browser ticket."""
        headers = {"Cookie": f"{COOKIE}={browser_ticket}", "Sec-Fetch-Site": "same-origin"}
        return dict(_answer(self._client.post(f"{self._base}/api/v1/tickets/kernel", json={"desk": desk}, headers=headers)))

    def me_of(self, browser_ticket: str) -> Json:
        """Return whose browser ticket this is, as ris knows him now (a dead session raises RisProblem 401)."""
        return dict(_answer(self._client.get(f"{self._base}/api/v1/me", headers={"Cookie": f"{COOKIE}={browser_ticket}"})))

    # worklist, exams, reports
    def worklist(self, **filters: Any) -> Json:
        """Return `{rows, counts, seq}`; filters as in the API (view, q, modality, institution, date_from, date_to, limit)."""
        return dict(self.call("GET", "/worklist", params=filters))

    def exam(self, exam_id: int) -> Json:
        """Return an exam in full (audited as a view)."""
        return dict(self.call("GET", f"/exams/{exam_id}"))

    def key_images(self, exam_id: int) -> list[Json]:
        """Return the key images of an exam that are not removed, without their pictures (audited as a view)."""
        return list(self.call("GET", f"/exams/{exam_id}/key-images")["rows"])

    def markings(self, exam_id: int) -> list[Json]:
        """Return the markings of an exam that are not removed (audited as a view)."""
        return list(self.call("GET", f"/exams/{exam_id}/markings")["rows"])

    def report(self, report_id: int) -> Json:
        """Return a report as the caller may see it."""
        return dict(self.call("GET", f"/reports/{report_id}"))

    def begin_report(self, exam_ids: Iterable[int]) -> Json:
        """Begin a report, or return the caller's open one."""
        return dict(self.call("POST", "/reports", json={"exam_ids": list(exam_ids)}))

    def save_draft(self, report_id: int, version: int, findings: str, impression: str, *, positive: bool | None) -> Json:
        """Keep what was typed: `{version, saved_at}`."""
        body = {"version": version, "findings": findings, "impression": impression, "positive": positive}
        return dict(self.call("PUT", f"/reports/{report_id}/draft", json=body))

    def move_report(self, report_id: int, action: str, version: int, *, key: str, **more: Any) -> Json:
        """Do an action on a report (submit, review, return, sign, recall, addendum)."""
        return dict(self.call("POST", f"/reports/{report_id}/transitions", json={"action": action, "version": version, **more}, key=key))

    def report_pdf(self, report_id: int) -> bytes:
        """Return the report's PDF."""
        response = self._client.get(
            f"{self._base}/api/v1/reports/{report_id}/pdf", headers={"Authorization": f"Bearer {self._ticket()}"}, timeout=90
        )
        if not response.is_success:
            _answer(response)
        return response.content

    # orders and the catalogue
    def place_order(self, order: Mapping[str, Any], *, key: str | None = None) -> Json:
        """Place an order, with its exams."""
        return dict(self.call("POST", "/orders", json=dict(order), key=key))

    def institutions(self) -> list[Json]:
        """Return the institutions the caller knows."""
        return list(self.call("GET", "/institutions"))

    # research projects
    def own_projects(self) -> list[Json]:
        """Return the projects that give data to the caller today."""
        return list(self.call("GET", "/me/projects")["projects"])

    def projects(self) -> list[Json]:
        """Return all projects (`project.manage`)."""
        return list(self.call("GET", "/projects")["rows"])

    def add_project(self, project: Mapping[str, Any], *, key: str | None = None) -> Json:
        """Add a project as a draft."""
        return dict(self.call("POST", "/projects", json=dict(project), key=key))

    def move_project(
        self, code: str, action: str, version: int, *, approval: Mapping[str, str] | None = None, key: str | None = None
    ) -> Json:
        """Approve (`approval`: number, by, day) or close a project."""
        body = {"action": action, "version": version, "approval": dict(approval) if approval else None}
        return dict(self.call("POST", f"/projects/{code}/transitions", json=body, key=key))

    def project_token(self, code: str, label: str, expires_on: str) -> Json:
        """Make a token of a project for a platform; `token` is told this one time only."""
        return dict(self.call("POST", f"/projects/{code}/tokens", json={"label": label, "expires_on": expires_on}))

    def revoke_project_token(self, code: str, token: str) -> Json:
        """Make a token (by its id) worthless."""
        return dict(self.call("DELETE", f"/projects/{code}/tokens/{token}"))

    # for services
    def feed(self, since: int, *, limit: int = 500, wait: float = 0) -> Json:
        """Return `{rows, next}` of the records feed behind `since`; waits up to `wait` seconds for the first."""
        return dict(self.call("GET", "/feed", params={"since": since, "limit": limit, "wait": wait}, timeout=wait + 30))

    def arrivals(self, arrivals: Iterable[Mapping[str, Any]]) -> list[Json]:
        """Send states of studies; return `{study_uid, linked, exam_id, reason}` for each, in order."""
        return list(self.call("POST", "/studies/arrivals", json={"arrivals": [dict(one) for one in arrivals]})["results"])

    def audit_entries(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Add acts seen by the calling service, once per key; return how many were new."""
        return int(self.call("POST", "/audit/entries", json={"entries": [dict(one) for one in entries]})["added"])
