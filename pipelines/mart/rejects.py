"""Rejected images: the figure 废片, by who made them, with what, when and why.

One row for each instance that a rejection note has hidden (docs/interfaces.md §5, `instance.hidden`). What was hidden because its
retention had expired is no reject and is not kept here.
"""
# ruff: noqa: S608 - statements are put together from the constant pieces below; every value travels as a parameter

from __future__ import annotations

from typing import Any, Literal

import duckdb

from pipelines.mart.figures import Filters, Scope, every_day, period_of, rows_of, with_names

By = Literal["institution", "modality", "day", "reason", "total"]
QUALITY = "113001"
REASONS: dict[str, tuple[str, str]] = {
    QUALITY: ("图像质量不合格", "Rejected for quality"),
    "113037": ("患者安全原因", "Rejected for patient safety"),
    "113038": ("设备工作列表条目选错", "Wrong worklist entry"),
}
"""Reason (PS3.16 CID 7010, DCM) → its name in Chinese and English."""

_KEYS: dict[By, str] = {"institution": "institution", "modality": "modality", "day": "day", "reason": "reason", "total": "'all'"}


def rejects(connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, by: By) -> list[dict[str, Any]]:
    """Rejected instances of the period: `{key, rejects, quality, studies}`; `quality` = rejected for quality, `studies` = in how many."""
    within, values = scope.where("institution")
    asked, more = filters.where("day", "institution", "modality")
    query = f"SELECT institution, coalesce(modality, '') AS modality, day, reason, study_uid FROM rejects WHERE {within} AND {asked}"
    values = [*values, *more]
    order = "key" if by == "day" else "rejects DESC, key"
    rows = rows_of(
        connection,
        f"""
SELECT {_KEYS[by]} AS key, count(*) AS rejects, count(*) FILTER (reason = '{QUALITY}') AS quality, count(DISTINCT study_uid) AS studies
FROM ({query}) GROUP BY ALL ORDER BY {order}
""",
        values,
    )
    empty = {"rejects": 0, "quality": 0, "studies": 0}
    if by == "total" and not rows:
        rows = [{"key": "all", **empty}]
    if by == "day":
        return every_day(rows, period_of(connection, filters, query, values), empty)
    if by == "reason":
        return [{**row, "name": REASONS[row["key"]][0], "name_en": REASONS[row["key"]][1]} for row in rows]
    return with_names(connection, rows, "institution") if by == "institution" else rows
