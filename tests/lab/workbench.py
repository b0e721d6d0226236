"""A researcher's browser without a picture: enters by the Hub, runs code in a kernel of his room."""

from __future__ import annotations

import html
import json
import re
import time
import uuid
from types import TracebackType
from typing import Any

import httpx
import websocket

from tests.running_hub import RunningHub, Visitor


def invitation(visitor: httpx.Client, seconds: float = 120) -> str:
    """The address with the code, from the Hub's page, once the room is open."""
    end = time.monotonic() + seconds
    while True:
        page = visitor.get("/hub/lab")
        if found := re.search(r'href="([^"]*/enter\?code=[^"]*)"', page.text):
            return html.unescape(found[1])
        assert page.status_code == 200, re.sub(r"<[^>]*>", "", page.text)
        assert time.monotonic() < end, "the room did not open"
        time.sleep(0.3)


class Workbench:
    """One researcher in his room."""

    def __init__(self, hub: RunningHub, username: str, password: str) -> None:
        self.hub, self.username = hub, username
        self.visitor: Visitor = hub.login(username, password)
        self.url = f"http://localhost:{hub.port}"
        self.base = f"/user/{username}/"
        self.lab = httpx.Client(base_url=self.url, timeout=30)
        entered = self.lab.get(invitation(self.visitor))
        assert entered.status_code == 302, entered.text
        self.lab.get(entered.headers["location"]).raise_for_status()
        self.kernel = ""

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.lab.cookies.jar)

    def api(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.lab.request(method, f"{self.base}{path}", headers={"X-XSRFToken": self.lab.cookies["_xsrf"]}, **given)

    def start_kernel(self) -> Workbench:
        answer = self.api("POST", "api/kernels", json={"name": "python3"})
        assert answer.status_code == 201, answer.text
        self.kernel = answer.json()["id"]
        return self

    def open_channels(self, cookies: str | None = None, origin: str | None = None) -> websocket.WebSocket:
        return websocket.create_connection(
            f"ws://localhost:{self.hub.port}{self.base}api/kernels/{self.kernel}/channels",
            cookie=self.cookies if cookies is None else cookies,
            origin=self.url if origin is None else origin,
            timeout=90,
        )

    def run(self, code: str, seconds: float = 60) -> str:
        """What the code prints; an exception in it fails the test with its words."""
        socket = self.open_channels()
        try:
            number = uuid.uuid4().hex
            header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": number, "version": "5.3", "date": ""}
            content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
            socket.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
            printed, end, replied, idle = "", time.monotonic() + seconds, False, False
            while not (replied and idle):
                assert time.monotonic() < end, f"no answer; printed so far: {printed}"
                message = json.loads(socket.recv())
                if message["parent_header"].get("msg_id") != number:
                    continue
                kind, said = message["msg_type"], message["content"]
                if kind == "stream":
                    printed += said["text"]
                elif kind == "error":
                    raise AssertionError(f"{said['ename']}: {said['evalue']}")
                replied = replied or kind == "execute_reply"
                idle = idle or (kind == "status" and said["execution_state"] == "idle")
            return printed
        finally:
            socket.close()

    def ask(self, code: str, seconds: float = 60) -> Any:
        """The variable `found` of the code, as JSON."""
        return json.loads(self.run(f"{code}\nimport json as _json\nprint(_json.dumps(found))", seconds))

    def works(self) -> bool:
        """Whether the room still lets this browser in."""
        return self.lab.get(self.base + "api").status_code == 200

    def close(self) -> None:
        """Leave; the room goes on."""
        self.lab.close()
        self.visitor.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
