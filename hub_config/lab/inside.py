"""First program of a sandbox: limits itself, starts JupyterLab, and joins it with the two sockets that lead outside.

Runs with the Lab's own Python and the standard library only, as the researcher; nothing here is secret and nothing depends on its honesty.

    python -I inside.py <number of the inherited listening socket> <JSON: command, limits, ports, research socket, examples>
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

CHUNK = 65536


def limit(limits: dict[str, int]) -> None:
    """Soft and hard limits of this process and all that it starts; an unprivileged process cannot raise them again."""
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (wanted, wanted))


def copy_examples(source: str, target: str) -> None:
    """The notebooks of the project into the home, to be run and changed there; what is there already stays."""
    for found in Path(source).rglob("*"):
        place = Path(target) / found.relative_to(source)
        if found.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists() and not place.is_symlink():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, place)


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def join(ends: tuple[asyncio.StreamReader, asyncio.StreamWriter], others: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Two connections become one."""
    try:
        await asyncio.gather(pour(ends[0], others[1]), pour(others[0], ends[1]))
    finally:
        for writer in (ends[1], others[1]):
            writer.close()


async def step_back(server: int, port: int, nice: int) -> None:
    """JupyterLab starts as fast as it can; once it listens, it and every kernel that it will start leave the services the first word."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
            continue
        writer.close()
        os.setpriority(os.PRIO_PROCESS, server, nice)
        return


async def run(door: int, wanted: dict[str, Any]) -> int:
    """Until JupyterLab ends; its exit code."""

    async def to_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            others = await asyncio.open_connection("127.0.0.1", wanted["server_port"])
        except OSError:
            writer.close()
            return
        await join((reader, writer), others)

    async def to_research(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            others = await asyncio.open_unix_connection(wanted["socket"])
        except OSError:
            writer.close()
            return
        await join((reader, writer), others)

    listening = socket.socket(fileno=door)
    listening.setblocking(False)
    await asyncio.start_unix_server(to_server, sock=listening)
    await asyncio.start_server(to_research, "127.0.0.1", wanted["research_port"])
    server = await asyncio.create_subprocess_exec(*wanted["command"], stdin=subprocess.DEVNULL)
    stepping_back = asyncio.create_task(step_back(server.pid, wanted["server_port"], wanted["nice"]))
    try:
        return await server.wait()
    finally:
        stepping_back.cancel()


def main() -> int:
    """Limit, start, wait."""
    wanted = json.loads(sys.argv[2])
    limit(wanted["limits"])
    os.umask(0o077)
    os.chdir(os.environ["HOME"])
    with contextlib.suppress(OSError):  # a home that is full opens all the same
        copy_examples(*wanted["examples"])
    return asyncio.run(run(int(sys.argv[1]), wanted))


if __name__ == "__main__":
    sys.exit(main())
