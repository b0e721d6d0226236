"""Rules of the catalogue."""

from __future__ import annotations

import re

KINDS = ("centre", "hospital")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,15}")


def acceptable_code(code: str) -> bool:
    """Say whether `code` may name an institution or a department: 1–16 letters, digits, `_`, `-` (`*` means all)."""
    return _CODE.fullmatch(code) is not None
