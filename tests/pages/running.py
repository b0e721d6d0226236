"""Running the pages service for tests: real service, real zygote, real proxy; only ris is reduced to its ticket addresses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.pages import stand_in_records as stand_in

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def wait_for(what: Callable[[], Any], seconds: float = 60.0, says: str = "") -> Any:
    """Polls until `what()` is true; fails with words after the limit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            found = what()
        except (httpx.HTTPError, OSError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {says or what}")


@dataclass
class Pages:
    """The running set-up and what tests ask of it."""

    folder: Path
    dist: Path
    key: str
    stranger_key: str
    settings: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def direct(self) -> str:
        return f"http://127.0.0.1:{self.ports['pages']}"

    def environment(self) -> dict[str, str]:
        base = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        return base | {
            "PAGES_PORT": str(self.ports["pages"]),
            "PAGES_TICKET_KEY": str(self.folder / "public.pem"),
            "RIS_URL": f"http://127.0.0.1:{self.ports['ris']}/services/ris",
            "IMAGES_URL": "http://127.0.0.1:9/services/images",
            "MART_URL": "http://127.0.0.1:9/services/mart",
            "PAGES_RUN": str(self.folder / "run"),
            "PAGES_ZYGOTE": str(self.folder / "z.sock"),
            "PAGES_DIST": str(self.dist),
            "PAGES_SECRET_OF_THE_SERVICE": "must-not-reach-a-kernel",
            **self.settings,
        }

    def start(self, name: str) -> None:
        commands = {
            "ris": [sys.executable, str(HERE / "stand_in_records.py"), str(self.ports["ris"]), str(self.folder / "private.pem")],
            "zygote": [sys.executable, "-m", "hub_config.pages.zygote"],
            "pages": [sys.executable, "-m", "hub_config.pages"],
            "proxy": [
                *("node", str(ROOT / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"), "--ip", "127.0.0.1"),
                *(
                    "--port",
                    str(self.ports["proxy"]),
                    "--api-ip",
                    "127.0.0.1",
                    "--api-port",
                    str(self.ports["proxy-api"]),
                    "--log-level",
                    "error",
                ),
            ],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                commands[name], cwd=ROOT, env=self.environment(), stdout=log, stderr=log, start_new_session=True
            )
        if name == "zygote":
            wait_for(lambda: "zygote_ready" in self.log("zygote"), says=self.log("zygote"))
        elif name == "pages":
            wait_for(lambda: httpx.get(f"{self.direct}/services/pages/healthz", timeout=3).status_code == 200, says=self.log("pages"))
        elif name == "ris":
            wait_for(lambda: httpx.get(f"http://127.0.0.1:{self.ports['ris']}/hub/login", timeout=2).is_success)
        else:
            api = f"http://127.0.0.1:{self.ports['proxy-api']}/api/routes"
            wait_for(lambda: httpx.get(api, timeout=2).is_success)
            for path, port in (("/services/pages", "pages"), ("/services/ris", "ris"), ("/hub", "ris")):
                httpx.post(api + path, json={"target": f"http://127.0.0.1:{self.ports[port]}"}).raise_for_status()

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        for name in ("proxy", "pages", "zygote", "ris"):
            process = self.processes.pop(name, None)
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def ticket(self, username: str, kind: str = "browser", **more: Any) -> str:
        return str(stand_in.sign(username, kind, **({"key": self.key} | more)))

    def client(self, username: str | None = None) -> httpx.Client:
        cookies = {"hub-ticket": self.ticket(username)} if username else {}
        return httpx.Client(base_url=f"{self.url}/services/pages/", cookies=cookies, timeout=20, trust_env=False)

    def control(self, **state: Any) -> None:
        httpx.post(f"http://127.0.0.1:{self.ports['ris']}/control", json=state, timeout=5).raise_for_status()

    def open_desk(self, username: str, desk: str) -> str:
        """Opens a desk as a browser would and gives the kernel's id."""
        with self.client(username) as client:
            answer = client.get(f"desk/{desk}")
        assert answer.status_code == 200, answer.text
        return str(facts(answer.text, "kernel")["id"])

    def kernel_pids(self) -> set[int]:
        """Children of the zygote, or what became of them: processes that hold this set-up's folder."""
        return {
            process.pid
            for process in psutil.process_iter()
            if process.pid != self.processes.get("pages", _Nobody).pid and _cwd(process).startswith(str(self.folder / "run"))
        }

    def pid_of(self, kernel_id: str) -> int:
        found = [process.pid for process in psutil.process_iter() if _cwd(process).endswith(kernel_id)]
        assert len(found) == 1, found
        return found[0]

    def alive(self, username: str, kernel_id: str) -> bool:
        with self.client(username) as client:
            return client.get(f"api/kernels/{kernel_id}").status_code == 200


class _Nobody:
    pid = -1


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd() if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""


def facts(html: str, name: str) -> dict[str, Any]:
    """The JSON the page carries in `<script id=name>`."""
    start = html.index(f'<script id="{name}" type="application/json">') + len(f'<script id="{name}" type="application/json">')
    found: dict[str, Any] = json.loads(html[start : html.index("</script>", start)])
    return found
