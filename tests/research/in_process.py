"""The research service in this process, over an archive made up, with projects put where the feed would put them: every day can be today."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from pipelines.research.app import API, Service, build
from pipelines.research.settings import Settings
from ris.tickets import TicketSigner
from tests.research.archive import publish

STUDIES = 400
ENDS = date(2027, 1, 31)


def project(code: str, **changes: Any) -> dict[str, Any]:
    """`data` of a `project.changed` row."""
    return {
        "code": code, "title": "胸部", "title_en": "Chest", "purpose": "剂量", "state": "approved", "expires_on": ENDS.isoformat(),
        "members": ["fellow"], "tables": ["studies", "series", "exams"], "pixels": True, "least": 5, "cut_on": None, "tokens": [], **changes,
    }  # fmt: skip


def token(name: str, **changes: Any) -> dict[str, Any]:
    """A token `rt_<name>` as the feed tells it."""
    digest = hashlib.sha256(f"rt_{name}".encode()).hexdigest()
    return {"id": name, "digest": digest, "expires_on": ENDS.isoformat(), "revoked": False, **changes}


PROJECTS = (
    project("chest", tokens=[token("good"), token("old", expires_on="2026-11-01"), token("dead", revoked=True)]),
    project("other", members=["stranger"], tokens=[token("foreign")]),
    project("short", expires_on="2026-12-01", tokens=[token("short")]),
    project("narrow", tables=["exams"], pixels=False),
    project("sketch", state="draft"),
    project("gone", state="closed", tokens=[token("gone")]),
)


@dataclass
class Lab:
    """The service and ways to ask it; `today` is the day it takes for today."""

    folder: Path
    service: Service
    http: TestClient
    signer: TicketSigner
    today: date = date(2026, 11, 27)
    kept: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def ticket(
        self, username: str, kind: Any = "kernel", desk: str | None = "research", operations: tuple[str, ...] = ("research.use",)
    ) -> str:
        """A ticket."""
        key = (username, kind, desk, operations)
        if key not in self.kept:
            self.kept[key] = self.signer.sign(kind, username, 600, sid=f"s-{username}", operations=frozenset(operations), desk=desk)[0]
        return self.kept[key]

    def ask(self, bearer: str, path: str, method: str = "GET", **more: Any) -> Any:
        """Ask with a ticket, a token, or the name of somebody in the room."""
        shown = bearer if bearer.startswith(("rt_", "ey")) else self.ticket(bearer)
        headers = {"Authorization": f"Bearer {shown}"} | more.pop("headers", {})
        return self.http.request(method, API + path, headers=headers, **more)

    def put(self, data: dict[str, Any]) -> None:
        """What the feed would tell."""
        self.service.store.put_project(data["code"], data)

    def again(self) -> None:
        """All projects as at first, and the folders looked after."""
        self.today = date(2026, 11, 27)
        for one in PROJECTS:
            self.put(one)
        self.service.library.look()

    def pass_days(self, days: int) -> None:
        """Later."""
        self.today += timedelta(days=days)


def make_lab(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Lab:
    """A service over an archive of `STUDIES` studies, its tables made."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = TicketSigner(private)
    (folder / "public.pem").write_bytes(signer.public_pem)
    (folder / "secret").write_text("x")
    publish(folder / "published", STUDIES)
    given = {
        "data": folder / "data", "port": 1, "ticket_key": folder / "public.pem", "published": folder / "published", "minutes": 0.0001,
        "ris_url": "http://127.0.0.1:9/services/ris", "images_url": "http://127.0.0.1:9/services/images", "service_name": "research",
        "service_secret_file": folder / "secret", "requests": 1_000_000, **settings,
    }  # fmt: skip
    service = Service(Settings(**given))
    service.follower.caught_up.set()
    lab = Lab(folder, service, TestClient(build(service), raise_server_exceptions=False), signer)
    monkeypatch.setattr(service.door, "today", lambda: lab.today)
    monkeypatch.setattr(service.library, "_today", lambda: lab.today)
    lab.again()
    return lab
