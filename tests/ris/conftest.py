"""A whole records service per database: a centre, two hospitals, an account per role, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from ris.app import API, PREFIX, make_app
from ris.database import Database
from ris.setting_up import bootstrap
from ris.settings import Settings

POSTGRES = Path(os.environ.get("POSTGRES_BIN") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/nowhere"))
PASSWORD = "a-long-password"
COUNTER = itertools.count(1)
CLINICAL = ("radiologist", "reviewer", "technician", "registrar", "clinician", "nurse", "administrator")


def new_key() -> tuple[bytes, bytes]:
    """A private and public Ed25519 key, PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _run(command: list[str], folder: Path) -> None:
    user = shutil.which("runuser")
    whole = [user, "-u", "postgres", "--", *command] if os.geteuid() == 0 and user else command
    subprocess.run(whole, check=True, capture_output=True, cwd=folder, timeout=60)


@pytest.fixture(scope="package")
def postgres() -> Iterator[str]:
    """Base URL of a PostgreSQL started for these tests; skips in words where its programs are absent."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip("no PostgreSQL programs: apt-get install postgresql, or set POSTGRES_BIN to their folder")
    folder = Path(tempfile.mkdtemp(prefix="ris-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    try:
        _run([str(POSTGRES / "initdb"), "-D", str(data), "-U", "ris", "--auth=trust", "-E", "UTF8", "--no-sync"], folder)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        _run([str(POSTGRES / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "-t", "60", "start"], folder)
        yield f"postgresql://ris@/{{name}}?host={folder}"
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            _run([str(POSTGRES / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], folder)
        shutil.rmtree(folder, ignore_errors=True)


def new_database(kind: str, request: pytest.FixtureRequest) -> str:
    """URL of a new empty database."""
    if kind == "sqlite":
        return f"sqlite:///{tempfile.mkdtemp(prefix='ris-')}/records.sqlite"
    import psycopg

    base = request.getfixturevalue("postgres")
    name = f"ris_{os.getpid()}_{next(COUNTER)}"
    with psycopg.connect(base.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(base.format(name=name))


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The database under test."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest) -> str:
    """A new empty database of the kind under test."""
    return new_database(kind, request)


def world() -> dict[str, Any]:
    """The catalogue and accounts of the tests: `<role>.<institution>`, all with the same password."""
    accounts = [
        {
            "username": f"{role}.{place}".lower(),
            "name": f"{place}{role}",
            "password": PASSWORD,
            "assignments": [{"role": role, "institution": place}],
        }
        for place in ("C", "HA", "HB")
        for role in CLINICAL
    ]
    accounts += [
        {"username": role, "name": role, "password": PASSWORD, "assignments": [{"role": role, "institution": "C"}]}
        for role in ("operator", "researcher", "patient")
    ]
    accounts.append(
        {"username": "second.reviewer", "name": "周审核", "password": PASSWORD, "assignments": [{"role": "reviewer", "institution": "C"}]}
    )
    institutions = [
        {"code": "C", "name": "儿童医院诊断中心", "name_en": "Centre", "kind": "centre"},
        {"code": "HA", "name": "甲县医院", "name_en": "Hospital A"},
        {"code": "HB", "name": "乙县医院", "name_en": "Hospital B"},
    ]
    return {"institutions": institutions, "departments": [{"institution": "HA", "code": "R", "name": "放射科"}], "accounts": accounts}


def secret_of(service: str) -> str:
    """The secret of a service in the tests."""
    return f"{service}-secret"


def settings_in(folder: Path, url: str, **more: Any) -> Settings:
    """Settings with keys and services in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    private, public = new_key()
    (folder / "key.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(public)
    digests = {name: hashlib.sha256(secret_of(name).encode()).hexdigest() for name in ("hub", "pages", "mart", "followers", "stranger")}
    (folder / "services.json").write_text(json.dumps(digests))
    return Settings(database=url, ticket_key=folder / "key.pem", services=folder / "services.json", **more)


@dataclass
class Person:
    """Somebody at a browser: a ticket cookie and the proof that his own page asks."""

    house: House
    username: str
    ticket: str
    refresh: str

    def ask(self, method: str, path: str, *, key: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """Ask the API (path below /api/v1); returns the answer."""
        given = {
            "Cookie": f"hub-ticket={self.ticket}",
            "Sec-Fetch-Site": "same-origin",
            **({"Idempotency-Key": key} if key else {}),
            **(headers or {}),
        }
        return self.house.http.request(method, API + path, headers=given, **more)

    def get(self, path: str, **more: Any) -> Any:
        """GET, must succeed; returns the JSON."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any, **more: Any) -> Any:
        """POST, must succeed; returns the JSON."""
        answer = self.ask("POST", path, json=body, **more)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()


@dataclass
class House:
    """The running service and ways to come in."""

    http: TestClient
    settings: Settings
    kind: str
    people: dict[str, Person] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The service's own database."""
        database: Database = self.http.app.state.parts.database  # type: ignore[attr-defined]
        return database

    def internal(self, path: str, body: Any = None, service: str = "hub") -> Any:
        """Call an internal route as a service."""
        return self.http.post(f"{PREFIX}/internal/{path}", json=body, headers={"Authorization": f"Service {service}:{secret_of(service)}"})

    def login(self, username: str, password: str = PASSWORD) -> Person:
        """Log in anew."""
        answer = self.internal("login", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return Person(self, answer.json()["username"], answer.json()["ticket"], answer.json()["refresh"])

    def as_(self, username: str) -> Person:
        """Somebody logged in once for all tests."""
        if username not in self.people:
            self.people[username] = self.login(username)
        return self.people[username]

    def service(self, name: str, method: str, path: str, **more: Any) -> Any:
        """Ask the API as a service."""
        if name not in self.tickets:
            self.tickets[name] = self.internal("service-ticket", service=name).json()["ticket"]
        return self.http.request(method, API + path, headers={"Authorization": f"Bearer {self.tickets[name]}"}, **more)

    def arrive(self, **changes: Any) -> dict[str, Any]:
        """Send one arrival; returns its result."""
        answer = self.service("followers", "POST", "/studies/arrivals", json={"arrivals": [arrival(**changes)]})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["results"][0]
        return result

    def exam_with_images(self, place: str = "HA", **changes: Any) -> dict[str, Any]:
        """An unscheduled exam whose images are complete; returns its row."""
        result = self.arrive(institution=place, quiet=True, **changes)
        return dict(self.as_("reviewer.c").get(f"/exams/{result['exam_id']}"))

    def feed(self, since: int = 0) -> list[dict[str, Any]]:
        """All feed rows behind `since` once the outbox is empty."""
        import time

        from sqlalchemy import func, select

        from ris.feed import OutboxRow

        for _ in range(100):
            with self.database.read() as session:
                if session.scalar(select(func.count()).select_from(OutboxRow)) == 0:
                    break
            time.sleep(0.05)
        rows: list[dict[str, Any]] = []
        while page := self.service("pages", "GET", f"/feed?since={since}&limit=1000").json()["rows"]:
            rows += page
            since = page[-1]["seq"]
        return rows


def arrival(**changes: Any) -> dict[str, Any]:
    """An Arrival as the node sends it, with a study of its own."""
    number = next(COUNTER)
    return {
        "images_seq": 1,
        "study_uid": f"1.2.826.0.1.{os.getpid()}.{number}",
        "institution": "HA",
        "accession": None,
        "patient_id": f"P{number}",
        "patient_name": "Wang^Xiaoming=王^小明",
        "birth_date": "20230801",
        "sex": "M",
        "modality": "CT",
        "modalities": ["CT"],
        "description": "Chest",
        "body_part": "CHEST",
        "study_date": "20261120",
        "study_time": "083015",
        "series": 1,
        "instances": 10,
        "quiet": False,
        "calling_aet": "CT1",
        **changes,
    }


def order(place: str = "HA", **changes: Any) -> dict[str, Any]:
    """An order with one exam and a patient of its own."""
    number = next(COUNTER)
    patient = {"patient_id": f"PID{number}", "name": "李小红", "sex": "F", "birth_date": "2024-05-06", **changes.pop("patient", {})}
    exam = {"accession": f"ACC{number}", "modality": "CT", "body_part": "CHEST", "description": "胸部平扫", **changes.pop("exam", {})}
    return {"institution": place, "patient": patient, "exams": [exam], "priority": "routine", "history": "咳嗽三天", **changes}


def book(house: House, place: str = "HA", **changes: Any) -> dict[str, Any]:
    """Place an order as the hospital's registrar; returns the order."""
    return dict(house.as_(f"registrar.{place.lower()}").post("/orders", order(place, **changes)))


@pytest.fixture(scope="package")
def house(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service on one database, for all tests."""
    folder = tmp_path_factory.mktemp(f"ris-{kind}")
    settings = settings_in(folder, new_database(kind, request), atlas=folder / "atlas")
    counts = bootstrap(settings, world())
    assert counts == {"institutions": 3, "departments": 1, "accounts": len(CLINICAL) * 3 + 4}
    assert bootstrap(settings, world()) == {"institutions": 0, "departments": 0, "accounts": 0}
    with TestClient(make_app(settings), raise_server_exceptions=False) as http:
        yield House(http, settings, kind)
