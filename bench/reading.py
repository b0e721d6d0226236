"""What asking and fetching costs the server: C-FIND, QIDO-RS, WADO-RS, the series stream; the same data in Orthanc, interleaved.

Ratios are of the servers' own CPU time for each request: the clients are Python and share the two cores.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import httpx
import numpy as np
from pydicom.dataset import Dataset

from bench.grown import grow
from bench.pair import CALLING, Pair, Server, orthanc, pair
from bench.phantom_load import Load, send, series
from bench.result import Result
from bench.sender import Finder, encode
from bench.store import STUDY_FIND, seconds_until_found

IDS = ("find-patient", "find-range", "find-wildcard", "qido", "wado-frame", "wado-metadata-500", "series-stream")
ROUNDS = 5
PATIENTS, STUDIES_EACH = 300, 2
"""600 studies of one small instance each, in both servers."""
CLIENTS = 10
GROWN = 1_000_000
"""Instances in ours before: the peer cannot be loaded to that in minutes."""
SERIES = 500
JSON = {"Accept": "application/dicom+json"}
FRAME = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'}


def furnish(servers: Pair) -> Load:
    """The same studies in both, and one series of 500 × 0.5 MB; returns the series."""
    images = []
    for number in range(PATIENTS * STUDIES_EACH):
        patient, day = number // STUDIES_EACH, number % 28 + 1
        made = series(
            1, 16, PatientID=f"P{patient:04}", PatientName=f"Family{patient:04}^Given", AccessionNumber=f"A{number}",
            StudyDate=f"2026{number % 12 + 1:02}{day:02}",
        )  # fmt: skip
        images += made.images
    large = series(SERIES, 512, PatientID="LARGE", StudyDate="20200101")
    for server in (servers.ours, servers.peer):
        send(images, server.port, CALLING, server.called)
        send(large.images, server.port, CALLING, server.called)
    return large


def finding(server: Server, queries: list[dict[str, str]]) -> tuple[float, float, list[int]]:
    """(CPU milliseconds of the server for each query, queries a second, matches of each) with CLIENTS associations at once."""

    def client(own: list[tuple[int, dict[str, str]]]) -> list[tuple[int, int]]:
        finder = Finder(server.port, CALLING, server.called, STUDY_FIND)
        counts = []
        for place, keys in own:
            query = Dataset()
            query.QueryRetrieveLevel, query.StudyInstanceUID, query.PatientName, query.StudyDate = "STUDY", "", "", ""
            query.PatientID = query.AccessionNumber = ""
            for keyword, value in keys.items():
                setattr(query, keyword, value)
            counts.append((place, len(finder.find(encode(query)))))
        finder.close()
        return counts

    numbered = list(enumerate(queries))
    used, start = server.cpu(), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = [pair for part in pool.map(client, (numbered[one::CLIENTS] for one in range(CLIENTS))) for pair in part]
    spent = time.perf_counter() - start
    return (server.cpu() - used) * 1000 / len(queries), len(queries) / spent, [count for _, count in sorted(found)]


def find(servers: Pair, name: str, what: str, goal: float, queries: list[dict[str, str]]) -> Result:
    """One kind of C-FIND: CPU of the peer over ours; both must find the same number each time."""
    ratios, costs = [], dict[str, list[tuple[float, float]]]()
    for number in range(ROUNDS):
        cost, counts = {}, {}
        for server in servers.interleaved(number):
            cost[server.name], speed, counts[server.name] = finding(server, queries)
            costs.setdefault(server.name, []).append((cost[server.name], speed))
        if counts["ours"] != counts["Orthanc"] or not sum(counts["ours"]):
            raise AssertionError(f"{name}: ours finds {sum(counts['ours'])}, the peer {sum(counts['Orthanc'])}")
        ratios.append(cost["Orthanc"] / cost["ours"])
    return Result(name, what, ratios, "×", goal, "higher", _costs(costs), 2)


def _costs(costs: dict[str, list[tuple[float, float]]]) -> str:
    parts = []
    for which in sorted(costs, reverse=True):
        used, speed = (statistics.median(one[place] for one in costs[which]) for place in (0, 1))
        parts.append(f"{which} {used:.2f} ms CPU, {speed:.0f}/s")
    return "; ".join(parts)


def fetch(
    servers: Pair, name: str, what: str, goal: float, count: int, path: Callable[[int], str], headers: dict[str, str],
    same: Callable[[bytes], object],
) -> Result:  # fmt: skip
    """`count` GETs over one kept connection: CPU of the peer over ours; `same` of both answers must be equal."""
    ratios, costs = [], dict[str, list[tuple[float, float]]]()
    for number in range(ROUNDS):
        cost, said = {}, {}
        for server in servers.interleaved(number):
            with httpx.Client(headers={**server.headers, **headers}, timeout=120) as client:
                client.get(server.web + path(0)).raise_for_status()
                used, start = server.cpu(), time.perf_counter()
                for place in range(count):
                    body = client.get(server.web + path(place)).raise_for_status().content
                spent = time.perf_counter() - start
            # the clock of CPU time ticks in hundredths of a second
            cost[server.name] = max(server.cpu() - used, 0.01) * 1000 / count
            said[server.name] = same(body)
            costs.setdefault(server.name, []).append((cost[server.name], count / spent))
        if said["ours"] != said["Orthanc"]:
            raise AssertionError(f"{name}: the two do not say the same")
        ratios.append(cost["Orthanc"] / cost["ours"])
    return Result(name, what, ratios, "×", goal, "higher", _costs(costs), 2)


def pixels_of(body: bytes) -> str:
    """Digest of the pixels in a multipart answer of one frame."""
    start = body.index(b"\r\n\r\n") + 4
    return hashlib.sha256(body[start : start + 512 * 512 * 2]).hexdigest()


def studies_of(body: bytes) -> object:
    """What a QIDO-RS answer says, whatever its order."""
    return sorted(study["0020000D"]["Value"][0] for study in json.loads(body))


def headers_of(body: bytes) -> object:
    """Identity and geometry of all instances of a metadata answer; numbers may be written as strings."""
    found = []
    for element in json.loads(body):
        uid = element["00080018"]["Value"][0]
        numbers = [float(value) for tag in ("00200013", "00200032", "00280030") for value in element[tag]["Value"]]
        found.append((uid, numbers))
    return sorted(found)


def stream(servers: Pair, large: Load) -> Result:
    """All frames of the series: our one-response stream against the peer's frames over six connections; seconds, pixels compared."""
    base = servers.ours.web.removesuffix("/dicom-web")
    ratios, spent = [], dict[str, list[float]]()
    wanted = {hashlib.sha256(_native(data)).hexdigest() for _, data in large.images}

    def peer_frames(part: list[str]) -> list[str]:
        with httpx.Client(headers=FRAME, timeout=120) as client:
            return [
                pixels_of(client.get(f"{servers.peer.web}/studies/{large.study}/series/{large.series}/instances/{uid}/frames/1").content)
                for uid in part
            ]

    def theirs() -> set[str]:
        uids = [uid for uid, _ in large.images]
        with ThreadPoolExecutor(6) as pool:
            return {digest for part in pool.map(peer_frames, (uids[one::6] for one in range(6))) for digest in part}

    def ours() -> set[str]:
        with httpx.Client(headers=servers.ours.headers, timeout=120) as client:
            body = client.get(f"{base}/series/{large.study}/{large.series}/stream").raise_for_status().content
        at, found = 4 + struct.unpack_from("<I", body)[0], set()
        while at < len(body):
            length = struct.unpack_from("<I", body, at + 4)[0]
            found.add(hashlib.sha256(body[at + 8 : at + 8 + length]).hexdigest())
            at += 8 + length
        return found

    for number in range(ROUNDS):
        took = {}
        for server in servers.interleaved(number):
            start = time.perf_counter()
            found = ours() if server is servers.ours else theirs()
            took[server.name] = time.perf_counter() - start
            if found != wanted:
                raise AssertionError(f"{server.name}: {len(found & wanted)} of {len(wanted)} frames are right")
            spent.setdefault(server.name, []).append(took[server.name])
        ratios.append(took["Orthanc"] / took["ours"])
    peer = f"ours {statistics.median(spent['ours']):.2f} s, Orthanc {statistics.median(spent['Orthanc']):.2f} s"
    what = "a series of 500 × 0.5 MB: Orthanc's frames by WADO-RS over six connections, over our one-response stream, seconds"
    return Result("series-stream", what, ratios, "×", 3, "higher", peer, 2)


def _native(data: bytes) -> bytes:
    """Pixels of an encoded data set: its last element."""
    return np.frombuffer(data[-512 * 512 * 2 :], np.uint8).tobytes()


def measure() -> Iterator[Result]:
    """The figures asked for on the command line, on one pair of servers with the same data."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    program = orthanc()
    if program is None:
        return
    size = f"{GROWN:,} instances in ours, {PATIENTS * STUDIES_EACH} studies in both"
    with pair(program, lambda data: grow(data, GROWN)) as servers:
        large = furnish(servers)
        for server in (servers.ours, servers.peer):
            seconds_until_found(server, large)
            server.rest()
        finds: dict[str, tuple[str, float, list[dict[str, str]]]] = {
            "find-patient": ("PatientID exact", 4, [{"PatientID": f"P{number:04}"} for number in islice(cycle(range(PATIENTS)), 1000)]),
            "find-range": ("StudyDate, a month", 6, [{"StudyDate": f"2026{n % 12 + 1:02}01-2026{n % 12 + 1:02}28"} for n in range(120)]),
            "find-wildcard": ("PatientName with wildcard", 4, [{"PatientName": f"FAMILY{n:03}*"} for n in islice(cycle(range(30)), 300)]),
        }
        for name, (what, goal, queries) in finds.items():
            if name.startswith(prefix):
                words = f"C-FIND, {what}, {CLIENTS} clients, {size}: Orthanc's CPU for a query over ours"
                yield find(servers, name, words, goal, queries)
        at = f"/studies/{large.study}/series/{large.series}"
        fetches: dict[str, tuple[str, float, int, Callable[[int], str], dict[str, str], Callable[[bytes], object]]] = {
            "qido": ("QIDO-RS by PatientID", 6, 500, lambda n: f"/studies?PatientID=P{n % PATIENTS:04}", JSON, studies_of),
            "wado-frame": (
                "WADO-RS, a frame of 0.5 MB",
                8,
                200,
                lambda n: f"{at}/instances/{large.images[n][0]}/frames/1",
                FRAME,
                pixels_of,
            ),
            "wado-metadata-500": ("WADO-RS, metadata of 500 instances", 100, 10, lambda _: f"{at}/metadata", JSON, headers_of),
        }
        for name, (what, goal, count, path, headers, same) in fetches.items():
            if name.startswith(prefix):
                yield fetch(servers, name, f"{what}, {size}: Orthanc's CPU for a request over ours", goal, count, path, headers, same)
        if "series-stream".startswith(prefix):
            yield stream(servers, large)
