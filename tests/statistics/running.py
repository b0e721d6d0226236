"""The house of tests/mart with its front rooms: zygote, pages and proxy, so that a browser can open a desk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.mart.house import ROOT, House, wait_for

DIST = ROOT / "apps" / "dist"


class FrontHouse(House):
    """ris, mart and the pages behind a proxy, on one origin."""

    dist: Path = DIST

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    def open_front(self) -> None:
        """Start zygote, pages and proxy."""
        self.ports |= {name: self.port() for name in ("proxy", "proxy-api", "pages")}
        base = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ}
        pages = base | {
            "PAGES_PORT": str(self.ports["pages"]),
            "PAGES_TICKET_KEY": str(self.folder / "public.pem"),
            "PAGES_RUN": str(self.folder / "run"),
            "PAGES_ZYGOTE": str(self.folder / "z.sock"),
            "PAGES_DIST": str(self.dist),
            "PAGES_POOL": "1",
            "RIS_URL": self.ris,
            "IMAGES_URL": self.images,
            "MART_URL": self.mart,
            "SERVICE_NAME": "pages",
            "SERVICE_SECRET_FILE": str(self.folder / "pages.secret"),
        }
        proxy = [
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
        ]
        for name, command, environment in (
            ("zygote", [sys.executable, "-m", "hub_config.pages.zygote"], pages),
            ("pages", [sys.executable, "-m", "hub_config.pages"], pages),
            ("proxy", proxy, base),
        ):
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
            if name == "zygote":
                wait_for(lambda: "zygote_ready" in self.log("zygote"), 30, lambda: self.log("zygote")[-1500:])
        direct = f"http://127.0.0.1:{self.ports['pages']}/services/pages/healthz"
        wait_for(lambda: httpx.get(direct, timeout=3).status_code == 200, 30, lambda: self.log("pages")[-1500:])
        api = f"http://127.0.0.1:{self.ports['proxy-api']}/api/routes"
        wait_for(lambda: httpx.get(api, timeout=2).is_success, 20, lambda: self.log("proxy")[-1500:])
        for name, port in (("pages", "pages"), ("ris", "ris"), ("mart", "mart"), ("images", "node")):
            httpx.post(f"{api}/services/{name}", json={"target": f"http://127.0.0.1:{self.ports[port]}"}, timeout=5).raise_for_status()

    def stop(self) -> None:
        for name in ("proxy", "pages", "zygote"):
            self.end(name)
        super().stop()
