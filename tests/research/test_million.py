"""The tables of a million studies that the figures are taken from look like those of the service, and a difference is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.million import differences, write_tables
from pipelines.research.arrow import parquet
from pipelines.research.making import EXAM_FACTS, Making
from pipelines.research.projects import ProjectRecord
from pipelines.research.pseudonyms import Pseudonyms
from tests.research.archive import publish
from tests.research.in_process import project

pytestmark = pytest.mark.clause("H-4")
STUDIES = 6000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of the service."""
    folder = tmp_path_factory.mktemp("made")
    making = Making(ProjectRecord.from_data(project("p")), Pseudonyms(bytes(32)), folder / "p")
    manifest = making.make(publish(folder / "archive", STUDIES), EXAM_FACTS.empty_table(), "x").manifest
    return {name: folder / "p" / table["file"] for name, table in manifest["tables"].items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Without the service."""
    folder = tmp_path_factory.mktemp("written")
    return {name: folder / table["file"] for name, table in write_tables(folder, STUDIES, 2).items()}


def test_written_tables_look_like_those_of_the_service(made: dict[str, Path], written: dict[str, Path]) -> None:
    assert differences(written, made) == []
    assert [parquet.read_metadata(written[name]).num_rows for name in ("studies", "series", "exams")] == [STUDIES, 2 * STUDIES, 0]


def test_differences_are_seen(made: dict[str, Path], written: dict[str, Path], tmp_path: Path) -> None:
    def changed(table: object, **more: str) -> list[str]:
        parquet.write_table(table, tmp_path / "studies.parquet", **{"compression": "zstd", **more})
        return differences({**written, "studies": tmp_path / "studies.parquet"}, made)

    studies = parquet.read_table(written["studies"])
    assert changed(studies) == []
    assert changed(studies, compression="snappy") == ["studies: how columns are stored"]
    assert "studies: the order of made" in changed(studies.slice(1).take([1, 0]))
    assert "studies: the schema" in changed(studies.replace_schema_metadata({"pandas": "{}"}))
    patients = studies["patient"].to_pylist()
    place = studies.column_names.index("patient")
    assert changed(studies.set_column(place, studies.field("patient"), [["MRN500000", *patients[1:]]])) == [
        "studies: the form of made patient"
    ]
    place = studies.column_names.index("body_part")
    assert changed(studies.set_column(place, studies.field("body_part"), [["CHEST"] * STUDIES])) == ["studies: the words of body_part"]
    words = [["WANG", *studies["body_part"].to_pylist()[1:]]]
    assert changed(studies.set_column(place, studies.field("body_part"), words)) == ["studies: the words of body_part"]
