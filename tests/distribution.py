"""Which tests one worker runs together: those that share servers.

xdist's own groups (`--dist loadgroup`) travel in the names of tests, and pytest 9.2 lets nobody change those: they are ignored without a
word. So the tests are handed out here, by their paths.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

WHOLE_FOLDERS = {"hub", "itk", "lab", "mart", "pages", "path", "research", "ris", "statistics"}
"""Folders whose tests share servers that take long to start: one worker runs all of them. Elsewhere a worker runs a whole file."""


def group_of(test: str) -> str:
    """The group of a test, from its name (`tests/hub/test_start.py::test_x[1]`)."""
    file = test.partition("::")[0]
    folder = file.split("/")[1]
    return folder if folder in WHOLE_FOLDERS else file


class ByGroup(LoadScopeScheduling):
    """Each group goes to one worker as a whole and in its own order."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
