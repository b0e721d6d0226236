"""Series that a person has looked at and released for a project: one small SQLite file per project, kept for ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.research.deidentify.burnt_in import Devices, Rectangle, own_devices, read_devices, rectangles

CREATE = """CREATE TABLE IF NOT EXISTS released (
    series TEXT PRIMARY KEY, rectangles TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, seen TEXT NOT NULL
) WITHOUT ROWID"""
DEVICES = "rectangles.toml"


@dataclass(frozen=True, slots=True)
class Released:
    """The table of one project in the folder `RESEARCH_DATA`; UIDs in it are pseudonyms."""

    data: Path
    project: str

    @property
    def _file(self) -> Path:
        return self.data / "released" / f"{self.project}.sqlite"

    def series(self) -> dict[str, tuple[Rectangle, ...]]:
        """Pseudonymous UIDs of the released series, and what is blacked out in each besides the device's rectangles."""
        if not self._file.exists():
            return {}
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as base:
            return {uid: rectangles(json.loads(text)) for uid, text in base.execute("SELECT series, rectangles FROM released")}

    def release(self, series: str, by: str, seen: str, black: Iterable[Rectangle] = ()) -> None:
        """Release a series (pseudonymous UID): who has looked at every image of it, and what was seen. ValueError: somebody must be named."""
        if not by.strip() or not seen.strip():
            raise ValueError("须写明由谁查看、看到什么 / say who has looked, and what was seen")
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._file)) as base, base:
            base.execute(CREATE)
            base.execute(
                "INSERT OR REPLACE INTO released VALUES (?, ?, ?, ?, ?)",
                (series, json.dumps([list(one) for one in black]), by, datetime.now(UTC).isoformat(timespec="seconds"), seen),
            )
        self._file.chmod(0o600)

    def withdraw(self, series: str) -> bool:
        """Take a release back; False when there was none."""
        if not self._file.exists():
            return False
        with closing(sqlite3.connect(self._file)) as base, base:
            return base.execute("DELETE FROM released WHERE series = ?", (series,)).rowcount > 0


def devices_of(data: Path) -> Devices:
    """Our own devices, and those of the hospital's file before them. ValueError: that file is wrong."""
    file = data / DEVICES
    return {**own_devices(), **read_devices(file)} if file.exists() else own_devices()
