"""How fast the node acknowledges images and lets them be found, against Orthanc; both durable, interleaved, our indexer running."""

from __future__ import annotations

import hashlib
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from bench.least import least
from bench.pair import CALLING, Pair, Server, orthanc, pair
from bench.phantom_load import Load, send, series
from bench.result import Result
from bench.sender import Finder, Sender, encode

IDS = ("store-1", "store-4", "store-small", "store-findable", "findable", "idle-100")
ROUNDS = 5
LOADS = {"store-1": (500, 512, 1, 3.5), "store-4": (500, 512, 4, 3.5), "store-small": (2000, 100, 1, 4.0)}
"""id → images, side in pixels, associations, goal."""
WORDS = {
    "store-1": "500 × 0.5 MB over one association, synced before each response, our indexer running, files prepared while nothing arrived: speed over Orthanc's (TCP_NODELAY=1)",
    "store-4": "the same over 4 associations",
    "store-small": "2,000 × 20 kB over one association",
}
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
IDLE_SECONDS = 20


def store(server: Server, load: Load, associations: int) -> float:
    """Seconds until the last of the load is acknowledged."""
    parts = [load.images[number::associations] for number in range(associations)]
    start = time.perf_counter()
    if associations == 1:
        send(parts[0], server.port, CALLING, server.called)
    else:
        threads = [threading.Thread(target=send, args=(part, server.port, CALLING, server.called)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return time.perf_counter() - start


def seconds_until_found(server: Server, load: Load) -> float:
    """Seconds until a C-FIND of the study counts every instance of the load."""
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.NumberOfStudyRelatedInstances = "STUDY", load.study, None
    asked, wanted = encode(query), encode(_counting(len(load.images)))
    finder = Finder(server.port, CALLING, server.called, STUDY_FIND)
    start = time.perf_counter()
    while time.perf_counter() - start < 60:
        if any(wanted in found for found in finder.find(asked)):
            spent = time.perf_counter() - start
            finder.close()
            return spent
        time.sleep(0.01)
    raise TimeoutError(f"{server.name} does not find what it acknowledged")


def _counting(instances: int) -> Dataset:
    """The element by which a study says how many instances it has."""
    count = Dataset()
    count.NumberOfStudyRelatedInstances = instances
    return count


def verify(folder: Path, load: Load) -> None:
    """Three instances of the load, read back from the node's files: every byte after group 2 must be the one sent."""
    wanted = {hashlib.sha256(data).hexdigest() for _, data in random.Random(2).sample(load.images, 3)}
    for path in folder.rglob("*.dcm"):
        raw = path.read_bytes()
        meta = dcmread(BytesIO(raw), specific_tags=[], stop_before_pixels=True).file_meta
        wanted.discard(hashlib.sha256(raw[132 + 12 + meta.FileMetaInformationGroupLength :]).hexdigest())
        if not wanted:
            return
    raise AssertionError("an acknowledged instance is not in the node's files byte for byte")


def measure() -> Iterator[Result]:
    """The figures asked for on the command line, on one pair of servers."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    wanted = [name for name in IDS if name.startswith(prefix)]
    program = orthanc()
    if program is None:
        return
    with pair(program) as servers:
        if "idle-100" in wanted:
            yield idle(servers)
        # what is found is measured with each load
        loads = [name for name in LOADS if name in wanted or {"findable", "store-findable"} & set(wanted)]
        found: dict[str, list[float]] = {}
        waited: list[float] = []
        for name in loads:
            yield loading(servers, name, found, waited)
        if len(loads) == len(LOADS):
            worst = min(found, key=lambda name: statistics.median(found[name]))
            what = "until every instance is acknowledged and found by C-FIND, worst of the three loads: speed over Orthanc's"
            yield Result("store-findable", what, found[worst], "×", 2, "higher", worst, 2)
            what = "last response → last instance found by C-FIND, worst median of the three loads"
            yield Result("findable", what, waited, "s", 0.5, "lower")


def loading(servers: Pair, name: str, found: dict[str, list[float]], waited: list[float]) -> Result:
    """One load, ROUNDS times to both. Adds the ratios until found to `found`; leaves the longest waiting in `waited`."""
    count, side, associations, goal = LOADS[name]
    for server in (servers.ours, servers.peer):
        store(server, series(count, side), associations)
    before = servers.peer_holds()
    ratios, speeds, cpu, waits, bounds = [], dict[str, list[float]](), dict[str, list[float]](), [], []
    for number in range(ROUNDS):
        load, spent, until_found = series(count, side), {}, {}
        for server in servers.interleaved(number):
            used = server.cpu()
            spent[server.name] = store(server, load, associations)
            wait = seconds_until_found(server, load)
            until_found[server.name] = spent[server.name] + wait
            time.sleep(0.5)
            server.rest()  # our header JSON is written when nothing arrives: not in the peer's turn
            speeds.setdefault(server.name, []).append(count / spent[server.name])
            cpu.setdefault(server.name, []).append((server.cpu() - used) * 1000 / count)
            if server is servers.ours:
                waits.append(wait)
        verify(servers.folder / "node", load)
        with least(servers.folder, load, associations) as bound:
            bounds.append(count / store(bound, load, associations))
        ratios.append(spent["Orthanc"] / spent["ours"])
        found.setdefault(name, []).append(until_found["Orthanc"] / until_found["ours"])
    if servers.peer_holds() != before + ROUNDS * count:
        raise AssertionError("the peer does not hold what it acknowledged")
    if not waited or statistics.median(waits) > statistics.median(waited):
        waited[:] = waits
    middle = {which: (statistics.median(speeds[which]), statistics.median(cpu[which])) for which in speeds}
    peer = ", ".join(f"{which} {speed:.0f} inst/s at {used:.2f} ms CPU" for which, (speed, used) in sorted(middle.items(), reverse=True))
    bound = statistics.median(bounds)
    peer += f"; the least that any receiver does (sha256, write, sync, answer, and nothing else): {bound:.0f} inst/s, {bound / middle['Orthanc'][0]:.2f} × Orthanc"
    return Result(name, WORDS[name], ratios, "×", goal, "higher", peer, 2)


def idle(servers: Pair) -> Result:
    """CPU of the node with 100 open associations that say nothing."""
    open_ones = [Sender(servers.ours.port, CALLING, servers.ours.called, CTImageStorage) for _ in range(100)]
    time.sleep(3)
    shares = []
    for _ in range(3):
        used = servers.ours.cpu()
        time.sleep(IDLE_SECONDS)
        shares.append((servers.ours.cpu() - used) / IDLE_SECONDS * 100)
    for one in open_ones:
        one.close()
    return Result("idle-100", "share of one core with 100 open associations that say nothing", shares, "%", 5, "lower", digits=1)
