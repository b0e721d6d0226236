"""Every hole of a stock Voilà, closed: routes, owners, arguments, frames, environment (H-2, S-9)."""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import json
import stat
import time
from pathlib import Path

import httpx
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from tests.pages.kernel_socket import V1, connect, frame, next_message
from tests.pages.running import Pages, facts

pytestmark = [pytest.mark.clause("H-2"), pytest.mark.clause("S-9")]


async def _states(socket, view: str) -> dict:
    await socket.write_message(
        frame("shell", "comm_open", {"comm_id": "c1", "target_name": "jupyter.widget.control", "data": {}}, {"version": "1.0.0"}),
        binary=True,
    )
    await socket.write_message(frame("shell", "comm_msg", {"comm_id": "c1", "data": {"method": "request_states"}}), binary=True)
    while True:
        content = await next_message(socket, "comm_msg")
        assert content is not None
        if content["comm_id"] == "c1":
            return content["data"]["states"][view]["state"]


async def test_page_carries_a_working_kernel(pages: Pages) -> None:
    with pages.client("anna") as client:
        answer = client.get("desk/registration")
    assert answer.status_code == 200
    kernel_id, view = facts(answer.text, "kernel")["id"], facts(answer.text, "view")["model"]
    assert answer.text.index("modulepreload") < answer.text.index("</head>") < answer.text.index('id="kernel"')
    socket = await connect(pages, kernel_id, "anna")
    state = await _states(socket, view)
    assert state["lang"] == "zh"
    await socket.write_message(
        frame("shell", "comm_msg", {"comm_id": view, "data": {"method": "custom", "content": {"type": "ping"}}}), binary=True
    )
    for _ in range(20):
        content = await next_message(socket, "comm_msg")
        if content["comm_id"] == view and content["data"]["method"] == "custom":
            assert content["data"]["content"] == {"type": "pong"}
            break
    else:
        raise AssertionError("no pong")
    socket.close()


async def test_foreign_kernel_is_refused_and_unknown_is_unknown(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    unknown = "00000000-0000-4000-8000-000000000000"
    with pages.client("bob") as bob, pages.client() as nobody:
        origin = {"Origin": pages.url}
        assert bob.get(f"api/kernels/{kernel_id}").status_code == 403
        assert bob.post(f"voila/api/shutdown/{kernel_id}", headers=origin).status_code == 403
        assert bob.get(f"api/kernels/{unknown}").status_code == 404
        assert bob.post(f"voila/api/shutdown/{unknown}", headers=origin).status_code == 404
        assert nobody.get(f"api/kernels/{kernel_id}").status_code == 401
        assert nobody.post(f"voila/api/shutdown/{kernel_id}", headers=origin).status_code == 401
    for username, kernel, status in (("bob", kernel_id, 403), ("bob", unknown, 404), (None, kernel_id, 401)):
        with pytest.raises(HTTPClientError) as refused:
            await connect(pages, kernel, username)
        assert refused.value.code == status
    assert pages.alive("anna", kernel_id)


def test_warm_kernel_without_owner_is_nobodys(pages: Pages) -> None:
    pages.open_desk("anna", "registration")
    folders = [path.name for path in (pages.folder / "run" / "desks").iterdir()]
    with pages.client("anna") as client:
        answers = {name: client.get(f"api/kernels/{name}").status_code for name in folders}
    assert set(answers.values()) <= {200, 404}


async def test_socket_without_v1_or_with_evil_origin_never_opens(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    for protocol, origin, status in (
        (None, "own", 400),
        ("v2.kernel", "own", 400),
        (V1, "http://evil.example", 403),
        (V1, None, 403),
        (V1, "null", 403),
    ):
        with pytest.raises(HTTPClientError) as refused:
            await connect(pages, kernel_id, "anna", protocol=protocol, origin=origin)
        assert refused.value.code == status, (protocol, origin)
    with pages.client("anna") as client:
        assert client.post(f"voila/api/shutdown/{kernel_id}").status_code == 403
        assert client.post(f"voila/api/shutdown/{kernel_id}", headers={"Origin": "http://evil.example"}).status_code == 403
        own = {"Origin": pages.url}
        assert client.post(f"voila/api/shutdown/{kernel_id}", headers=own | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    # The service is not frozen: a frame of the old layout is what stock Voilà hangs on.
    assert pages.alive("anna", kernel_id)


async def test_a_broken_or_huge_frame_closes_one_socket_and_nothing_else(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    socket = await connect(pages, kernel_id, "anna")
    # An offset table of 2⁶⁴ - 1 entries: the parser behind would count until the end of days.
    await socket.write_message(b"\xff" * 64, binary=True)
    began = time.monotonic()
    assert pages.alive("anna", kernel_id)
    assert time.monotonic() - began < 3
    async with asyncio.timeout(10):
        while await socket.read_message() is not None:
            pass
    assert socket.close_code == 1003
    socket = await connect(pages, kernel_id, "anna")
    with contextlib.suppress(WebSocketClosedError):  # refused at its length, maybe before the last byte is written
        await socket.write_message(b"\0" * (9 * 1024 * 1024), binary=True)
    async with asyncio.timeout(10):
        while await socket.read_message() is not None:
            pass
    assert socket.close_code in {1009, 1006, None}
    assert pages.alive("anna", kernel_id)


async def test_a_page_cannot_run_code(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    mark = pages.folder / "run" / "desks" / kernel_id / "ran"
    socket = await connect(pages, kernel_id, "anna")
    code = {
        "code": f"open({str(mark)!r}, 'w').close()",
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
    }
    for channel in ("shell", "control", "stdin"):
        await socket.write_message(frame(channel, "execute_request", code), binary=True)
    await socket.write_message(frame("control", "kernel_info_request", {}), binary=True)
    reply = await next_message(socket, "kernel_info_reply")
    assert reply is not None
    await asyncio.sleep(0.5)
    assert not mark.exists()
    socket.close()


@pytest.mark.parametrize("query", ["template=base", "theme=dark", "token=abc", "anything=1", "session_id=1"])
def test_arguments_are_refused(pages: Pages, query: str) -> None:
    with pages.client("anna") as client:
        assert client.get(f"desk/registration?{query}").status_code == 400
        assert client.get(f"healthz?{query}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        *("", "voila", "voila/tree", "voila/tree/", "voila/api/contents/", "voila/files/README.md", "voila/render/apps/coming/desk.ipynb"),
        *(
            "voila/query/00000000-0000-4000-8000-000000000000",
            "voila/execution/00000000-0000-4000-8000-000000000000",
            "voila/static/voila.js",
        ),
        *(
            "voila/templates/lab/static/voila.js",
            "voila/api/themes/x",
            "labextensions/x",
            "login",
            "logout",
            "api/kernels",
            "api/terminals",
        ),
        *("api/contents/", "api/sessions", "api/me", "files/x", "tree", "nbconvert/html/x", "static/manifest.json", "static/viewer.json"),
        *("static/..%2f..%2f..%2fetc%2fpasswd", "desk/..%2fcoming", "desk/coming", "desk/nothing"),
    ],
)
def test_no_other_route(pages: Pages, path: str) -> None:
    with pages.client("anna") as client:
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert client.post(path, headers={"Origin": pages.url}).status_code in {404, 405}
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_other_methods_do_nothing(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    with pages.client("anna") as client:
        for method in ("DELETE", "POST", "PUT", "PATCH"):
            assert client.request(method, f"api/kernels/{kernel_id}").status_code in {403, 405}
        assert client.post(f"api/kernels/{kernel_id}/restart").status_code == 404
        assert client.get(f"voila/api/shutdown/{kernel_id}").status_code == 405
    assert pages.alive("anna", kernel_id)


def test_desk_of_another_role_is_refused_in_words(pages: Pages) -> None:
    with pages.client("tina") as client:
        answer = client.get("desk/clinical")
        assert answer.status_code == 403
        assert "没有权限打开此工作台" in answer.text
        assert "You may not open this desk" in answer.text
        assert client.get("desk/technician").status_code == 200


@pytest.mark.clause("H-6")
def test_without_its_environment_itkwidgets_says_so(pages: Pages) -> None:
    with pages.client("doctor") as client:
        answer = client.get("desk/itk")
        assert answer.status_code == 503
        assert "未安装 itkwidgets 三维" in answer.text and "VR" in answer.text
        assert client.get("itk/viewer.html").status_code == 404


def test_only_a_good_browser_ticket_opens_a_desk(pages: Pages) -> None:
    tickets = {
        "none": None,
        "forged": pages.ticket("anna", key=pages.stranger_key),
        "expired": pages.ticket("anna", life=-5),
        "kernel": pages.ticket("anna", "kernel"),
        "script": pages.ticket("anna", "script"),
        "foreign audience": pages.ticket("anna", aud="elsewhere"),
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.",
    }
    for name, ticket in tickets.items():
        cookies = {"hub-ticket": ticket} if ticket else {}
        with httpx.Client(base_url=pages.url, cookies=cookies, trust_env=False) as client:
            answer = client.get("/services/pages/desk/registration")
            assert answer.status_code == 302, name
            assert answer.headers["location"] == "/hub/ticket?next=%2Fservices%2Fpages%2Fdesk%2Fregistration"
            bearer = {"Authorization": f"Bearer {pages.ticket('anna')}"}
            assert client.get("/services/pages/api/kernels/00000000-0000-4000-8000-000000000000").status_code == 401, name
    with pages.client() as client:
        assert client.get("desk/registration", headers=bearer).status_code == 302
        # After a link from elsewhere the strict cookie is withheld along redirects: a page of ours asks once more.
        linked = client.get("desk/registration", headers={"Sec-Fetch-Site": "cross-site"})
        assert linked.status_code == 200
        assert 'http-equiv="refresh"' in linked.text


def test_disabled_account_is_refused_at_once(pages: Pages) -> None:
    pages.control(disabled=["bob"])
    try:
        with pages.client("bob") as client:
            assert client.get("desk/clinical").status_code == 302
    finally:
        pages.control(disabled=[])


def test_kernel_environment_holds_no_secret(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    client = BlockingKernelClient(connection_file=str(pages.folder / "run" / "sockets" / f"kernel-{kernel_id}.json"))
    client.load_connection_file()
    client.start_channels()
    said: list[str] = []
    try:
        client.execute_interactive(
            "import os\nprint(sorted(os.environ))\nprint(os.getcwd(), os.umask(0o77))\nprint(os.readlink('/proc/self/fd/3')[:5])",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=10,
        )
    finally:
        client.stop_channels()
    names, place, lease = "".join(said).splitlines()[:3]
    allowed = {"PATH", "LANG", "HOME", "IPYTHONDIR", "TMPDIR", "DESK_DIR", "RIS_URL", "IMAGES_URL", "MART_URL", "OPENBLAS_NUM_THREADS"}
    allowed |= {"JUPYTER_WIDGETS_ECHO", "TZ"}
    extra = set(ast.literal_eval(names)) - allowed
    assert not any(name.startswith(("PAGES_", "SERVICE_", "RIS_TICKET")) for name in extra)
    assert extra <= {
        "MPLBACKEND",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "PAGER",
        "GIT_PAGER",
        "TERM",
        "PYDEVD_USE_FRAME_EVAL",
        "JPY_PARENT_PID",
    }
    assert place == f"{pages.folder}/run/desks/{kernel_id} {0o077}"
    assert lease == "pipe:"


def test_kernel_files_and_sockets_are_its_own(pages: Pages) -> None:
    kernel_id = pages.open_desk("anna", "registration")
    folder = pages.folder / "run" / "desks" / kernel_id
    process = psutil.Process(pages.pid_of(kernel_id))
    ticket = folder / "ticket"
    assert stat.S_IMODE(ticket.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((pages.folder / "run").stat().st_mode) == 0o700
    claims = json.loads(base64.urlsafe_b64decode(ticket.read_text().split(".")[1] + "=="))
    assert (claims["kind"], claims["sub"], claims["desk"]) == ("kernel", "anna", "registration")
    assert [c for c in process.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN] == []
    sockets = {Path(c.laddr) for c in process.net_connections(kind="unix") if c.laddr}
    assert len(sockets) >= 5
    # jupyter_client adds the sticky bit to the folder of its connection files: it gives nobody a right
    assert {stat.S_IMODE(path.parent.stat().st_mode) & ~stat.S_ISVTX for path in sockets} == {0o700}


def test_static_files_are_compressed_and_immutable(pages: Pages) -> None:
    manifest = json.loads((pages.dist / "manifest.json").read_text())
    bundle = manifest["coming"]["js"]
    with pages.client() as client:
        for accept, coding, suffix in (("br, gzip", "br", ".br"), ("gzip", "gzip", ".gz"), ("identity", None, "")):
            with client.stream("GET", f"static/{bundle}", headers={"Accept-Encoding": accept}) as answer:
                raw = b"".join(answer.iter_raw())
            assert answer.headers.get("Content-Encoding") == coding
            assert raw == (pages.dist / (bundle + suffix)).read_bytes()
            assert "immutable" in answer.headers["Cache-Control"]
        page = pages.client("anna").get("desk/registration")
        assert page.headers["Cache-Control"] == "no-store"


def test_first_load_is_small(pages: Pages) -> None:
    manifest = json.loads((pages.dist / "manifest.json").read_text())
    for name in (each for each in manifest if each not in {"boot", "viewer"}):
        entry = manifest[name]
        files = {entry["js"], *entry["css"], *entry["imports"], manifest["boot"]["js"]}
        compressed = sum(min(p.stat().st_size for p in (pages.dist / f, pages.dist / f"{f}.br") if p.exists()) for f in files)
        assert compressed < 300_000, f"{name}: {compressed} bytes"


def test_a_further_window_needs_no_kernel_but_the_right(pages: Pages) -> None:
    with pages.client() as nobody, pages.client("anna") as anna:
        away = nobody.get("window/reading")
        assert (away.status_code, away.headers["location"].split("?")[0]) == (302, "/hub/ticket")
        anna.cookies.set("hub-ticket", pages.ticket("anna", operations=["exam.view", "statistics.view"]))
        assert anna.get("window/reading").status_code == 403
        anna.cookies.set("hub-ticket", pages.ticket("anna", operations=["image.view"]))
        answer = anna.get("window/reading")
        assert answer.status_code == 200
        assert facts(answer.text, "page")["kernel"] is False
        assert 'id="kernel"' not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert anna.get("window/statistics").status_code == 404
        assert anna.get("window/reading?theme=x").status_code == 400
