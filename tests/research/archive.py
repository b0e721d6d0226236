"""An archive made up: the node's published tables with as many studies as wished, in the columns and types of the node's own."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from dicom_node.client import Published, read_published

NAMES = "list_value('王小明', 'Wang^Xiaoming', '欧阳乙地', 'LI^SIYUAN', '慕容晓')"
STUDY = """
SELECT '1.2.156.112605.' || (1000000 + i) AS study_uid, 'H' || lpad((1 + i % 7)::VARCHAR, 2, '0') AS institution,
  'MRN' || (500000 + child) AS patient_id, NULL::VARCHAR AS issuer, {names}[1 + child % 5] AS patient_name,
  'wang xiaoming' AS pinyin, DATE '2026-11-01' - (i % 900)::INTEGER - age::INTEGER AS birth_date,
  list_value('F', 'M', 'O')[1 + CASE WHEN child % 997 = 0 THEN 2 ELSE child % 2 END] AS sex, age::INTEGER AS age_days,
  'ACC' || i AS accession, DATE '2026-11-01' - (i % 900)::INTEGER AS study_date, '101500' AS study_time,
  '王小明 chest' AS study_description, 'Zhao^Doctor' AS referring_physician,
  list_value('CHEST', 'ABDOMEN', 'HEAD', 'chest', 'HAND', 'WANG XIAOMING')[1 + part] AS body_part,
  CASE WHEN i % 50 = 0 THEN list_value('CT', 'SR') ELSE list_value(list_value('CT', 'DX', 'US', 'MR')[1 + i % 4]) END AS modalities,
  CASE WHEN i % 50 = 0 THEN 'CT' ELSE list_value('CT', 'DX', 'US', 'MR')[1 + i % 4] END AS modality,
  {series}::BIGINT AS series, ({series} * 2)::BIGINT AS instances, false AS patients_differ
FROM (SELECT i, i // 2 AS child, ((i // 2) * 7919) % 6700 AS age, (i * 31 + i // 11) % 6 AS part FROM range({studies}) t(i))
"""
SERIES = """
SELECT study_uid, study_uid || '.' || s AS series_uid, institution, modality, s::INTEGER AS series_number, 'WANG XIAOMING' AS series_description,
  'GE MEDICAL SYSTEMS' AS manufacturer, 'Revolution EVO 王' AS model, 'STATION1' AS station, 2::BIGINT AS instances, 2::BIGINT AS frames,
  2::BIGINT AS showable
FROM study, range({series}) t(s)
"""
INSTANCE = """
SELECT study_uid, series_uid, series_uid || '.' || n AS sop_uid, institution, 100.0 + 20 * (n % 2) AS kvp,
  CASE WHEN modality = 'CT' THEN 2.0 + (hash(series_uid) % 1000) / 100 END AS ctdivol, NULL::DOUBLE AS repetition_time,
  NULL::DOUBLE AS echo_time, 1.25 AS thickness, 0.5 AS spacing_row, 0.5 AS spacing_column, 512 AS "rows", 512 AS "columns"
FROM series, range(2) t(n)
"""


def publish(folder: Path, studies: int, *, series: int = 2, change: str = "") -> Published:
    """Write `study`, `series`, `instance` and the manifest into a folder. `change`: SQL on the table `study` before it is written."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with duckdb.connect() as base:
        base.execute(f"CREATE TABLE study AS {STUDY.format(names=NAMES, studies=studies, series=series)}")
        for statement in filter(None, change.split(";")):
            base.execute(statement)
        base.execute(f"CREATE TABLE series AS {SERIES.format(series=series)}")
        base.execute(f"CREATE TABLE instance AS {INSTANCE}")
        for name in ("study", "series", "instance"):
            base.execute(f"COPY {name} TO '{folder / f'{name}-00000001.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    tables = {name: {"file": f"{name}-00000001.parquet"} for name in ("study", "series", "instance")}
    manifest = {"schema": 1, "journal": studies, "feed": studies, "published_at": "2026-11-27T00:00:00.000Z", "tables": tables}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return read_published(folder)
