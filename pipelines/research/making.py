"""Making the tables of one project: node's published tables and the facts of the exams in, de-identified Parquet out.

The same sources, the same project and the same key give the same bytes, whatever was there before. Nothing is read from an older table.
"""

# ruff: noqa: S608 - names of tables and columns are the constants of `tables`; every value travels as a parameter or as an Arrow column

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dicom_node.client import Published
from pipelines.research.arrow import pa, parquet
from pipelines.research.identities import write_identities
from pipelines.research.projects import ProjectRecord
from pipelines.research.pseudonyms import Pseudonyms
from pipelines.research.tables import LEVELS, ORDER, QUASI, SCHEMA, TABLES, type_of
from pipelines.research.terms import OTHER
from pipelines.research.treating import expression, joins, quoted

ROW_GROUP = 131_072
MEMORY = "2GB"
MANIFEST, IDENTITIES = "manifest.json", "identities.sqlite"
SOURCES = {"studies": "fitting", "series": "series_ready", "exams": "exams_ready"}
"""The relation that each table is written from."""
ARROW_TYPES = {
    "text": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "double": pa.float64(), "date": pa.date32(), "bool": pa.bool_(),
}  # fmt: skip
EXAM_FACTS = pa.schema([
    ("exam_id", pa.string()), ("study_uid", pa.string()), ("priority", pa.string()), ("positive", pa.bool_()),
    *((name, pa.float64()) for name in ("ordered_at", "performed_at", "complete_at", "written_at", "signed_at")),
])  # fmt: skip
"""What `exams` takes: one row per exam and study; moments in seconds since 1970."""

_STUDY = """
CREATE TEMP TABLE study AS
SELECT study_uid, institution, coalesce(nullif(trim(patient_id), ''), study_uid) AS patient_key, study_date, sex, age_days, modality,
       modalities, body_part, series, instances, patients_differ
FROM read_parquet(?) WHERE ?::DATE IS NULL OR study_date <= ?::DATE
"""
_MEDIANS = ("kvp", "ctdivol", "repetition_time", "echo_time", "thickness", "spacing_row", "spacing_column")
_SERIES = f"""
CREATE TEMP TABLE series AS
WITH measured AS (
    SELECT study_uid, series_uid, {", ".join(f"median({name}) AS {name}" for name in _MEDIANS)}, max("rows") AS "rows", max("columns") AS "columns"
    FROM read_parquet(?) SEMI JOIN placed USING (study_uid) GROUP BY study_uid, series_uid
)
SELECT s.study_uid, s.series_uid, s.series_number, s.modality, s.instances, s.frames, s.showable, s.manufacturer, s.model,
       m.* EXCLUDE (study_uid, series_uid), r.institution, r.patient_key, r.child, r.device_shown
FROM read_parquet(?) s JOIN placed r USING (study_uid) JOIN measured m USING (study_uid, series_uid)
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What came out: the manifest as it is on disk."""

    manifest: dict[str, Any]


def rules_of(project: ProjectRecord) -> dict[str, Any]:
    """What of a project decides over the content of its tables; tables made by other rules are not given out."""
    return {"schema": SCHEMA, "least": project.least, "cut_on": project.cut_on.isoformat() if project.cut_on else None}


class Making:
    """One making; use once. `folder` is the project's own."""

    def __init__(self, project: ProjectRecord, pseudonyms: Pseudonyms, folder: Path) -> None:
        self._project, self._pseudonyms, self._folder = project, pseudonyms, folder

    def make(self, published: Published, exams: Any, made_from: str) -> Made:
        """Write tables, identities and, last, the manifest. `exams`: Arrow table of `EXAM_FACTS`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        spill = self._folder / ".spill"
        shutil.rmtree(spill, ignore_errors=True)  # of a making that was killed: it holds what the hospital knows
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(spill), "threads": 2}) as base:
            told = self._place(base, published)
            self._name_series(base, published)
            self._exams(base, exams)
            tables = {name: write_table(base, name, source, self._folder) for name, source in SOURCES.items()}
            self._identities(base)
        manifest = {"made_from": made_from, "rules": rules_of(self._project), "tables": tables, "told": told}
        self._settle(manifest)
        return Made(manifest)

    # -- who may be shown ----------------------------------------------------------------------------------------------------------

    def _place(self, base: duckdb.DuckDBPyConnection, published: Published) -> dict[str, Any]:
        cut = self._project.cut_on
        base.execute(_STUDY, [str(published.files["study"]), cut, cut])
        uncertain = _count(base, "study WHERE patients_differ")
        base.execute("DELETE FROM study WHERE patients_differ")
        self._name_people(base)
        self._name_uids(base, "study", "study_uid")
        columns = TABLES["studies"]
        base.execute(
            f"CREATE TEMP TABLE ready AS SELECT b.study_uid AS real_uid, b.institution AS real_institution, b.patient_key, p.child, "
            f"{', '.join(expression(column) for column in columns)} FROM study b JOIN people p USING (institution, patient_key) {joins(columns)}"
        )
        base.execute("CREATE TEMP TABLE fitting AS SELECT *, 0 AS level FROM ready WHERE false")
        blanked: list[str] = []
        for level, more in enumerate(LEVELS):
            blanked += more
            self._fit(base, level, blanked)
        base.execute(
            "CREATE TEMP TABLE placed AS SELECT real_uid AS study_uid, real_institution AS institution, patient_key, child, level, "
            "study_uid AS name, institution IS NOT NULL AS device_shown FROM fitting"
        )
        levels = dict(base.execute("SELECT level, count(*) FROM fitting GROUP BY level").fetchall())
        shown = sum(levels.values())
        generalised = {more[0]: levels.get(level, 0) for level, more in enumerate(LEVELS) if more}
        return {"shown": shown, "left_out": _count(base, "ready") - shown, "uncertain": uncertain, "generalised": generalised}

    def _fit(self, base: duckdb.DuckDBPyConnection, level: int, blanked: list[str]) -> None:
        """Place what makes groups large enough with these columns taken out."""
        changed = [f"{quoted(OTHER) if name == 'body_part' else 'NULL'} AS {name}" for name in blanked]
        replace = f" REPLACE ({', '.join(changed)})" if changed else ""
        base.execute(f"CREATE OR REPLACE TEMP TABLE attempt AS SELECT *{replace} FROM ready ANTI JOIN fitting USING (real_uid)")
        keys = ", ".join(QUASI)
        base.execute(
            f"CREATE OR REPLACE TEMP TABLE large AS SELECT {keys} FROM attempt GROUP BY {keys} HAVING count(DISTINCT child) >= ?",
            [self._project.least],
        )
        same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM l.{name}" for name in QUASI)
        base.execute(f"INSERT INTO fitting SELECT a.*, {level} FROM attempt a JOIN large l ON {same}")

    # -- names ---------------------------------------------------------------------------------------------------------------------

    def _name_people(self, base: duckdb.DuckDBPyConnection) -> None:
        pseudonyms = self._pseudonyms
        found = base.execute("SELECT DISTINCT institution, patient_key FROM study").fetchall()
        codes = {institution: pseudonyms.institution(institution) for institution in {row[0] for row in found}}
        people = {
            "institution": _texts(row[0] for row in found),
            "patient_key": _texts(row[1] for row in found),
            "patient": _texts(pseudonyms.patient(*row) for row in found),
            "shift": pa.array([pseudonyms.shift(*row) for row in found], pa.int32()),
            "institution_name": _texts(codes[row[0]] for row in found),
            "child": pa.array(range(len(found)), pa.int64()),
        }
        _keep(base, "people", people)

    def _name_uids(self, base: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
        base.execute("CREATE TEMP TABLE IF NOT EXISTS uids (real VARCHAR, name VARCHAR)")
        real = [row[0] for row in base.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()]
        _keep(base, "fresh_uids", {"real": _texts(real), "name": _texts(map(self._pseudonyms.uid, real))})
        base.execute("INSERT INTO uids SELECT * FROM fresh_uids ANTI JOIN uids USING (real)")

    # -- the tables ----------------------------------------------------------------------------------------------------------------

    def _name_series(self, base: duckdb.DuckDBPyConnection, published: Published) -> None:
        base.execute(_SERIES, [str(published.files["instance"]), str(published.files["series"])])
        self._name_uids(base, "series", "series_uid")
        columns = TABLES["series"]
        base.execute(
            f"CREATE TEMP TABLE series_ready AS SELECT b.series_uid AS real_uid, b.child, b.device_shown, "
            f"{', '.join(expression(column) for column in columns)} FROM series b {joins(columns)}"
        )
        # A device tells the hospital: it goes with the hospital's code, and a rare one is not named.
        for name in ("maker", "family"):
            base.execute(f"UPDATE series_ready SET {name} = NULL WHERE NOT device_shown")
            base.execute(
                f"UPDATE series_ready SET {name} = {quoted(OTHER)} WHERE {name} IN "
                f"(SELECT {name} FROM series_ready WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(DISTINCT child) < ?)",
                [self._project.least],
            )

    def _exams(self, base: duckdb.DuckDBPyConnection, exams: Any) -> None:
        _keep(base, "exam", exams)
        real = [row[0] for row in base.execute("SELECT DISTINCT exam_id FROM exam").fetchall()]
        _keep(base, "exam_names", {"real": _texts(real), "name": _texts(map(self._pseudonyms.exam, real))})
        columns = TABLES["exams"]
        # an exam of several studies stands once, with the one whose pseudonym is first
        base.execute(
            f"CREATE TEMP TABLE exams_ready AS SELECT {', '.join(expression(column) for column in columns)} "
            f"FROM exam b JOIN placed USING (study_uid) {joins(columns)} QUALIFY row_number() OVER (PARTITION BY exam_id ORDER BY u_study_uid.name) = 1"
        )

    def _identities(self, base: duckdb.DuckDBPyConnection) -> None:
        studies = base.execute("SELECT name, study_uid, institution, patient_key FROM placed ORDER BY name").fetchall()
        series = base.execute("SELECT study_uid, series_uid, real_uid, modality FROM series_ready ORDER BY ALL").fetchall()
        write_identities(self._folder / IDENTITIES, studies, series)

    def _settle(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest in one step, and remove the files of sets before the last."""
        path = self._folder / MANIFEST
        kept = {table["file"] for told in (manifest, read_manifest(self._folder) or {}) for table in told.get("tables", {}).values()}
        fresh = path.with_name(f".{MANIFEST}.new")
        fresh.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.chmod(0o600)
        fresh.replace(path)
        for one in self._folder.glob("*.parquet"):
            if one.name not in kept:
                one.unlink(missing_ok=True)


def write_table(base: duckdb.DuckDBPyConnection, name: str, source: str, folder: Path) -> dict[str, Any]:
    """Publish the relation `source`, which has the columns of the table `name`, as Parquet in `folder`; what the manifest says of it."""
    columns = TABLES[name]
    schema = pa.schema([
        pa.field(one.name, ARROW_TYPES[type_of(one)], metadata={"zh": one.zh, "en": one.en, "unit": one.unit}) for one in columns
    ])  # fmt: skip
    found: Any = base.sql(f"SELECT {', '.join(one.name for one in columns)} FROM {source} ORDER BY {ORDER[name]}")
    fresh = folder / f".{name}.new"
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    rows = 0
    with parquet.ParquetWriter(fresh, schema, compression="zstd") as writer:
        for group in _groups(found.to_arrow_reader(ROW_GROUP), schema):
            writer.write_table(group, row_group_size=ROW_GROUP)
            rows += group.num_rows
    digest = _digest(fresh)
    file = f"{name}-{digest[:16]}.parquet"
    fresh.replace(folder / file)
    shown = [{"name": one.name, "type": type_of(one), "zh": one.zh, "en": one.en, "unit": one.unit} for one in columns]
    return {"file": file, "sha256": digest, "rows": rows, "bytes": (folder / file).stat().st_size, "columns": shown}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a project's folder; None when nothing was made yet."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _count(base: duckdb.DuckDBPyConnection, what: str) -> int:
    found: Any = base.execute(f"SELECT count(*) FROM {what}").fetchall()
    return int(found[0][0])


def _texts(values: Iterable[str]) -> Any:
    return pa.array(list(values), pa.string())


def _keep(base: duckdb.DuckDBPyConnection, name: str, content: Any) -> None:
    """Make a table of columns or of an Arrow table."""
    table = pa.table(content) if isinstance(content, dict) else content
    base.register("arriving", table)
    base.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM arriving")
    base.unregister("arriving")


def _groups(reader: Any, schema: Any) -> Iterator[Any]:
    """Tables of `ROW_GROUP` rows, the last with the rest: the same rows make the same groups, however they come."""
    waiting: list[Any] = []
    count = 0
    for batch in reader:
        waiting.append(batch)
        count += batch.num_rows
        while count >= ROW_GROUP:
            whole = pa.Table.from_batches(waiting)
            yield whole.slice(0, ROW_GROUP).cast(schema).combine_chunks()
            waiting = whole.slice(ROW_GROUP).to_batches()
            count -= ROW_GROUP
    if count or not waiting:
        yield (pa.Table.from_batches(waiting) if waiting else schema.empty_table()).cast(schema).combine_chunks()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
