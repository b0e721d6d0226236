"""When a kernel begins and when it ends: pool, grace, hints, deaths, disabled accounts, killed services (H-2, S-9)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.pages.kernel_socket import connect, frame, next_message
from tests.pages.running import Pages, wait_for

pytestmark = pytest.mark.clause("H-2")


@pytest.fixture(scope="module")
def brief(make_pages: Callable[..., Pages]) -> Pages:
    """A set-up whose desks end soon, and whose services may be killed."""
    return make_pages(PAGES_GRACE="1.5", PAGES_HINT="0.4", PAGES_CHECK="0.7")


async def _gone(pages: Pages, username: str, kernel_id: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while await asyncio.to_thread(pages.alive, username, kernel_id):
        assert time.monotonic() < until, "the desk still lives"
        await asyncio.sleep(0.05)


async def test_closed_socket_leaves_the_desk_its_grace_and_no_more(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    pid = brief.pid_of(kernel_id)
    socket = await connect(brief, kernel_id, "anna")
    await asyncio.sleep(2.0)
    assert brief.alive("anna", kernel_id), "a connected desk outlives the grace time"
    socket.close()
    await asyncio.sleep(0.4)
    assert brief.alive("anna", kernel_id), "a lost connection is not the end"
    again = await connect(brief, kernel_id, "anna")
    await asyncio.sleep(2.0)
    assert brief.alive("anna", kernel_id), "coming back cancels the end"
    again.close()
    await _gone(brief, "anna", kernel_id, 6)
    wait_for(lambda: not psutil.pid_exists(pid), 5, "the process of the kernel is gone")
    wait_for(lambda: not (brief.folder / "run" / "desks" / kernel_id).exists(), 5, "ticket and folder are gone")


async def test_hint_of_the_browser_ends_only_a_page_without_socket(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    socket = await connect(brief, kernel_id, "anna")
    with brief.client("anna") as client:
        hint = f"voila/api/shutdown/{kernel_id}"
        assert client.post(hint, headers={"Origin": brief.url}).status_code == 204
        await asyncio.sleep(0.8)
        assert brief.alive("anna", kernel_id), "a download fires the same event; the page is still there"
        assert client.post(hint, headers={"Origin": brief.url}).status_code == 204
        began = time.monotonic()
        socket.close()
        await _gone(brief, "anna", kernel_id, 6)
        assert time.monotonic() - began < 1.4, "sooner than the grace time"


async def test_killed_kernel_is_gone_at_once_and_stays_gone(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    socket = await connect(brief, kernel_id, "anna")
    os.kill(brief.pid_of(kernel_id), signal.SIGKILL)
    assert await next_message(socket, "never", 5) is None
    assert socket.close_code == 4404
    assert not brief.alive("anna", kernel_id), "no empty kernel under the old id"


async def test_control_channel_answers_while_the_kernel_waits(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    socket = await connect(brief, kernel_id, "anna")
    took = []
    for _ in range(10):
        began = time.monotonic()
        await socket.write_message(frame("control", "kernel_info_request", {}), binary=True)
        assert await next_message(socket, "kernel_info_reply", 5) is not None
        took.append(time.monotonic() - began)
    socket.close()
    assert sorted(took)[5] < 0.035, f"Nagle would make each 40 ms and more: {took}"


@pytest.mark.clause("S-9")
async def test_disabled_account_loses_desk_kernel_and_socket(brief: Pages) -> None:
    kernel_id = brief.open_desk("bob", "clinical")
    other = brief.open_desk("anna", "clinical")
    pid = brief.pid_of(kernel_id)
    socket, others = await connect(brief, kernel_id, "bob"), await connect(brief, other, "anna")
    brief.control(disabled=["bob"])
    try:
        assert await next_message(socket, "never", 8) is None
        wait_for(lambda: not psutil.pid_exists(pid), 5, "the process of the kernel is gone")
        assert not brief.alive("bob", kernel_id)
        assert brief.alive("anna", other), "nobody else's desk ends"
    finally:
        brief.control(disabled=[])
        others.close()


async def test_ticket_of_an_open_desk_is_renewed(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    socket = await connect(brief, kernel_id, "anna")
    path = brief.folder / "run" / "desks" / kernel_id / "ticket"
    first = path.read_text()
    wait_for(lambda: path.read_text() != first, 6, "a new ticket")
    assert path.stat().st_mode & 0o777 == 0o600
    socket.close()


def test_desk_takes_little_memory(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    pss = psutil.Process(brief.pid_of(kernel_id)).memory_full_info().pss / 2**20
    assert pss <= 60, f"{pss:.0f} MB"


def test_one_person_cannot_take_all_kernels(make_pages: Callable[..., Pages]) -> None:
    few = make_pages(PAGES_DESKS_EACH="2", PAGES_POOL="0")
    first, second = few.open_desk("anna", "registration"), few.open_desk("anna", "registration")
    third = few.open_desk("anna", "registration")
    assert not few.alive("anna", first), "the oldest without a page gave way"
    assert few.alive("anna", second)
    assert few.alive("anna", third)
    few.stop()
    assert few.kernel_pids() == set(), "a normal stop leaves no kernel"
    assert list((few.folder / "run" / "desks").iterdir()) == []


async def test_killed_pages_service_leaves_no_kernel_and_comes_back(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    socket = await connect(brief, kernel_id, "anna")
    assert brief.kernel_pids()
    brief.kill("pages")
    wait_for(lambda: brief.kernel_pids() == set(), 6, "kernels end with their pages service")
    socket.close()
    brief.start("pages")
    with brief.client("anna") as client:
        assert client.get(f"api/kernels/{kernel_id}").status_code == 404
    assert not (brief.folder / "run" / "desks" / kernel_id).exists(), "what the dead service left is swept"
    assert brief.open_desk("anna", "registration")


async def test_killed_zygote_is_found_again(brief: Pages) -> None:
    kernel_id = brief.open_desk("anna", "registration")
    pid = brief.pid_of(kernel_id)
    brief.kill("zygote")
    with brief.client() as client:
        assert client.get("healthz").status_code == 503
    assert psutil.pid_exists(pid), "an open desk does not need the zygote"
    brief.start("zygote")
    wait_for(lambda: brief.client().get("healthz").status_code == 200, 10)
    assert brief.open_desk("anna", "registration")
    brief.kill("zygote")
    brief.kill("pages")
    wait_for(lambda: brief.kernel_pids() == set(), 6, "kernels end even when both are killed")
    brief.start("zygote")
    brief.start("pages")


def test_no_name_of_a_patient_and_no_ticket_in_the_logs(brief: Pages) -> None:
    text = Path(brief.folder / "pages.log").read_text() + Path(brief.folder / "zygote.log").read_text()
    assert "eyJ" not in text
    assert "must-not-reach-a-kernel" not in text
