"""Rules of the audit."""

from __future__ import annotations

LONGEST = {"key": 200, "username": 256, "action": 64, "type": 64, "id": 200, "institution": 64}
"""Longest text (characters) of each field."""


def cut(field: str, text: str) -> str:
    """Cut a field that a service sends: an audit entry is never refused for its length."""
    return text.replace("\x00", "")[: LONGEST[field]]
