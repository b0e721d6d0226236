"""A whole hub, started as `make run` starts it, on free ports with a data folder of its own; for tests that go all the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.conftest import ROOT
from tests.worker import ROOM_UIDS, take_free_port

AS_FROM_A_TERMINAL = ("env", "--default-signal=HUP,INT")
"""Before a command: a test run that was itself started by nohup or in the background hands on that it ignores them."""
PROGRAMS = ("ris", "zygote", "node", "proxy", "lab", "hub", "pages", "mart", "evidence", "masks", "research", "followers")
HEALTH = (
    "/hub/health",
    "/services/ris/healthz",
    "/services/images/healthz",
    "/services/pages/healthz",
    "/services/mart/healthz",
    "/services/evidence/healthz",
    "/services/masks/healthz",
    "/services/research/healthz",
)


def wait_until(what: str, true: Callable[[], object], seconds: float, pause: float = 0.1, said: Callable[[], str] = str) -> None:
    """Wait for something to become true; fails with words after `seconds`, and with what is `said` then."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}\n{said()}"
        time.sleep(pause)


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every process of the machine that was started for this data folder, by its environment (forked kernels included)."""
    mark = os.fsencode(str(data_dir))
    found = []
    for process in psutil.process_iter():
        try:
            if mark in Path(f"/proc/{process.pid}/environ").read_bytes() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended (one that nobody has waited for yet included)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Visitor(httpx.Client):
    """A browser; `with` closes it at the end, also when it has been used before."""

    def __enter__(self) -> Visitor:
        return self


class RunningHub:
    """One hub. `stop` it, or leave it to `close`."""

    def __init__(self, data_dir: Path, *, stdin: int = subprocess.DEVNULL, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = int(settings.get("HUB_PORT") or take_free_port())
        self.dicom_port = int(settings.get("DICOM_PORT") or take_free_port())
        self.base = f"http://127.0.0.1:{self.port}"
        self.output = data_dir.with_name(data_dir.name + ".out")
        self.settings = (
            {"HUB_LAB_UIDS": ROOM_UIDS}
            | settings
            | {"HUB_PORT": str(self.port), "DICOM_PORT": str(self.dicom_port), "DATA_DIR": str(data_dir)}
        )
        self._file = self.output.open("ab")
        self.process = subprocess.Popen(
            [*AS_FROM_A_TERMINAL, sys.executable, "-m", "hub_config", "run"],
            cwd=ROOT,
            env=outside_environment() | self.settings,
            stdin=stdin,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def state(self) -> str:
        """What it printed, how its processes are, and the end of each program's log: to be told where it is not what it should be."""
        lines = [self.said()]
        for process in processes_of(self.data_dir):
            with contextlib.suppress(psutil.Error):
                lines.append(f"{process.pid} {process.status()} {process.cpu_times().user:.1f} s {' '.join(process.cmdline())[:120]}")
        for log in sorted((self.data_dir / "logs").glob("*.log")):
            lines += [f"--- {log.name}", *log.read_text(encoding="utf-8", errors="replace").splitlines()[-4:]]
        return "\n".join(lines)

    def wait_ready(self, seconds: float = 100) -> RunningHub:
        """Until it says that it is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, f"the hub ended:\n{self.said()}"
            return "ready in" in self.said()

        wait_until("ready", ready, seconds, 0.2, self.state)
        return self

    def pids(self) -> dict[str, int]:
        """Program → process id, as the supervisor writes it down at every start of one."""
        return json.loads((self.data_dir / "run" / "processes.json").read_text(encoding="utf-8"))

    def is_well(self, path: str) -> bool:
        """Whether an address answers 200 through the public port."""
        try:
            return httpx.get(self.base + path, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def accounts(self) -> list[dict[str, str]]:
        """The demo's accounts: username, password, role, institution."""
        return json.loads((self.data_dir / "demo-accounts.json").read_text(encoding="utf-8"))

    def account(self, role: str, institution: str | None = None) -> dict[str, str]:
        """The first demo account of a role (of the centre unless an institution is named)."""
        wanted = [one for one in self.accounts() if one["role"] == role and institution in {None, one["institution"]}]
        assert wanted, f"the demo has no {role} in {institution}"
        return wanted[0]

    def visitor(self) -> Visitor:
        """A browser without cookies."""
        return Visitor(base_url=self.base, timeout=30)

    def try_login(self, client: httpx.Client, username: str, password: str, **fields: str) -> httpx.Response:
        """Open the login page and send its form."""
        page = client.get("/hub/login", params={"next": fields["next"]} if "next" in fields else None)
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert token, f"no login form: {page.status_code}"
        return client.post("/hub/login", data={"_xsrf": token[1], "username": username, "password": password} | fields)

    def login(self, username: str, password: str) -> Visitor:
        """A browser that has logged in."""
        client = self.visitor()
        answer = self.try_login(client, username, password)
        assert answer.status_code == 302, f"{username}: {answer.status_code}"
        return client

    def login_as(self, role: str, institution: str | None = None) -> Visitor:
        """A browser logged in as a demo account."""
        account = self.account(role, institution)
        return self.login(account["username"], account["password"])

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> None:
        """ctrl-C."""
        self.process.send_signal(how)

    def close(self) -> None:
        """Stop it, whatever state it is in; nothing of it stays."""
        if self.process.poll() is None:
            self.interrupt()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        for process in processes_of(self.data_dir):
            process.kill()
        self._file.close()


def outside_environment() -> dict[str, str]:
    """The tests' environment without settings of a hub."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "DICOM_", "RIS_", "DATA_DIR", "DEMO"))}
