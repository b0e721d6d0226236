"""Twenty doctors open twenty different series at the same moment: how long until each has its first image."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.pair import CALLING, Server, bench_folder, node
from bench.phantom_load import send, series
from bench.result import Result
from bench.store import seconds_until_found

IDS = ("view-20",)
CLIENTS, SLICES, SIDE, ROUNDS = 20, 200, 512, 3
PIXELS = SIDE * SIDE * 2


class _Chunks:
    """A body in chunked transfer coding (RFC 9112 7.1)."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader, self._left = reader, bytearray()

    async def _more(self) -> int:
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        self._left += (await self._reader.readexactly(size + 2))[:size]
        return size

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._left) < count:
            if not await self._more():
                raise EOFError
        taken = bytes(self._left[:count])
        del self._left[:count]
        return taken

    async def drain(self) -> int:
        """How many bytes are left."""
        total = len(self._left)
        self._left.clear()
        while size := await self._more():
            total += size
            self._left.clear()
        return total


async def _open(server: Server, study: str, own: str, digest: str) -> float:
    """Seconds until the first image of a series stream is whole; the rest is read too, as a viewer does."""
    base = urlsplit(server.web.removesuffix("/dicom-web"))
    reader, writer = await asyncio.open_connection(base.hostname, base.port, limit=1 << 22)
    start = time.perf_counter()
    authorization = server.headers["Authorization"]
    request = (
        f"GET {base.path}/series/{study}/{own}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode())
    status = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in status.split(b"\r\n", 1)[0]:
        raise AssertionError(status[:100])
    body = _Chunks(reader)
    await body.exactly(struct.unpack("<I", await body.exactly(4))[0])
    _, length = struct.unpack("<II", await body.exactly(8))
    pixels = await body.exactly(length)
    spent = time.perf_counter() - start
    if hashlib.sha256(pixels).hexdigest() != digest:
        raise AssertionError("the first image is another one")
    rest = await body.drain()
    if rest != (SLICES - 1) * (PIXELS + 8):
        raise AssertionError(f"{rest} bytes after the first image")
    writer.close()
    return spent


def measure() -> Iterator[Result]:
    """view-20."""
    with bench_folder() as folder, node(folder) as ours:
        opened = []
        for _ in range(CLIENTS):
            load = series(SLICES, SIDE)
            send(load.images, ours.port, CALLING, ours.called)
            opened.append((load.study, load.series, hashlib.sha256(load.images[SLICES // 2][1][-PIXELS:]).hexdigest()))
            seconds_until_found(ours, load)
        ours.rest()

        async def all_at_once() -> list[float]:
            return await asyncio.gather(*(_open(ours, *one) for one in opened))

        times = []
        for _ in range(ROUNDS):
            found = sorted(asyncio.run(all_at_once()))
            times.append((found[round(0.95 * CLIENTS) - 1], statistics.median(found)))
            time.sleep(1)
    middle = statistics.median(median for _, median in times)
    what = f"{CLIENTS} clients open different CTs of {SLICES} × 0.5 MB at once (client and server on the same 2 cores): p95 until the first image"
    yield Result("view-20", what, [p95 for p95, _ in times], "s", 1.0, "lower", f"median client {middle:.2f} s", 2)
