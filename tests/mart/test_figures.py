"""Figures against the same facts computed independently: from the raw API of ris, with numpy and plain Python."""

from __future__ import annotations

import io
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pyarrow as pa
import pytest

from pipelines.mart.client import MartClient
from tests.mart.conftest import Furnished

ZONE = ZoneInfo("Asia/Shanghai")


def raw(furnished: Furnished) -> list[dict]:
    """Every counted exam as ris' worklist gives it, with the signature of its report."""
    rows = furnished.house.call("writer", "GET", "/worklist", params={"view": "all", "limit": 500})["rows"]
    counted = [row for row in rows if row["arrived_at"] and row["exam_state"] != "cancelled"]
    for row in counted:
        report = furnished.house.call("writer", "GET", f"/reports/{row['report_id']}") if row["report_id"] else None
        row["signed_at"] = report["signed_at"] if report else None
        row["flag"] = report["positive"] if report and report["signed_at"] else None
    return counted


def minutes(row: dict) -> float:
    return (datetime.fromisoformat(row["signed_at"]) - datetime.fromisoformat(row["arrived_at"])) / timedelta(minutes=1)


@pytest.mark.clause("A-1", "H-8")
def test_counts_are_those_of_the_records(furnished: Furnished) -> None:
    rows = raw(furnished)
    assert len(rows) == len(furnished.exams) == 18
    ask = furnished.house.ask
    for by, key in (("institution", lambda row: row["institution"]["code"]), ("modality", lambda row: row["modality"])):
        got = {row["key"]: row["exams"] for row in ask("admin", "/figures/exams", by=by).json()["rows"]}
        assert got == Counter(map(key, rows))
    days = Counter(datetime.fromisoformat(row["arrived_at"]).astimezone(ZONE).date().isoformat() for row in rows)
    by_day = ask("admin", "/figures/exams", by="day").json()["rows"]
    assert {row["key"]: row["exams"] for row in by_day} == days
    total = ask("admin", "/figures/exams", by="total").json()["rows"][0]
    assert total["signed"] == sum(row["signed_at"] is not None for row in rows)
    assert total["waiting"] == sum(row["signed_at"] is None for row in rows)
    assert total["positive"] == sum(row["flag"] is True for row in rows)
    assert total["stated"] == sum(row["flag"] is not None for row in rows)
    assert total["per_day"] == pytest.approx(len(rows) / len(days))


@pytest.mark.clause("A-1")
def test_turnaround_percentiles_are_numpys(furnished: Furnished) -> None:
    rows = [row for row in raw(furnished) if row["signed_at"]]
    answer = furnished.house.ask("admin", "/figures/turnaround", by="institution").json()
    assert {row["key"] for row in answer["rows"]} == {"H01", "H02"}
    for row in answer["rows"]:
        values = [minutes(one) for one in rows if one["institution"]["code"] == row["key"]]
        assert row["signed"] == len(values)
        assert (row["p50"], row["p90"], row["mean"]) == pytest.approx(
            (np.percentile(values, 50), np.percentile(values, 90), np.mean(values)), rel=1e-6
        )
    whole = furnished.house.ask("admin", "/figures/overview").json()["rows"][0]
    assert whole["p90"] == pytest.approx(np.percentile([minutes(one) for one in rows], 90), rel=1e-6)


@pytest.mark.clause("A-4")
def test_the_exams_behind_a_bar_are_those_it_counts(furnished: Furnished) -> None:
    house = furnished.house
    for bar in house.ask("admin", "/figures/exams", by="modality").json()["rows"]:
        behind = house.ask("admin", "/exams", modality=bar["key"]).json()
        assert behind["total"] == bar["exams"] == len(behind["rows"])
        assert {int(row["exam_id"]) for row in behind["rows"]} == {
            n for n, exam in furnished.exams.items() if exam["modality"] == bar["key"]
        }
        for status in ("signed", "waiting", "positive"):
            assert house.ask("admin", "/exams", modality=bar["key"], status=status).json()["total"] == bar[status]
        # born 2025-03-01, images of 2026-05-05
        ages = {(row["age_value"], row["age_unit"], row["age_months"], row["age_days"]) for row in behind["rows"]}
        assert ages == {(14, "M", 0, 430)}
    pages = [house.ask("admin", "/exams", limit=7, offset=start).json()["rows"] for start in (0, 7, 14)]
    assert [len(page) for page in pages] == [7, 7, 4]
    assert len({row["exam_id"] for page in pages for row in page}) == 18


@pytest.mark.clause("A-4")
def test_filters_and_the_period_before(furnished: Furnished) -> None:
    house = furnished.house
    today = datetime.now(ZONE).date()
    # midnight may have passed since the house was furnished: two days hold everything
    first, last = today - timedelta(days=1), today
    asked = {"from": first.isoformat(), "to": last.isoformat()}
    now, before = house.ask("admin", "/figures/overview", **asked).json()["rows"]
    assert (now["exams"], before["exams"]) == (18, 0)
    assert (before["from"], before["to"]) == ((first - timedelta(days=2)).isoformat(), (first - timedelta(days=1)).isoformat())
    assert now["per_day"] == 9.0
    assert [
        row["exams"] for row in house.ask("admin", "/figures/exams", by="day", **{"from": "2020-02-27", "to": "2020-03-01"}).json()["rows"]
    ] == [0] * 4
    narrowed = house.ask("admin", "/figures/exams", by="total", institution=["H02"], modality=["CT", "MR"], **asked).json()
    wanted = [exam for exam in furnished.exams.values() if exam["institution"] == "H02" and exam["modality"] in {"CT", "MR"}]
    assert narrowed["rows"][0]["exams"] == len(wanted)
    assert narrowed["filters"]["institution"] == ["H02"]


@pytest.mark.clause("H-8")
def test_every_answer_says_what_it_counts_and_how_far_it_knows(furnished: Furnished) -> None:
    house = furnished.house
    last = house.feed()[-1]["seq"]
    for path in (
        "/figures/exams",
        "/figures/turnaround",
        "/figures/accesses",
        "/figures/rejects",
        "/figures/overview",
        "/exams",
        "/choices",
    ):
        answer = house.ask("admin", path)
        body = answer.json()
        assert set(body) >= {"rows", "definition", "filters", "as_of_seq"}
        assert "Asia/Shanghai" in body["definition"]["zh"]
        assert body["definition"]["en"]
        assert body["as_of_seq"] <= last
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.clause("H-8")
def test_arrow_says_the_same_as_json(furnished: Furnished) -> None:
    house = furnished.house
    headers = {"Authorization": f"Bearer {house.forge()}", "Accept": "application/vnd.apache.arrow.stream"}
    for path in (
        "/figures/exams?by=institution",
        "/figures/turnaround?by=day",
        "/figures/overview",
        "/exams?limit=5",
        "/figures/accesses?by=day",
    ):
        table = pa.ipc.open_stream(io.BytesIO(httpx.get(house.mart + path, headers=headers, timeout=10).content)).read_all()
        rows = house.ask("admin", path).json()["rows"]
        assert table.num_rows == len(rows)
        for column in {"key", "exams", "p50", "exam_id"} & set(table.column_names):
            assert table.column(column).to_pylist() == [row[column] for row in rows]
        assert b"definition" in table.schema.metadata
        assert table.schema.field(0).type == pa.string()


@pytest.mark.clause("H-8")
def test_the_client_reads_it(furnished: Furnished) -> None:
    client = MartClient(furnished.house.mart, furnished.house.forge)
    assert client.figure("exams", "total").rows[0]["exams"] == 18
    assert client.exams(institution=["H01"], limit=3).total == 12
    kinds = Counter(row["kind"] for row in client.choices().rows)
    assert kinds == {"institution": 2, "modality": 3, "first": 1, "last": 1}


@pytest.mark.clause("A-1")
def test_recall_makes_an_exam_wait_again_and_an_addendum_does_not_make_it_late(furnished: Furnished) -> None:
    house = furnished.house
    signed = [exam for exam, report in furnished.reports.items() if house.call("writer", "GET", f"/reports/{report}")["signed_at"]]
    exam, report = signed[0], furnished.reports[signed[0]]

    def seen() -> dict:
        house.settle()
        rows = house.ask("admin", "/exams", limit=500).json()["rows"]
        return next(row for row in rows if row["exam_id"] == str(exam))

    first = seen()
    version = house.call("writer", "GET", f"/reports/{report}")["version"]
    body = {"action": "addendum", "version": version}
    version = house.call("writer", "POST", f"/reports/{report}/transitions", json=body)["version"]
    assert seen()["signed_at"] == first["signed_at"]
    body = {"action": "submit", "version": version, "findings": "补充", "impression": "补充"}
    version = house.call("writer", "POST", f"/reports/{report}/transitions", json=body)["version"]
    version = house.act(report, "sign", version)["version"]
    assert seen()["minutes"] == first["minutes"]
    version = house.act(report, "recall", version, reason="错误")["version"]
    assert (seen()["signed_at"], seen()["minutes"]) == (None, None)
    body = {"action": "submit", "version": version, "findings": "更正", "impression": "更正"}
    version = house.call("writer", "POST", f"/reports/{report}/transitions", json=body)["version"]
    house.act(report, "sign", version)
    assert seen()["signed_at"] > first["signed_at"]
