"""Which volumes this node has had, where, and their identities: `<data>/volumes.json`, beside the table of copies.

A power cut may damage that table and keep a NAS from being mounted at once. Without this file its empty mount point would then look
like a new volume, and copies would go to the disk beneath it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from dicom_node import logs
from dicom_node.archive.files import sync_folder

log = logs.get(__name__)
NAME = "volumes.json"


class Identities:
    """The file; it is small, seldom written, and read anew each time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, name: str) -> tuple[str | None, str | None]:
        """URL and identity of a volume; None: not known."""
        found = self._all().get(name, {})
        return found.get("url"), found.get("id")

    def names(self) -> set[str]:
        """Every volume there ever was."""
        return set(self._all())

    def remember(self, name: str, url: str, identity: str | None) -> None:
        """A volume was seen at `url`. OSError."""
        known = self._all()
        one = {"url": url} | ({"id": identity} if identity is not None else {})
        if known.get(name) == one:
            return
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(known | {name: one}, file, ensure_ascii=False, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_folder(self._path.parent)

    def _all(self) -> dict[str, dict[str, str]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
            return {str(name): {str(key): str(value) for key, value in one.items()} for name, one in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError) as error:
            log.error("volumes.damaged", reason=str(error), action="written anew from the table of copies")  # noqa: TRY400
            return {}
