"""The dose table: CT series of children by age band and body part, with nothing that leads back to a child.

Made from the node's published tables (identified, for pipelines only). What passes is named here; everything else stays behind: no name,
number, UID, date, institution or device. Free text does not pass either: a body part that is no defined term becomes OTHER. Groups of
fewer than `least` children are left out whole, and rows are sorted by their own values, so that their order tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dicom_node.client import read_published

LEAST = 5
DOSE_FILE = "dose.parquet"
COLUMNS = ("age_band", "body_part", "ctdivol")
BANDS: tuple[tuple[str, float], ...] = (("<1 m", 1 / 12), ("1 m – <4 y", 4), ("4 – <10 y", 10), ("10 – <14 y", 14), ("14 – <18 y", 18))
"""Name and upper end in years: the age bands of the European guidelines for paediatric diagnostic reference levels (Radiation Protection 185)."""
DAYS_OF_A_YEAR = 365.25
BODY_PARTS = frozenset({
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "BRAIN", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CSPINE", "EAR", "ELBOW", "EXTREMITY",
    "FOOT", "HAND", "HEAD", "HEADNECK", "HEART", "HIP", "KNEE", "LSPINE", "NECK", "ORBIT", "PELVIS", "SHOULDER", "SINUS", "SKULL",
    "SPINE", "TSPINE", "WHOLEBODY", "WRIST",
})  # fmt: skip
"""Defined terms of Body Part Examined (PS3.16 annex L) that pass."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the series with a dose: rows written, and rows left out."""

    rows: int
    adults: int  # 18 years and older, or of unknown age
    small: int  # in groups of fewer children than allowed


def _band() -> str:
    whens = " ".join(f"WHEN age_days < {years * DAYS_OF_A_YEAR} THEN '{name}'" for name, years in BANDS)
    return f"CASE {whens} END"


_DOSES = f"""
WITH dose AS (
    SELECT study_uid, series_uid, any_value(body_part) AS body_part, median(ctdivol) AS ctdivol FROM read_parquet(?)
    WHERE modality = 'CT' AND ctdivol > 0 GROUP BY study_uid, series_uid
), banded AS (
    SELECT s.institution, coalesce(s.patient_id, s.study_uid) AS child, {_band()} AS age_band,
           CASE WHEN list_contains(?::VARCHAR[], upper(trim(d.body_part))) THEN upper(trim(d.body_part)) ELSE 'OTHER' END AS body_part,
           round(d.ctdivol, 2) AS ctdivol
    FROM dose d JOIN read_parquet(?) s USING (study_uid)
), sized AS (SELECT age_band, body_part, count(DISTINCT (institution, child)) AS children FROM banded GROUP BY ALL)
SELECT b.age_band, b.body_part, b.ctdivol, z.children
FROM banded b LEFT JOIN sized z ON z.age_band = b.age_band AND z.body_part = b.body_part
"""  # noqa: S608 - the bands are the constants above


def make_dose_table(published: Path, target: Path, *, least: int = LEAST) -> Made:
    """Write `dose.parquet` into the folder `target` from the tables published in `published`. PublishedError: there are none to use.

    One row per CT series: `age_band` (text of `BANDS`), `body_part` (text), `ctdivol` (mGy, median over the series).
    """
    files = read_published(published).files
    target.mkdir(parents=True, exist_ok=True)
    fresh = target / f".{DOSE_FILE}.new"
    with duckdb.connect() as base:
        base.execute(f"CREATE TEMP TABLE found AS {_DOSES}", [str(files["instance"]), sorted(BODY_PARTS), str(files["study"])])
        told: Any = base.execute(
            "SELECT count(*) FILTER (age_band IS NOT NULL AND children >= ?), count(*) FILTER (age_band IS NULL), "
            "count(*) FILTER (age_band IS NOT NULL AND children < ?) FROM found",
            [least, least],
        ).fetchall()[0]
        base.execute(
            f"CREATE TEMP TABLE passed AS SELECT {', '.join(COLUMNS)} FROM found WHERE age_band IS NOT NULL AND children >= ?",  # noqa: S608
            [least],
        )
        base.execute("COPY (FROM passed ORDER BY ALL) TO ? (FORMAT parquet, COMPRESSION zstd)", [str(fresh)])
    fresh.replace(target / DOSE_FILE)
    return Made(*told)
