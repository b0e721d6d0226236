"""Whether a volume of the plan is the one it was: its mark is compared with what is remembered, or made when it is new.

An older node left folders with an empty mark and buckets with none. Such a place gets its identity only when the copies that are
known to be on it are really there.
"""

from __future__ import annotations

from dicom_node import logs
from dicom_node.storage.copies import Copies
from dicom_node.storage.folder import FolderVolume
from dicom_node.storage.volume import AbsentError, Mark, Volume

log = logs.get(__name__)
ASKED = 50  # known copies that are looked for


def adopt(volume: Volume, url: str, copies: Copies) -> None:
    """Remember the volume's identity, and give it one when it has none. AbsentError, in words: it is another one; VolumeError."""
    if copies.identity(volume.name) is None:
        _make_known(volume, url, copies)
    volume.check()
    copies.remember(volume.name, url)
    if isinstance(volume, FolderVolume):
        volume.sweep()


def _make_known(volume: Volume, url: str, copies: Copies) -> None:
    mark = volume.mark()
    if mark is not None and mark.id and mark.volume != volume.name:
        volume.check()  # says whose it is
    expected = copies.some(volume.name, ASKED)
    if mark is None and isinstance(volume, FolderVolume) and (expected or copies.url(volume.name) == url):
        volume.check()  # not mounted: it was prepared once, and the mark of a folder does not get lost
    there = sum(volume.stored(digest) == size for digest, size in expected)
    if expected and (there == 0 or len(expected) - there > max(1, len(expected) // 10)):
        raise AbsentError(
            f"volume {volume.name}: only {there} of {len(expected)} known copies are on it; is another disk or bucket in its place? "
            "Bring the right one back, or name this one anew in the plan"
        )
    if mark is None:
        volume.prepare()
        if isinstance(volume, FolderVolume):
            copies.set_scanned(volume.name)  # it is empty
    elif not mark.id:
        volume.write_mark(Mark.fresh(volume.name))
    if expected:
        copies.set_scanned(volume.name)  # the table was not lost
    written = volume.mark()
    if written is not None and written.id:
        copies.identify(volume.name, written.id)
        log.info("volume.adopted", volume=volume.name, identity=written.id[:8], known_copies=len(expected), found=there)
