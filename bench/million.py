"""Tables of a project as large as wished, written as the research service writes them, without the keyed hashes that take it minutes.

Every value goes through the service's own expressions and its writer; only the pseudonyms are drawn by chance, and no group is too small.
`differences` says whether these tables look like those that the service makes.
"""

# ruff: noqa: S608 - names of tables and columns are constants of `tables`

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import duckdb

from pipelines.research.arrow import pa, parquet
from pipelines.research.making import EXAM_FACTS, ROW_GROUP, write_table
from pipelines.research.tables import ORDER, TABLES, Treatment, type_of
from pipelines.research.treating import expression, joins
from tests.research.archive import NAMES, SERIES, STUDY

SEED = 20261127
MEASURED = """
SELECT s.*, 110.0 AS kvp, CASE WHEN s.modality = 'CT' THEN 2.0 + (hash(series_uid) % 1000) / 100 END AS ctdivol, NULL::DOUBLE AS repetition_time,
  NULL::DOUBLE AS echo_time, 1.25 AS thickness, 0.5 AS spacing_row, 0.5 AS spacing_column, 512 AS "rows", 512 AS "columns", institution, patient_key
FROM ({series}) s JOIN (SELECT study_uid, patient_key FROM study) USING (study_uid)
"""
"""The medians of the instances of `tests.research.archive`."""
RARE = 0.01
"""Share of the rows up to which a word is rare."""
FORMS = {
    Treatment.UID: r"2\.25\.\d{1,39}",
    Treatment.PATIENT: "[A-Z2-7]{16}",
    Treatment.EXAM: "[A-Z2-7]{16}",
    Treatment.INSTITUTION: "[A-Z2-7]{4}",
}
"""Pseudonyms (`pipelines.research.pseudonyms`)."""


def write_tables(folder: Path, studies: int, series: int) -> dict[str, dict[str, Any]]:
    """`studies` studies of half as many children, `series` series each; what a manifest says of the tables, by name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chance = random.Random(SEED)
    with duckdb.connect(config={"threads": 2, "temp_directory": str(folder / ".spill")}) as base:
        archived = STUDY.format(names=NAMES, studies=studies, series=series)
        # the third sex of the archive is so rare that the service takes it out
        base.execute(f"CREATE TABLE study AS SELECT * REPLACE (nullif(sex, 'O') AS sex), patient_id AS patient_key FROM ({archived})")
        base.execute(f"CREATE TABLE series AS {MEASURED.format(series=SERIES.format(series=series))}")
        _people(base, chance)
        _uids(base, chance)
        base.register("exam_facts", pa.Table.from_pylist([], schema=EXAM_FACTS))
        base.execute("CREATE TABLE exam_names (real VARCHAR, name VARCHAR)")
        people = "JOIN people p USING (institution, patient_key)"
        sources = {"studies": f"study b {people}", "series": "series b", "exams": "exam_facts b"}
        for name, source in sources.items():
            columns = TABLES[name]
            base.execute(f"CREATE TABLE {name}_ready AS SELECT {', '.join(map(expression, columns))} FROM {source} {joins(columns)}")
        return {name: write_table(base, name, f"{name}_ready", folder) for name in TABLES}


def _people(base: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    found = base.execute("SELECT DISTINCT institution, patient_key FROM study ORDER BY ALL").fetchall()
    letters = base64.b32encode(chance.randbytes(10 * len(found))).decode()
    codes = {code: base64.b32encode(chance.randbytes(5)).decode()[:4] for code in sorted({row[0] for row in found})}
    base.register("drawn", pa.table({
        "institution": [row[0] for row in found],
        "patient_key": [row[1] for row in found],
        "patient": [letters[16 * place : 16 * place + 16] for place in range(len(found))],
        "shift": pa.array([1 + chance.randrange(364) for _ in found], pa.int32()),
        "institution_name": [codes[row[0]] for row in found],
    }))  # fmt: skip
    base.execute("CREATE TABLE people AS SELECT * FROM drawn")


def _uids(base: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    real = [row[0] for row in base.execute("SELECT study_uid FROM study UNION ALL SELECT series_uid FROM series ORDER BY ALL").fetchall()]
    base.register("drawn", pa.table({"real": real, "name": [f"2.25.{chance.getrandbits(128)}" for _ in real]}))
    base.execute("CREATE TABLE uids AS SELECT * FROM drawn")


def differences(made: dict[str, Path], like: dict[str, Path]) -> list[str]:
    """In what the tables `made` differ in shape from those of the service, `like`: schema, storage, order, form of the values. Empty: in nothing."""
    return [f"{name}: {said}" for name in TABLES for said in _differences(name, made[name], like[name])]


def _differences(name: str, made: Path, like: Path) -> list[str]:
    found = []
    ours, theirs = parquet.ParquetFile(made), parquet.ParquetFile(like)
    if not ours.schema_arrow.equals(theirs.schema_arrow, check_metadata=True):
        found.append("the schema")
    if _stored(ours) != _stored(theirs):
        found.append("how columns are stored")
    if any(ours.metadata.row_group(place).num_rows != ROW_GROUP for place in range(ours.metadata.num_row_groups - 1)):
        found.append("the rows of a group")
    with duckdb.connect() as base:
        for file, path in (("made", made), ("theirs", like)):
            base.execute(f"CREATE VIEW {file} AS SELECT * FROM read_parquet('{path}')")
            key = f"({ORDER[name]})"
            found += [f"the order of {file}"] * _any(
                base, f"(SELECT {key} AS here, lag({key}) OVER () AS before FROM {file}) WHERE here < before"
            )
        for column in TABLES[name]:
            form = FORMS.get(column.treatment)
            if form is not None:
                said = f"WHERE NOT regexp_full_match({column.name}, '{form}')"
                found += [f"the form of {file} {column.name}" for file in ("made", "theirs") if _any(base, f"{file} {said}")]
            elif type_of(column) == "text":
                ours_have, theirs_have, theirs_have_often = (
                    set(
                        base.execute(
                            f"SELECT {column.name} FROM {file} WHERE {column.name} IS NOT NULL GROUP BY 1 HAVING {often}"
                        ).fetchall()
                    )
                    for file, often in (
                        ("made", "true"),
                        ("theirs", "true"),
                        ("theirs", f"count(*) > {RARE} * (SELECT count(*) FROM theirs)"),
                    )
                )
                # what is rare may be in groups that are too small, and so be in one and not in the other
                found += [f"the words of {column.name}"] * (not theirs_have_often <= ours_have <= theirs_have)
    return found


def _any(base: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Whether there are such rows."""
    counted: Any = base.execute(f"SELECT count(*) FROM {rows}").fetchall()
    return bool(counted[0][0])


def _stored(file: Any) -> list[tuple[Any, ...]]:
    """How the columns of the first group are stored."""
    group = file.metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    return [(one.path_in_schema, one.physical_type, one.compression, tuple(sorted(one.encodings)), one.is_stats_set) for one in columns]
