"""A real node for the viewer's tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.worker import take_free_port

from .server import ROOT


class Node:
    """`python -m dicom_node` with its own key pair; hospital H01's device CT_A may send to it."""

    def __init__(self, data: Path) -> None:
        self.dicom, web = take_free_port(), take_free_port()
        self.address = f"http://127.0.0.1:{web}"
        (data / "devices.json").write_text(json.dumps([{"aet": "CT_A", "institution": "H01", "may": ["echo", "store"]}]))
        self.environment = os.environ | {
            "NODE_DATA": str(data),
            "NODE_DICOM_PORT": str(self.dicom),
            "NODE_DICOM_HOST": "127.0.0.1",
            "NODE_HTTP_PORT": str(web),
        }
        self.log = (data / "node.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node"], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )
        self.wait("/services/images/healthz", 60, None)
        command = [sys.executable, "-m", "dicom_node", "ticket", "--user", "doctor", "--institutions", "H01"]
        self.ticket = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()

    def wait_for(self, study: str, series: str, frames: int) -> None:
        """Until the stream of a series has so many frames."""
        self.wait(f"/services/images/series/{study}/{series}/header", 20, frames)

    def wait(self, path: str, seconds: float, frames: int | None) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                headers = {} if frames is None else {"Authorization": f"Bearer {self.ticket}"}
                answer = httpx.get(self.address + path, headers=headers, timeout=10)
                if answer.status_code == 200 and (frames is None or len(answer.json()["frames"]) >= frames):
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the node did not answer {path} within {seconds} s")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        self.log.close()
