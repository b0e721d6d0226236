"""Following: nothing lost, nothing doubled, whatever is killed when; a rebuild gives the same tables."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pydicom
import pytest

from pipelines.mart import facts, figures
from pipelines.mart.following import MartFollower
from pipelines.mart.store import BusyError, MartStore
from tests.mart.conftest import study
from tests.mart.house import House, wait_for

ZONE = ZoneInfo("Asia/Shanghai")
ALL = figures.Scope(None)
pytestmark = pytest.mark.clause("H-8")


def exam(
    number: int,
    arrived: str | None,
    *,
    modality: str = "CT",
    state: str = "images_complete",
    report: int | None = None,
) -> dict[str, Any]:
    return {
        "exam_id": number, "institution": {"code": "H01"}, "modality": modality,
        "patient": {"age": {"value": 13, "unit": "M", "months": 0, "days": 400}, "sex": "M"},
        "exam_state": state, "arrived_at": arrived, "study_uids": [f"1.{number}"], "images": 5, "report_id": report, "priority": "routine",
    }  # fmt: skip


def feed_of(rows: list[dict[str, Any]]) -> Any:
    def read(since: int, *, limit: int, wait: float) -> dict[str, Any]:
        found = [row for row in rows if row["seq"] > since][:limit]
        return {"rows": found, "next": found[-1]["seq"] if found else since}

    return read


def numbered(*parts: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    common = {"schema": 1, "at": "2026-01-05T01:00:00Z", "institution": "H01"}
    return [{"seq": place, "kind": kind, "data": data, **common} for place, (kind, data) in enumerate(parts, 1)]


MARCH = "2026-03-01T00:00:00Z"


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_it_neither_loses_nor_doubles(house: House, kills: int) -> None:
    """kill -9 again and again while rows arrive; at the end the tables equal those of a mart that read everything in peace.

    Any instant must do; twenty kills find those between writing rows and moving the cursor that two may miss.
    """
    chance = random.Random(7)
    counted = []
    for round_ in range(kills):
        house.start("mart", wait=False)
        counted += house.arrive([study(round_ * 8 + n, "H01" if n % 2 else "H02", "CT") for n in range(8)])
        time.sleep(chance.uniform(0.6, 1.6))
        house.end("mart", signal.SIGKILL)
    house.start("mart")
    house.settle()
    headers = {"Authorization": f"Bearer {house.forge()}"}
    total = httpx.get(f"{house.mart}/figures/exams?by=total", headers=headers, timeout=10).json()["rows"][0]
    assert total["exams"] == len({one["exam_id"] for one in counted}) == 8 * kills
    house.end("mart")
    told = house.command("digest")
    assert told.returncode == 0, told.stderr
    without_node = house.command("rebuild", data="peace")
    assert (without_node.returncode, "images" in without_node.stderr) == (1, True)
    house.start("node")
    in_peace = house.command("rebuild", data="peace")
    assert in_peace.returncode == 0, in_peace.stderr
    killed, peace = json.loads(told.stdout), json.loads(house.command("digest", data="peace").stdout)
    assert killed == peace
    assert json.loads(house.command("digest").stdout) == killed
    assert house.command("rebuild").returncode == 0
    assert json.loads(house.command("digest").stdout) == killed


@pytest.mark.clause("A-1")
def test_accesses_count_one_per_person_study_and_session(tmp_path: Path) -> None:
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    opened = [
        ("anna", "s1", "1.1"),
        ("anna", "s1", "1.1"),
        ("anna", "s2", "1.1"),
        ("bert", "s3", "1.1"),
        ("anna", "s1", "1.2"),
        ("anna", "s1", "1.1"),
    ]
    rows = [
        {"seq": place, "kind": "study.opened", "schema": 1, "at": f"2026-03-0{place}T15:59:00Z" if place < 4 else "2026-03-04T16:01:00Z",
         "institution": "H01", "study_uid": uid, "data": {"username": name, "sid": sid}}
        for place, (name, sid, uid) in enumerate(opened, 1)
    ]  # fmt: skip
    # a device's retrieve is no access by a person
    rows.append({**rows[-1], "seq": len(rows) + 1, "data": {"aet": "WS1"}})
    store.apply(
        facts.read(
            facts.RECORDS,
            numbered(("exam.changed", exam(1, MARCH, modality="MR")), ("exam.changed", exam(2, MARCH))),
            ZONE,
        )
    )
    for batch in (1, 2, 6):
        follower = MartFollower("images", feed_of(rows), store, ZONE, batch=batch)
        follower.rebuild()
        while follower.step():
            pass
        with store.reading() as connection:
            assert figures.accesses(connection, ALL, figures.Filters(), "total")[0]["accesses"] == 4
            assert {row["key"]: row["accesses"] for row in figures.accesses(connection, ALL, figures.Filters(), "modality")} == {
                "MR": 3,
                "CT": 1,
            }
            # 16:01 UTC of the 4th is the 5th in Shanghai
            days = {
                row["key"].isoformat(): row["accesses"]
                for row in figures.accesses(connection, ALL, figures.Filters(), "day")
                if row["accesses"]
            }
            assert days == {"2026-03-01": 1, "2026-03-03": 1, "2026-03-05": 2}
    store.close()


def test_percentiles_and_days_of_many_exams_are_numpys(tmp_path: Path) -> None:
    chance = np.random.default_rng(11)
    parts, expected, per_day = [], [], {}
    start = datetime.fromisoformat("2026-02-20T00:00:00+00:00").timestamp()
    for n in range(400):
        at = start + float(chance.uniform(0, 10 * 86400))
        took = float(chance.lognormal(8, 1))
        arrived = datetime.fromtimestamp(at, ZoneInfo("UTC")).isoformat(timespec="milliseconds")
        signed = datetime.fromtimestamp(at + took, ZoneInfo("UTC")).isoformat(timespec="milliseconds")
        parts.append(("exam.changed", exam(n, arrived, report=n)))
        parts.append(
            ("report.changed", {"id": n, "state": "signed", "positive": None, "signed_at": signed, "state_times": {"signed": signed}})
        )
        expected.append((datetime.fromisoformat(signed) - datetime.fromisoformat(arrived)).total_seconds() / 60)
        day = datetime.fromisoformat(arrived).astimezone(ZONE).date()
        per_day[day] = per_day.get(day, 0) + 1
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    follower = MartFollower("records", feed_of(numbered(*parts)), store, ZONE, batch=97)
    while follower.step():
        pass
    with store.reading() as connection:
        got = figures.turnaround(connection, ALL, figures.Filters(), "total")[0]
        assert (got["p50"], got["p90"], got["mean"]) == pytest.approx(
            (np.percentile(expected, 50), np.percentile(expected, 90), np.mean(expected)), rel=1e-9
        )
        assert {row["key"]: row["exams"] for row in figures.exams(connection, ALL, figures.Filters(), "day")} == per_day
        some = sorted(per_day)[2:5]
        assert figures.exams(connection, ALL, figures.Filters(some[0], some[-1]), "total")[0]["exams"] == sum(per_day[day] for day in some)
    store.close()


def test_what_does_not_count(tmp_path: Path) -> None:
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    rows = numbered(
        ("exam.changed", exam(1, MARCH)),
        ("exam.changed", exam(2, None, state="booked")),
        ("exam.changed", exam(3, MARCH, state="cancelled")),
        ("exam.changed", {**exam(4, None), "performed_at": "2026-03-02T00:00:00Z"}),
        ("exam.changed", {**exam(5, MARCH), "performed_at": "1997-01-01T00:00:00Z"}),
    )
    store.apply(facts.read(facts.RECORDS, rows, ZONE))
    with store.reading() as connection:
        assert {row["key"].isoformat(): row["exams"] for row in figures.exams(connection, ALL, figures.Filters(), "day")} == {
            "2026-03-01": 2,
            "2026-03-02": 1,
        }
        assert figures.turnaround(connection, ALL, figures.Filters(), "total")[0]["p50"] is None
    store.close()


def test_a_row_that_cannot_be_read_is_set_aside_and_the_next_go_on(tmp_path: Path) -> None:
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    rows = numbered(
        ("exam.changed", exam(1, MARCH)),
        ("exam.changed", {"exam_id": 2}),
        ("exam.changed", exam(3, MARCH)),
    )
    follower = MartFollower("records", feed_of(rows), store, ZONE, tries=1)
    while store.position("records") < 3:
        follower.step()
    assert [aside.seq for aside in store.aside("records")] == [2]
    with store.reading() as connection:
        assert figures.exams(connection, ALL, figures.Filters(), "total")[0]["exams"] == 2
    store.close()


def test_another_time_zone_empties_the_tables_so_that_days_are_read_again(tmp_path: Path) -> None:
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    with store.unit():
        store.apply(facts.read(facts.RECORDS, numbered(("exam.changed", exam(1, "2026-03-01T20:00:00Z"))), ZONE))
        store.advance("records", 1)
    store.close()
    same = MartStore(tmp_path / "mart.duckdb", ZONE.key)
    assert same.position("records") == 1
    same.close()
    other = MartStore(tmp_path / "mart.duckdb", "UTC")
    assert other.position("records") == 0
    other.close()


def test_two_processes_on_one_mart_and_wrong_settings_are_refused_in_words(house: House) -> None:
    house.start("mart")
    second = house.command("digest")
    assert second.returncode == 3
    assert "使用" in second.stderr
    with pytest.raises(BusyError):
        MartStore(house.folder / "mart" / "mart.duckdb", ZONE.key)
    house.end("mart")
    environment = {**house.environment("mart"), "MART_TIMEZON": "UTC"}
    for change, word in ((environment, "MART_TIMEZON"), ({**house.environment("mart"), "MART_PORT": "many"}, "MART_PORT")):
        told = subprocess.run(
            [sys.executable, "-m", "pipelines.mart"],
            env=change,
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert told.returncode == 2
        assert word in told.stderr


@pytest.mark.clause("S-9")
def test_before_the_revocations_are_known_nobody_is_let_in(house: House) -> None:
    """A mart that starts empty while ris is away has not yet heard who was disabled."""
    ticket = house.forge()
    house.end("ris")
    house.start("mart", wait=False)
    url = f"{house.mart}/figures/exams"
    answer = wait_for(lambda: httpx.get(url, headers={"Authorization": f"Bearer {ticket}"}, timeout=3))
    assert (answer.status_code, answer.json()["code"]) == (503, "mart.catching_up")
    assert httpx.get(f"{house.mart}/healthz", timeout=3).status_code == 503
    house.start("ris")
    wait_for(lambda: httpx.get(url, headers={"Authorization": f"Bearer {ticket}"}, timeout=3).status_code == 200, 20)


@pytest.mark.clause("A-1")
def test_an_opening_at_the_node_is_counted_once_for_each_session(house: House, corpus: Path) -> None:
    """The real chain: dcmtk sends, the node stores, people open the study at the node, the mart counts."""
    house.start("node")
    file = min((corpus / "us-still").glob("*.dcm"))
    address = ["127.0.0.1", str(house.ports["dicom"])]
    subprocess.run(["storescu", "-aet", "H01", "-aec", "HUB", *address, str(file)], check=True, timeout=30, capture_output=True)
    uid = str(pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID)
    house.start("mart")

    def open_study(sid: str) -> bool:
        ticket = house.forge(sub="anna", sid=sid, operations=["image.view"])
        url = f"{house.images}/studies/{uid}/summary"
        return httpx.get(url, headers={"Authorization": f"Bearer {ticket}"}, timeout=10).status_code == 200

    wait_for(lambda: open_study("s1"))
    assert open_study("s1")
    assert open_study("s2")

    def accesses() -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {house.forge()}"}
        rows: list[dict[str, Any]] = httpx.get(f"{house.mart}/figures/accesses?by=institution", headers=headers, timeout=10).json()["rows"]
        return rows

    wait_for(lambda: [(row["key"], row["accesses"]) for row in accesses()] == [("H01", 2)], 15, lambda: str(accesses()))
    house.end("mart", signal.SIGKILL)
    house.start("mart")
    wait_for(lambda: [row["accesses"] for row in accesses()] == [2], 15)
