"""A small server for the viewer's page: the built bundle, the page, series streams – with the desks' own content policy."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx

from .streams import Stream

ROOT = Path(__file__).resolve().parents[2]
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "img-src 'self' data: blob:; style-src 'self'"
)
PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>viewer</title>
<link rel="stylesheet" href="/page.css"><link rel="icon" href="data:,">
<script type="application/json" id="desk-config">{config}</script>
<body><div id="a"></div><div id="b"></div><script type="module" src="/page.js"></script></body></html>"""
STYLE = "html, body { margin: 0; height: 100%; background: #0b0b0c } #a { width: 100%; height: 100% } #b { width: 50%; height: 0 }"


def build_page(folder: Path) -> bytes:
    """The test page's script: the public `api.ts`, put on `window`."""
    target = folder / "page.js"
    command = [
        str(ROOT / "node_modules/.bin/esbuild"),
        str(Path(__file__).parent / "page.ts"),
        "--bundle",
        "--format=esm",
        f"--outfile={target}",
        "--log-level=error",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return target.read_bytes()


class ViewerServer:
    """Streams are put in by name: `streams["ct"] = …` is series `ct` of study `s`."""

    def __init__(self, dist: Path, folder: Path) -> None:
        """`dist` holds the built viewer, `folder` is for the page's script."""
        self.dist = dist
        self.bundle = str(json.loads((dist / "viewer.json").read_text())["js"])
        self.page = build_page(folder)
        self.streams: dict[str, Stream] = {}
        self.pause: dict[str, float] = {}
        self.cut: dict[str, int] = {}
        self.problems: dict[str, int] = {}
        self.cuts: dict[str, int] = {}
        self.asked: list[str] = []
        # (address, ticket) of a real node that answers under /services/images instead of the streams above
        self.node: tuple[str, str] | None = None
        handler = type("Handler", (_Handler,), {"owner": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[ViewerServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.owner.asked.append(path)
        if path == "/":
            config = json.dumps({"viewer": f"/services/pages/static/{self.owner.bundle}"})
            self._send(PAGE.format(config=config).encode(), "text/html; charset=utf-8")
        elif path == "/page.js":
            self._send(self.owner.page, "text/javascript")
        elif path == "/page.css":
            self._send(STYLE.encode(), "text/css")
        elif path.startswith("/services/pages/static/"):
            self._send((self.owner.dist / path.rsplit("/", 1)[1]).read_bytes(), "text/javascript")
        elif path.startswith("/services/images/") and self.owner.node:
            self._from_node(*self.owner.node)
        elif path.startswith("/services/images/series/") and path.endswith("/planes"):
            stream = self.owner.streams.get(path.split("/")[5])
            found = stream.planes if stream else None
            self._send(json.dumps(found or {}).encode(), "application/json", 200 if found else 404)
        elif path.startswith("/services/images/series/"):
            self._series(path.split("/")[5])
        elif path.startswith("/services/images/studies/"):
            self._summary()
        else:
            self._send(b"{}", "application/json", 404)

    def _from_node(self, address: str, ticket: str) -> None:
        with httpx.stream("GET", address + self.path, headers={"Authorization": f"Bearer {ticket}"}, timeout=30) as answer:
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", ""))
            self.send_header("Connection", "close")
            self.end_headers()
            for chunk in answer.iter_raw():
                self.wfile.write(chunk)
        self.close_connection = True

    def _summary(self) -> None:
        series = [
            {
                "series_uid": name,
                "number": stream.summary.get("number"),
                "modality": stream.summary.get("modality"),
                "description": stream.summary.get("series_description"),
            }
            for name, stream in self.owner.streams.items()
        ]
        last = next(iter(reversed(self.owner.streams.values())), None)
        body = {"study_uid": "s", "series": series} | (last.summary if last else {})
        self._send(json.dumps(body).encode(), "application/json")

    def _series(self, name: str) -> None:
        if status := self.owner.problems.get(name):
            words = {
                "zh": {"title": "不可查看", "action": "请联系管理员"},
                "en": {"title": "Not to be seen", "action": "Ask an administrator"},
            }
            self._send(
                json.dumps({"title": "no", "status": status, "code": "image.scope", "words": words}).encode(),
                "application/problem+json",
                status,
            )
            return
        stream = self.owner.streams.get(name)
        if stream is None:
            self._send(b"{}", "application/problem+json", 404)
            return
        parts = stream.parts()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-series-stream")
        self.send_header("Content-Length", str(sum(len(part) for part in parts)))
        self.end_headers()
        # A cut counted below 0 happens once; a positive one every time.
        stop = self.owner.cut.get(name)
        if stop is not None and stop < 0:
            stop = -stop
            del self.owner.cut[name]
        for number, part in enumerate(parts):
            if stop is not None and number == stop:
                time.sleep(0.3)
                self.owner.cuts[name] = self.owner.cuts.get(name, 0) + 1
                self.close_connection = True
                self.wfile.write(part[: len(part) // 2])
                return
            self.wfile.write(part)
            if pause := self.owner.pause.get(name):
                self.wfile.flush()
                time.sleep(pause)
