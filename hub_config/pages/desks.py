"""The desks: name → notebook, titles, front-end entry. A name that is not here does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from hub_config.pages.settings import ROOT

COMING = "coming"
"""Entry and notebook of a desk that is not built yet: it says so, and what can be done now."""

TITLES: dict[str, tuple[str, str, str]] = {
    # name: (zh, en, the operation ris asks for when it makes the kernel's ticket)
    "reading": ("医生阅片台", "Reading", "report.view"),
    "statistics": ("统计台", "Statistics", "statistics.view"),
    "knowledge": ("知识库", "Knowledge base", "knowledge.view"),
    "registration": ("登记台", "Registration", "exam.register"),
    "technician": ("技师台", "Technician", "exam.perform"),
    "clinical": ("临床浏览", "Clinical view", "report.view"),
    "operations": ("运维台", "Operations", "system.operate"),
    "patient": ("患者服务", "Patient", "own.view"),
}

ELSEWHERE = {"research": "/hub/lab"}
"""Desks that are no page of ours: name → address."""
ISOLATED: dict[str, tuple[str, str, str]] = {
    # A page that another desk shows in a frame, whose kernel runs in the environment of the notebooks: zh, en, that desk, whose ticket it has.
    "itk": ("itkwidgets 三维", "itkwidgets 3D", "reading"),
}


WINDOWS: dict[str, tuple[str, str, str, str]] = {
    # A further window of a desk, without a kernel: desk → (zh, en, front-end entry, operation that its person must have)
    "reading": ("医生阅片台副屏", "Reading, second window", "second", "image.view"),
}


@dataclass(frozen=True)
class DeskPage:
    """One desk as the page needs it. `preload`: addresses the page asks for at once, `theme`: light or dark at first.

    `part_of`: the desk whose ticket its kernel gets, empty for its own.
    """

    name: str
    zh: str
    en: str
    operation: str
    entry: str
    notebook: Any
    preload: tuple[str, ...]
    theme: str
    part_of: str = ""

    @property
    def isolated(self) -> bool:
        """Whether its kernel needs the isolated environment."""
        return bool(self.part_of)


def read_windows() -> dict[str, DeskPage]:
    """The further windows, by the name of their desk."""
    return {
        desk: DeskPage(f"{desk}-window", zh, en, operation, entry, None, (), "dark") for desk, (zh, en, entry, operation) in WINDOWS.items()
    }


def read_desks(apps: Path = ROOT / "apps") -> dict[str, DeskPage]:
    """All desks. The notebook's metadata `{"desk": {"preload": ["/services/…"], "theme": "dark"}}` may ask for early requests."""
    desks = {}
    parts = {name: (zh, en, TITLES[desk][2], desk) for name, (zh, en, desk) in ISOLATED.items()}
    for name, (zh, en, operation, part_of) in ({name: (*about, "") for name, about in TITLES.items()} | parts).items():
        entry = name if (apps / name / "desk.ipynb").is_file() else COMING
        notebook = nbformat.read(apps / entry / "desk.ipynb", as_version=4)
        asked = notebook.metadata.get("desk", {})
        preload = tuple(address for address in asked.get("preload", ()) if str(address).startswith("/services/"))
        theme = "dark" if asked.get("theme") == "dark" else "light"
        desks[name] = DeskPage(name, zh, en, operation, entry, notebook, preload, theme, part_of)
    return desks
