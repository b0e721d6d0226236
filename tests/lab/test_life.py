"""How a room ends by itself: idleness, a login that is over, and what the watch measures. The programs around it are stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from hub_config.lab.rooms import Room, Rooms
from hub_config.lab.sandbox import Means, Sandbox
from hub_config.lab.settings import LabSettings
from hub_config.lab.watch import Watch, bytes_in
from hub_config.settings import ROOT

pytestmark = pytest.mark.clause("H-4")


def watch(room: Room, folder: Path, idle: float) -> Watch:
    return Watch(room, Sandbox(Means.OWN_UIDS, 22000, folder, folder, ROOT, ROOT, ROOT), idle)


async def kernels(folder: Path, state: str) -> asyncio.AbstractServer:
    """A JupyterLab with one kernel in this state."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked.startswith(b"GET /user/a/api/kernels HTTP/1.0\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps([{"execution_state": state}]).encode())
        writer.close()

    return await asyncio.start_unix_server(answer, str(folder / "door.sock"))


async def test_an_idle_room_ends_and_one_that_computes_does_not(tmp_path: Path) -> None:
    room = Room("a", "/user/a/", "ticket")
    room.door = tmp_path / "door.sock"
    computing = await kernels(tmp_path, "busy")
    work = asyncio.create_task(watch(room, tmp_path, 0.2).idleness())
    await asyncio.sleep(0.7)
    assert not room.ended.is_set(), "a kernel is busy"
    computing.close()
    room.door.unlink(missing_ok=True)
    resting = await kernels(tmp_path, "idle")
    for _ in range(5):  # clicks
        room.touched = time.monotonic()
        await asyncio.sleep(0.1)
    assert not room.ended.is_set(), "somebody clicks"
    await asyncio.wait_for(room.ended.wait(), 2)
    assert room.why == "idle"
    resting.close()
    work.cancel()


async def test_a_room_without_a_login_ends_although_it_computes(tmp_path: Path) -> None:
    room = Room("a", "/user/a/", "ticket")
    room.door = tmp_path / "door.sock"
    computing = await kernels(tmp_path, "busy")
    work = asyncio.create_task(watch(room, tmp_path, 0.3).idleness())
    room.renewed(None)
    await asyncio.wait_for(room.ended.wait(), 3)
    assert room.why == "no login"
    computing.close()
    work.cancel()


class Renewing(web.RequestHandler):
    """ris: renews `first` to `second` and nothing else."""

    def post(self) -> None:
        if self.request.headers["Authorization"] == "Bearer first":
            self.write({"ticket": "second"})
        else:
            self.set_status(401)


async def test_a_ticket_is_renewed_and_a_refused_one_puts_everybody_out(tmp_path: Path) -> None:
    listening = bind_sockets(0, "127.0.0.1")
    ris = HTTPServer(web.Application([(r"/api/v1/tickets/renew", Renewing)], log_function=lambda _: None))
    ris.add_sockets(listening)
    url = f"http://127.0.0.1:{listening[0].getsockname()[1]}"
    rooms = Rooms(LabSettings(port=1, control=tmp_path / "c", data=tmp_path, ris_url=url, renew=0.1))
    room = Room("a", "/user/a/", "first")
    browser = room.enter(room.invite())
    work = asyncio.create_task(rooms._renew(room))
    for _ in range(50):
        await asyncio.sleep(0.02)
        if room.ticket == "second":
            break
    assert (room.ticket, room.knows(browser)) == ("second", True)
    for _ in range(100):
        await asyncio.sleep(0.02)
        if room.ticket is None:
            break
    assert room.ticket is None
    assert not room.knows(browser)
    assert room.enter(room.invite()) is None, "no way in without a ticket"
    room.renewed("third")
    assert not room.knows(browser), "who was put out must enter again"
    assert room.knows(room.enter(room.invite()))
    work.cancel()
    ris.stop()


def test_an_invitation_ends_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room("a", "/user/a/", "ticket")
    code = room.invite()
    now = time.monotonic()
    monkeypatch.setattr("hub_config.lab.rooms.time.monotonic", lambda: now + 61)
    assert room.enter(code) is None


def test_the_size_of_a_home_is_what_is_on_the_disk(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "large"
    home.mkdir()
    elsewhere.write_bytes(os.urandom(1 << 20))
    (home / "link").symlink_to(elsewhere)
    before = bytes_in(home)
    assert before < 1 << 16, "a link is not followed"
    (home / "data").write_bytes(os.urandom(300_000))
    (home / "same").hardlink_to(home / "data")
    assert 300_000 <= bytes_in(home) - before < 320_000
