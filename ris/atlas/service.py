"""Reading the atlas folder: looked at anew for each question, so that changes are seen without a restart; a file is decoded once as it is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ris.atlas.rules import LARGEST_MANIFEST, LIMITS, MANIFEST, Entry, Fault, fault, manifest_of
from ris.pictures import Picture, PictureError, picture_of
from ris.problems import Problem

log = structlog.get_logger("ris.atlas")
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate that can be shown."""

    sex: str
    months: int
    picture: Picture
    path: Path


@dataclass(frozen=True, slots=True)
class Atlas:
    """What is in the folder now; not installed: the folder is empty, or not there."""

    installed: bool
    name: dict[str, str] | None = None
    plates: tuple[Plate, ...] = ()
    faults: tuple[Fault, ...] = ()


class AtlasFolder:
    """One folder with `atlas.toml` and the pictures it names."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._pictures: dict[Path, tuple[Stamp, Picture | str]] = {}
        self._told: tuple[Fault, ...] = ()

    def read(self) -> Atlas:
        """Return what is in the folder; what is wrong with it is logged when it changes."""
        with self._lock:
            atlas = self._read()
            if atlas.faults != self._told:
                self._told = atlas.faults
                _tell(atlas)
            return atlas

    def content(self, digest: str) -> tuple[bytes, str]:
        """Return bytes and media type of a plate, or raise `atlas.plate`: also when its file was changed this moment."""
        for plate in self.read().plates:
            if plate.picture.digest == digest:
                try:
                    content = plate.path.read_bytes()
                except OSError as error:
                    raise Problem("atlas.plate") from error
                if hashlib.sha256(content).hexdigest() == digest:
                    return content, plate.picture.media_type
        raise Problem("atlas.plate")

    def _read(self) -> Atlas:
        if self.folder is None:
            return Atlas(installed=False)
        try:
            folder = self.folder.resolve(strict=True)
            if not any(folder.iterdir()):
                return Atlas(installed=False)
        except OSError:
            return Atlas(installed=False)
        file = folder / MANIFEST
        if not file.is_file():
            return Atlas(installed=True, faults=(fault("manifest_absent"),))
        try:
            with file.open("rb") as opened:
                manifest = manifest_of(opened.read(LARGEST_MANIFEST + 1))
        except OSError:
            return Atlas(installed=True, faults=(fault("manifest_unreadable"),))
        plates, faults = self._plates(folder, manifest.entries)
        every = sorted((*manifest.faults, *faults), key=lambda one: one.entry or 0)
        return Atlas(True, manifest.name, tuple(sorted(plates, key=lambda one: (one.sex, one.months))), tuple(every))

    def _plates(self, folder: Path, entries: Iterable[Entry]) -> tuple[list[Plate], list[Fault]]:
        plates: list[Plate] = []
        faults: list[Fault] = []
        used: dict[Path, tuple[Stamp, Picture | str]] = {}
        for entry in entries:
            found = self._picture(folder, entry, used)
            if isinstance(found, str):
                faults.append(fault(found, entry=entry.number, file=entry.file))
            else:
                plates.append(Plate(entry.sex, entry.months, found[1], found[0]))
        self._pictures = used
        return plates, faults

    def _picture(self, folder: Path, entry: Entry, used: dict[Path, tuple[Stamp, Picture | str]]) -> tuple[Path, Picture] | str:
        """Return the file and what it shows, or the code of its fault. A link may not lead out of the folder."""
        try:
            path = (folder / entry.file).resolve()
            if not path.is_relative_to(folder):
                return "outside"
            if not path.is_file():
                return "absent"
            now = path.stat()
            stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
            known = used.get(path) or self._pictures.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, _decoded(path, now.st_size))
            used[path] = known
        except (OSError, ValueError, RuntimeError):  # names too long, loops of links
            return "unreadable"
        return known[1] if isinstance(known[1], str) else (path, known[1])


def _decoded(path: Path, size: int) -> Picture | str:
    if size > LIMITS.largest:
        return "picture"
    try:
        return picture_of(path.read_bytes(), LIMITS)
    except PictureError:
        return "picture"


def _tell(atlas: Atlas) -> None:
    for one in atlas.faults:
        log.warning("bone-age atlas", code=one.code, entry=one.entry, file=one.file, zh=one.zh, en=one.en)
    if not atlas.faults:
        log.info("bone-age atlas in order", plates=len(atlas.plates))
