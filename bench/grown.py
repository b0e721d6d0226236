"""An index as it is after years: generated straight into DuckDB, in the shape that arrivals give it."""

from __future__ import annotations

from pathlib import Path

from dicom_node.index import schema
from dicom_node.index.database import Database
from dicom_node.index.pinyin import pinyin
from dicom_node.index.places import index_file
from dicom_node.index.register import Register
from dicom_node.settings import Settings
from dicom_node.storage.copies import Copies

EACH = 50  # instances of a study, in one series
SURNAMES, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗", "明华芳丽强军杰娜敏静磊洋勇艳涛超秀霞平刚桂英兰玉萍红辉玲建国"
ROOT = "1.2.826.0.1.3680043.9.7."
HEADER = '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080060":{"vr":"CS","Value":["CT"]}}'


def names() -> list[tuple[str, str, str, str]]:
    """(name, ideographic, syllables, initials) of some hundreds of ordinary Chinese names."""
    found = []
    for surname in SURNAMES:
        for given in GIVEN:
            syllables, initials = pinyin(surname + given)
            latin = "^".join(part.capitalize() for part in syllables.split(" ", 1))
            found.append((latin, f"{surname}^{given}", syllables, initials))
    return found


def grow(data: Path, instances: int) -> None:
    """Make the index of `instances` instances under the data folder of a node that is not running.

    Arrival numbers are negative: the node's own journal is still empty. Study dates are of the ten years before 2026.
    """
    database = Database(index_file(Settings(data=data)))
    writer = database.writer
    writer.execute(
        "CREATE TEMP TABLE person AS SELECT * FROM (VALUES (0, '', '', '', '')) t(n, latin, han, syllables, initials) WHERE false"
    )
    writer.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?)", [(n, *one) for n, one in enumerate(names())])
    people = len(SURNAMES) * len(GIVEN)
    step = 500_000
    for start in range(0, instances, step):
        writer.execute(
            f"""
INSERT INTO instance BY NAME
SELECT (i - {instances}) * 400 - 1 AS arrival, '{ROOT}1.' || hash(i) AS sop_uid, '{ROOT}2.' || hash(i // {EACH}) AS series_uid,
  '{ROOT}3.' || hash(i // {EACH} + 7) AS study_uid, 'B' AS institution, sha256(i::VARCHAR) AS digest, 526000 AS size, true AS visible,
  '2025-01-01T00:00:00.000+00:00' AS received_at, 'CT1' AS calling_aet, '1.2.840.10008.5.1.4.1.1.2' AS sop_class,
  '1.2.840.10008.1.2.1' AS transfer_syntax, 'G' || (i // {EACH * 2}) AS patient_id, p.latin || '=' || p.han AS patient_name,
  p.latin AS name_alphabetic, p.han AS name_ideographic, p.syllables AS pinyin, p.initials AS initials, DATE '2015-05-05' AS birth_date,
  'F' AS sex, 'X' || (i // {EACH}) AS accession, DATE '2016-01-01' + (i // {EACH} % 3650)::INTEGER AS study_date, '101500' AS study_time,
  '头颅平扫' AS study_description, 'CT' AS modality, 1 AS series_number, 'Head 5.0' AS series_description, 'HEAD' AS body_part,
  (i % {EACH})::INTEGER AS number, 512 AS "rows", 512 AS "columns", 1 AS frames, 0.45 AS spacing_row, 0.45 AS spacing_column,
  'pixel' AS spacing_kind, 5.0 AS thickness, 120.0 AS kvp, 1500 AS pixel_offset, 524288 AS pixel_length, '[]' AS frame_json
FROM range({start}, {min(start + step, instances)}) t(i) JOIN person p ON p.n = (i // {EACH * 2}) % {people} ORDER BY i
"""  # noqa: S608 - only numbers and constants
        )
    for name, select in (("study", schema.STUDY_SELECT), ("series", schema.SERIES_SELECT)):
        writer.execute(f"INSERT INTO {name} {select.format('true')}")
    writer.execute("INSERT INTO header SELECT arrival, ? FROM instance", [HEADER])
    Register(database).close()
    database.close()
    Copies(data / "copies.sqlite").set_enrolled(-1)  # as after years: the scrub knows the online files already
