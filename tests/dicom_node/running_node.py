"""A real node in its own process with its own data folder, devices of three hospitals, and tickets signed here."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import jwt
import numpy as np
import psutil
import pydicom
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.worker import take_free_port

ROOT = Path(__file__).resolve().parents[2]
CT = "1.2.840.10008.5.1.4.1.1.2"
ALL = ["image.view", "feed.follow", "node.annotate"]
DEVICES = [
    {"aet": "CT_A", "institution": "H01", "may": ["echo", "store", "find"]},
    {"aet": "CT_B", "institution": "H02", "may": ["echo", "store", "find"]},
    {"aet": "ECHO_ONLY", "institution": "H02", "may": ["echo"]},
    {"aet": "ELSEWHERE", "institution": "H01", "may": ["echo", "store"], "addresses": ["10.9.8.0/24"]},
    {"aet": "CORPUS", "institution": "H03", "may": ["echo", "store", "find"]},
]


class RunningNode:
    def __init__(self, data: Path, key: Ed25519PrivateKey, **settings: str) -> None:
        self.data, self.key = data, key
        data.mkdir(parents=True, exist_ok=True)
        (data / "devices.json").write_text(json.dumps(DEVICES))
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (data / "public.pem").write_bytes(public)
        self.dicom_port, self.http_port = take_free_port(), take_free_port()
        self.environment = os.environ | {
            "NODE_DATA": str(data), "NODE_DICOM_PORT": str(self.dicom_port), "NODE_HTTP_PORT": str(self.http_port),
            "NODE_DICOM_HOST": "127.0.0.1", "NODE_TICKET_KEY": str(data / "public.pem"), "NODE_QUIET_SECONDS": "1",
            **settings,
        }  # fmt: skip
        self.url = f"http://127.0.0.1:{self.http_port}/services/images"
        self.log = (data / "node.log").open("ab")
        self.http = httpx.Client(timeout=60)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> RunningNode:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node"], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.dicom_port), 1):
                    pass
                if self.http.get(self.url + "/healthz").status_code == 200:
                    return
            except (OSError, httpx.HTTPError):
                pass
            assert self.process is None or self.process.poll() is None, (self.data / "node.log").read_text()[-2000:]
            time.sleep(0.05)
        raise AssertionError("node did not start:\n" + (self.data / "node.log").read_text()[-2000:])

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        return code

    def child(self, name: str, seconds: float = 30) -> psutil.Process:
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                try:
                    if child.cmdline()[-1] == name and child.status() != psutil.STATUS_ZOMBIE:
                        return child
                except (psutil.Error, IndexError):
                    continue
            time.sleep(0.02)
        raise AssertionError(f"no child {name}")

    def ticket(self, institutions: list[str] | None = None, operations: list[str] | None = None, **changed: object) -> str:
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": "ris", "aud": "hub", "iat": now, "exp": now + 600, "jti": uuid.uuid4().hex, "kind": "script", "sub": "dr.li",
            "name": "Li", "sid": "session-1", "assignments": [], "operations": ALL if operations is None else operations,
            "institutions": ["*"] if institutions is None else institutions, "functions": ["*"],
        }  # fmt: skip
        return jwt.encode({k: v for k, v in (claims | changed).items() if v is not None}, self.key, algorithm="EdDSA")

    def get(self, path: str, ticket: str | None = None, **arguments: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {ticket or self.ticket()}"} | dict(arguments.pop("headers", {}))  # type: ignore[call-overload]
        return self.http.get(self.url + path, headers=headers, **arguments)  # type: ignore[arg-type]

    def wait_for(self, question, seconds: float = 20):
        """What `question()` answers as soon as it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = question()
            if found:
                return found
            time.sleep(0.03)
        raise AssertionError("not seen in time")

    def feed(self) -> list[dict]:
        """All rows, once those of everything that has arrived until now are there: what an image search shows is in the feed a moment later."""
        arrived = (self.data / "journal" / "journal.jsonl").stat().st_size
        feed = sqlite3.connect(f"file:{self.data / 'feed.sqlite'}?mode=ro", uri=True)
        with closing(feed):
            self.wait_for(lambda: (feed.execute("SELECT value FROM state WHERE name = 'journal'").fetchone() or (0,))[0] >= arrived)
        rows, since = [], 0
        while True:
            answer = self.get("/changes", params={"since": since, "limit": 5000}).json()
            rows += answer["rows"]
            if answer["next"] == since:
                return rows
            since = answer["next"]

    def instances(self, study: str) -> list[dict]:
        return self.get(f"/dicom-web/studies/{study}/instances").json()

    def wait_instances(self, study: str, count: int) -> None:
        self.wait_for(lambda: len(self.instances(study)) == count)


@pytest.fixture(scope="session")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), key).start()
    yield running
    assert running.stop() == 0, "SIGTERM did not end the node cleanly"


@pytest.fixture
def own_node(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    """A node of one test's own, already started."""
    running = RunningNode(tmp_path / "node", key).start()
    yield running
    if running.process is not None:
        running.stop()


def uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def image(study: str | None = None, series: str | None = None, **changed: object) -> Dataset:
    """A small CT slice whose pixel [r, c] is 100 r + c."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CT, uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study or uid(), series or uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Wang^Xiao", "P1", "20200229", "F"
    ds.StudyDate, ds.StudyTime, ds.Modality, ds.AccessionNumber = "20240301", "101500", "CT", "A1"
    ds.StudyDescription, ds.InstanceNumber, ds.SeriesNumber = "Chest", 1, 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", 16, 12
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.PixelSpacing, ds.RescaleSlope, ds.RescaleIntercept = [0.5, 0.25], 1, -1024
    ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    ds.FrameOfReferenceUID = "2.25.77"
    ds.PixelData = (np.arange(16)[:, None] * 100 + np.arange(12)).astype("<i2").tobytes()
    for keyword, value in changed.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset) -> bytes:
    """The data set in explicit VR little endian."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, ds)
    return out.getvalue()


def save(ds: Dataset, path: Path) -> Path:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path
