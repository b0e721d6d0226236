"""The register answers as the index does, or leaves the question to it; it can be lost, and is never behind for long."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.index import schema
from dicom_node.index.database import Database
from dicom_node.index.pinyin import pinyin
from dicom_node.index.register import NAME, Register, forget
from dicom_node.query.keys import up_to
from dicom_node.query.matching import QueryError
from dicom_node.query.registered import Registered
from dicom_node.query.search import Scope, search

pytestmark = pytest.mark.clause("S-3")
KEYS = up_to("study")
NAMES = ["Wang^Xiao=王^小明", "wang^xiaoming", "WANG^XIAO^^", "王小明", "Ou Yang^Na=欧阳^娜", "Li", "O_Neil^50%", "", None, "李^明=李^明"]
IDS = ["P1", "p1", "P10", "P_1", "100%", " ", None, "P1!x"]
DAYS = [None, date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1), date(2025, 12, 31)]


def instance(number: int, **changed: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(schema.INSTANCE)
    uid = f"1.2.{number}"
    row |= {"arrival": number * 10, "sop_uid": uid + ".3", "series_uid": uid + ".2", "study_uid": uid, "institution": f"H0{number % 3}"}
    row |= {"digest": uid, "size": 1, "visible": True, "received_at": "2026", "sop_class": "1.2.840.10008.5.1.4.1.1.2"}
    return row | changed


def put(database: Database, rows: list[dict[str, object]]) -> None:
    """Instances and their summaries, as the writer writes them."""
    database.writer.execute("BEGIN")
    table = schema.pa.Table.from_pylist(rows, schema=schema.INSTANCE_ARROW)
    database.writer.register("arrived", table)
    database.writer.execute("INSERT INTO instance SELECT * FROM arrived")
    database.writer.unregister("arrived")
    for name, select in (("study", schema.STUDY_SELECT), ("series", schema.SERIES_SELECT)):
        database.writer.execute(f"DELETE FROM {name}")
        database.writer.execute(f"INSERT INTO {name} {select.format('true')}")
    with database.changing({str(row["study_uid"]) for row in rows}):
        database.writer.execute("COMMIT")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(tmp_path_factory.mktemp("index") / "index.duckdb")
    rows = []
    for number, (name, ident, day) in enumerate(itertools.product(NAMES, IDS, DAYS), 1):
        groups = [*(name or "").split("=", 2), "", ""]
        sounds = pinyin(groups[1] or groups[0])
        rows.append(
            instance(
                number, patient_name=name, name_alphabetic=groups[0] or None, name_ideographic=groups[1] or None, pinyin=sounds[0] or None,
                initials=sounds[1] or None, patient_id=ident, study_date=day, birth_date=day, accession=ident, sex="MF"[number % 2],
                modality=("CT", "MR", "SR")[number % 3], study_description="Chest" if number % 4 else None, study_time="101500",
            )
        )  # fmt: skip
    put(made, rows)
    Register(made).close()
    yield made
    made.close()


TEXT = st.sampled_from(["P1", "P1*", "P?", "*", "P_*", "P1\\P10", "100%", "1*", "", "*1", "P1!*", "P1!x", "p*"])
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": TEXT, "AccessionNumber": TEXT, "StudyDescription": st.sampled_from(["Chest", "Ch*", "chest", "C?est"]),
        "PatientName": st.sampled_from(
            ["wang*", "WANG^XIAO", "Wang^Xiao^", "王*", "王小明", "王^小明", "wangxiaoming", "欧阳*", "ouyang*", "O_Neil*", "O?Neil*", "li", "Li^Ming",
             "*ming", "^", "Wang=王*", "=王^小明", "o_neil^50%", "%*", "W*^X*"]
        ),
        "StudyDate": st.sampled_from(["20260101", "20260101-", "-20260131", "20260101-20260131", "2026-01-01", "20269999", "-", "2026"]),
        "PatientBirthDate": st.sampled_from(["20260101", "20251231-20260101"]), "PatientSex": st.sampled_from(["M", "F", "X"]),
        "StudyInstanceUID": st.sampled_from(["1.2.1", "1.2.1\\1.2.7\\1.2.9999", "1.2.*"]), "ModalitiesInStudy": st.sampled_from(["CT", "MR\\SR", "C*"]),
        "StudyTime": st.sampled_from(["101500", "10-11"]), "NumberOfStudyRelatedInstances": st.sampled_from(["1", "2"]), "Nonsense": st.just("1"),
    },
)  # fmt: skip
SCOPES = st.sampled_from([Scope(None), Scope(frozenset()), Scope(frozenset({"H01"})), Scope(frozenset({"H01", "H02"}))])


def answered(ask: object) -> object:
    try:
        return ask()  # type: ignore[operator]
    except QueryError as error:
        return str(error)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES, scope=SCOPES, limit=st.sampled_from([1, 7, 1000]), offset=st.sampled_from([0, 3]))
def test_the_register_answers_as_the_index_does_or_not_at_all(
    database: Database, query: dict[str, str], scope: Scope, limit: int, offset: int
) -> None:
    registered = Registered(database.path.with_name(NAME))

    def by_register() -> object:
        found = registered.find(query, scope, limit=limit, offset=offset)
        if found is None:
            return None
        rows = registered.read([number for number, _ in found], KEYS)
        assert rows is not None
        return [{k: v for k, v in rows[number].items() if k != "institution"} for number, _ in found]

    def by_index() -> object:
        rows = search(database, "study", query, scope, limit=limit, offset=offset, keys=KEYS)
        return [{k: v.strftime("%Y%m%d") if isinstance(v, date) else v for k, v in row.items()} for row in rows]

    found = answered(by_register)
    assert found is None or found == answered(by_index)


@pytest.mark.parametrize(
    "query",
    [
        {"PatientID": "P1"},
        {"StudyDate": "20260101-20260131"},
        {"PatientName": "wang*"},
        {"AccessionNumber": "P1"},
        {"ModalitiesInStudy": "CT"},
        {},
    ],
)
def test_what_is_asked_all_day_is_for_the_register(database: Database, query: dict[str, str]) -> None:
    assert Registered(database.path.with_name(NAME)).find(query, Scope(None), limit=10)


def test_each_change_is_copied_with_a_new_stamp_and_what_is_gone_disappears(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.duckdb")
    register, registered = Register(database), Registered(tmp_path / NAME)
    assert registered.find({}, Scope(None), limit=9) == []
    put(database, [instance(1), instance(2)])
    register.catch_up(20)
    first = registered.find({}, Scope(None), limit=9)
    assert first is not None
    assert [number for number, _ in first] == [20, 10]
    put(database, [instance(1, arrival=30, sop_uid="1.2.1.9")])
    register.catch_up(30)
    second = registered.find({}, Scope(None), limit=9)
    assert second is not None
    assert second[0] == first[0]  # not touched
    assert second[1][0] == 10
    assert second[1][1] > first[1][1]
    assert registered.read([10], KEYS)[10]["NumberOfStudyRelatedInstances"] == 2  # type: ignore[index]
    with database.changing(["1.2.2"]):
        database.writer.execute("DELETE FROM study WHERE study_uid = '1.2.2'")
    register.catch_up(30)
    assert [number for number, _ in registered.find({}, Scope(None), limit=9) or []] == [10]
    database.close()


def test_from_the_commit_to_the_copy_the_index_is_asked(tmp_path: Path) -> None:
    """A study that the index shows is never missing for who asks the register a moment later, nor is a deleted one there."""
    database = Database(tmp_path / "index.duckdb")
    register, registered = Register(database), Registered(tmp_path / NAME)
    put(database, [instance(1)])
    assert registered.find({}, Scope(None), limit=9) is None
    register.catch_up(10)
    found = registered.find({}, Scope(None), limit=9)
    assert [number for number, _ in found or []] == [10]
    with database.changing(["1.2.1"]):
        assert registered.find({}, Scope(None), limit=9) is None
        assert registered.read([10], KEYS) is None
    register.catch_up(10)  # the change did not happen: the copy is the same, and may be asked again
    assert [number for number, _ in registered.find({}, Scope(None), limit=9) or []] == [10]
    database.close()


@pytest.mark.parametrize("damage", ["gone", "rotten", "forgotten", "behind", "deleted"])
def test_a_register_that_cannot_be_trusted_is_made_anew(tmp_path: Path, damage: str) -> None:
    """Also for a reader that had it open before."""
    database = Database(tmp_path / "index.duckdb")
    put(database, [instance(1), instance(2)])
    Register(database).close()
    place, registered = tmp_path / NAME, Registered(tmp_path / NAME)
    assert len(registered.find({}, Scope(None), limit=9) or []) == 2
    match damage:
        case "gone":
            place.unlink()
        case "rotten":
            place.write_bytes(b"no database at all" * 300)
        case "forgotten":
            forget(database.path)
            assert Registered(place).find({}, Scope(None), limit=9) is None  # who comes now asks the index
        case "behind":  # a crash between the two commits
            database.writer.execute("UPDATE cursor SET journal = 77")
        case "deleted":  # the same, when the journal does not move
            register = Register(database)
            with database.changing(["1.2.2"]):
                database.writer.execute("DELETE FROM study WHERE study_uid = '1.2.2'")
            register.close()
            database.before_change = lambda: None
    if damage != "deleted":
        put(database, [instance(3)])
    Register(database).close()
    left = [10] if damage == "deleted" else [30, 20, 10]
    assert [number for number, _ in registered.find({}, Scope(None), limit=9) or []] == left
    database.close()


def test_a_copy_that_fails_is_made_the_next_time(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.duckdb")
    register, registered = Register(database), Registered(tmp_path / NAME)
    put(database, [instance(1)])
    held = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    register._file.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(sqlite3.OperationalError):
        register.catch_up(10)
    held.execute("ROLLBACK")
    assert registered.find({}, Scope(None), limit=9) is None
    register.catch_up(10)
    assert len(registered.find({}, Scope(None), limit=9) or []) == 1
    database.close()


def test_a_register_that_rots_while_it_is_open_does_not_hold_up_what_comes_after_it(tmp_path: Path) -> None:
    """The feed is written behind it: a damaged copy is made anew, with everything that the index has."""
    database = Database(tmp_path / "index.duckdb")
    register, registered = Register(database), Registered(tmp_path / NAME)
    put(database, [instance(number) for number in range(1, 400)])
    register.catch_up(3990)
    register._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    register._file.execute("PRAGMA cache_size = 0")
    size = (tmp_path / NAME).stat().st_size
    with (tmp_path / NAME).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * (size - 4096))
    put(database, [instance(400)])
    register.catch_up(4000)
    assert len(registered.find({}, Scope(None), limit=1000) or []) == 400
    assert [number for number, _ in registered.find({"StudyInstanceUID": "1.2.400"}, Scope(None), limit=9) or []] == [4000]
    database.close()
