"""`python -m pipelines.research <published> <target>`: make the de-identified tables anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import structlog

from dicom_node.client import PublishedError
from pipelines.research.dose import LEAST, make_dose_table


def main(words: list[str] | None = None) -> int:
    """Make them; 0 when they are there."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.research", description="make the de-identified tables for researchers")
    parser.add_argument("published", type=Path, help="folder of the node's published tables (NODE_PUBLISH)")
    parser.add_argument("target", type=Path, help="folder that researchers may read")
    parser.add_argument("--least", type=int, default=LEAST, help="smallest number of children in a group")
    given = parser.parse_args(words)
    try:
        made = make_dose_table(given.published, given.target, least=given.least)
    except PublishedError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    structlog.get_logger("research").info("dose.made", rows=made.rows, adults=made.adults, small=made.small)
    return 0


if __name__ == "__main__":
    sys.exit(main())
