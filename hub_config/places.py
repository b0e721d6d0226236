"""The data folder: who owns it, that only one hub works in it, and which ports are taken."""

from __future__ import annotations

import fcntl
import os
import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from hub_config.settings import Settings, SettingsError

FOLDERS = (
    "secrets",
    "ris",
    "atlas",
    "atlas/bone-age",
    "node",
    "mart",
    "masks",
    "research",
    "followers",
    "hub",
    "lab",
    "pages",
    "logs",
    "run",
)

PRIVATE_PORTS = range(20000, 32000)
"""Below Linux's ephemeral range, so that no outgoing connection takes a service's port while it restarts."""


class AlreadyRunningError(Exception):
    """Another hub works in this data folder."""


def prepare_folders(data_dir: Path) -> None:
    """Make the folders of docs/interfaces.md §8, closed to other users of the machine."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        for name in FOLDERS:
            (data_dir / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        raise SettingsError(f"数据目录不可用 / cannot use DATA_DIR {data_dir}: {fault.strerror}") from fault


def take_lock(data_dir: Path) -> IO[str]:
    """Hold `run/lock` for the life of this process (flock, so the kernel frees it whatever happens); `AlreadyRunningError` otherwise."""
    file = (data_dir / "run" / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        file.seek(0)
        holder = file.read().strip() or "?"
        file.close()
        raise AlreadyRunningError(holder) from fault
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def port_is_free(host: str, port: int) -> OSError | None:
    """None when this host and port can be listened on, else why not. A port in TIME_WAIT is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as fault:
            return fault
    return None


def check_public_ports(settings: Settings) -> None:
    """`SettingsError` with one clear line when a public port is taken or not allowed."""
    for name, host, port in (
        ("HUB_PORT", settings.hub_host, settings.hub_port),
        ("DICOM_PORT", settings.dicom_host, settings.dicom_port),
        ("DICOM_TLS_PORT", settings.dicom_host, settings.dicom_tls_port),
    ):
        fault = port_is_free(host, port) if port else None
        if fault is not None:
            raise SettingsError(
                f"{name} {port} 端口不可用（{host}）：请换一个端口，例如 {name}={port + 1} make run"
                f" / {name} {port} on {host} cannot be used ({fault.strerror}): choose another, e.g. {name}={port + 1} make run"
            )


class PrivatePorts(dict[str, int]):
    """A port of 127.0.0.1 for each name, ours until this process ends, also while the program behind it starts or is started again.

    Each is held by a socket that is bound and does not listen: our programs may listen on it all the same (they set SO_REUSEADDR, as
    servers do), another hub that looks for a port finds it taken.
    """

    def __init__(self, names: list[str], candidates: Sequence[int] = PRIVATE_PORTS) -> None:
        """`SettingsError` when there are not enough."""
        super().__init__()
        self._held: list[socket.socket] = []
        untried = random.SystemRandom().sample(candidates, min(2000, len(candidates)))
        for name in names:
            self[name] = self._hold(untried)

    def _hold(self, untried: list[int]) -> int:
        while untried:
            port = untried.pop()
            held = socket.socket()
            try:
                held.bind(("127.0.0.1", port))  # without SO_REUSEADDR, which would look past those that others hold
            except OSError:
                held.close()
                continue
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._held.append(held)
            return port
        raise SettingsError("没有空闲的本机端口 / no free local port between 20000 and 31999")

    def close(self) -> None:
        """Let go of all."""
        for held in self._held:
            held.close()
