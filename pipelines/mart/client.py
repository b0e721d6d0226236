"""Client of the figures service: the one door through which desks and notebooks read the mart."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import httpx

By = Literal["institution", "modality", "day", "total"]
Ticket = str | Callable[[], str]


class MartError(Exception):
    """A refusal of the service: `status`, stable `code`, words in both languages. Status 0: the service could not be reached."""

    def __init__(self, status: int, code: str, words: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.words = status, code, words


UNREACHABLE = {
    "zh": {"title": "统计服务暂时无法连接", "action": "请稍候几秒再试。"},
    "en": {"title": "The statistics service cannot be reached", "action": "Wait some seconds, then retry."},
}


@dataclass(frozen=True)
class Answer:
    """Rows of a figure, what they count in both languages, the filters applied, and the feed positions they stand for."""

    rows: list[dict[str, Any]]
    definition: dict[str, str]
    filters: dict[str, Any]
    as_of_seq: int
    total: int | None = None
    timezone: str | None = None
    definitions: dict[str, dict[str, str]] | None = None
    """Of each figure, where an answer has several."""


class _Bearer(httpx.Auth):
    """Sends the ticket of the moment with each request: a script's ticket may be renewed while it runs."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._ticket() if callable(self._ticket) else self._ticket}"
        yield request


class MartClient:
    """Reads figures with a ticket (text, or a function that gives the present one)."""

    def __init__(self, base_url: str, ticket: Ticket, *, timeout: float = 20.0, http: httpx.Client | None = None) -> None:
        self._http = http or httpx.Client(base_url=base_url.rstrip("/"), auth=_Bearer(ticket), timeout=timeout, trust_env=False)

    @classmethod
    def over(cls, http: httpx.Client) -> MartClient:
        """Read through a connection that knows address and ticket already: `apps.desk.services().mart`."""
        return cls("", "", http=http)

    def _get(self, path: str, **asked: Any) -> Answer:
        parameters = {name: value for name, value in asked.items() if value not in (None, "", [], ())}
        try:
            response = self._http.get(path, params=parameters)
        except httpx.TransportError as error:
            raise MartError(0, "mart.unreachable", UNREACHABLE) from error
        if response.status_code != 200:
            try:
                problem = response.json()
                raise MartError(response.status_code, str(problem["code"]), problem["words"])
            except (ValueError, KeyError) as error:
                raise MartError(response.status_code, "mart.unreachable", UNREACHABLE) from error
        body = response.json()
        return Answer(
            body["rows"],
            body["definition"],
            body["filters"],
            body["as_of_seq"],
            body.get("total"),
            body.get("timezone"),
            body.get("definitions"),
        )

    def figure(
        self,
        name: Literal["exams", "turnaround", "accesses", "rejects"],
        by: By | Literal["reason"],
        *,
        first: date | str | None = None,
        last: date | str | None = None,
        institution: list[str] | None = None,
        modality: list[str] | None = None,
    ) -> Answer:
        """One figure by institution, modality, day or in total, rejects also by reason; days are local days, both ends included."""
        return self._get(f"/figures/{name}", by=by, **{"from": _day(first), "to": _day(last)}, institution=institution, modality=modality)

    def overview(
        self,
        *,
        first: date | str | None = None,
        last: date | str | None = None,
        institution: list[str] | None = None,
        modality: list[str] | None = None,
    ) -> Answer:
        """The figures row: rows `current` and, when both ends are given, `previous` (same number of days before)."""
        return self._get("/figures/overview", **{"from": _day(first), "to": _day(last)}, institution=institution, modality=modality)

    def choices(self) -> Answer:
        """Institutions and modalities that have exams in the reader's scope, first and last day."""
        return self._get("/choices")

    def exams(
        self,
        *,
        first: date | str | None = None,
        last: date | str | None = None,
        institution: list[str] | None = None,
        modality: list[str] | None = None,
        status: Literal["all", "signed", "waiting", "positive"] = "all",
        limit: int = 100,
        offset: int = 0,
    ) -> Answer:
        """A page of the exams behind a figure, newest first; `total` says how many there are."""
        asked = {"from": _day(first), "to": _day(last)}
        return self._get("/exams", **asked, institution=institution, modality=modality, status=status, limit=limit, offset=offset)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _day(value: date | str | None) -> str | None:
    return value.isoformat() if isinstance(value, date) else value
