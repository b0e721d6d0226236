"""What the file system under a folder promises when one of its files is synced, and how to have it begin early."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

# fsync of a file commits every name it was given before: the names are in the same journal or log as the file itself.
# Linux's own record of what may be relied on; ext4 only with its journal.
NAMES_WITH_FILES = {"ext4", "xfs", "btrfs"}
SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h


def syncs_names(folder: Path) -> bool:
    """Whether fsync of a file in `folder` makes its names last too; False where that is not known: the folder must be synced."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        kind = rest.split(" ")[0]
        if fields.split(" ")[2] == number and kind in NAMES_WITH_FILES:
            name = Path("/sys/dev/block", number).resolve().name
            return kind != "ext4" or Path("/sys/fs/ext4", name, "journal_task").exists()
    return False


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    call = getattr(ctypes.CDLL(None), "sync_file_range", None)  # Linux only
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return call


def begin_writing(fd: int) -> None:
    """Have the disk begin with what was written to `fd`; it promises nothing: a sync must follow, and says then what failed."""
    call = _sync_file_range()
    if call is not None:
        call(fd, 0, 0, SYNC_FILE_RANGE_WRITE)
