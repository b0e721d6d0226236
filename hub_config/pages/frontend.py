"""The built front end (`apps/dist`): which file belongs to which entry, and the files themselves, compressed at build time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TYPES = {
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
    "png": "image/png",
    "woff2": "font/woff2",
}
VIEWER_TYPES = {name: TYPES[name] for name in ("js", "wasm")} | {"html": "text/html; charset=utf-8", "json": "application/json"}
HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_SIDE = (".br", ".gz")


@dataclass(frozen=True)
class Entry:
    """One entry of the build: its module, style sheets, and the chunks it imports (file names)."""

    js: str
    css: tuple[str, ...]
    imports: tuple[str, ...]


class FrontEnd:
    """Reads the build again when it changed, so that a new build needs no restart."""

    def __init__(self, dist: Path) -> None:
        self.dist = dist
        self._stamp: tuple[int, ...] = ()
        self._names: frozenset[str] = frozenset()
        self._entries: dict[str, Entry] = {}
        self.icon = ""

    def entries(self) -> dict[str, Entry]:
        """Entry name → entry; empty when nothing was built."""
        self._look()
        return self._entries

    def file(self, name: str) -> Path | None:
        """The file of this name, if it is one of the build's (a name never is a path)."""
        if name not in self._names:
            self._look(again=True)
        return self.dist / name if name in self._names else None

    def modules(self) -> dict[str, str]:
        """File names of entries that are loaded late by name (`viewer`)."""
        return {name: entry.js for name, entry in self.entries().items() if name != "boot"}

    def _look(self, *, again: bool = False) -> None:
        stamp = tuple(path.stat().st_mtime_ns for path in (self.dist / "manifest.json", self.dist / "viewer.json") if path.is_file())
        if stamp == self._stamp and not (again and stamp):
            return
        self._stamp = stamp
        self._entries, self._names = {}, frozenset()
        if not stamp:
            return
        manifest = self._json("manifest.json")
        self.icon = str(manifest.get("boot", {}).get("icon", ""))
        for name, entry in manifest.items():
            self._entries[name] = Entry(str(entry["js"]), tuple(entry.get("css", ())), tuple(entry.get("imports", ())))
        viewer = self._json("viewer.json")
        if "js" in viewer:
            self._entries["viewer"] = Entry(str(viewer["js"]), (), ())
        names = (path.name for path in self.dist.iterdir() if path.is_file())
        self._names = frozenset(name for name in names if name.rsplit(".", 1)[-1] in TYPES and not name.endswith(_SIDE))

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.dist / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found
