"""Ports that only the hub's own programs use."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest

from hub_config.places import PrivatePorts
from hub_config.settings import SettingsError
from tests.worker import take_free_port


def test_two_hubs_that_start_at_once_never_choose_the_same_port() -> None:
    few = [take_free_port() for _ in range(6)]
    with closing(PrivatePorts(["ris", "images", "hub"], few)) as one, closing(PrivatePorts(["ris", "images", "hub"], few)) as other:
        assert sorted([*one.values(), *other.values()]) == sorted(few)
        with pytest.raises(SettingsError, match="no free local port"):
            PrivatePorts(["ris"], few)
    with closing(PrivatePorts(["ris"], few)) as later:
        assert later["ris"] in few


async def test_a_program_listens_on_a_held_port_and_again_after_its_death() -> None:
    with closing(PrivatePorts(["ris"])) as ports:

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"here")
            writer.close()

        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", ports["ris"])
            async with await asyncio.start_server(answer, "127.0.0.1", ports["ris"]):
                reader, writer = await asyncio.open_connection("127.0.0.1", ports["ris"])
                assert await reader.read() == b"here"
                writer.close()
        with socket.socket() as foreign, pytest.raises(OSError, match="in use"):
            foreign.bind(("127.0.0.1", ports["ris"]))
