"""Rejected images: the figure 废片, by who made them, with what, when and why.

One row for each instance that a rejection note has hidden (docs/interfaces.md §5, `instance.hidden`). What was hidden because its
retention had expired is no reject and is not kept here.
"""
# ruff: noqa: S608 - statements are put together from the constant pieces below; every value travels as a parameter

from __future__ import annotations

from typing import Any, Literal

import duckdb

from pipelines.mart.figures import Filters, Scope, every_day, exams_query, period_of, rows_of, with_names

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
    """Rejected images of the period: `{key, rejects, quality, studies, images, rate}`.

    `quality` = rejected for quality, `studies` = in how many; `images` = those of the period's exams that are in use, by reason all of
    them; `rate` = rejects ÷ (rejects + images), null where there is neither.
    """
    within, values = scope.where("institution")
    asked, more = filters.where("day", "institution", "modality")
    query = f"SELECT institution, coalesce(modality, '') AS modality, day, reason, study_uid FROM rejects WHERE {within} AND {asked}"
    values = [*values, *more]
    used, used_values = exams_query(scope, filters)
    # by reason, every row has the same images beside it
    together = "rejected CROSS JOIN used" if by == "reason" else "rejected FULL JOIN used USING (key)"
    rows = rows_of(
        connection,
        f"""
WITH rejected AS (SELECT {_KEYS[by]} AS key, count(*) AS rejects, count(*) FILTER (reason = '{QUALITY}') AS quality,
                         count(DISTINCT study_uid) AS studies FROM ({query}) GROUP BY ALL),
     used AS (SELECT {"" if by == "reason" else f"{_KEYS[by]} AS key, "}coalesce(sum(images), 0)::BIGINT AS images FROM ({used}) GROUP BY ALL)
SELECT key, coalesce(rejects, 0) AS rejects, coalesce(quality, 0) AS quality, coalesce(studies, 0) AS studies,
       coalesce(images, 0) AS images FROM {together} ORDER BY {"key" if by == "day" else "rejects DESC, key"}
""",
        [*values, *used_values],
    )
    empty = {"rejects": 0, "quality": 0, "studies": 0, "images": 0}
    if by == "total" and not rows:
        rows = [{"key": "all", **empty}]
    if by == "day":
        days = f"SELECT day FROM ({query}) UNION ALL SELECT day FROM ({used})"
        rows = every_day(rows, period_of(connection, filters, days, [*values, *used_values]), empty)
    if by == "reason":
        rows = [{**row, "name": REASONS[row["key"]][0], "name_en": REASONS[row["key"]][1]} for row in rows]
    if by == "institution":
        rows = with_names(connection, rows, "institution")
    return [{**row, "rate": _share(row["rejects"], row["rejects"] + row["images"])} for row in rows]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def beside_overview(
    connection: duckdb.DuckDBPyConnection, scope: Scope, filters: Filters, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows of `figures.overview` with `rejects` and `reject_rate` of their periods."""
    told = []
    for row in rows:
        total = rejects(connection, scope, filters if row["key"] == "current" else filters.before(), "total")[0]
        told.append({**row, "rejects": total["rejects"], "reject_rate": total["rate"]})
    return told
