"""What is in a project's tables, and what is not: groups, words, days, bytes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dicom_node.client import Published
from pipelines.research.arrow import pa, parquet
from pipelines.research.making import EXAM_FACTS, Making
from pipelines.research.projects import Keys, ProjectRecord
from pipelines.research.pseudonyms import SHIFT_DAYS, Pseudonyms
from pipelines.research.tables import QUASI, TABLES, Treatment
from pipelines.research.terms import AGE_BANDS
from pipelines.research.treating import expression
from ris.projects.rules import TABLES as ALLOWED
from tests.research.archive import publish
from tests.research.in_process import project

pytestmark = pytest.mark.clause("H-4", "H-8", "X-5")
KEY = Pseudonyms(bytes(range(32)))
STUDIES = 600
# a child without a number, a study with two numbers, an adult, an unknown age, a study without a day, one child with many angiographies
CHANGES = """
UPDATE study SET patient_id = NULL WHERE study_uid LIKE '%1000007';
UPDATE study SET patients_differ = true WHERE study_uid LIKE '%1000009';
UPDATE study SET age_days = 20000 WHERE study_uid LIKE '%1000011';
UPDATE study SET age_days = NULL WHERE study_uid LIKE '%1000013';
UPDATE study SET study_date = NULL WHERE study_uid LIKE '%1000015';
UPDATE study SET patient_id = 'MRN1', institution = 'H01', modality = 'XA', modalities = ['XA'],
  sex = 'F', age_days = 1000, body_part = 'HEAD' WHERE study_uid LIKE '%10000_5'
"""
QUESTION = "SELECT * FROM read_parquet(?)"


def exams() -> Any:
    """Exams of the first 40 studies; the last one has two."""
    rows = [
        {"exam_id": str(9000 + n), "study_uid": f"1.2.156.112605.{1000000 + n}", "priority": "stat" if n % 3 else "routine",
         "positive": (True, False, None)[n % 3], "ordered_at": 1.7e9, "performed_at": 1.7e9 + 600 * n, "complete_at": 1.7e9 + 600 * n + 90,
         "written_at": 1.7e9 + 10 ** (5 + n % 3), "signed_at": 1.7e9 if n % 5 == 0 else None}
        for n in range(40)
    ]  # fmt: skip
    return pa.Table.from_pylist([*rows, {**rows[39], "study_uid": "1.2.156.112605.1000041"}], schema=EXAM_FACTS)


def made(folder: Path, published: Published, key: Pseudonyms = KEY, **changes: Any) -> dict[str, Any]:
    record = ProjectRecord.from_data(project("p", **changes))
    return Making(record, key, folder).make(published, exams(), "x").manifest


def rows_of(folder: Path, manifest: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return list(parquet.read_table(folder / manifest["tables"][name]["file"]).to_pylist())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("archive"), STUDIES, change=CHANGES)


@pytest.fixture(scope="module")
def source(archive: Published) -> dict[str, dict[str, Any]]:
    """Pseudonymous UID → the study as the hospital has it."""
    return {KEY.uid(one["study_uid"]): one for one in parquet.read_table(archive.files["study"]).to_pylist()}


@pytest.fixture(scope="module")
def chest(archive: Published, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("p")
    return folder, made(folder, archive)


def test_every_combination_stands_for_enough_children(chest: tuple[Path, dict[str, Any]], source: dict[str, dict[str, Any]]) -> None:
    folder, manifest = chest
    rows = rows_of(folder, manifest, "studies")
    groups: dict[tuple[Any, ...], set[str]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in QUASI), set()).add(row["patient"])
    assert len(groups) > 10 and min(map(len, groups.values())) >= 5
    told = manifest["told"]
    assert told["shown"] == len(rows) and told["uncertain"] == 1 and told["left_out"] == STUDIES - 1 - len(rows) > 0
    assert sum(told["generalised"].values()) > 0
    assert sum(was["modality"] == "XA" for was in source.values()) == 10
    assert not [row for row in rows if row["modality"] == "XA"], "one child that comes often is no group"
    # nothing is invented: a value is the hospital's or taken out
    for row in rows:
        was = source[row["study_uid"]]
        assert row["modality"] == was["modality"] and row["sex"] in {was["sex"], None}
        assert row["institution"] in {KEY.institution(was["institution"]), None}
        assert row["body_part"] in {was["body_part"].upper(), "OTHER"}
        assert row["patient"] == KEY.patient(was["institution"], was["patient_id"] or was["study_uid"])
    assert {row["body_part"] for row in rows} <= {"CHEST", "ABDOMEN", "HEAD", "HAND", "OTHER"}


def test_the_least_size_is_the_projects_own(archive: Published, tmp_path: Path, chest: tuple[Path, dict[str, Any]]) -> None:
    everybody = made(tmp_path / "all", archive, least=1)
    assert everybody["told"] == {
        "shown": STUDIES - 1, "left_out": 0, "uncertain": 1, "generalised": {"institution": 0, "age_years": 0, "body_part": 0, "sex": 0},
    }  # fmt: skip
    nobody = made(tmp_path / "none", archive, least=STUDIES)
    assert [nobody["tables"][name]["rows"] for name in TABLES] == [0, 0, 0]
    assert chest[1]["told"]["shown"] < STUDIES - 1


def test_no_table_undoes_what_another_has_taken_out(chest: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = chest
    studies = {row["study_uid"]: row for row in rows_of(folder, manifest, "studies")}
    series, exam_rows = rows_of(folder, manifest, "series"), rows_of(folder, manifest, "exams")
    assert {row["study_uid"] for row in series} == set(studies) >= {row["study_uid"] for row in exam_rows} != set()
    assert not {column.name for column in TABLES["series"]} & (set(QUASI) - {"modality"}), "what was generalised is told in one place only"
    for row in series:
        assert (row["family"] is None) == (studies[row["study_uid"]]["institution"] is None), "a device tells the hospital"
        assert row["family"] in {None, "REVOLUTION"} and row["maker"] in {None, "GE"}


def test_days_move_together_and_never_stay(archive: Published, source: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    rows = rows_of(tmp_path, made(tmp_path, archive, least=1), "studies")
    shifts: dict[str, set[timedelta]] = {}
    for row in rows:
        was = source[row["study_uid"]]["study_date"]
        if was is None:
            assert row["study_date"] is None
            continue
        shifts.setdefault(row["patient"], set()).add(was - row["study_date"])
    assert all(len(one) == 1 for one in shifts.values()), "distances in time stay"
    days = {next(iter(one)).days for one in shifts.values()}
    assert min(days) >= 1 and max(days) <= SHIFT_DAYS and len(days) > 100
    ages = {row["study_uid"]: (row["age_band"], row["age_years"]) for row in rows}
    assert ages[KEY.uid("1.2.156.112605.1000011")] == ("18 y +", None)
    assert ages[KEY.uid("1.2.156.112605.1000013")] == ("unknown", None)
    assert {band for band, _ in ages.values()} <= set(AGE_BANDS)
    assert all(years is None or 0 <= years < 18 for _, years in ages.values())


def test_exams_tell_minutes_and_no_moment(archive: Published, tmp_path: Path) -> None:
    rows = rows_of(tmp_path, made(tmp_path, archive, least=1), "exams")
    assert len(rows) == 39, "one of each exam, without the one of the uncertain study"
    by = {row["exam"]: row for row in rows}
    fourth = by[KEY.exam("9004")]
    assert (fourth["ordered_to_performed"], fourth["performed_to_complete"], fourth["priority"], fourth["positive"]) == (
        40,
        2,
        "STAT",
        False,
    )
    assert fourth["study_uid"] == KEY.uid("1.2.156.112605.1000004")
    assert by[KEY.exam("9002")]["complete_to_written"] is None, "longer than thirty days tells too much"
    assert by[KEY.exam("9005")]["written_to_signed"] is None, "signed before it was written: nobody knows"
    assert {type(value) for row in rows for value in row.values()} <= {str, int, bool, type(None)}


def test_the_same_key_gives_the_same_bytes(chest: tuple[Path, dict[str, Any]], archive: Published, tmp_path: Path) -> None:
    folder, manifest = chest
    again = made(tmp_path / "again", archive)
    assert again["tables"] == manifest["tables"]
    for name in TABLES:
        file = manifest["tables"][name]["file"]
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()
    keys = Keys(tmp_path / "keys")
    keys.ensure("p")
    other = made(tmp_path / "other", archive, keys.pseudonyms("p"))
    names = [
        {row["patient"] for row in rows_of(place, told, "studies")} for place, told in ((folder, manifest), (tmp_path / "other", other))
    ]
    assert not names[0] & names[1]
    keys.ensure("p")
    assert keys.pseudonyms("p").patient("H01", "1") == keys.pseudonyms("p").patient("H01", "1"), "a key is made once"


def test_nothing_of_the_hospital_is_in_a_file(archive: Published, tmp_path: Path, source: dict[str, dict[str, Any]]) -> None:
    """Also where Parquet would compress it: the values themselves are looked at, and the bytes of every file."""
    manifest = made(tmp_path, archive, least=1)
    words = {"王小明", "Wang", "WANG", "wang", "Xiaoming", "欧阳乙地", "LI^SIYUAN", "siyuan", "慕容晓", "Zhao", "STATION1", "GE MEDICAL"}  # fmt: skip
    for one in source.values():
        words |= {
            one["patient_id"] or "王小明",
            f"{one['accession']},",
            one["study_uid"],
            one["birth_date"].isoformat(),
            one["birth_date"].strftime("%Y%m%d"),
        }
    found = [one.encode(encoding) for one in words for encoding in ("utf-8", "gb18030")]
    for name in TABLES:
        path = tmp_path / manifest["tables"][name]["file"]
        plain = tmp_path / f"{name}.csv"
        duckdb.execute("COPY (FROM read_parquet(?)) TO ? (HEADER)", [str(path), str(plain)])
        dates = {row["study_date"].isoformat() for row in rows_of(tmp_path, manifest, "studies") if row["study_date"]}
        for content in (path.read_bytes(), plain.read_bytes()):
            leaks = {word for word in found if word in content and word.decode("gb18030", "replace") not in dates}
            assert not leaks, name


def test_a_cut_leaves_later_studies_behind(archive: Published, tmp_path: Path, source: dict[str, dict[str, Any]]) -> None:
    rows = rows_of(tmp_path, made(tmp_path, archive, least=1, cut_on="2026-06-30"), "studies")
    days = [source[row["study_uid"]]["study_date"] for row in rows]
    assert rows and max(days) <= date(2026, 6, 30) < max(one["study_date"] for one in source.values() if one["study_date"])


def test_text_has_no_way_out_but_a_list_of_words() -> None:
    """The declaration itself: every text is a pseudonym, a band, or comes from a list; `KEEP` takes none."""
    made_up = {Treatment.PATIENT, Treatment.INSTITUTION, Treatment.UID, Treatment.EXAM, Treatment.BAND}
    for table in TABLES.values():
        for column in table:
            assert column.zh and column.en, column.name
            if column.treatment in {Treatment.TERMS, Treatment.WORDS}:
                assert column.terms
            elif column.treatment is Treatment.BEGINS:
                assert column.begins
            elif column.treatment not in made_up:
                assert not expression(column).endswith(f"VARCHAR) AS {column.name}"), column.name
    assert tuple(TABLES) == ALLOWED
