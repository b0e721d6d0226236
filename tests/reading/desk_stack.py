"""The services a reading desk needs, really running for tests: ris, the node, the pages service with its zygote, and the proxy.

Linking is done by the test itself through ris' own arrivals address, so that a test says which study arrives when.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pydicom
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.worker import take_free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "reading-desk-1"
INSTITUTIONS = [
    {"code": "CENTRE", "name": "诊断中心", "name_en": "Reading centre", "kind": "centre"},
    {"code": "H01", "name": "长安区妇幼保健院", "name_en": "Chang'an Maternity Hospital"},
    {"code": "H02", "name": "高新区人民医院", "name_en": "Gaoxin People's Hospital"},
]
PEOPLE = {
    "doctor": ("李医生", "radiologist", "CENTRE"),
    "doctor2": ("赵医生", "radiologist", "CENTRE"),
    "hanger": ("孙医生", "radiologist", "CENTRE"),
    "reviewer": ("陈主任", "reviewer", "CENTRE"),
    "registrar": ("登记员", "registrar", "CENTRE"),
    "technician": ("王技师", "technician", "CENTRE"),
    "local1": ("周医生", "radiologist", "H01"),
    "local2": ("吴医生", "radiologist", "H02"),
}
HANGS = frozenset({"hanger"})
"""Whose cases are put up by hanging protocols; the others have turned that off, so that each of their tests begins with one view."""


def wait_for(what: Callable[[], Any], seconds: float = 20.0, says: str = "") -> Any:
    """Poll until `what()` is true; fail with words after the limit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            found = what()
        except (httpx.HTTPError, OSError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {says or what}")


@dataclass
class Stack:
    """The running services and what a test asks of them."""

    folder: Path
    dist: Path
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    arrivals: int = 0
    tickets: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def ris_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['ris']}/services/ris"

    def begin(self) -> None:
        key = Ed25519PrivateKey.generate()
        (self.folder / "private.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (self.folder / "public.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.secrets = {name: secrets.token_hex(16) for name in ("hub", "pages", "mart", "followers")}
        hashed = {name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in self.secrets.items()}
        (self.folder / "services.json").write_text(json.dumps(hashed))
        devices = [{"aet": f"CT_{code}", "institution": code, "may": ["echo", "store"]} for code in ("H01", "H02")]
        (self.folder / "devices.json").write_text(json.dumps(devices))
        accounts = [
            {"username": name, "name": shown, "password": PASSWORD, "assignments": [{"role": role, "institution": place}]}
            for name, (shown, role, place) in PEOPLE.items()
        ]
        (self.folder / "people.json").write_text(json.dumps({"institutions": INSTITUTIONS, "accounts": accounts}))
        self.ports = {name: take_free_port() for name in ("ris", "node", "dicom", "pages", "evidence", "proxy", "proxy-api")}
        command = [sys.executable, "-m", "ris", "bootstrap", "--file", str(self.folder / "people.json")]
        subprocess.run(command, cwd=ROOT, env=self.environment("ris"), check=True, timeout=60, capture_output=True)
        for name in ("ris", "node", "zygote", "proxy", "evidence"):
            self.start(name)
        for name in ("ris", "node", "zygote", "proxy", "evidence", "pages"):
            if name == "pages":
                self.start(name)
            self.ready(name)

    def environment(self, name: str) -> dict[str, str]:
        """Only what this process is told, as in the real process tree."""
        base = {key: os.environ[key] for key in ("PATH", "LANG", "HOME", "TZ") if key in os.environ}
        images = f"http://127.0.0.1:{self.ports['node']}/services/images"
        own: dict[str, dict[str, str]] = {
            "ris": {
                "RIS_PORT": str(self.ports["ris"]),
                "RIS_DATABASE": f"sqlite:///{self.folder / 'records.sqlite'}",
                "RIS_TICKET_KEY": str(self.folder / "private.pem"),
                "RIS_SERVICES": str(self.folder / "services.json"),
                "RIS_ATLAS": str(self.folder / "atlas"),
            },
            "node": {
                "NODE_DATA": str(self.folder / "node"),
                "NODE_DICOM_PORT": str(self.ports["dicom"]),
                "NODE_DICOM_HOST": "127.0.0.1",
                "NODE_HTTP_PORT": str(self.ports["node"]),
                "NODE_DEVICES": str(self.folder / "devices.json"),
                "NODE_TICKET_KEY": str(self.folder / "public.pem"),
            },
            "pages": {
                "PAGES_PORT": str(self.ports["pages"]),
                "PAGES_TICKET_KEY": str(self.folder / "public.pem"),
                "RIS_URL": self.ris_url,
                "IMAGES_URL": images,
                "MART_URL": "http://127.0.0.1:9/services/mart",
                "PAGES_RUN": str(self.folder / "run"),
                "PAGES_ZYGOTE": str(self.folder / "z.sock"),
                "PAGES_DIST": str(self.dist),
                "PAGES_POOL": "1",
                "PAGES_REFILL": "0.2",
            },
            "evidence": {
                "EVIDENCE_PORT": str(self.ports["evidence"]),
                "EVIDENCE_TICKET_KEY": str(self.folder / "public.pem"),
                "RIS_URL": self.ris_url,
                "IMAGES_URL": images,
            },
        }
        return base | own.get("pages" if name == "zygote" else name, {})

    def start(self, name: str) -> None:
        commands = {
            "ris": [sys.executable, "-m", "ris"],
            "node": [sys.executable, "-m", "dicom_node"],
            "zygote": [sys.executable, "-m", "hub_config.pages.zygote"],
            "evidence": [sys.executable, "-m", "pipelines.evidence"],
            "pages": [sys.executable, "-m", "hub_config.pages"],
            "proxy": [
                *("node", str(ROOT / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"), "--ip", "127.0.0.1"),
                *(
                    "--port",
                    str(self.ports["proxy"]),
                    "--api-ip",
                    "127.0.0.1",
                    "--api-port",
                    str(self.ports["proxy-api"]),
                    "--log-level",
                    "error",
                ),
            ],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                commands[name], cwd=ROOT, env=self.environment(name), stdout=log, stderr=log, start_new_session=True
            )

    def ready(self, name: str) -> None:
        if name == "zygote":
            wait_for(lambda: "zygote_ready" in self.log(name), says=self.log(name))
        elif name == "proxy":
            api = f"http://127.0.0.1:{self.ports['proxy-api']}/api/routes"
            wait_for(lambda: httpx.get(api, timeout=2).is_success)
            for path, to in (("pages", "pages"), ("ris", "ris"), ("images", "node"), ("evidence", "evidence")):
                target = {"target": f"http://127.0.0.1:{self.ports[to]}"}
                httpx.post(f"{api}/services/{path}", json=target).raise_for_status()
        else:
            path = {"ris": "ris", "node": "images", "pages": "pages", "evidence": "evidence"}[name]
            probe = f"http://127.0.0.1:{self.ports[name]}/services/{path}/healthz"
            wait_for(lambda: httpx.get(probe, timeout=3).status_code == 200, 30, says=self.log(name))

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        for name in ("proxy", "pages", "evidence", "zygote", "node", "ris"):
            process = self.processes.pop(name, None)
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    # what people and services do

    def ticket(self, username: str) -> str:
        """The browser ticket that the Hub's login would set as the cookie; one login each (a password check is slow on purpose)."""
        if username in self.tickets:
            return self.tickets[username]
        answer = httpx.post(
            f"{self.ris_url}/internal/login",
            json={"username": username, "password": PASSWORD},
            headers={"Authorization": f"Service hub:{self.secrets['hub']}"},
        )
        answer.raise_for_status()
        self.tickets[username] = str(answer.json()["ticket"])
        if username not in HANGS:
            off = {"version": 0, "document": {"protocols": [], "automatic": False}}
            with self.person(username) as person:
                person.put("/me/preferences/hanging-protocols", json=off).raise_for_status()
        return self.tickets[username]

    def person(self, username: str) -> httpx.Client:
        """Somebody's API client, as his browser would call ris."""
        return httpx.Client(
            base_url=f"{self.url}/services/ris/api/v1",
            cookies={"hub-ticket": self.ticket(username)},
            headers={"Sec-Fetch-Site": "same-origin"},
            timeout=20,
            trust_env=False,
        )

    def arrive(self, **arrival: Any) -> dict[str, Any]:
        """Tell ris that a study arrived, as the linking follower does."""
        self.arrivals += 1
        hello = {"Authorization": f"Service followers:{self.secrets['followers']}"}
        ticket = httpx.post(f"{self.ris_url}/internal/service-ticket", headers=hello).raise_for_status().json()["ticket"]
        body = {"images_seq": self.arrivals, "institution": "H01", "series": 1, "instances": 1, "quiet": True, "modality": "CT", **arrival}
        answer = httpx.post(
            f"{self.ris_url}/api/v1/studies/arrivals", json={"arrivals": [body]}, headers={"Authorization": f"Bearer {ticket}"}
        )
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()["results"][0]
        return result

    def order(self, name: str, *, institution: str = "H01", accession: str = "", **more: Any) -> str:
        """Order one exam for a child; give its accession number."""
        accession = accession or f"A{uuid.uuid4().hex[:8].upper()}"
        exam = {"accession": accession, "modality": "CT", "description": "头颅平扫", "body_part": "HEAD", **more.pop("exam", {})}
        person = {"name": name, "patient_id": f"P{accession}", "sex": "M", "birth_date": "2023-09-12", **more.pop("patient", {})}
        body = {"institution": institution, "patient": person, "exams": [exam], "question": "除外出血", **more}
        with self.person("registrar") as registrar:
            answer = registrar.post("/orders", json=body)
        assert answer.status_code == 201, answer.text
        return accession

    def case(self, name: str, *, study_uid: str | None = None, **more: Any) -> str:
        """An ordered exam whose images have arrived; give its accession number."""
        instances = more.pop("instances", 1)
        accession = self.order(name, **more)
        linked = self.arrive(
            study_uid=study_uid or pydicom.uid.generate_uid(),
            accession=accession,
            patient_id=f"P{accession}",
            institution=more.get("institution", "H01"),
            instances=instances,
            modality=more.get("exam", {}).get("modality", "CT"),
        )
        assert linked["linked"] is True, linked
        return accession

    def send(self, folder: Path, aet: str = "CT_H01") -> str:
        """Send a folder of images to the node with dcmtk's storescu; give their study UID."""
        files = sorted(str(path) for path in folder.glob("*.dcm"))
        command = ["storescu", "-R", "-aet", aet, "-aec", "HUB", "127.0.0.1", str(self.ports["dicom"]), *files]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        return str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
