"""Which functions of the image viewer an account has, by clause: the centre all, a hospital I-1 … I-22 (contract 2.3).

This is the one place that says so until licences are configuration. The viewer's own table (`apps/viewer/toolset.ts`) knows what each
clause stands for. Functions work on images a person may see anyway: they are no right to data, which each service checks by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from ris.access.rules import OPERATIONS, Assignment

EVERYTHING = "*"
CENTRE = (EVERYTHING,)
HOSPITAL = (
    "V-1", "V-2", "V-4", "V-5", "V-6", "V-7", "V-8", "V-9", "V-11", "V-13", "V-14", "V-15", "V-19", "V-20", "V-22", "V-23", "V-24", "V-25",
    "V-27", "V-32", "V-33", "V-37",
)  # fmt: skip
"""I-1 … I-22, in this order."""


def image_functions(assignments: Iterable[Assignment]) -> tuple[str, ...]:
    """Return the clauses of somebody who sees images: all with a role at the centre, those of a hospital with one there, else none."""
    seeing = [one for one in assignments if "image.view" in OPERATIONS.get(one.role, frozenset())]
    if any(one.centre for one in seeing):
        return CENTRE
    return HOSPITAL if seeing else ()
