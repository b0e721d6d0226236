"""Makes this folder's helper modules importable and their fixtures known."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from modalities import hospitals
from retrieving import house
from running_node import key, node, own_node
from stowing import stowed

__all__ = ["hospitals", "house", "key", "node", "own_node", "stowed"]
