"""How fast the node acknowledges images, against Orthanc in its best case (TCP_NODELAY=1), both durable, interleaved."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from bench.result import Result
from bench.sender import Sender, encode

IDS = ("store-1",)
INSTANCES, ROUNDS, SIDE = 500, 5, 512


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def images(count: int) -> Iterator[tuple[str, bytes]]:
    """`count` CT images of 512 × 512 × 16 bit, 0.5 MB each, one series, fresh UIDs: (SOP Instance UID, encoded data set)."""
    pixels = np.random.default_rng(1).integers(-1000, 1500, (SIDE, SIDE), dtype=np.int16).tobytes()
    study, series = generate_uid(), generate_uid()
    base = Dataset()
    base.SOPClassUID, base.Modality, base.StudyInstanceUID, base.SeriesInstanceUID = CTImageStorage, "CT", study, series
    base.PatientID, base.PatientName, base.StudyDate, base.StudyTime = "BENCH", "Bench^Phantom", "20260101", "080000"
    base.Rows = base.Columns = SIDE
    base.SamplesPerPixel, base.PhotometricInterpretation = 1, "MONOCHROME2"
    base.BitsAllocated = base.BitsStored = 16
    base.HighBit, base.PixelRepresentation = 15, 1
    base.PixelSpacing, base.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
    base.PixelData = pixels
    base["PixelData"].VR = "OW"
    for number in range(count):
        base.SOPInstanceUID, base.InstanceNumber = generate_uid(), number + 1
        base.ImagePositionPatient = [0, 0, float(number)]
        yield str(base.SOPInstanceUID), encode(base)


@contextmanager
def process(command: list[str], environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process from start until its port answers; ended at exit."""
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if running.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {running.returncode} at its start")
            time.sleep(0.2)
        yield running
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(5)


def round_of(port: int, calling: str, called: str, load: list[tuple[str, bytes]]) -> float:
    """Seconds to store the load over one association."""
    sender = Sender(port, calling, called, CTImageStorage)
    start = time.perf_counter()
    for sop_uid, data in load:
        sender.store(sop_uid, data)
    spent = time.perf_counter() - start
    sender.close()
    return spent


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children that run now."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == pid:  # same process group
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def verify(folder: Path, load: list[tuple[str, bytes]]) -> None:
    """Three instances of the load, read back from the node's files: every byte after group 2 must be the one sent."""
    wanted = {hashlib.sha256(data).hexdigest() for _, data in random.Random(2).sample(load, 3)}
    for path in folder.rglob("*.dcm"):
        raw = path.read_bytes()
        meta = dcmread(BytesIO(raw), specific_tags=[], stop_before_pixels=True).file_meta
        at = 132 + 12 + meta.FileMetaInformationGroupLength
        wanted.discard(hashlib.sha256(raw[at:]).hexdigest())
        if not wanted:
            return
    raise AssertionError("an acknowledged instance is not in the node's files byte for byte")


def measure() -> list[Result]:
    """`store-1`: 500 × 0.5 MB over one association, ratio to Orthanc, with our indexer running beside it."""
    orthanc = shutil.which("Orthanc")
    if orthanc is None:
        print("store-1 needs Orthanc as the peer: apt-get install orthanc", flush=True)
        return []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-store-", dir=os.environ.get("BENCH_DIR"))))
        ours, peer, web, peer_web = (free_port() for _ in range(4))
        devices = folder / "devices.json"
        devices.write_text(json.dumps([{"aet": "BENCH", "institution": "B", "may": ["echo", "store", "find"]}]))
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public = folder / "key.pem"
        public.write_bytes(
            Ed25519PrivateKey.generate()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        plain = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)}
        node = stack.enter_context(
            process(
                [sys.executable, "-m", "dicom_node"],
                {
                    **plain,
                    "NODE_DATA": str(folder / "node"),
                    "NODE_DICOM_PORT": str(ours),
                    "NODE_DICOM_HOST": "127.0.0.1",
                    "NODE_HTTP_PORT": str(web),
                    "NODE_AET": "HUB",
                    "NODE_DEVICES": str(devices),
                    "NODE_TICKET_KEY": str(public),
                },
                ours,
            )
        )
        settings = folder / "orthanc.json"
        settings.write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder / "orthanc"),
                    "IndexDirectory": str(folder / "orthanc"),
                    "DicomPort": peer,
                    "HttpPort": peer_web,
                    "DicomAet": "ORTHANC",
                    "DicomModalities": {"bench": ["BENCH", "127.0.0.1", 104]},
                    "RemoteAccessAllowed": False,
                    "Plugins": [],
                }
            )
        )
        other = stack.enter_context(process([orthanc, str(settings)], {**plain, "TCP_NODELAY": "1"}, peer))
        round_of(ours, "BENCH", "HUB", list(images(INSTANCES)))
        round_of(peer, "BENCH", "ORTHANC", list(images(INSTANCES)))
        ratios, speeds, peer_speeds, cpu, peer_cpu = [], [], [], [], []
        for number in range(ROUNDS):
            load, spent = list(images(INSTANCES)), {}
            for which in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
                pid, port, called = (node.pid, ours, "HUB") if which == "ours" else (other.pid, peer, "ORTHANC")
                before = cpu_seconds(pid)
                spent[which] = round_of(port, "BENCH", called, load)
                (cpu if which == "ours" else peer_cpu).append((cpu_seconds(pid) - before) * 1000 / INSTANCES)
                time.sleep(1.5)  # the indexer's rest belongs to this server, not to the next one's round
            verify(folder / "node", load)
            ratios.append(spent["peer"] / spent["ours"])
            speeds.append(INSTANCES / spent["ours"])
            peer_speeds.append(INSTANCES / spent["peer"])
        with urllib.request.urlopen(f"http://127.0.0.1:{peer_web}/statistics", timeout=10) as answer:
            held = json.load(answer)["CountInstances"]
        if held != INSTANCES * (ROUNDS + 1):
            raise AssertionError(f"the peer holds {held} instances in place of {INSTANCES * (ROUNDS + 1)}")
    median = sorted(speeds)[ROUNDS // 2]
    peer_median = sorted(peer_speeds)[ROUNDS // 2]
    return [
        Result(
            "store-1",
            "500 × 0.5 MB over one association, synced before each response, our indexer running: speed over Orthanc's (TCP_NODELAY=1)",
            ratios,
            "×",
            3.5,
            "higher",
            f"{median:.0f} inst/s at {sorted(cpu)[ROUNDS // 2]:.2f} ms CPU; Orthanc {peer_median:.0f} inst/s at {sorted(peer_cpu)[ROUNDS // 2]:.2f} ms",
            2,
        )
    ]
