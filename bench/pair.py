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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dicom_node.receive.counters import PERIOD
from dicom_node.web.tickets import make_ticket
from tests.worker import take_free_port

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
    metrics: str = ""
    """Address of its Prometheus text; empty: it has none."""

    def rest(self) -> None:
        """Wait until it has done what it does when nothing arrives: its work belongs to its own turn, and into its own CPU time."""
        deadline = time.monotonic() + 120
        time.sleep(2 * PERIOD if self.metrics else 0)  # what its receive process has published is not older than its last image
        while self.metrics and time.monotonic() < deadline:
            text = httpx.get(self.metrics, headers=self.headers, timeout=30).raise_for_status().text
            if "\nnode_headers_waiting 0\n" in text and "\nnode_stock_missing 0\n" in text:
                return
            time.sleep(0.2)

    def resident(self) -> float:
        """Proportional set size of its processes, in MB."""
        total = 0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[2]) == self.pid:
                    total += next(
                        int(line.split()[1]) for line in (entry / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:")
                    )
            except (OSError, StopIteration):
                continue
        return total / 1024

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
def bench_folder() -> Iterator[Path]:
    """A folder for the data of servers; `BENCH_DIR` names the disk."""
    with tempfile.TemporaryDirectory(prefix="bench-node-", dir=os.environ.get("BENCH_DIR")) as folder:
        yield Path(folder)


def plain(folder: Path) -> dict[str, str]:
    """The environment of a server, without what the machine's user has set."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)}


@contextmanager
def pair(program: str, prepare: Callable[[Path], None] = lambda _: None) -> Iterator[Pair]:
    """Both servers, empty unless `prepare` fills our data folder; gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(bench_folder())
        prepare(folder / "node")
        ours = stack.enter_context(node(folder))
        peer, http = stack.enter_context(orthanc_server(program, folder))
        yield Pair(ours, peer, folder, http)


@contextmanager
def node(folder: Path, *, synced: bool = True) -> Iterator[Server]:
    """Ours over `folder`/node. Without `synced` nothing waits for the disk: like a peer that never syncs."""
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
    if not synced:
        here = Path(__file__).parent
        environment["PYTHONPATH"] = f"{here / 'unsynced'}{os.pathsep}{here.parent}"
    with process([sys.executable, "-m", "dicom_node"], plain(folder) | environment, (port, web)) as running:
        private, rights = folder / "node" / "keys" / "ticket-private.pem", ["image.view", "system.operate"]
        ticket = make_ticket(private, "bench", ["*"], rights, kind="script", minutes=600)
        base = f"http://127.0.0.1:{web}/services/images"
        yield Server("ours", running.pid, port, "HUB", f"{base}/dicom-web", {"Authorization": f"Bearer {ticket}"}, f"{base}/metrics")


@contextmanager
def storescp(folder: Path) -> Iterator[Server]:
    """The receiver of dcmtk in its best case: no Nagle, large PDUs, a process for each association. It never syncs."""
    program = shutil.which("storescp")
    if program is None:
        raise FileNotFoundError("storescp: apt-get install dcmtk")
    kept, port = folder / "storescp", take_free_port()
    kept.mkdir()
    command = [program, "--fork", "+B", "-pdu", "131072", "-od", str(kept), "-aet", "STORESCP", str(port)]
    with process(command, plain(folder) | {"TCP_NODELAY": "1"}, (port,)) as running:
        yield Server("storescp", running.pid, port, "STORESCP", "", {})


@contextmanager
def orthanc_server(program: str, folder: Path) -> Iterator[tuple[Server, str]]:
    """The peer over `folder`/orthanc, and the address of its own web interface."""
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
    with process([program, str(path)], plain(folder) | {"TCP_NODELAY": "1"}, (port, web)) as running:
        http = f"http://127.0.0.1:{web}"
        yield Server("Orthanc", running.pid, port, "ORTHANC", f"{http}/dicom-web", {}), http


@contextmanager
def process(command: list[str], environment: dict[str, str], ports: tuple[int, ...]) -> Iterator[subprocess.Popen[bytes]]:
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
