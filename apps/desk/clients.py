"""Clients of the services for use inside a desk's kernel: they carry the desk's ticket file, which is renewed from outside."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx


class TicketFile(httpx.Auth):
    """Reads `$DESK_DIR/ticket` for every request: the pages service replaces it long before it expires."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the ticket; once more with a fresh read when it was refused in the moment of renewal."""
        sent = self.path.read_text(encoding="ascii").strip()
        request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            fresh = self.path.read_text(encoding="ascii").strip()
            if fresh != sent:
                request.headers["Authorization"] = f"Bearer {fresh}"
                yield request


@dataclass(frozen=True)
class Services:
    """One client for each service, with its base address set: `services().mart.get("/figures/exams")`."""

    ris: httpx.Client
    images: httpx.Client
    mart: httpx.Client


_services: Services | None = None


def services() -> Services:
    """The clients of this kernel, made at first use (never before the fork: a TLS store and pools do not survive one)."""
    global _services  # noqa: PLW0603 - one set of connections per kernel
    if _services is None:
        folder = os.environ.get("DESK_DIR")
        if not folder:
            raise RuntimeError("没有工作台环境：请在工作台页面中使用 / no DESK_DIR: services() works only in a desk opened through the hub")
        ticket = TicketFile(Path(folder) / "ticket")

        def client(url: str) -> httpx.Client:
            return httpx.Client(base_url=url, auth=ticket, timeout=20.0, trust_env=False)

        _services = Services(
            ris=client(os.environ["RIS_URL"] + "/api/v1"), images=client(os.environ["IMAGES_URL"]), mart=client(os.environ["MART_URL"])
        )
    return _services
