"""Who asks: the ticket of a request is checked here, and what it may see is asked of the node with that same ticket.

This service holds no ticket of its own, so that nobody reaches an image through it that the node would not show.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request

from dicom_node.client import NodeClient, NodeError
from pipelines.serving.problems import Problem
from pipelines.serving.tickets import same_origin, shown
from ris.client import TicketVerifier

OPERATION = "image.view"
REMEMBERED = 15.0
"""Seconds for which the node's word that a ticket may see a series is believed; a revocation counts after that."""


@dataclass(frozen=True)
class Caller:
    """The ticket of a request, to be passed on, and whose it is."""

    ticket: str = field(repr=False)
    browser: bool
    sid: str

    def client(self, images_url: str) -> NodeClient:
        """A client of the node with the rights of this caller."""
        return NodeClient(images_url, lambda: self.ticket, browser=self.browser)


class Door:
    """Checks tickets with the public key of the records service and asks the node for what they may see."""

    def __init__(self, key: Path, images_url: str) -> None:
        self._verifier = TicketVerifier(key)
        self._images_url = images_url
        self._allowed: dict[tuple[str, str, str], float] = {}
        self._lock = threading.Lock()

    def enter(self, request: Request, *clauses: str) -> Caller:
        """The caller, who is licensed for one of these functions (`ris/access/licence.py`).

        401 without a living ticket, 403 without the right to images or the licence, or for a write from another site.
        """
        found = shown(request, self._verifier)
        if not found.ticket.may(OPERATION):
            raise Problem("right.missing")
        if not found.ticket.licensed(*clauses):
            raise Problem("function.missing")
        if found.browser and request.method not in {"GET", "HEAD"} and not same_origin(request):
            raise Problem("request.cross_site")
        return Caller(found.token, found.browser, found.ticket.sid)

    def header(self, caller: Caller, study: str, series: str) -> dict[str, Any]:
        """The series' header as the node gives it to this caller; a problem when it does not."""
        with caller.client(self._images_url) as node, _asking():
            found = node.series_header(study, series)
        self._remember(caller, study, series)
        return found

    def permit(self, caller: Caller, study: str, series: str) -> None:
        """Make sure that the node shows this series to this caller."""
        with self._lock:
            until = self._allowed.get(_key(caller, study, series), 0.0)
        if time.monotonic() >= until:
            self.header(caller, study, series)

    def modality(self, caller: Caller, study: str, series: str) -> str:
        """Modality of the series as its study's summary has it; `series.unknown` when it is not there."""
        with caller.client(self._images_url) as node, _asking():
            summary = node.study_summary(study)
        for each in summary["series"]:
            if each["series_uid"] == series:
                return str(each["modality"] or "")
        raise Problem("series.unknown")

    def metadata(self, caller: Caller, study: str, series: str) -> list[dict[str, Any]]:
        """Headers of the series' instances in DICOM JSON."""
        with caller.client(self._images_url) as node, _asking():
            return node.series_metadata(study, series)

    @contextmanager
    def reading(self, caller: Caller) -> Iterator[NodeClient]:
        """The node with the rights of this caller, its refusals as problems."""
        with caller.client(self._images_url) as node, _asking():
            yield node

    def _remember(self, caller: Caller, study: str, series: str) -> None:
        now = time.monotonic()
        with self._lock:
            self._allowed = {key: until for key, until in self._allowed.items() if until > now}
            self._allowed[_key(caller, study, series)] = now + REMEMBERED


def problem_of(error: Exception) -> Problem | None:
    """The problem that a refusal of the node, or its absence, is for our caller; None for anything else."""
    if isinstance(error, NodeError):
        by_status = {401: "ticket.invalid", 403: "right.missing", 404: "series.unknown"}
        return Problem(by_status.get(error.status, "images.away"))
    if isinstance(error, (httpx.TransportError, ConnectionError)):
        return Problem("images.away")
    return None


class _asking:  # noqa: N801 - reads as a statement
    """The node's refusals as problems of this service."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        problem = problem_of(error) if isinstance(error, Exception) else None
        if problem:
            raise problem from error


def _key(caller: Caller, study: str, series: str) -> tuple[str, str, str]:
    return hashlib.sha256(caller.ticket.encode()).hexdigest(), study, series
