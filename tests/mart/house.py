"""A real ris, a real node and a real mart on free ports in one folder, and the acts of people on them, through their APIs."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).resolve().parents[2]
SAME = {"Sec-Fetch-Site": "same-origin"}
SERVICES = ("hub", "pages", "mart", "research", "followers")
PASSWORD = "correct horse battery"
PEOPLE = {
    "admin": [("administrator", "CENTRE")],
    "writer": [("radiologist", "CENTRE")],
    "chief": [("reviewer", "CENTRE")],
    "boss1": [("administrator", "H01")],
    "boss2": [("administrator", "H02")],
    "clinic": [("clinician", "H01")],
    "desk1": [("registrar", "H01")],
    "both": [("administrator", "H01"), ("radiologist", "CENTRE")],
    "leaver": [("administrator", "CENTRE")],
}
HOSPITALS = {
    "CENTRE": ("诊断中心", "Centre", "centre"),
    "H01": ("第一医院", "First Hospital", "hospital"),
    "H02": ("第二医院", "Second Hospital", "hospital"),
}


def wait_for(what: Callable[[], Any], seconds: float = 20.0, says: Callable[[], str] = str) -> Any:
    """Poll until `what()` is true; fail with words after the limit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if found := what():
                return found
        except (httpx.HTTPError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {says()}")


@dataclass
class House:
    """Folder, ports and processes."""

    folder: Path
    port: Callable[[], int]
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    arrived: int = 0

    def __post_init__(self) -> None:
        key = Ed25519PrivateKey.generate()
        self.private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.folder / "private.pem").write_bytes(self.private)
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "public.pem").write_bytes(public)
        self.secrets = {name: secrets.token_hex(16) for name in SERVICES}
        (self.folder / "services.json").write_text(
            json.dumps({name: hashlib.sha256(value.encode()).hexdigest() for name, value in self.secrets.items()})
        )
        for name, value in self.secrets.items():
            (self.folder / f"{name}.secret").write_text(value)
        (self.folder / "devices.json").write_text(
            json.dumps([{"aet": code, "institution": code, "may": ["echo", "store", "find"]} for code in ("H01", "H02")])
        )
        self.ports = {name: self.port() for name in ("ris", "node", "dicom", "mart", "away")}

    # -- processes -----------------------------------------------------------------------------------------------------------

    @property
    def ris(self) -> str:
        return f"http://127.0.0.1:{self.ports['ris']}/services/ris"

    @property
    def images(self) -> str:
        return f"http://127.0.0.1:{self.ports['node']}/services/images"

    @property
    def mart(self) -> str:
        return f"http://127.0.0.1:{self.ports['mart']}/services/mart"

    def environment(self, name: str, data: str = "mart") -> dict[str, str]:
        base = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ}
        own = {
            "ris": {
                "RIS_PORT": str(self.ports["ris"]),
                "RIS_DATABASE": f"sqlite:///{self.folder}/records.sqlite",
                "RIS_TICKET_KEY": str(self.folder / "private.pem"),
                "RIS_SERVICES": str(self.folder / "services.json"),
            },
            "node": {
                "NODE_DATA": str(self.folder / "node"),
                "NODE_DICOM_PORT": str(self.ports["dicom"]),
                "NODE_DICOM_HOST": "127.0.0.1",
                "NODE_HTTP_PORT": str(self.ports["node"]),
                "NODE_DEVICES": str(self.folder / "devices.json"),
                "NODE_TICKET_KEY": str(self.folder / "public.pem"),
            },
            "mart": {
                "MART_DATA": str(self.folder / data),
                "MART_PORT": str(self.ports["mart"]),
                "MART_TICKET_KEY": str(self.folder / "public.pem"),
                "RIS_URL": self.ris,
                "IMAGES_URL": self.images,
                "SERVICE_NAME": "mart",
                "SERVICE_SECRET_FILE": str(self.folder / "mart.secret"),
            },
        }
        return base | own[name]

    def command_of(self, name: str) -> list[str]:
        """How a service is started."""
        return {"ris": ["-m", "ris"], "node": ["-m", "dicom_node"], "mart": ["-m", "pipelines.mart"]}[name]

    def address(self, name: str) -> str:
        """Where a service answers."""
        return {"ris": self.ris, "node": self.images, "mart": self.mart}[name]

    def start(self, name: str, *, data: str = "mart", wait: bool = True) -> None:
        command = self.command_of(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.environment(name, data), stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            url = self.address(name)
            wait_for(lambda: httpx.get(f"{url}/healthz", timeout=2).status_code == 200, 30, lambda: f"{name}: {self.log(name)[-2000:]}")

    def command(self, *words: str, data: str = "mart", seconds: float = 40) -> subprocess.CompletedProcess[str]:
        """Run `python -m pipelines.mart <words>` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "pipelines.mart", *words],
            cwd=ROOT, env=self.environment("mart", data), capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def end(self, name: str, sign: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(sign)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def stop(self) -> None:
        for name in reversed(list(self.processes)):  # who asks ends before who answers
            self.end(name)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def bootstrap(self, people: dict[str, list[tuple[str, str]]] = PEOPLE) -> None:
        """Institutions and accounts, through ris' own command."""
        given = {
            "institutions": [{"code": code, "name": zh, "name_en": en, "kind": kind} for code, (zh, en, kind) in HOSPITALS.items()],
            "accounts": [
                {
                    "username": name,
                    "name": name,
                    "password": PASSWORD,
                    "assignments": [{"role": role, "institution": place} for role, place in roles],
                }
                for name, roles in people.items()
            ],
        }
        (self.folder / "bootstrap.json").write_text(json.dumps(given))
        done = subprocess.run(
            [sys.executable, "-m", "ris", "bootstrap", "--file", str(self.folder / "bootstrap.json")],
            cwd=ROOT, env=self.environment("ris"), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    @staticmethod
    def people() -> dict[str, list[tuple[str, str]]]:
        """Username → (role, institution)."""
        return dict(PEOPLE)

    # -- people --------------------------------------------------------------------------------------------------------------

    def service(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Service {name}:{self.secrets[name]}"}

    def login(self, username: str, *, fresh: bool = False) -> str:
        if fresh or username not in self.cookies:
            answer = httpx.post(
                f"{self.ris}/internal/login", json={"username": username, "password": PASSWORD}, headers=self.service("hub"), timeout=20
            )
            assert answer.status_code == 200, answer.text
            self.cookies[username] = answer.json()["ticket"]
        return self.cookies[username]

    def call(self, username: str, method: str, path: str, **more: Any) -> Any:
        headers = SAME | {"Cookie": f"hub-ticket={self.login(username)}"} | more.pop("headers", {})
        answer = httpx.request(method, f"{self.ris}/api/v1{path}", headers=headers, timeout=20, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def ask(self, username: str | None, path: str, **params: Any) -> httpx.Response:
        """A question to the mart as a browser asks it."""
        headers = {"Cookie": f"hub-ticket={self.login(username)}"} if username else {}
        return httpx.get(f"{self.mart}{path}", params=params or None, headers=headers, timeout=20)

    def service_ticket(self, name: str) -> str:
        answer = httpx.post(f"{self.ris}/internal/service-ticket", headers=self.service(name), timeout=10)
        return str(answer.raise_for_status().json()["ticket"])

    def arrive(self, studies: list[dict[str, Any]], *, quiet: bool = True) -> list[dict[str, Any]]:
        """Tell ris of studies as the linking follower does."""
        told = []
        for study in studies:
            self.arrived += 1
            told.append({"images_seq": self.arrived, "quiet": quiet, "series": 1, "instances": 10, **study})
        headers = {"Authorization": f"Bearer {self.service_ticket('followers')}"}
        answer = httpx.post(f"{self.ris}/api/v1/studies/arrivals", json={"arrivals": told}, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def report(self, exam_id: int, *, sign: bool, positive: bool | None) -> int:
        """A report written, submitted and (where wished) signed by another doctor."""
        made = self.call("writer", "POST", "/reports", json={"exam_ids": [exam_id]})
        words = {"findings": "双肺纹理清晰。", "impression": "未见异常。", "positive": positive}
        sent = {"action": "submit", "version": made["version"], **words}
        done = self.call(
            "writer", "POST", f"/reports/{made['id']}/transitions", json=sent, headers={"Idempotency-Key": secrets.token_hex(8)}
        )
        if sign:
            self.act(made["id"], "sign", done["version"])
        return int(made["id"])

    def act(self, report_id: int, action: str, version: int, **more: Any) -> dict[str, Any]:
        body = {"action": action, "version": version, **more}
        moved: dict[str, Any] = self.call(
            "chief", "POST", f"/reports/{report_id}/transitions", json=body, headers={"Idempotency-Key": secrets.token_hex(8)}
        )
        return moved

    def forge(self, key: bytes | None = None, **claims: Any) -> str:
        """A ticket of our own making; by default signed with the real key and good for the whole centre."""
        now = time.time()
        whole = {
            "iss": "ris", "aud": "hub", "iat": now, "exp": now + 60, "jti": secrets.token_hex(6), "kind": "kernel",
            "sub": "admin", "name": "", "sid": "s",
            "assignments": [{"role": "administrator", "institution": "CENTRE"}], "operations": ["statistics.view"], "institutions": ["*"],
        }  # fmt: skip
        return jwt.encode(whole | claims, key or self.private, algorithm="EdDSA")

    def records_at(self) -> int:
        """The number the mart has read the records feed up to."""
        states = httpx.get(f"{self.mart}/healthz", timeout=5).json()["followers"]
        return int(next(state["seq"] for state in states if state["follower"] == "records"))

    def feed(self) -> list[dict[str, Any]]:
        """The whole records feed."""
        rows: list[dict[str, Any]] = []
        headers = {"Authorization": f"Bearer {self.service_ticket('mart')}"}
        while True:
            page = httpx.get(
                f"{self.ris}/api/v1/feed", params={"since": rows[-1]["seq"] if rows else 0, "limit": 500}, headers=headers, timeout=20
            ).json()
            if not page["rows"]:
                return rows
            rows += page["rows"]

    def settle(self) -> None:
        """Wait until the mart has read what ris has said so far (numbering follows the commit by moments)."""
        wait_for(lambda: self.records_at() == (self.feed() or [{"seq": 0}])[-1]["seq"], 20, lambda: self.log("mart")[-1500:])
