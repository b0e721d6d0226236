"""However a hub ends, nothing of it stays: no process, no port, and the next start works on the same data."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.running_hub import AS_FROM_A_TERMINAL, PROGRAMS, RunningHub, outside_environment, processes_of, wait_until
from tests.worker import take_free_port


def started(hub: RunningHub) -> bool:
    """Whether every program has been started (ready or not)."""
    try:
        pids = hub.pids()
    except (OSError, ValueError):
        return False
    return all(pids.get(program) for program in PROGRAMS) and pids["supervisor"] in {p.pid for p in processes_of(hub.data_dir)}


def assert_nothing_left(hub: RunningHub, seconds: float) -> None:
    wait_until("no process is left", lambda: not processes_of(hub.data_dir), seconds)
    for name, port in (("HUB_PORT", hub.port), ("DICOM_PORT", hub.dicom_port)):
        assert subprocess.run([sys.executable, "-c", PORT_PROBE, str(port)], check=False, timeout=10).returncode == 0, name


PORT_PROBE = "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1]))).close()"


@pytest.mark.clause("O-1", "H-1")
def test_nothing_survives_and_the_next_start_works(tmp_path: Path) -> None:
    """ctrl-C, kill -9 of the outer and of the inner supervisor, one after the other on the same data."""
    settings = {"DEMO": "0", "HUB_PORT": str(take_free_port()), "DICOM_PORT": str(take_free_port())}
    data = tmp_path / "data"
    hub = RunningHub(data, **settings)
    try:
        hub.wait_ready()
        key = (data / "secrets" / "ticket-private.pem").read_bytes()
        began = time.monotonic()
        hub.interrupt()
        assert hub.process.wait(15) == 0
        assert time.monotonic() - began < 11
        assert_nothing_left(hub, 1)
    finally:
        hub.close()
    for victim in ("inner", "outer"):
        (data / "run" / "processes.json").unlink()
        hub = RunningHub(data, **settings)
        try:
            wait_until("every program runs", lambda running=hub: started(running), 60)
            pid = hub.pids()["supervisor"] if victim == "inner" else hub.process.pid
            os.kill(pid, signal.SIGKILL)
            assert_nothing_left(hub, 12)
            hub.process.wait(5)
        finally:
            hub.close()
    assert (data / "secrets" / "ticket-private.pem").read_bytes() == key


@pytest.mark.clause("O-1")
def test_a_terminal_that_goes_away_ends_it_cleanly(tmp_path: Path) -> None:
    data, port = tmp_path / "data", take_free_port()
    settings = {"HUB_PORT": str(port), "DICOM_PORT": str(take_free_port()), "DATA_DIR": str(data)}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        command = [*AS_FROM_A_TERMINAL, sys.executable, "-m", "hub_config", "run"]
        os.execvpe(command[0], command, outside_environment() | settings)  # noqa: S606 - fixed words
    os.set_blocking(terminal, False)
    said = b""

    def listening() -> bool:
        nonlocal said
        with contextlib.suppress(BlockingIOError):
            said += os.read(terminal, 65536)
        return b"ris: " in said

    wait_until("the records are ready", listening, 60)
    os.close(terminal)
    wait_until("no process is left", lambda: not processes_of(data), 15)
    os.waitpid(child, 0)
