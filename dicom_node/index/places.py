"""Where journal and index are: for whoever works on them without the index process and all that it brings."""

from __future__ import annotations

from pathlib import Path

from dicom_node.settings import Settings


def journal_file(settings: Settings) -> Path:
    """Where the journal is."""
    return settings.data / "journal" / "journal.jsonl"


def index_file(settings: Settings) -> Path:
    """Where the index is."""
    return settings.data / "index" / "index.duckdb"
