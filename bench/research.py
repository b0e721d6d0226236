"""Cohorts asked for over a project's published tables of a million studies, and whether anything of the hospital is in such tables."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hub_research
from bench.million import differences, write_tables
from bench.result import Result
from dicom_node.client import Published
from pipelines.research.app import PREFIX, Service, build
from pipelines.research.arrow import pa
from pipelines.research.making import EXAM_FACTS, MANIFEST, Making, rules_of
from pipelines.research.projects import ProjectRecord
from pipelines.research.pseudonyms import Pseudonyms
from pipelines.research.settings import Settings
from pipelines.serving.program import server_of
from tests.research.archive import publish
from tests.research.in_process import project, token
from tests.worker import take_free_port

IDS = ("cohort-million", "cohort-dose-million", "deid-leaks")
STUDIES, SERIES = 1_000_000, 2
MADE = 60_000
"""Studies of the archive from which the service itself makes tables: for the leaks, and to hold the million against."""
RUNS = 9
FIRST, LAST = date(2024, 6, 1), date(2026, 6, 1)
COHORT = """
SELECT age_band, sex, count(DISTINCT patient) AS children, count(*) AS studies, sum(instances)::BIGINT AS images,
       min(study_date) AS first, max(study_date) AS last
FROM studies
WHERE modality = 'CT' AND body_part IN ('CHEST', 'ABDOMEN') AND study_date BETWEEN ? AND ?
GROUP BY ALL ORDER BY ALL
"""
"""The first question of a project: how many children, studies and images there are of what is looked for, by age band and sex."""
DOSE = """
SELECT age_band, sex, count(DISTINCT patient) AS children, count(*) AS series, median(ctdivol) AS dose, quantile_cont(ctdivol, 0.75) AS level
FROM studies JOIN series USING (study_uid)
WHERE studies.modality = 'CT' AND body_part = 'CHEST' AND study_date BETWEEN ? AND ? AND ctdivol > 0
GROUP BY ALL ORDER BY ALL
"""
"""Dose of children's chest CT by age band and sex, over studies and series: the question behind a reference level."""
WORDS = ("王小明", "Wang^", "WANG XIAOMING", "wang ", "Xiaoming", "欧阳", "LI^", "慕容", "Zhao^", "chest", "STATION1", "GE MEDICAL", "1.2.156.112605")  # fmt: skip
"""Parts of names, pinyin and free text of the archive, its root of UIDs."""


def _made(folder: Path, published: Published) -> dict[str, Path]:
    """The tables that the service makes of an archive."""
    record = ProjectRecord.from_data(project("bench"))
    exams = pa.Table.from_pylist([], schema=EXAM_FACTS)
    manifest = Making(record, Pseudonyms(bytes(range(32))), folder).make(published, exams, "bench").manifest
    return {name: folder / table["file"] for name, table in manifest["tables"].items()}


@contextmanager
def _served(folder: Path) -> Iterator[tuple[dict[str, Path], float]]:
    """The research service with a project of a million studies, known to the client of this process; its files, and seconds until they were there."""
    begun = time.monotonic()
    key = Ed25519PrivateKey.generate().public_key()
    (folder / "key.pem").write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    (folder / "secret").write_text("x")
    nowhere, port = "http://127.0.0.1:9/services", take_free_port()
    settings: dict[str, Any] = {
        "data": folder / "data", "port": port, "ticket_key": folder / "key.pem", "published": folder / "published", "service_name": "research",
        "service_secret_file": folder / "secret", "ris_url": f"{nowhere}/ris", "images_url": f"{nowhere}/images",
    }  # fmt: skip
    service = Service(Settings(**settings))
    ends = (datetime.now(service.settings.zone).date() + timedelta(365)).isoformat()
    data = project("bench", expires_on=ends, tokens=[token("bench", expires_on=ends)])
    service.store.put_project("bench", data)
    service.library.keys.ensure("bench")
    place = service.library.folder("bench")
    tables = write_tables(place, STUDIES, SERIES)
    manifest = {
        "made_from": "",
        "rules": rules_of(ProjectRecord.from_data(data)),
        "tables": tables,
        "told": {"shown": STUDIES, "left_out": 0},
    }
    (place / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    service.follower.caught_up.set()  # nobody tells it anything but the above
    server = server_of(build(service), port)
    server.config.lifespan = "off"  # no feed to follow, and nothing to make anew
    running = threading.Thread(target=server.run)
    running.start()
    os.environ |= {
        "HUB_RESEARCH": f"http://127.0.0.1:{port}{PREFIX}", "HUB_RESEARCH_TOKEN": "rt_bench", "HUB_RESEARCH_CACHE": str(folder / "cache"),
    }  # fmt: skip
    try:
        yield {name: place / table["file"] for name, table in tables.items()}, time.monotonic() - begun
    finally:
        server.should_exit = True
        running.join()


def _asked(question: str) -> tuple[list[float], float, pd.DataFrame]:
    """(milliseconds of each run, milliseconds of processor time, the answer). The tables are in the researcher's home already, as they are after a project's first question."""
    found = hub_research.cohort(question, parameters=[FIRST, LAST])
    spent, worked = [], []
    for _ in range(RUNS):
        begun, working = time.monotonic(), time.process_time()
        found = hub_research.cohort(question, parameters=[FIRST, LAST])
        spent.append((time.monotonic() - begun) * 1000)
        worked.append((time.process_time() - working) * 1000)
    return spent, statistics.median(worked), found


def _chosen(studies: Path, parts: list[str]) -> pd.DataFrame:
    columns = ["study_uid", "patient", "study_date", "sex", "age_band", "modality", "body_part", "instances"]
    rows = pd.read_parquet(studies, columns=columns)
    return rows[(rows.modality == "CT") & rows.body_part.isin(parts) & rows.study_date.between(FIRST, LAST)]


def _cohort_in_pandas(tables: dict[str, Path]) -> pd.DataFrame:
    groups = _chosen(tables["studies"], ["CHEST", "ABDOMEN"]).groupby(["age_band", "sex"], as_index=False, dropna=False)
    return groups.agg(
        children=("patient", "nunique"), studies=("patient", "size"), images=("instances", "sum"), first=("study_date", "min"), last=("study_date", "max")
    )  # fmt: skip


def _dose_in_pandas(tables: dict[str, Path]) -> pd.DataFrame:
    series = pd.read_parquet(tables["series"], columns=["study_uid", "ctdivol"])
    rows = _chosen(tables["studies"], ["CHEST"]).merge(series[series.ctdivol > 0], on="study_uid")
    groups = rows.groupby(["age_band", "sex"], as_index=False, dropna=False)
    return groups.agg(
        children=("patient", "nunique"), series=("patient", "size"), dose=("ctdivol", "median"), level=("ctdivol", lambda one: one.quantile(0.75))
    )  # fmt: skip


def _same(found: pd.DataFrame, expected: pd.DataFrame) -> str:
    """Words for an answer that pandas finds too; AssertionError when it finds another."""
    for frame in (found, expected):
        for name in ("first", "last"):
            if name in frame:
                frame[name] = pd.to_datetime(frame[name]).astype("datetime64[ns]")
    order = ["age_band", "sex"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True), check_dtype=False, rtol=1e-9
    )
    return f"{len(found)} groups, the same that pandas finds"


def _leaks(published: Published, tables: dict[str, Path]) -> tuple[int, int]:
    """(values of the hospital found among the published ones, values looked for)."""
    with duckdb.connect() as base:
        base.execute(
            """CREATE TEMP TABLE secret AS
            SELECT DISTINCT unnest([study_uid, patient_id, accession, patient_name, study_description, referring_physician, institution,
                   strftime(birth_date, '%Y%m%d')]) AS value FROM read_parquet(?)
            UNION SELECT series_uid FROM read_parquet(?) UNION SELECT sop_uid FROM read_parquet(?)""",
            [str(published.files[name]) for name in ("study", "series", "instance")],
        )
        known: Any = base.execute("SELECT count(*) FROM secret").fetchall()
        found = 0
        for path in tables.values():
            texts = [
                str(row[0]) for row in base.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall() if row[1] == "VARCHAR"
            ]
            for column in texts:
                same = f"SELECT count(*) FROM read_parquet(?) p SEMI JOIN secret ON secret.value = p.{column}"  # noqa: S608 - our columns
                hit: Any = base.execute(same, [str(path)]).fetchall()
                found += int(hit[0][0])
                for word in WORDS:
                    hit = base.execute(f"SELECT count(*) FROM read_parquet(?) WHERE contains({column}, ?)", [str(path), word]).fetchall()  # noqa: S608
                    found += int(hit[0][0])
            content = path.read_bytes()
            found += sum(
                word.encode(encoding) in content
                for word in WORDS
                for encoding in ("utf-8", "gb18030")
                if len(word) > 4 or not word.isascii()
            )
    return found, int(known[0][0])


ASKED: tuple[tuple[str, str, str, Callable[[dict[str, Path]], pd.DataFrame]], ...] = (
    ("cohort-million", "children, studies and images of a cohort by age band and sex, {}", COHORT, _cohort_in_pandas),
    ("cohort-dose-million", "dose of chest CT by age band and sex, studies and series joined by their UIDs, {}", DOSE, _dose_in_pandas),
)


def measure() -> Iterator[Result]:
    """The figures."""
    with tempfile.TemporaryDirectory(prefix="cohort-") as place:
        folder = Path(place)
        published = publish(folder / "published", MADE, series=SERIES)
        begun = time.monotonic()
        made = _made(folder / "made", published)
        seconds = time.monotonic() - begun
        found, known = _leaks(published, made)
        yield Result(
            "deid-leaks",
            "names, numbers, UIDs, days of birth and words of the hospital found in the tables of a project",
            [float(found)], "found", 0, "lower",
            f"{known:,} values and {len(WORDS)} words looked for in the tables of {MADE:,} studies, made by the service in {seconds:.0f} s", digits=0,
        )  # fmt: skip
        with _served(folder) as (tables, waited):
            wrong = differences(tables, made)
            if wrong:
                raise AssertionError(f"the million looks different from what the service makes: {wrong}")
            where = (
                f"asked with hub_research over the published Parquet of {STUDIES:,} studies and {SERIES * STUDIES:,} series, de-identified"
            )
            for name, what, question, in_pandas in ASKED:
                spent, worked, answer = _asked(question)
                told = f"{_same(answer, in_pandas(tables))}; {worked:.0f} ms of processor time; tables of the service's shape, written in {waited:.0f} s"
                yield Result(name, what.format(where), spent, "ms", 300, "lower", told, digits=0)
