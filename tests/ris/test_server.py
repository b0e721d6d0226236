"""The real process: uvicorn, streams, long poll, signals, SIGKILL, command line, and the Python client against it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ris.client import COOKIE, RisClient, RisProblem, ServiceTicket, TicketError, TicketVerifier
from ris.setting_up import bootstrap, make_administrator
from tests.ris.conftest import PASSWORD, arrival, new_database, new_key, order, secret_of, settings_in, world
from tests.ris.test_reports import TEXT
from tests.worker import take_free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """`python -m ris` on a port of its own."""

    folder: Path
    url: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/ris"

    @property
    def environment(self) -> dict[str, str]:
        names = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
        own = {
            "RIS_PORT": str(self.port),
            "RIS_DATABASE": self.url,
            "RIS_TICKET_KEY": str(self.folder / "key.pem"),
            "RIS_SERVICES": str(self.folder / "services.json"),
        }
        return {name: os.environ[name] for name in names if name in os.environ} | own | self.more

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen([sys.executable, "-m", "ris"], cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.base}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(15)

    def login(self, username: str) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.base}/internal/login",
            json={"username": username, "password": PASSWORD},
            headers={"Authorization": f"Service hub:{secret_of('hub')}"},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def kernel(self, username: str, desk: str) -> RisClient:
        browser = self.login(username)["ticket"]
        kernel = RisClient(self.base, lambda: "").kernel_ticket(browser, desk)["ticket"]
        return RisClient(self.base, lambda: kernel)

    def service(self, name: str) -> RisClient:
        secret = self.folder / f"{name}.secret"
        secret.write_text(secret_of(name) + "\n")
        return RisClient(self.base, ServiceTicket(self.base, name, secret))


@pytest.fixture(scope="module")
def server(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The process on one database, for this file."""
    folder = tmp_path_factory.mktemp(f"server-{kind}")
    url = new_database(kind, request)
    bootstrap(settings_in(folder, url), world())
    made = Server(folder, url, take_free_port())
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        assert made.kill(signal.SIGTERM) == 0
        pids = [line for line in (made.folder / "log").read_text().splitlines() if '"level": "error"' in line]
        assert pids == []


class Stream:
    """An open worklist stream, read in a thread; `events` grows as (event, data)."""

    def __init__(self, server: Server, username: str, **params: Any) -> None:
        self.events: list[tuple[str, Any, int]] = []
        self.ended = threading.Event()
        self._ready = threading.Event()
        ticket = server.login(username)["ticket"]
        self._thread = threading.Thread(target=self._read, args=(server, ticket, params), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def _read(self, server: Server, ticket: str, params: dict[str, Any]) -> None:
        headers = {"Cookie": f"{COOKIE}={ticket}", "Accept-Encoding": "gzip"}
        try:
            with httpx.stream("GET", f"{server.base}/api/v1/worklist/stream", params=params, headers=headers, timeout=60) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                event, number = "", 0
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        event = value
                    elif name == "id":
                        number = int(value)
                    elif name == "data":
                        self.events.append((event, json.loads(value), number))
                        self._ready.set()
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def wait_for(self, wanted: Any, seconds: float = 10) -> float:
        """Wait until `wanted(event, data)` is true for one event; returns how long it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if any(wanted(event, data) for event, data, _ in list(self.events)):
                return time.monotonic() - begun
            time.sleep(0.01)
        raise AssertionError([event for event, _, _ in self.events])


@pytest.mark.clause("R-5", "S-8")
def test_live_rows_in_scope_resume_and_end_with_the_account(server: Server) -> None:
    followers = server.service("followers")
    centre, hospital_a, hospital_b = Stream(server, "radiologist.c"), Stream(server, "clinician.ha"), Stream(server, "clinician.hb")
    assert centre.events[0][0] == "hello"
    result = followers.arrivals([arrival(institution="HA")])[0]
    mine = lambda event, data: event == "exam" and data["exam_id"] == result["exam_id"]
    took = max(centre.wait_for(mine), hospital_a.wait_for(mine))
    assert took < 5, took  # measured 0.05 s on a quiet machine; this bound is for a crowded one
    time.sleep(0.3)
    assert [event for event, _, _ in hospital_b.events] == ["hello"]
    number = next(number for event, data, number in centre.events if mine(event, data))
    row = next(data for event, data, _ in centre.events if mine(event, data))
    assert {"stage", "patient", "mine", "waiting_since"} <= set(row)
    assert "state_times" not in row
    # resumed behind a number: what came later comes, what came before does not
    later = followers.arrivals([arrival(institution="HA")])[0]
    resumed = Stream(server, "radiologist.c", since=number)
    resumed.wait_for(lambda event, data: event == "exam" and data["exam_id"] == later["exam_id"])
    assert not any(mine(event, data) for event, data, _ in resumed.events)
    numbers = [number for event, _, number in resumed.events if event == "exam"]
    assert numbers == sorted(numbers)
    # the account dies: its stream ends at once, others go on
    administrator = server.login("administrator.c")["ticket"]
    headers = {"Cookie": f"{COOKIE}={administrator}", "Sec-Fetch-Site": "same-origin"}
    for disabled in (True, False):
        assert (
            httpx.put(f"{server.base}/api/v1/accounts/clinician.ha", json={"disabled": disabled}, headers=headers, timeout=20).status_code
            == 200
        )
    assert hospital_a.ended.wait(10)
    assert hospital_a.events[-1][0] == "ended"
    assert not centre.ended.is_set()


@pytest.mark.clause("H-7")
def test_long_poll_answers_when_something_happens(server: Server) -> None:
    pages, followers = server.service("pages"), server.service("followers")
    position = 0
    while page := pages.feed(position, limit=1000)["rows"]:
        position = page[-1]["seq"]
    threading.Timer(0.5, lambda: followers.arrivals([arrival()])).start()
    begun = time.monotonic()
    answer = pages.feed(position, wait=20)
    assert 0.3 < time.monotonic() - begun < 15
    assert answer["rows"][0]["seq"] == position + 1
    assert answer["next"] == answer["rows"][-1]["seq"]
    begun = time.monotonic()
    assert pages.feed(10**9, wait=1) == {"rows": [], "next": 10**9}
    assert 0.9 < time.monotonic() - begun < 10


@pytest.mark.clause("R-0", "O-1")
def test_killed_in_the_middle_of_typing_loses_nothing_acknowledged(server: Server) -> None:
    exam = server.service("followers").arrivals([arrival(quiet=True)])[0]["exam_id"]
    doctor = server.kernel("radiologist.c", "reading")
    report = doctor.begin_report([exam])
    acknowledged = [report["version"]]
    texts = {report["version"]: ""}
    stop = threading.Event()

    def type_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                saved = doctor.save_draft(report["id"], acknowledged[-1], f"所见 {number}", "印象", positive=None)
            except (httpx.HTTPError, RisProblem):
                return
            texts[saved["version"]] = f"所见 {number}"
            acknowledged.append(saved["version"])

    typing = threading.Thread(target=type_on)
    typing.start()
    time.sleep(0.7)
    server.kill()
    stop.set()
    typing.join(20)
    server.start()
    assert len(acknowledged) > 3
    kept = doctor.report(report["id"])
    assert kept["version"] >= acknowledged[-1]  # the ticket and the session live on, too
    assert kept["version"] <= acknowledged[-1] + 1
    if kept["version"] == acknowledged[-1]:
        assert kept["findings"] == texts[acknowledged[-1]]
    done = doctor.move_report(report["id"], "submit", kept["version"], key="after-the-kill", **TEXT)
    assert done["state"] == "written"
    feed = server.service("pages").feed(0, limit=5000)["rows"]
    assert [row["seq"] for row in feed] == list(range(1, len(feed) + 1))


@pytest.mark.clause("O-11")
def test_logs_hold_no_patient(server: Server) -> None:
    registrar = server.kernel("registrar.ha", "registration")
    registrar.place_order(order(patient={"name": "诸葛保密", "patient_id": "SECRETID77", "birth_date": "2019-07-08"}))
    registrar.worklist(q="诸葛保密")
    with pytest.raises(RisProblem):
        registrar.call("POST", "/orders", json={"institution": "HA", "patient": {"name": "诸葛保密", "birth_date": "not a date"}})
    log = (server.folder / "log").read_text()
    for secret in ("诸葛保密", "SECRETID77", "2019-07-08", "zhuge", "王小明", "Xiaoming", PASSWORD):
        assert secret not in log, secret
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"event", "level", "timestamp"} <= set(lines[-1])


@pytest.mark.clause("S-9")
def test_the_client_and_the_verifier_of_other_services(server: Server, tmp_path: Path) -> None:
    login = server.login("clinician.hb")
    verifier = TicketVerifier(server.folder / "public.pem")
    ticket = verifier.verify(login["ticket"])
    assert (ticket.kind, ticket.username, ticket.assignments, ticket.institutions) == (
        "browser",
        "clinician.hb",
        (("clinician", "HB"),),
        ("HB",),
    )
    assert ticket.may("image.view")
    assert not ticket.may("report.write")
    assert ticket.covers("HB")
    assert not ticket.covers("HA")
    service = verifier.verify(ServiceTicket(server.base, "followers", _secret(tmp_path, "followers"))())
    assert service.operations == {"feed.follow", "node.annotate", "audit.write", "study.link"}
    assert service.institutions == ("*",)
    with pytest.raises(TicketError, match=r"ticket\.invalid"):
        TicketVerifier(_file(tmp_path / "other.pem", new_key()[1])).verify(login["ticket"])
    with pytest.raises(TicketError, match=r"ticket\.revoked"):
        TicketVerifier(server.folder / "public.pem", revoked=lambda one: one.username == "clinician.hb").verify(login["ticket"])
    verifier.follow({"kind": "account.changed", "data": {"username": "clinician.hb", "not_before": ticket.issued_at - 1}})
    assert verifier.verify(login["ticket"]) == ticket
    verifier.follow({"kind": "account.changed", "data": {"username": "clinician.hb", "not_before": ticket.issued_at + 0.001}})
    with pytest.raises(TicketError, match=r"ticket\.revoked"):
        verifier.verify(login["ticket"])
    again = server.login("clinician.hb")["ticket"]
    other = verifier.verify(again)
    verifier.follow({"kind": "session.ended", "data": {"sid": other.sid}})
    with pytest.raises(TicketError, match=r"ticket\.revoked"):
        verifier.verify(again)
    wrong = RisClient(server.base, ServiceTicket(server.base, "followers", _file(tmp_path / "wrong", b"wrong")))
    with pytest.raises(RisProblem, match=r"service\.unknown"):
        wrong.feed(0)


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _secret(folder: Path, name: str) -> Path:
    return _file(folder / f"{name}.secret", secret_of(name).encode())


@pytest.mark.clause("H-7")
def test_the_api_page_works_without_any_outside_address(server: Server) -> None:
    page = httpx.get(f"{server.base}/docs", timeout=20)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace(server.base, "")
    assert "https://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert f"docs/{name}" in page.text
        assert httpx.get(f"{server.base}/docs/{name}", timeout=20).status_code == 200
    for name in ("package.json", "..%2f..%2fpackage.json", "swagger-ui.js.map"):
        assert httpx.get(f"{server.base}/docs/{name}", timeout=20).status_code == 404
    assert "/services/ris/api/v1/reports/{report_id}/transitions" in httpx.get(f"{server.base}/openapi.json", timeout=20).json()["paths"]


def _command(server: Server, *arguments: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ris", *arguments],
        cwd=ROOT,
        env=server.environment | more,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.clause("S-10")
def test_first_administrator_on_the_command_line(server: Server) -> None:
    made = _command(server, "administrator", "--username", "Chief", given="\n")
    assert made.returncode == 0, made.stderr
    printed = json.loads(made.stdout)
    assert printed["username"] == "chief"
    answer = httpx.post(
        f"{server.base}/internal/login",
        json={"username": "chief", "password": printed["password"]},
        headers={"Authorization": f"Service hub:{secret_of('hub')}"},
        timeout=20,
    )
    assert answer.json()["roles"] == ["administrator"]
    twice = _command(server, "administrator", "--username", "chief", given="another-password\n")
    assert twice.returncode == 1
    assert "已经存在" in twice.stderr
    slip = _command(server, RIS_PROT="1")
    assert slip.returncode == 2
    assert "RIS_PROT" in slip.stderr
    assert "Traceback" not in slip.stderr


@pytest.mark.clause("S-10")
def test_a_given_password_is_not_printed(empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("given-password\n"))
    assert make_administrator(settings_in(tmp_path, empty_url), "chief", "CENTRE", "诊断中心") == {"username": "chief"}


@pytest.mark.clause("O-1")
def test_sigterm_ends_open_streams_and_the_press(server: Server) -> None:
    import psutil

    stream = Stream(server, "radiologist.c")
    assert server.process is not None
    children = psutil.Process(server.process.pid).children()
    begun = time.monotonic()
    assert server.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 8
    assert stream.ended.wait(5)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in children)
    server.start()
