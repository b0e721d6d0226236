"""The two forms of an answer: JSON by default, an Arrow IPC stream when asked for; both carry definition, filters and position."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from pipelines.mart.arrow import pa

ARROW = "application/vnd.apache.arrow.stream"
_KEY = ("key", pa.string())
_NAMES = (("name", pa.string()), ("name_en", pa.string()))
_MOMENT = pa.timestamp("us", tz="UTC")

# Columns of each figure, so that an empty answer and an all-null column keep their types.
SHAPES: dict[str, Any] = {
    "exams": pa.schema(
        [_KEY, *_NAMES, *((name, pa.int64()) for name in ("exams", "signed", "waiting", "positive", "stated")), ("per_day", pa.float64())]
    ),
    "turnaround": pa.schema(
        [
            _KEY,
            *_NAMES,
            *((name, pa.int64()) for name in ("exams", "signed", "waiting")),
            *((name, pa.float64()) for name in ("p50", "p90", "mean")),
        ]
    ),
    "accesses": pa.schema([_KEY, *_NAMES, ("accesses", pa.int64())]),
    "rejects": pa.schema(
        [_KEY, *_NAMES, *((name, pa.int64()) for name in ("rejects", "quality", "studies", "images")), ("rate", pa.float64())]
    ),
    "overview": pa.schema(
        [
            _KEY,
            ("from", pa.string()),
            ("to", pa.string()),
            *((name, pa.int64()) for name in ("exams", "signed", "waiting", "positive", "stated", "accesses", "rejects")),
            *((name, pa.float64()) for name in ("per_day", "positive_rate", "reject_rate", "p50", "p90", "mean")),
        ]
    ),
    "choices": pa.schema([("kind", pa.string()), _KEY, *_NAMES]),
    "rows": pa.schema(
        [
            ("exam_id", pa.string()),
            ("institution", pa.string()),
            *_NAMES,
            ("modality", pa.string()),
            ("body_part", pa.string()),
            ("sex", pa.string()),
            ("age_days", pa.int32()),
            ("age_value", pa.int32()),
            ("age_unit", pa.string()),
            ("age_months", pa.int32()),
            ("priority", pa.string()),
            ("scheduled", pa.bool_()),
            ("stage", pa.string()),
            ("images", pa.int32()),
            ("day", pa.string()),
            ("arrived_at", _MOMENT),
            ("performed_at", _MOMENT),
            ("signed_at", _MOMENT),
            ("positive", pa.bool_()),
            ("minutes", pa.float64()),
        ]
    ),
}


def _plain(value: Any) -> Any:
    """A value as JSON has it: days as 2026-11-23, moments as UTC with Z."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _typed(value: Any) -> Any:
    """A value as the Arrow columns have it: days as text, moments with their zone."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.isoformat() if isinstance(value, date) else value


def answer(request: Request, shape: str, rows: list[dict[str, Any]], about: dict[str, Any]) -> Response:
    """`rows` with `about` (definition, filters, as_of_seq, …) in the form the caller accepts. Never kept by a cache."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if ARROW in request.headers.get("accept", ""):
        present = [field for field in SHAPES[shape] if field.name not in {"name", "name_en"} or any("name" in row for row in rows)]
        schema = pa.schema(present, metadata={name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
        table = pa.Table.from_pylist([{name: _typed(value) for name, value in row.items()} for row in rows], schema=schema)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as stream:
            stream.write_table(table)
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return JSONResponse({"rows": plain, **about}, headers=headers)
