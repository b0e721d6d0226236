"""One figure, and the list of all figures in `docs/bench.json` and `docs/bench.md`."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

DOCS = Path(__file__).resolve().parent.parent / "docs"


@dataclass(frozen=True)
class Result:
    """A measured figure.

    `value` is the median of `runs`, in `unit`; `goal` is None where a figure is only printed; `peer` says what was
    measured beside it in the same run and what that gave.
    """

    id: str
    what: str
    runs: list[float]
    unit: str
    goal: float | None
    better: Literal["higher", "lower"]
    peer: str = ""
    digits: int = 3

    @property
    def value(self) -> float:
        """Median of the runs."""
        return round(float(statistics.median(self.runs)), self.digits)

    @property
    def holds(self) -> bool:
        """Whether the goal is reached; a figure without a goal always holds."""
        if self.goal is None:
            return True
        # a numpy bool cannot be written as JSON
        return bool(self.value >= self.goal if self.better == "higher" else self.value <= self.goal)

    def as_row(self) -> dict[str, object]:
        """The row written to `docs/bench.json`."""
        row = asdict(self)
        del row["digits"]
        return {**row, "runs": [round(float(run), self.digits) for run in self.runs], "value": self.value, "holds": self.holds}


def write(results: list[Result]) -> None:
    """Replace the figures with the same ids in both files, keep the others, in order of id."""
    path = DOCS / "bench.json"
    rows = {row["id"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else {}
    rows.update({result.id: result.as_row() for result in results})
    ordered = [rows[key] for key in sorted(rows)]
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [
        "# Figures",
        "",
        "Written by `make bench` (`make bench ONLY=<prefix>` for a part): medians, on a machine of 2 cores, browser and servers sharing them.",
        "",
        "| id | what | value | goal | holds | peer in the same run | runs |",
        "|---|---|---:|---:|---|---|---|",
    ]
    for row in ordered:
        goal = "printed" if row["goal"] is None else f"{'≥' if row['better'] == 'higher' else '≤'} {row['goal']}"
        runs = ", ".join(f"{run:g}" for run in row["runs"])
        lines.append(
            f"| `{row['id']}` | {row['what']} | {row['value']:g} {row['unit']} | {goal} | {'yes' if row['holds'] else '**no**'} | {row['peer']} | {runs} |"
        )
    (DOCS / "bench.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
