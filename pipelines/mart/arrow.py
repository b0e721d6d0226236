"""pyarrow under its usual name, as Any: its own stubs leave out most of what the package exports."""

from __future__ import annotations

from typing import Any

import pyarrow as typed  # noqa: ICN001 - the usual name is given below

pa: Any = typed
