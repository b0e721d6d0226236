"""Who asks: the caller's own ticket is handed on to node and ris, which decide what he may read. This service has no rights of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from dicom_node.client import NodeClient
from pipelines.serving.tickets import shown
from ris.client import RisClient, TicketVerifier


@dataclass(frozen=True)
class Sources:
    """Records and images as the caller may read them."""

    ris: RisClient
    node: NodeClient


class Door:
    """Refuses bad tickets here; revocations and rights are asked of the owners of the data at each request."""

    def __init__(self, key: Path, ris_url: str, images_url: str) -> None:
        self._verifier = TicketVerifier(key)
        self._ris, self._images = ris_url, images_url

    def enter(self, request: Request) -> Iterator[Sources]:
        """The sources for this request, closed after it; 401 without a good ticket."""
        found = shown(request, self._verifier)
        token, browser = found.token, found.browser
        with RisClient(self._ris, lambda: token, browser=browser) as ris, NodeClient(self._images, lambda: token, browser=browser) as node:
            yield Sources(ris, node)
