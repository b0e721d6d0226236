"""`python -m pipelines.research.deidentify`: an administrator looks at a series that may be written on, and releases it for a project."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipelines.research.deidentify.burnt_in import rectangles
from pipelines.research.deidentify.released import Released


def main(words: list[str] | None = None) -> int:
    """Release a series, take that back, or list them; 0 when it is done."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.research.deidentify", description="release series whose pictures may show a name"
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("RESEARCH_DATA"), help="folder RESEARCH_DATA")
    commands = parser.add_subparsers(dest="command", required=True)
    release = commands.add_parser(
        "release", help="every image of the series was looked at, and shows nobody's name where it is not blacked out"
    )
    release.add_argument("project")
    release.add_argument("series", help="pseudonymous UID of the series in this project")
    release.add_argument("--by", required=True, help="who has looked")
    release.add_argument("--seen", required=True, help="what was seen")
    release.add_argument(
        "--black", action="append", default=[], metavar="X0,Y0,X1,Y1", help="rectangle to black out on every frame, ends included"
    )
    withdraw = commands.add_parser("withdraw", help="take a release back")
    withdraw.add_argument("project")
    withdraw.add_argument("series")
    listed = commands.add_parser("list", help="what is released for a project")
    listed.add_argument("project")
    given = parser.parse_args(words)
    if given.data is None:
        parser.error("请用 --data 或 RESEARCH_DATA 指定科研数据目录 | name the folder by --data or RESEARCH_DATA")
    table = Released(Path(given.data), given.project)
    if given.command == "list":
        sys.stdout.writelines(f"{series} {[list(one) for one in black]}\n" for series, black in sorted(table.series().items()))
        return 0
    if given.command == "withdraw":
        return 0 if table.withdraw(given.series) else 1
    try:
        table.release(given.series, given.by, given.seen, rectangles(text.split(",") for text in given.black))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
