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
    "research": ("科研", "Research", "research.use"),
}


@dataclass(frozen=True)
class DeskPage:
    """One desk as the page needs it. `preload`: addresses the page asks for at once, `theme`: light or dark at first."""

    name: str
    zh: str
    en: str
    operation: str
    entry: str
    notebook: Any
    preload: tuple[str, ...]
    theme: str


def read_desks(apps: Path = ROOT / "apps") -> dict[str, DeskPage]:
    """All desks. The notebook's metadata `{"desk": {"preload": ["/services/…"], "theme": "dark"}}` may ask for early requests."""
    desks = {}
    for name, (zh, en, operation) in TITLES.items():
        entry = name if (apps / name / "desk.ipynb").is_file() else COMING
        notebook = nbformat.read(apps / entry / "desk.ipynb", as_version=4)
        asked = notebook.metadata.get("desk", {})
        preload = tuple(address for address in asked.get("preload", ()) if str(address).startswith("/services/"))
        theme = "dark" if asked.get("theme") == "dark" else "light"
        desks[name] = DeskPage(name, zh, en, operation, entry, notebook, preload, theme)
    return desks
