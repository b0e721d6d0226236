"""What grows with the archive and must not: the time of a query, the memory of the processes."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.grown import grow
from bench.pair import CALLING, bench_folder, node
from bench.phantom_load import send, series
from bench.result import Result
from dicom_node.index.database import Database
from dicom_node.index.places import index_file
from dicom_node.index.process import FORGETTING
from dicom_node.index.register import NAME
from dicom_node.query.keys import up_to
from dicom_node.query.registered import Registered
from dicom_node.query.search import Scope, search
from dicom_node.settings import Settings

IDS = ("index-growth", "memory-flat")
SMALL, LARGE = 100_000, 5_000_000
ROUNDS, EACH = 5, 20
FEW, MANY, BATCH = 20_000, 200_000, 5_000
OWN = Scope(frozenset({"B"}))


class Grown:
    """A generated index, asked as the services ask."""

    def __init__(self, data: Path, instances: int) -> None:
        grow(data, instances)
        path = index_file(Settings(data=data))
        self.database, self._registered = Database(path), Registered(path.with_name(NAME))
        studies = self.database.rows("SELECT study_uid, patient_id, accession FROM study ORDER BY hash(study_uid) LIMIT ?", [ROUNDS * EACH])
        self._studies = [(row["study_uid"], row["patient_id"]) for row in studies]
        some = self.database.rows(
            "SELECT sop_uid, series_uid FROM instance ORDER BY arrival LIMIT ? OFFSET ?", [ROUNDS * EACH, instances // 2]
        )
        self._instances = [(row["sop_uid"], row["series_uid"]) for row in some]

    def studies(self, query: dict[str, str]) -> int:
        """As C-FIND and QIDO-RS of studies: by the register where it can, else by the index."""
        found = self._registered.find(query, OWN, limit=300)
        if found is None:
            return len(search(self.database, "study", query, OWN, limit=300))
        rows = self._registered.read([number for number, _ in found], up_to("study"))
        return len(rows or {})

    def questions(self, number: int) -> dict[str, Callable[[], int]]:
        """One of each kind."""
        study, patient = self._studies[number]
        sop, own = self._instances[number]
        series_of = "SELECT series_uid, number, digest FROM instance WHERE series_uid = ? AND visible"
        return {
            "patient": lambda: self.studies({"PatientID": patient}),
            "day": lambda: self.studies({"StudyDate": f"20{16 + number % 9}0{number % 9 + 1}05"}),
            "name": lambda: self.studies({"PatientName": "wang^m*", "StudyDate": f"20{16 + number % 9}0301-20{16 + number % 9}0307"}),
            "series of a study": lambda: len(search(self.database, "series", {"StudyInstanceUID": study}, OWN)),
            "images of a series": lambda: len(self.database.rows(series_of, [own])),
            "image by UID": lambda: len(self.database.rows("SELECT digest FROM instance WHERE sop_uid = ?", [sop])),
        }


def growth() -> Result:
    """The same questions to a small and to a large index, in turns."""
    with bench_folder() as folder:
        grown = {SMALL: Grown(folder / "small", SMALL), LARGE: Grown(folder / "large", LARGE)}
        spent: dict[tuple[int, int, str], list[float]] = {}
        for number in range(ROUNDS * EACH):
            for size, index in grown.items():
                for kind, ask in index.questions(number).items():
                    start = time.perf_counter()
                    found = ask()
                    spent.setdefault((number // EACH, size, kind), []).append(time.perf_counter() - start)
                    if not found and kind not in {"name", "day"}:
                        raise AssertionError(f"{kind}: nothing found among {size}")
        for index in grown.values():
            index.database.close()
    kinds = sorted({kind for _, _, kind in spent})
    ratios = [
        sum(statistics.median(spent[turn, LARGE, kind]) for kind in kinds)
        / sum(statistics.median(spent[turn, SMALL, kind]) for kind in kinds)
        for turn in range(ROUNDS)
    ]
    each = []
    for kind in kinds:
        small, large = (
            statistics.median(statistics.median(spent[turn, size, kind]) for turn in range(ROUNDS)) * 1000 for size in (SMALL, LARGE)
        )
        each.append(f"{kind} {small:.2f} → {large:.2f}")
    what = f"six kinds of queries at {LARGE:,} instances over the time at {SMALL:,} (generated index)"
    return Result("index-growth", what, ratios, "×", 2, "lower", "ms: " + ", ".join(each), 2)


def memory() -> Result:
    """Resident memory after many received instances over that after few."""
    with bench_folder() as folder, node(folder, synced=False) as ours:
        sizes, working, cached = [], [], []
        received = 0
        for goal in (FEW, MANY):
            while received < goal:
                load = series(BATCH, 16)
                parts = [threading.Thread(target=send, args=(load.images[one::2], ours.port, CALLING, ours.called)) for one in range(2)]
                for part in parts:
                    part.start()
                for part in parts:
                    part.join()
                received += BATCH
            cached.append(_indexed(ours.metrics, ours.headers))
            working.append(ours.resident())
            time.sleep(FORGETTING)
            sizes.append(ours.resident())
    what = f"memory of all our processes (PSS) at rest for {FORGETTING:.0f} s after {MANY:,} received instances over that after {FEW:,}"
    return Result(
        "memory-flat",
        what,
        [sizes[1] / sizes[0]],
        "×",
        1.1,
        "lower",
        f"{sizes[0]:.0f} MB → {sizes[1]:.0f} MB; straight after the work {working[0]:.0f} → {working[1]:.0f} MB, of it DuckDB's cache of "
        f"the index (1 GB at most) {cached[0]:.0f} → {cached[1]:.0f} MB; syncs off for speed",
        2,
    )


def _indexed(metrics: str, headers: dict[str, str]) -> float:
    """Wait until everything that was received is in the index and the node at rest; how many MB of the index DuckDB has in memory."""
    import httpx

    def figures() -> dict[str, float]:
        lines = httpx.get(metrics, headers=headers, timeout=60).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    while (found := figures())["node_journal_backlog"] or found["node_headers_waiting"]:
        time.sleep(0.5)
    time.sleep(5)
    return figures()["node_index_held_bytes"] / 2**20


def measure() -> Iterator[Result]:
    """The figures asked for on the command line."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    if "index-growth".startswith(prefix):
        yield growth()
    if "memory-flat".startswith(prefix):
        yield memory()
