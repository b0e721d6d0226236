"""`python -m bench [prefix]`: measure the figures whose id starts with the prefix and write them to `docs/`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable

from bench import bone, deid, desk, disk, growth, lab, reading, research, store, viewing, workstation
from bench.result import Result, write

# first id of each group → the function that measures the group
GROUPS: list[tuple[tuple[str, ...], Callable[[], Iterable[Result]]]] = [
    (desk.IDS, desk.measure),
    (store.IDS, store.measure),
    (disk.IDS, disk.measure),
    (reading.IDS, reading.measure),
    (viewing.IDS, viewing.measure),
    (growth.IDS, growth.measure),
    (workstation.IDS, workstation.measure),
    (bone.IDS, bone.measure),
    (research.IDS, research.measure),
    (deid.IDS, deid.measure),
    (lab.IDS, lab.measure),
]


# names of groups that are no beginning of their ids
NAMES: dict[str, tuple[str, ...]] = {"view": workstation.IDS, "bone": bone.IDS, "lab": (*research.IDS, *deid.IDS)}


def main() -> None:
    """Measure, print and write."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    named = NAMES.get(prefix, ())
    chosen = [measure for ids, measure in GROUPS if any(name.startswith(prefix) or name in named for name in ids)]
    if not chosen:
        known = ", ".join(name for ids, _ in GROUPS for name in ids)
        sys.exit(f"no figure starts with {prefix!r}; known: {known}")
    failed = 0
    for measure in chosen:
        try:
            for result in measure():
                if result.id.startswith(prefix) or result.id in named:
                    print(
                        f"{result.id:20} {result.value:10g} {result.unit:6} goal {result.goal} holds {result.holds}  {result.peer}",
                        flush=True,
                    )
                    write([result])
        except Exception:  # the other groups are measured all the same
            failed += 1
            traceback.print_exc()
    if failed:
        sys.exit(f"groups that failed: {failed}")


if __name__ == "__main__":
    main()
