"""A project as the records feed tells it (`project.changed`), and its key."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.research.pseudonyms import KEY_BYTES, Pseudonyms

APPROVED, CLOSED = "approved", "closed"


@dataclass(frozen=True, slots=True)
class ProjectToken:
    """A token of a project for a platform; the token itself is known to nobody but the platform."""

    id: str
    digest: str
    """SHA-256, hex."""
    expires_on: date
    revoked: bool


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """What an administrator has approved (docs/interfaces.md §4)."""

    code: str
    title: str
    title_en: str
    purpose: str
    state: str
    expires_on: date
    members: frozenset[str]
    tables: tuple[str, ...]
    pixels: bool
    least: int
    """Children that a group must have to be shown."""
    cut_on: date | None
    """Last study day that is in the data; None: whatever comes."""
    tokens: tuple[ProjectToken, ...]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ProjectRecord:
        """Read `data` of a `project.changed` row. KeyError, ValueError: it is not one."""
        tokens = tuple(
            ProjectToken(str(one["id"]), str(one["digest"]), date.fromisoformat(one["expires_on"]), bool(one["revoked"]))
            for one in data.get("tokens") or ()
        )
        return cls(
            code=str(data["code"]),
            title=str(data["title"]),
            title_en=str(data.get("title_en") or data["title"]),
            purpose=str(data.get("purpose") or ""),
            state=str(data["state"]),
            expires_on=date.fromisoformat(data["expires_on"]),
            members=frozenset(str(one) for one in data["members"]),
            tables=tuple(str(one) for one in data["tables"]),
            pixels=bool(data["pixels"]),
            least=int(data["least"]),
            cut_on=date.fromisoformat(data["cut_on"]) if data.get("cut_on") else None,
            tokens=tokens,
        )

    def open_on(self, day: date) -> bool:
        """Whether data may be given out on this day: approved, and the last day not over."""
        return self.state == APPROVED and day <= self.expires_on


class Keys:
    """The keys of the projects: `<folder>/<project>`, 0600, made once and never changed; without it no pseudonym leads anywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def ensure(self, code: str) -> None:
        """Make the key of a project that has none; on disk when this returns."""
        path = self._folder / code
        if path.exists():
            return
        fresh = path.with_name(f".{code}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def pseudonyms(self, code: str) -> Pseudonyms:
        """The project's pseudonyms. FileNotFoundError: it was never approved. ValueError: the file is damaged."""
        return Pseudonyms((self._folder / code).read_bytes())
