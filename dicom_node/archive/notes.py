"""A note is a second name of a received file, from its one sync until the journal's line of its arrival is on the disk too.

An arrival would otherwise cost two syncs, of the file and of the journal. The name says what the file itself does not: who sent it
and when. After a power cut the journal may lack its last lines; `bring_in` writes them again from the notes that are left.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from pathlib import Path
from urllib.parse import quote, unquote

from pydicom.filereader import read_file_meta_info

from dicom_node import logs
from dicom_node.archive.files import Archive, sync_folder
from dicom_node.archive.journal import Entry, JournalWriter

log = logs.get(__name__)
LONGEST = 255  # bytes of a name
_NOTE = re.compile(r"[0-9]+-[0-9]+(?:,[^,/]*){4}")


class Notes:
    """The folder of notes; one process writes it."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._folder = archive, archive.root / "notes"
        self._numbers = itertools.count()
        self._folder.mkdir(parents=True, exist_ok=True)
        sync_folder(archive.root)

    def place(self, institution: str, aet: str, address: str, at: str) -> Path | None:
        """The name of a new note; None: it would be too long, or this file system does not sync names with files."""
        if not self._archive.syncs_names:
            return None
        told = ",".join(quote(value, safe="") for value in (institution, aet, address, at))
        name = f"{time.time_ns()}-{next(self._numbers)},{told}"
        return self._folder / name if len(name) <= LONGEST else None

    def bring_in(self, journal: JournalWriter) -> int:
        """At the start: journal what was acknowledged and is not in the journal; returns how many arrivals that were."""
        found = list(self._folder.iterdir())
        left = sorted((path for path in found if _NOTE.fullmatch(path.name)), key=_number)
        if len(left) < len(found):
            log.warning("notes.strange", files=len(found) - len(left))  # not ours: nothing is done with them
        if not left:
            return 0
        known = {_arrival(entry) for entry in journal.renew_tail()}
        missing = 0
        for note in left:
            entry = self._entry(note)
            if entry is not None and _arrival(entry) not in known:
                journal.append(entry)
                missing += 1
            note.unlink()
        if missing:
            log.warning("journal.brought_in", arrivals=missing)
        return missing

    def _entry(self, note: Path) -> Entry | None:
        """The journal's line of the noted file; None: it is not whole, so its sync had not ended and nobody was told that it is kept."""
        with note.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        place = self._archive.place(digest)
        if not (place.exists() and place.samefile(note)):
            log.warning("note.incomplete", note=note.name.partition(",")[0])
            return None
        meta = read_file_meta_info(note)
        classes = (str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID))
        return Entry(digest, note.stat().st_size, *classes, *(unquote(value) for value in note.name.split(",")[1:]))


def _number(note: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in note.name.partition(",")[0].split("-"))


def _arrival(entry: Entry) -> tuple[str, str, str, str]:
    return entry.digest, entry.institution, entry.aet, entry.at
