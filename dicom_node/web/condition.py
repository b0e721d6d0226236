"""The node's condition: figures of both processes, and what is not as it should be."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
from cryptography import x509

from dicom_node.receive.counters import Counters, published
from dicom_node.receive.devices import read_devices
from dicom_node.supervisor import RESTARTS
from dicom_node.web.context import Node

Fault = Literal[
    "receive",
    "index",
    "behind",
    "disk",
    "quarantine",
    "conflict",
    "restarted",
    "devices",
    "certificate",
    "plan",
    "volume",
    "full",
    "copies",
    "undeleted",
    "rescan",
]
SILENT = 5.0  # seconds without a publication of the receive process
BEHIND = 60.0  # seconds an arrival may wait for the index
EXPIRY = timedelta(days=30)
_EMPTY = Counters().snapshot()


@dataclass(frozen=True, slots=True)
class Process:
    """What one process uses."""

    resident: int  # bytes
    cpu: float  # seconds of user and system time


@dataclass(frozen=True, slots=True)
class VolumeCondition:
    """What is on one volume of the storage plan."""

    name: str
    tier: str
    fault: str  # why it cannot be used now; empty: it can
    full: bool
    files: int
    bytes: int
    bad: int  # damaged or missing copies
    checked_at: float | None  # when no copy was due to be checked, last


@dataclass(frozen=True, slots=True)
class Condition:
    """Everything that metrics and status page tell."""

    faults: dict[Fault, dict[str, Any]]  # figures for the words of each fault
    receive: dict[str, Any]  # the counters' snapshot, with `open` associations by AE
    silent: float | None  # seconds since the receive process published; None: never
    processes: dict[str, Process]
    restarts: dict[str, int]
    backlog: int
    lag: float
    headers_waiting: int
    batches: int
    batch_seconds: float
    index_held: int  # bytes of the index that DuckDB has in memory
    quarantined: dict[str, int]  # by reason
    conflicts: dict[str, int]  # by reason
    feed_head: int
    disk_total: int
    disk_free: int
    expires: datetime | None  # of the TLS certificate
    volumes: list[VolumeCondition]
    scrubbed_bytes: int
    repaired: int
    hopeless: int  # files of which no whole copy is known
    rescanning: dict[str, int]  # volume that is being gone through → copies found so far
    undeleted: list[tuple[str, int, str]]  # volume, copies of deleted files on it, why they cannot be removed now
    studies_waiting: int  # for which the storage plan cannot be followed now


def _process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return Process(int(stat[21]) * os.sysconf("SC_PAGE_SIZE"), (int(stat[11]) + int(stat[12])) / ticks)


def _restarts(folder: Path) -> dict[str, int]:
    try:
        found: dict[str, int] = orjson.loads((folder / RESTARTS).read_bytes())
    except (OSError, ValueError):
        return {"receive": 0, "index": 0}
    return found


def _expiry(path: Path | None) -> datetime | None:
    if path is None:
        return None
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def condition(node: Node) -> Condition:
    """Look at everything once."""
    snapshot = published(node.run_folder)
    receive = _EMPTY | {"open": {}, "stock": {"files": 0, "bytes": 0, "missing": 0}} if snapshot is None else snapshot
    pids = {"index": os.getpid()} | ({"receive": int(snapshot["pid"])} if snapshot else {})
    backlog, lag = node.follower.backlog()
    counted = {
        table: {str(r["reason"]): int(r["n"]) for r in node.database.rows(f"SELECT reason, count(*) AS n FROM {table} GROUP BY reason")}  # noqa: S608
        for table in ("quarantine", "conflict")
    }
    disk = shutil.disk_usage(node.settings.data)
    found = Condition(
        faults={},
        receive=receive,
        silent=None if snapshot is None else max(0.0, time.time() - float(snapshot["at"])),
        processes={name: process for name, pid in pids.items() if (process := _process(pid)) is not None},
        restarts=_restarts(node.run_folder),
        backlog=backlog,
        lag=lag,
        headers_waiting=node.follower.headers_waiting(),
        batches=node.follower.batches,
        batch_seconds=node.follower.batch_seconds,
        index_held=node.database.held(),
        quarantined=counted["quarantine"],
        conflicts=counted["conflict"],
        feed_head=node.feed.head(),
        disk_total=disk.total,
        disk_free=disk.free,
        expires=_expiry(node.settings.tls_cert) if node.settings.dicom_tls_port else None,
        volumes=_volumes(node),
        scrubbed_bytes=node.keeper.scrubber.findings.checked_bytes,
        repaired=node.keeper.scrubber.findings.repaired,
        hopeless=len(node.keeper.scrubber.findings.hopeless),
        rescanning=dict(node.keeper.rescan.progress),
        undeleted=node.keeper.undeleted(),
        studies_waiting=node.keeper.progress.waiting,
    )
    found.faults.update(_faults(node, found))
    return found


def _volumes(node: Node) -> list[VolumeCondition]:
    keeper = node.keeper
    counts = keeper.copies.counts()
    found = []
    for volume in keeper.plans.current()[0].volume:
        states = counts.get(volume.name, {})
        whole = states.get("whole", (0, 0))
        bad = sum(states.get(state, (0, 0))[0] for state in ("damaged", "missing"))
        found.append(
            VolumeCondition(
                volume.name, volume.tier, keeper.progress.faults.get(volume.name, ""), volume.name in keeper.progress.full,
                *whole, bad, keeper.scrubber.findings.passed_at.get(volume.name),
            )
        )  # fmt: skip
    return found


def _faults(node: Node, now: Condition) -> dict[Fault, dict[str, Any]]:
    faults: dict[Fault, dict[str, Any]] = {}
    if now.silent is None or now.silent > SILENT:
        faults["receive"] = {"seconds": round(now.silent or 0)}
    if not node.alive():
        faults["index"] = {}
    if now.lag > BEHIND:
        faults["behind"] = {"count": now.backlog, "seconds": round(now.lag)}
    if now.disk_free < now.disk_total * node.settings.disk_free_percent / 100:
        faults["disk"] = {"free": now.disk_free, "percent": round(100 * now.disk_free / now.disk_total, 1)}
    if now.quarantined:
        faults["quarantine"] = {"count": sum(now.quarantined.values())}
    day = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds")
    recent = node.database.rows("SELECT count(*) AS n FROM conflict WHERE received_at >= ?", [day])[0]["n"]
    if recent:
        faults["conflict"] = {"count": recent}
    if again := sum(now.restarts.values()):
        faults["restarted"] = {"count": again}
    try:
        if not read_devices(node.settings.devices_file):
            faults["devices"] = {"reason": "0"}
    except (OSError, ValueError) as error:
        faults["devices"] = {"reason": type(error).__name__}
    if node.keeper.plans.fault:
        faults["plan"] = {"reason": node.keeper.plans.fault}
    if away := [volume.name for volume in now.volumes if volume.fault]:
        faults["volume"] = {"names": ", ".join(away), "waiting": now.studies_waiting}
    if full := [volume.name for volume in now.volumes if volume.full]:
        faults["full"] = {"names": ", ".join(full)}
    if now.hopeless:
        faults["copies"] = {"count": now.hopeless}
    if now.rescanning:
        faults["rescan"] = {"names": ", ".join(f"{name} ({count})" for name, count in now.rescanning.items())}
    if now.undeleted:
        faults["undeleted"] = {"names": "; ".join(f"{name} ({count}): {why}" for name, count, why in now.undeleted)}
    if now.expires is not None and now.expires < datetime.now(UTC) + EXPIRY:
        faults["certificate"] = {"date": now.expires.date().isoformat()}
    return faults
