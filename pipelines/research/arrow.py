"""pyarrow under its usual names, as Any: its own stubs leave out most of what the package exports."""

from __future__ import annotations

from typing import Any

import pyarrow as typed  # noqa: ICN001 - the usual name is given below
import pyarrow.parquet as typed_parquet

pa: Any = typed
parquet: Any = typed_parquet
