"""What the disk itself allows: receiving without syncs against a peer that never syncs, and with syncs against the disk's own limit."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.pair import bench_folder, node, storescp
from bench.phantom_load import Load, series
from bench.result import Result
from bench.store import store, verify

IDS = ("store-nofsync", "store-disk", "store-processors")
ROUNDS, COUNT, SIDE, THREADS = 5, 500, 512, 4
FOLDERS = 256


def unsynced() -> Result:
    """500 × 0.5 MB over one association, nothing synced on either side: our speed over storescp's, each with its files kept."""
    ratios, speeds = [], dict[str, list[float]]()
    with bench_folder() as folder, ExitStack() as stack:
        ours, peer = stack.enter_context(node(folder, synced=False)), stack.enter_context(storescp(folder))
        for server in (ours, peer):
            store(server, series(COUNT, SIDE), 1)
        for number in range(ROUNDS):
            load, spent = series(COUNT, SIDE), {}
            for server in (ours, peer) if number % 2 == 0 else (peer, ours):
                spent[server.name] = store(server, load, 1)
                time.sleep(0.5)
                server.rest()
                speeds.setdefault(server.name, []).append(COUNT / spent[server.name])
            verify(folder / "node", load)
            _same_pixels(folder / "storescp", load)
            ratios.append(spent["storescp"] / spent["ours"])
    beside = ", ".join(f"{name} {statistics.median(found):.0f} inst/s" for name, found in speeds.items())
    what = "500 × 0.5 MB over one association with our syncs switched off (only here), our indexer running: speed over storescp's (tuned)"
    return Result("store-nofsync", what, ratios, "×", 1.0, "higher", beside, 2)


def _same_pixels(kept: Path, load: Load) -> None:
    """The peer has kept every instance of the load; the last one ends with the bytes that were sent."""
    files = {path.name.split(".", 1)[1]: path for path in kept.iterdir()}
    if missing := [uid for uid, _ in load.images if uid not in files]:
        raise AssertionError(f"storescp does not hold {len(missing)} instances that it acknowledged")
    uid, data = load.images[-1]
    if not files[uid].read_bytes().endswith(data[-SIDE * SIDE * 2 :]):
        raise AssertionError("storescp has kept other pixels")


def limit(folder: Path, load: Load) -> float:
    """Files a second that the disk takes: 4 threads that write, sync, link and sync the folder as the archive does, and do nothing else."""
    for number in range(FOLDERS):
        (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)
    (folder / "incoming").mkdir(exist_ok=True)

    def work(part: list[tuple[str, bytes]]) -> None:
        for uid, data in part:
            temporary, final = folder / "incoming" / uid, folder / f"{hash(uid) % FOLDERS:02x}"
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(fd, data)
            os.fsync(fd)
            os.link(temporary, final / uid)
            place = os.open(final, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(place)
            os.close(place)
            os.close(fd)
            temporary.unlink()

    threads = [threading.Thread(target=work, args=(load.images[one::THREADS],)) for one in range(THREADS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(load.images) / (time.perf_counter() - start)


def share() -> Result:
    """How much of the disk's own limit reaches a sender over 4 associations."""
    shares, pairs = [], []
    with bench_folder() as folder, node(folder) as ours:
        store(ours, series(COUNT, SIDE), THREADS)
        limit(folder / "limit", series(COUNT, SIDE))
        for number in range(ROUNDS):
            load, measured = series(COUNT, SIDE), {}
            for turn in ("ours", "disk") if number % 2 == 0 else ("disk", "ours"):
                if turn == "ours":
                    measured[turn] = COUNT / store(ours, load, THREADS)
                    time.sleep(0.5)
                    ours.rest()
                else:
                    measured[turn] = limit(folder / "limit", load)
            verify(folder / "node", load)
            shares.append(measured["ours"] / measured["disk"])
            pairs.append(measured)
    ours_speed, disk = (statistics.median(pair[turn] for pair in pairs) for turn in ("ours", "disk"))
    what = "4 associations, 0.5 MB: share of what the disk takes from 4 threads that only write, sync, link and sync the folder"
    return Result("store-disk", what, shares, "", 0.6, "higher", f"ours {ours_speed:.0f} inst/s, the disk {disk:.0f} files/s", 2)


HASHING = """
import hashlib, sys, time
data = bytes(range(256)) * 2048
print(flush=True)
sys.stdin.readline()
begin = time.perf_counter()
for _ in range(2000):
    hashlib.sha256(data).digest()
print(time.perf_counter() - begin)
"""


def processors() -> Result:
    """Whether two processors do twice the work of one: they may be two threads of one core, and then a receiver gains little by using both."""

    def seconds(count: int) -> float:
        started = [
            subprocess.Popen([sys.executable, "-c", HASHING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        for one in started:
            assert one.stdout is not None
            one.stdout.readline()  # it is there
        for one in started:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        return max(float(one.communicate()[0]) for one in started)

    ratios, alone = [], []
    for _ in range(ROUNDS):
        alone.append(seconds(1))
        ratios.append(seconds(2) / alone[-1])
    what = "sha256 of 0.5 MB on two processors at once over that on one alone (1: two cores, 2: two threads of one)"
    return Result("store-processors", what, ratios, "×", None, "lower", f"{statistics.median(alone) / 2:.2f} ms alone", 2)


def measure() -> Iterator[Result]:
    """The figures asked for on the command line."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    if "store-nofsync".startswith(prefix):
        yield unsynced()
    if "store-disk".startswith(prefix):
        yield share()
    if "store-processors".startswith(prefix):
        yield processors()
