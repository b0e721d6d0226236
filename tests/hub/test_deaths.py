"""Every program may be killed at any moment: it comes back by itself, and the others go on."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import httpx
import pytest

from tests.running_hub import HEALTH, RunningHub, wait_until

API = "/services/ris/api/v1"
BEHIND = {
    "ris": "/services/ris/healthz",
    "node": "/services/images/healthz",
    "pages": "/services/pages/healthz",
    "mart": "/services/mart/healthz",
    "masks": "/services/masks/healthz",
    "research": "/services/research/healthz",
    "evidence": "/services/evidence/healthz",
    "hub": "/hub/health",
    "proxy": "/services/ris/healthz",
}


@pytest.mark.clause("O-1")
@pytest.mark.parametrize(
    "program", ["ris", "node", "pages", "mart", "evidence", "masks", "research", "followers", "zygote", "hub", "proxy"]
)
def test_a_killed_program_comes_back_by_itself(hub: RunningHub, program: str) -> None:
    before = hub.pids()
    os.kill(before[program], signal.SIGKILL)
    wait_until(f"a new {program}", lambda: hub.pids()[program] not in {None, before[program]}, 10)
    if program in BEHIND:
        wait_until(f"{program} works", lambda: hub.is_well(BEHIND[program]), 40)
    wait_until("everything is well", lambda: all(hub.is_well(path) for path in HEALTH), 40)
    others = {name: pid for name, pid in hub.pids().items() if name != program}
    assert others == {name: pid for name, pid in before.items() if name != program}, "another program ended too"


@pytest.mark.clause("O-1")
def test_reading_goes_on_while_the_hub_restarts(hub: RunningHub) -> None:
    paths = (f"{API}/worklist", "/services/images/healthz", "/services/pages/desk/reading")
    answers: list[tuple[str, int]] = []
    done = threading.Event()
    with hub.login_as("radiologist") as client:
        assert client.get(f"{API}/worklist").status_code == 200

        def keep_reading() -> None:
            while not done.is_set():
                answers.extend((path, client.get(path).status_code) for path in paths)
                time.sleep(0.05)

        reader = threading.Thread(target=keep_reading)
        reader.start()
        try:
            old = hub.pids()["hub"]
            os.kill(old, signal.SIGKILL)
            wait_until("the Hub answers again", lambda: hub.pids()["hub"] not in {None, old} and hub.is_well("/hub/health"), 40)
        finally:
            done.set()
            reader.join(20)
        assert len(answers) > 10
        assert {status for _, status in answers} == {200}
        # who was logged in still is
        assert client.get("/hub/ticket").headers["location"] == "/services/pages/desk/reading"


@pytest.mark.clause("O-1")
def test_the_proxy_never_answers_without_its_routes(hub: RunningHub) -> None:
    """A 404 in the gap would end the event streams of open desks for good."""
    old = hub.pids()["proxy"]
    os.kill(old, signal.SIGKILL)
    seen = []
    end = time.monotonic() + 15
    while time.monotonic() < end and seen.count(200) < 20:
        with contextlib.suppress(httpx.TransportError):
            seen.append(httpx.get(f"{hub.base}/services/ris/healthz", timeout=5).status_code)
    assert set(seen) == {200}
    assert len(seen) == 20


@pytest.mark.clause("O-1", "H-1")
def test_a_login_waits_for_records_that_are_just_restarting(hub: RunningHub) -> None:
    account = hub.account("radiologist")
    with hub.visitor() as client:
        client.get("/hub/login")
        os.kill(hub.pids()["ris"], signal.SIGKILL)
        answer = hub.try_login(client, account["username"], account["password"])
        assert answer.status_code in {302, 503}  # in after some seconds, or told to try again: never an error page
        if answer.status_code == 503:
            assert "请稍后再试" in answer.text
    wait_until("records work", lambda: hub.is_well("/services/ris/healthz"), 40)
