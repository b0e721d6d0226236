"""The node and its peer side by side: Orthanc as Debian installs it, in its best case (TCP_NODELAY=1); both durable, both on free ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dicom_node.web.tickets import make_ticket
from tests.conftest import take_free_port

CALLING = "BENCH"
PLUGIN = "libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Server:
    """One of the two."""

    name: str
    pid: int
    port: int
    """DICOM."""
    called: str
    web: str
    """Root of its DICOMweb."""
    headers: dict[str, str]

    def cpu(self) -> float:
        """CPU seconds of its processes so far."""
        total = 0.0
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == self.pid:  # same process group
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total


@dataclass(frozen=True)
class Pair:
    """Ours, and the peer."""

    ours: Server
    peer: Server
    folder: Path
    """Everything of both; ours keeps its files in `node`."""
    peer_http: str

    def interleaved(self, number: int) -> tuple[Server, Server]:
        """Both, in an order that alternates with the round."""
        return (self.ours, self.peer) if number % 2 == 0 else (self.peer, self.ours)

    def peer_holds(self) -> int:
        """Instances in the peer."""
        return int(httpx.get(f"{self.peer_http}/statistics", timeout=10).raise_for_status().json()["CountInstances"])


def orthanc() -> str | None:
    """The peer's program; says how to get it when it is not there."""
    found = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if found is None:
        print("the figures of the node need Orthanc as their peer: apt-get install orthanc orthanc-dicomweb", flush=True)
    return found


@contextmanager
def pair(program: str) -> Iterator[Pair]:
    """Both servers, empty; gone afterwards. `BENCH_DIR` names the disk."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-node-", dir=os.environ.get("BENCH_DIR"))))
        plain = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)}
        ours = stack.enter_context(_node(folder, plain))
        peer, http = stack.enter_context(_orthanc(program, folder, plain))
        yield Pair(ours, peer, folder, http)


@contextmanager
def _node(folder: Path, plain: dict[str, str]) -> Iterator[Server]:
    port, web = take_free_port(), take_free_port()
    devices = folder / "devices.json"
    devices.write_text(json.dumps([{"aet": CALLING, "institution": "B", "may": ["echo", "store", "find"]}]))
    environment = {
        "NODE_DATA": str(folder / "node"),
        "NODE_DICOM_PORT": str(port),
        "NODE_DICOM_HOST": "127.0.0.1",
        "NODE_HTTP_PORT": str(web),
        "NODE_AET": "HUB",
        "NODE_DEVICES": str(devices),
    }
    with _process([sys.executable, "-m", "dicom_node"], plain | environment, (port, web)) as running:
        ticket = make_ticket(folder / "node" / "keys" / "ticket-private.pem", "bench", ["*"], ["image.view"], kind="script", minutes=600)
        yield Server(
            "ours", running.pid, port, "HUB", f"http://127.0.0.1:{web}/services/images/dicom-web", {"Authorization": f"Bearer {ticket}"}
        )


@contextmanager
def _orthanc(program: str, folder: Path, plain: dict[str, str]) -> Iterator[tuple[Server, str]]:
    port, web = take_free_port(), take_free_port()
    plugins = [str(path) for root in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc") for path in Path(root).glob(PLUGIN)]
    settings: dict[str, Any] = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "DicomPort": port,
        "HttpPort": web,
        "DicomAet": "ORTHANC",
        "DicomModalities": {"bench": [CALLING, "127.0.0.1", 104]},
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpThreadsCount": 50,
        "Plugins": plugins[:1],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with _process([program, str(path)], plain | {"TCP_NODELAY": "1"}, (port, web)) as running:
        http = f"http://127.0.0.1:{web}"
        yield Server("Orthanc", running.pid, port, "ORTHANC", f"{http}/dicom-web", {}), http


@contextmanager
def _process(command: list[str], environment: dict[str, str], ports: tuple[int, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """A server process from start until its ports answer; ended at exit."""
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not all(_answers(port) for port in ports):
            if running.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {running.returncode} at its start")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} does not answer")
            time.sleep(0.2)
        yield running
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(5)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
