"""The parts of storage that a process opens over its data folder."""

from __future__ import annotations

from functools import cached_property

from dicom_node.archive.files import Archive
from dicom_node.settings import Settings
from dicom_node.storage.copies import Copies
from dicom_node.storage.plan import Plans
from dicom_node.storage.recall import Recall
from dicom_node.storage.tombstones import Tombstones


class Storage:
    """Plan, copies and tombstones of one node."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data
        self.plans = Plans(settings.storage_file, self.identity)

    def identity(self, volume: str) -> str | None:
        """What is remembered of a volume's identity."""
        return self.copies.identity(volume)

    @cached_property
    def copies(self) -> Copies:
        """What is known of the copies."""
        return Copies(self._data / "copies.sqlite")

    @cached_property
    def tombstones(self) -> Tombstones:
        """What was deleted."""
        return Tombstones(self._data / "tombstones.sqlite")

    def archive(self) -> Archive:
        """The online folder, with recall from the volumes."""
        return Archive(self._data / "files", Recall(self.plans, self.copies))
