"""Who gets into which room, and that the Hub's side and the Lab's side share no cookie, no page and no ticket."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import websocket
from playwright.sync_api import Browser, expect
from tornado.httpserver import HTTPServer

from hub_config.lab.door import door_application
from hub_config.lab.rooms import Room, Rooms
from hub_config.lab.settings import LabSettings
from tests.lab.conftest import PASSWORD, SECOND, THIRD
from tests.lab.workbench import Workbench, invitation
from tests.running_hub import RunningHub, is_gone, wait_until
from tests.worker import take_free_port

pytestmark = pytest.mark.clause("H-4", "S-7", "S-9")
SHOTS = os.environ.get("LAB_SHOTS", "")


def hub_token(page: str) -> str:
    found = re.search(r'data-xsrf="([^"]+)"', page)
    assert found
    return found[1]


def test_only_a_researcher_gets_a_room(hub: RunningHub) -> None:
    for role in ("radiologist", "administrator", "operator", "patient"):
        with hub.login_as(role) as visitor:
            assert visitor.get("/hub/lab").status_code == 403, role
    with hub.visitor() as nobody:
        answer = nobody.get("/hub/lab")
        assert (answer.status_code, answer.headers["location"]) == (302, "/hub/login?next=%2Fhub%2Flab")


def test_nobody_starts_a_server_through_the_hubs_api(hub: RunningHub, bench: Workbench) -> None:
    radiologist = hub.account("radiologist")
    for visitor, own in (
        (bench.visitor, bench.username),
        (hub.login(radiologist["username"], radiologist["password"]), radiologist["username"]),
    ):
        token = hub_token(visitor.get("/hub/token").text)
        headers = {"X-XSRFToken": token, "Sec-Fetch-Site": "same-origin"}
        for name in (own, SECOND):
            for method in ("POST", "DELETE"):
                assert visitor.request(method, f"/hub/api/users/{name}/server", headers=headers).status_code in {403, 404}, (method, name)
            assert visitor.get(f"/hub/api/users/{name}/server/progress", headers=headers).status_code in {403, 404}
        assert visitor.get("/hub/spawn").headers["location"] == "/hub/lab"
    assert bench.lab.get(bench.base + "api").status_code == 200, "the room still runs"


def test_one_researcher_cannot_open_the_room_of_another(hub: RunningHub, bench: Workbench, second: Workbench) -> None:
    for path in ("lab", "api/contents", "api/kernels", "files/x"):
        theirs = second.lab.get(bench.base + path)
        forged = httpx.get(f"{bench.url}{bench.base}{path}", headers={"Cookie": second.cookies})
        for answer in (theirs, forged):
            assert answer.status_code in {302, 403}
            assert answer.headers.get("location", bench.hub.base).startswith(bench.hub.base)
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        bench.open_channels(cookies=second.cookies)
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        bench.open_channels(cookies="")
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        bench.open_channels(origin=hub.base)


def test_an_invitation_is_good_once_and_only_for_its_room(bench: Workbench, second: Workbench) -> None:
    address = invitation(second.visitor)
    elsewhere = address.replace(second.base, bench.base)
    assert "set-cookie" not in httpx.get(elsewhere).headers
    entered = httpx.get(address)
    assert entered.headers["location"] == f"{second.base}lab"
    cookie = entered.headers["set-cookie"]
    assert {f"Path={second.base}", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "set-cookie" not in httpx.get(address).headers


def test_the_two_host_names_share_no_page(hub: RunningHub, bench: Workbench) -> None:
    for path in (
        "/",
        "/hub/login",
        "/hub/api",
        "/services/ris/api/v1/me",
        "/services/pages/desk/reading",
        "/services/images/dicom-web/studies",
    ):
        answer = httpx.get(bench.url + path)
        assert (answer.status_code, answer.headers.get("location")) == (302, hub.base + path), path
        assert httpx.get(bench.url + path, headers={"Sec-Fetch-Mode": "cors"}).status_code == 403
    assert httpx.post(bench.url + "/hub/login", data={"username": "a", "password": "b"}).status_code == 403
    answer = httpx.get(hub.base + bench.base + "lab", headers={"Cookie": bench.cookies})
    assert answer.status_code in {302, 404}, "the Lab is not on the Hub's host name"
    assert "JupyterLab" not in answer.text


def test_absolute_addresses_and_forged_hosts_do_not_lead_into_a_room(hub: RunningHub, bench: Workbench) -> None:
    def say(text: str) -> bytes:
        with socket.create_connection(("127.0.0.1", hub.port), 10) as way:
            way.sendall(text.encode())
            way.settimeout(10)
            return way.recv(65536)

    target = bench.base + "api/contents"
    for request in (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\nX-Forwarded-Host: localhost\r\nCookie: {bench.cookies}\r\n\r\n",
        f"GET http://localhost:{hub.port}{target} HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\nCookie: {bench.cookies}\r\n\r\n",
        f"GET {target} HTTP/1.1\r\nHost: localhost:{hub.port}\r\nX-Forwarded-Host: localhost\r\n\r\n",
        f"CONNECT 127.0.0.1:{hub.dicom_port} HTTP/1.1\r\nHost: localhost:{hub.port}\r\n\r\n",
    ):
        answer = say(request)
        assert not answer.startswith(b"HTTP/1.1 200"), request
        assert b'"content"' not in answer


async def test_a_room_sees_neither_the_doors_cookie_nor_any_header_of_the_front(tmp_path: Path) -> None:
    """A program that a researcher puts in the place of his JupyterLab: here it writes down what reaches it."""
    port = take_free_port()
    rooms = Rooms(
        LabSettings(port=port, control=tmp_path / "c", data=tmp_path, ris_url="http://127.0.0.1:1", host="localhost", hub_url="http://h")
    )
    room = rooms.open["a"] = Room("a", "/user/a/", "the-ticket")
    room.door = tmp_path / "door.sock"
    arrived = b""

    async def program(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        arrived = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nSet-Cookie: own=1\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_unix_server(program, str(room.door))
    front = HTTPServer(door_application(rooms))
    front.listen(port, "127.0.0.1")
    try:
        browser = room.enter(room.invite())
        headers = {
            "Host": f"localhost:{port}",
            "Cookie": f"lab-room={browser}; _xsrf=abc; username-localhost=me",
            "Authorization": "Bearer of-the-front",
            "X-Forwarded-For": "10.0.0.9",
            "X-XSRFToken": "abc",
        }
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"http://127.0.0.1:{port}/user/a/api/x?y=%20", content=b"body", headers=headers)
            assert answer.text == "hello"
            head = arrived.decode()
            assert head.startswith("POST /user/a/api/x?y=%20 HTTP/1.1\r\n")
            assert head.endswith("\r\n\r\nbody")
            assert "Cookie: _xsrf=abc; username-localhost=me\r\n" in head
            assert "X-Xsrftoken: abc" in head
            for secret in (browser, "lab-room", "of-the-front", "10.0.0.9", "the-ticket"):
                assert secret not in head
            arrived = b""
            for value in ("", "wrong", browser + "x"):
                refused = await client.post(
                    f"http://127.0.0.1:{port}/user/a/api/x", content=b"body", headers=headers | {"Cookie": f"lab-room={value}"}
                )
                assert refused.status_code == 403
            assert arrived == b""
    finally:
        front.stop()
        server.close()


def test_a_full_hub_says_so(hub: RunningHub, bench: Workbench, second: Workbench, browser: Browser, tmp_path: Path) -> None:
    assert {one.lab.get(one.base + "api").status_code for one in (bench, second)} == {200}, "both places are taken"
    with hub.login(THIRD, PASSWORD) as visitor:
        answer = visitor.get("/hub/lab", headers={"Accept-Language": "zh"})
        end = time.monotonic() + 20
        while answer.status_code == 200 and time.monotonic() < end:
            time.sleep(0.2)
            answer = visitor.get("/hub/lab", headers={"Accept-Language": "zh"})
        assert answer.status_code == 503
        assert "同时打开的科研工作台已达上限" in answer.text
        assert "As many workbenches as this hub allows" in visitor.get("/hub/lab?lang=en").text
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        context.add_cookies([{"name": one.name, "value": one.value or "", "url": f"{hub.base}{one.path}"} for one in visitor.cookies.jar])
        page = context.new_page()
        page.goto(hub.base + "/hub/lab?lang=zh")
        expect(page.get_by_role("alert")).to_contain_text("已达上限")
        page.screenshot(path=Path(SHOTS or tmp_path) / "full.png")
        context.close()


def test_a_room_outlives_the_hub(hub: RunningHub, bench: Workbench) -> None:
    kernel = Workbench(hub, bench.username, hub.account("researcher")["password"])
    with kernel:
        kernel.start_kernel().run("kept = 41")
        os.kill(hub.pids()["hub"], 9)
        assert kernel.ask("found = kept + 1") == 42, "while the Hub is away"
        wait_until("the Hub is back", lambda: hub.is_well("/hub/health"), 60)
        assert httpx.get(invitation(hub.login(bench.username, hub.account("researcher")["password"]))).status_code == 302
        assert kernel.ask("found = kept + 2") == 43, "the same room"


@pytest.mark.timeout(300)
def test_a_service_of_the_rooms_that_hangs_holds_up_nobody_and_ends_no_room(hub: RunningHub, bench: Workbench) -> None:
    account = hub.account("researcher")
    with Workbench(hub, bench.username, account["password"]) as kernel:
        kernel.start_kernel().run("kept = 41")
        service = hub.pids()["lab"]
        os.kill(service, signal.SIGSTOP)
        try:
            for number in range(2):  # the second time the Hub has looked at the room already
                begun = time.monotonic()
                page = kernel.visitor.get("/hub/lab")
                assert (page.status_code, "科研工作台服务" in page.text) == (503, True), (number, page.status_code)
                assert time.monotonic() - begun < 12
            begun = time.monotonic()
            with hub.login(bench.username, account["password"]) as other:
                other.get("/hub/logout")
            hub.login_as("radiologist").close()
            assert time.monotonic() - begun < 12
        finally:
            os.kill(service, signal.SIGCONT)
        assert httpx.get(invitation(hub.login(bench.username, account["password"]))).status_code == 302
        with Workbench(hub, bench.username, account["password"]) as again:
            again.kernel = kernel.kernel
            assert again.ask("found = kept + 1") == 42, "the same room"


def test_logging_out_locks_the_room_at_once(hub: RunningHub) -> None:
    with Workbench(hub, SECOND, PASSWORD) as person:
        assert person.lab.get(person.base + "api").status_code == 200
        person.visitor.get("/hub/logout")
        assert person.lab.get(person.base + "api", headers={"Sec-Fetch-Mode": "cors"}).status_code == 403
        answer = person.lab.get(person.base + "lab")
        assert (answer.status_code, answer.headers["location"]) == (302, hub.base + "/hub/lab")


def end_all_rooms(hub: RunningHub) -> None:
    """By the death of their service; it is back when this returns."""
    service = psutil.Process(hub.pids()["lab"])
    inside = service.children(recursive=True)
    service.kill()
    wait_until("all of it has gone", lambda: all(map(is_gone, inside)), 5)
    wait_until("the service is back", lambda: hub.pids()["lab"] not in {None, service.pid}, 20)
    # answered by its door: before that the proxy says that nobody is there
    wait_until("its door answers", lambda: httpx.get(f"http://localhost:{hub.port}/user/nobody/api").status_code in {302, 403}, 30)


def test_nothing_of_a_room_outlives_its_service(hub: RunningHub, bench: Workbench) -> None:
    assert len(psutil.Process(hub.pids()["lab"]).children(recursive=True)) >= 5, "bubblewrap twice, its first program, JupyterLab, a kernel"
    end_all_rooms(hub)
    assert bench.lab.get(bench.base + "api").status_code in {302, 403}, "the room is shut"


def begotten(pid: int) -> list[int]:
    """Process ids of all that it has started: from the kernel's own lists, fast enough on a busy machine to be there before a room is."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found + [each for child in list(found) for each in begotten(child)]


@contextmanager
def held_back(service: psutil.Process) -> Iterator[None]:
    """Whatever the service of the rooms starts stands still meanwhile."""
    over = threading.Event()

    def send(number: signal.Signals) -> None:
        for pid in begotten(service.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def hold() -> None:
        while not over.wait(0.005):
            send(signal.SIGSTOP)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()
        send(signal.SIGCONT)


@pytest.mark.timeout(300)
def test_a_researcher_works_in_his_lab_in_a_browser(hub: RunningHub, browser: Browser, tmp_path: Path) -> None:
    """From the login to a cell that runs; the room is not there yet."""
    end_all_rooms(hub)
    account = hub.account("researcher")
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    try:
        page.goto(hub.base + "/hub/login")
        page.get_by_label("用户名").fill(account["username"])
        page.get_by_label("密码", exact=True).fill(account["password"])
        with held_back(psutil.Process(hub.pids()["lab"])):  # a room may be there before anything is shown
            page.get_by_role("button", name="登录").click()
            expect(page.get_by_role("status")).to_contain_text("正在准备您的科研工作台", timeout=20_000)
            page.screenshot(path=Path(SHOTS or tmp_path) / "starting.png")
        page.wait_for_url(f"http://localhost:{hub.port}/user/**/lab**", timeout=90_000)
        card = page.locator(".jp-LauncherCard", has_text="Python 3").first
        card.wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        page.screenshot(path=Path(SHOTS or tmp_path) / "lab.png")
        by_host: dict[str, set[str]] = {}
        for cookie in context.cookies():
            by_host.setdefault(cookie["domain"], set()).add(cookie["name"])
        assert {"lab-room", "_xsrf"} <= by_host["localhost"]
        assert not {name for name in by_host["localhost"] if name.startswith(("hub-ticket", "jupyterhub"))}
        assert "hub-ticket" in by_host["127.0.0.1"]
        assert "lab-room" not in by_host["127.0.0.1"]
        assert "lab-room" not in page.evaluate("document.cookie")
        reached = page.evaluate(
            """async (hub) => {
                const tried = {}
                for (const path of ['/services/ris/api/v1/me', '/hub/api/user', '/services/images/dicom-web/studies'])
                    for (const mode of ['cors', 'no-cors'])
                        try { const answer = await fetch(hub + path, { credentials: 'include', mode }); tried[path + mode] = answer.type + answer.status }
                        catch { tried[path + mode] = 'refused' }
                return tried
            }""",
            hub.base,
        )
        assert all(value in {"refused", "opaque0"} for value in reached.values()), reached
        hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
        assert hosts <= {"127.0.0.1", "localhost"}, "nothing is loaded from anywhere else"
        card.click()
        cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
        cell.wait_for(timeout=60_000)
        page.get_by_text("| 空闲").first.wait_for(timeout=60_000)  # what is typed before the kernel is there may be lost
        cell.click()
        page.keyboard.type("import os; print('inside', os.environ['HUB_RESEARCH'])")
        page.keyboard.press("Shift+Enter")
        page.get_by_text("inside http://127.0.0.1:8070/services/research").first.wait_for(timeout=60_000)
        page.screenshot(path=Path(SHOTS or tmp_path) / "notebook.png")
        page.get_by_role("menuitem", name="文件").click()
        expect(page.get_by_role("menuitem", name="注销")).to_be_visible()
        page.screenshot(path=Path(SHOTS or tmp_path) / "menu.png")
    finally:
        context.close()
