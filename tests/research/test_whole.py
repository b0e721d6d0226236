"""From the scanner to the researcher: a real node, real records, a real service; what the hospital knows is in none of its answers."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import duckdb
import pytest

from tests.mart.house import wait_for
from tests.research.running import TODAY, Room

pytestmark = pytest.mark.clause("H-4", "H-8", "S-7")


def test_nothing_of_a_child_comes_out(room: Room) -> None:
    house, secret = room.house, room.secrets()
    paths = ["/projects", "/projects/chest/tables", "/projects/chest/studies", "/projects/chest/results"]
    studies = house.get("fellow", "/projects/chest/studies").json()["studies"]
    paths += [f"/projects/chest/studies/{one['study_uid']}" for one in studies]
    answers = [house.get("fellow", path) for path in paths]
    files = [house.get("fellow", f"/projects/chest/tables/{name}") for name in ("studies", "series", "exams")]
    assert {one.status_code for one in (*answers, *files)} == {200} and len(studies) == 12
    for content in [
        *(one.content for one in (*answers, *files)),
        *(one.read_bytes() for one in (house.data / "projects").rglob("*.parquet")),
    ]:
        leaks = [word for word in secret if word in content]
        assert not leaks
    # the values too, for Parquet packs them
    for name in ("studies", "series", "exams"):
        plain = house.folder / f"{name}.csv"
        (house.folder / f"{name}.parquet").write_bytes(house.get("fellow", f"/projects/chest/tables/{name}").content)
        duckdb.execute(f"COPY (FROM '{house.folder / f'{name}.parquet'}') TO '{plain}' (HEADER)")
        assert not [word for word in secret if word in plain.read_bytes()], name
    assert not [word for word in secret if word in Path(house.folder / "research.log").read_bytes() and word != b"fellow"], "nor in the log"


def test_small_groups_and_what_is_told_of_them(room: Room) -> None:
    told = room.house.get("fellow", "/projects/chest/tables").json()["told"]
    assert (told["shown"], told["left_out"]) == (12, 4), "three girls of nine and one adult are too few"
    studies = room.house.get("fellow", "/projects/chest/studies").json()["studies"]
    assert {one["sex"] for one in studies} == {"M"} and {one["age_band"] for one in studies} == {"4 – <10 y"}


def test_turnaround_comes_with_the_exams(room: Room) -> None:
    (room.house.folder / "e.parquet").write_bytes(room.house.get("fellow", "/projects/chest/tables/exams").content)
    found = duckdb.sql(
        f"SELECT count(*), count(written_to_signed), count(complete_to_written), count(*) FILTER (positive) FROM '{room.house.folder / 'e.parquet'}'"
    )
    assert found.fetchall() == [(12, 1, 2, 1)], "two written, one signed: of the unsigned nothing is told but that it is written"


def test_a_cohort_is_asked_for_over_the_tables(room: Room) -> None:
    """The dose of chest CT by age band, as a researcher asks with DuckDB over the Parquet."""
    for name in ("studies", "series"):
        (room.house.folder / f"{name}.parquet").write_bytes(room.house.get("fellow", f"/projects/chest/tables/{name}").content)
    rows = duckdb.sql(
        f"""SELECT age_band, count(DISTINCT patient), round(median(ctdivol), 3) FROM '{room.house.folder}/studies.parquet'
        JOIN '{room.house.folder}/series.parquet' USING (study_uid) WHERE body_part = 'CHEST' AND series.modality = 'CT' GROUP BY ALL"""
    ).fetchall()
    assert rows == [("4 – <10 y", 12, 2.55)]  # twelve boys with 2.0, 2.1 … 3.1 mGy


def test_releases_are_in_the_audit_of_the_records(room: Room) -> None:
    house = room.house
    token = house.token("chest")
    wait_for(lambda: house.get(token["token"], "/projects/chest/tables/studies").status_code == 200)

    def noted() -> set[tuple[str, str]]:
        rows = house.call("admin", "GET", "/audit?action=research.released&limit=1000")["rows"]
        return {(row["username"], row["entity"]["id"]) for row in rows if row["detail"]["project"] == "chest"}

    wanted = {("fellow", "studies"), (f"token:chest/{token['id']}", "studies")}
    wait_for(lambda: wanted <= noted(), 20, lambda: str(noted()))
    house.call("admin", "DELETE", f"/projects/chest/tokens/{token['id']}")
    wait_for(lambda: house.get(token["token"], "/projects/chest/tables").status_code == 401)


def test_closing_shuts_at_once_and_leaving_too(room: Room) -> None:
    house = room.house
    project = house.project("brief", members=["fellow", "leaving"])
    assert house.wait_tables("brief")
    assert house.get("leaving", "/projects/brief/tables").status_code == 200
    house.call("admin", "PUT", "/accounts/leaving", json={"disabled": True})
    wait_for(lambda: house.get("leaving", "/projects/brief/tables").status_code == 401, 5)
    begun = time.monotonic()
    house.move(project, "close")
    wait_for(lambda: house.get("fellow", "/projects/brief/tables").status_code == 404, 5)
    assert time.monotonic() - begun < 5
    wait_for(lambda: not (house.data / "projects" / "brief").exists(), 5)
    assert (house.data / "keys" / "brief").exists(), "a finding can still be led back by who holds the key"


def test_everything_is_rebuilt_from_nothing_to_the_same_bytes(room: Room) -> None:
    """The service's own file and folders lost, the key kept."""
    house = room.house
    tables = {name: house.get("fellow", f"/projects/chest/tables/{name}").content for name in ("studies", "series", "exams")}
    house.end("research")
    for path in (house.data / "projects").rglob("*"):
        if path.is_file():
            path.unlink()
    for suffix in ("", "-wal", "-shm"):
        (house.data / f"research.sqlite{suffix}").unlink(missing_ok=True)
    house.start("research")
    house.wait_tables("chest", rows=12)
    assert {name: house.get("fellow", f"/projects/chest/tables/{name}").content for name in tables} == tables
    with sqlite3.connect(f"file:{house.data / 'projects' / 'chest' / 'identities.sqlite'}?mode=ro", uri=True) as base:
        real = {uid for (uid,) in base.execute("SELECT study_uid FROM study")}
    assert real == {child.images[0].StudyInstanceUID for child in room.children[:12]}


def test_an_image_that_comes_later_is_in_the_next_tables(room: Room) -> None:
    from tests.research.running import image, send

    house, child = room.house, room.children[0]
    first = child.images[0]
    later = image(
        PatientName=child.name, PatientID=child.patient_id, PatientBirthDate=child.born, PatientSex="M", SpecificCharacterSet="ISO_IR 192",
        StudyDate="20240305", BodyPartExamined="CHEST", AccessionNumber=None,
    )  # fmt: skip
    send(house.ports["dicom"], child.institution, later)
    house.wait_tables("chest", rows=13)
    studies = house.get("fellow", "/projects/chest/studies").json()["studies"]
    rows = json.loads(json.dumps([one for one in studies if one["patient"] == _patient_of(room, str(first.StudyInstanceUID), studies)]))
    assert len(rows) == 2, "one child, one pseudonym"
    days = sorted(row["study_date"] for row in rows)
    assert (time.mktime(time.strptime(days[1], "%Y-%m-%d")) - time.mktime(time.strptime(days[0], "%Y-%m-%d"))) / 86400 == pytest.approx(
        4, abs=0.1
    )
    assert days[1] < TODAY.isoformat()


def _patient_of(room: Room, real: str, studies: list[dict[str, str]]) -> str:
    with sqlite3.connect(f"file:{room.house.data / 'projects' / 'chest' / 'identities.sqlite'}?mode=ro", uri=True) as base:
        (pseudonym,) = base.execute("SELECT pseudonym FROM study WHERE study_uid = ?", [real]).fetchone()
    return next(one["patient"] for one in studies if one["study_uid"] == pseudonym)
