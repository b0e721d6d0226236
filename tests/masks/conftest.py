"""A real node with a generated CT in it, and the masks service beside it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset, FileMetaDataset

from tests.dicom_node.running_node import ROOT, RunningNode, image, uid
from tests.worker import take_free_port

from .phantom import Phantom, trunk

EXPLICIT = "1.2.840.10008.1.2.1"
VIEW = ["image.view"]


def file_of(ds: Dataset) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def slices(volume: np.ndarray, spacing: tuple[float, float, float], study: str, series: str, **changed: Any) -> list[Dataset]:
    """The volume as CT images, numbered from the head down: not the order of the volume."""
    made = []
    for frame in range(len(volume)):
        ds = image(study, series, Rows=volume.shape[1], Columns=volume.shape[2], PixelSpacing=[spacing[1], spacing[2]])
        ds.ImagePositionPatient = [-100.0, -90.0, 30.0 + frame * spacing[0]]
        ds.InstanceNumber, ds.SliceThickness = len(volume) - frame, spacing[0]
        ds.RescaleIntercept, ds.FrameOfReferenceUID = -1024, "2.25.78"
        ds.StudyID, ds.Manufacturer, ds.PositionReferenceIndicator = "1", "phantom", ""
        ds.PixelData = (volume[frame].astype(np.int32) + 1024).astype("<i2").tobytes()
        for keyword, value in changed.items():
            setattr(ds, keyword, value(frame) if callable(value) else value)
        made.append(ds)
    return made


@dataclass
class House:
    """The node, the service and the phantom that was sent."""

    node: RunningNode
    url: str
    phantom: Phantom
    study: str
    series: str
    log: Path
    http: httpx.Client

    def ticket(self, institutions: tuple[str, ...] = ("H01",), operations: list[str] = VIEW, **claims: Any) -> str:
        return self.node.ticket(list(institutions), operations, **claims)

    def store(self, images: list[Dataset], institution: str = "H01") -> None:
        mark = "phantom=boundary"
        parts = [f"--{mark}\r\nContent-Type: application/dicom\r\n\r\n".encode() + file_of(ds) + b"\r\n" for ds in images]
        answer = self.node.http.post(
            self.node.url + "/dicom-web/studies",
            content=b"".join(parts) + f"--{mark}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary="{mark}"',
                "Authorization": f"Bearer {self.ticket((institution,), ['image.store', 'image.view'])}",
            },
        )
        assert answer.status_code == 200, answer.text
        self.node.wait_instances(images[0].StudyInstanceUID, len(images))

    def path(self, series: str | None = None, study: str | None = None) -> str:
        return f"{self.url}/api/v1/studies/{study or self.study}/series/{series or self.series}/masks"

    def call(self, method: str, path: str, ticket: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {ticket or self.ticket()}"} | more.pop("headers", {})
        return self.http.request(method, path, headers=headers, **more)

    def made(self, **wish: Any) -> str:
        """The name of a mask, when it is done."""
        asked = self.call("POST", self.path(), json=wish)
        assert asked.status_code in {200, 202}, asked.text
        name = str(asked.json()["id"])
        until = time.monotonic() + 60
        while self.call("POST", self.path(), json=wish).json()["state"] != "done":
            told = self.call("GET", f"{self.path()}/{name}").json()
            assert told["state"] != "failed", told
            assert time.monotonic() < until, told
            time.sleep(0.05)
        return name


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("masks")
    node = RunningNode(folder / "node", Ed25519PrivateKey.generate()).start()
    port = take_free_port()
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ} | {
        "MASKS_DATA": str(folder / "kept"), "MASKS_PORT": str(port), "MASKS_TICKET_KEY": str(node.data / "public.pem"), "IMAGES_URL": node.url,
        "OPENBLAS_NUM_THREADS": "1", "MASKS_VOXELS": "1000000",
    }  # fmt: skip
    log = folder / "masks.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.masks"], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    phantom = trunk(frames=24, side=150, pixel=1.5, step=2.0)
    house = House(node, f"http://127.0.0.1:{port}/services/masks", phantom, uid(), uid(), log, httpx.Client(timeout=60))
    try:
        node.wait_for(lambda: _well(house), 30)
        house.store(slices(phantom.volume, phantom.spacing, house.study, house.series))
        yield house
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) in {0, -signal.SIGTERM}, log.read_text()[-2000:]
        node.stop()
        house.http.close()


def _well(house: House) -> bool:
    try:
        return house.http.get(f"{house.url}/healthz").status_code == 200
    except httpx.HTTPError:
        return False
