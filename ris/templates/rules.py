"""Rules of report templates."""

from __future__ import annotations


def may_see(author: str, username: str, *, public: bool) -> bool:
    """Say whether somebody sees a template."""
    return public or author == username


def may_change(author: str, username: str, operations: frozenset[str], *, public: bool) -> bool:
    """Say whether somebody changes a template: its author, and reviewers the public ones."""
    return author == username or (public and "report.review" in operations)
