"""`rfc3987_syntax` only when it is needed: it compiles a grammar of IRIs for three seconds when it is imported.

JupyterHub, Voilà and JupyterLab bring it in through jupyter_events and jsonschema, for a format that none of their schemas here names. In its place
stands a module that imports the real one at the first question.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

NAME = "rfc3987_syntax"


def is_valid_syntax(term: str, value: str) -> bool:
    """As `rfc3987_syntax.is_valid_syntax`, which this imports."""
    if sys.modules.get(NAME) is _LATER:
        del sys.modules[NAME]
    return bool(importlib.import_module(NAME).is_valid_syntax(term, value))


_LATER = ModuleType(NAME)
_LATER.__dict__["is_valid_syntax"] = is_valid_syntax


def postpone() -> None:
    """To be called before jsonschema is imported."""
    sys.modules.setdefault(NAME, _LATER)
