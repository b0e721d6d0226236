"""On the path of a process of the bench: nothing is synced to the disk. Only to compare with a peer that never syncs; no product setting."""

import os

from dicom_node.archive import filesystem


def _unsynced(fd: int) -> None:
    """In place of fsync and fdatasync."""


os.fsync = os.fdatasync = _unsynced  # type: ignore[assignment]
filesystem.begin_writing = _unsynced
