"""A small real HTTP server with the feed and effect routes of ris and the node, that counts what followers do to it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest


class FeedServer:
    """Two feeds (`images`, `records`) and the three effect routes; every behaviour a test needs is a plain attribute."""

    def __init__(self, port: int = 0) -> None:
        self.images: list[dict] = []
        self.records: list[dict] = []
        self.calls: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.arrivals: dict[tuple[str, int], dict] = {}
        self.entries: dict[str, dict] = {}
        self.annotations: dict[tuple[str, str], dict] = {}
        self.refuse: dict[str, int] = {}
        """What to answer (status) to an effect that holds this text."""
        self.down = 0
        """Status of every answer while not 0."""
        self.changed = threading.Condition()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: object) -> None: ...

            def answer(self, status: int, body: dict) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.answer(*server.read(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.answer(*server.effect(self.path, body.decode()))

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args: object) -> None: ...  # killed clients

        self.http = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def add(self, feed: str, kind: str, **row: object) -> int:
        with self.changed:
            rows = getattr(self, feed)
            seq = (rows[-1]["seq"] if rows else 0) + 1
            rows.append({"seq": seq, "kind": kind, "schema": 1, "at": "2026-01-05T01:02:03Z", "institution": "H01", "data": {}} | row)
            self.changed.notify_all()
        return seq

    def store(self, study: str, instances: int) -> int:
        data = {"accession": "A1", "patient_id": "P1", "patient_name": "王小明", "modality": "CT", "instances": instances, "series": 1}
        return self.add("images", "instance.stored", study_uid=study, series_uid=study + ".1", sop_uid=f"{study}.1.{instances}", data=data)

    def read(self, path: str) -> tuple[int, dict]:
        parts = urlsplit(path)
        if self.down:
            return self.down, {"status": self.down, "code": "service.down"}
        if parts.path.endswith("/healthz"):
            return 200, {"status": "ok"}
        rows = self.images if parts.path.endswith("/changes") else self.records
        query = {name: float(values[0]) for name, values in parse_qs(parts.query).items()}
        since, limit, until = int(query.get("since", 0)), int(query.get("limit", 100)), time.monotonic() + query.get("wait", 0)
        with self.changed:
            while not (found := [row for row in rows if row["seq"] > since][:limit]):
                if not self.changed.wait(timeout=max(0.0, until - time.monotonic())):
                    break
        return 200, {"rows": found, "next": found[-1]["seq"] if found else since}

    def effect(self, path: str, body: str) -> tuple[int, dict]:
        if path.endswith("/internal/service-ticket"):
            # Names the caller for as long as a test lasts; this server checks no signature.
            return (self.down or 200), {"ticket": "a.b.c", "expires_at": "2100-01-01T00:00:00Z"}
        if self.down:
            return self.down, {"status": self.down, "code": "service.down"}
        for text, status in self.refuse.items():
            if text in body:
                return status, {"type": "urn:hub:problem:row.bad", "title": "bad", "status": status, "code": "row.bad"}
        sent = json.loads(body)
        with self.changed:
            self.calls[path.rsplit("/", 1)[-1]] += 1
            for one in sent.get("arrivals", []):
                self.told[f"arrival:{one['images_seq']}"] += 1
                self.arrivals[one["study_uid"], one["images_seq"]] = one
            for one in sent.get("entries", []):
                self.told[one["key"]] += 1
                self.entries.setdefault(one["key"], one)
            for one in sent.get("rows", []):
                known = self.annotations.get((one["table"], one["key"]))
                self.told[f"{one['table']}:{one['key']}:{one['version']}"] += 1
                if known is None or known["version"] < one["version"]:
                    self.annotations[one["table"], one["key"]] = one
        return 200, {"results": [], "added": 0, "taken": 0}


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()
