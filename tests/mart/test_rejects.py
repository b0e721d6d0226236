"""Rejected images: from notes that a real node took, through the images feed, to the figure; and the counts of ris."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipelines.mart import facts, figures
from pipelines.mart.following import MartFollower
from pipelines.mart.rejects import rejects
from pipelines.mart.store import MartStore
from tests.mart.house import PEOPLE, House, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dicom_node"))

ZONE = ZoneInfo("Asia/Shanghai")


def hidden(
    place: int, sop: str, reason: str, *, institution: str = "H01", modality: str | None = "DX", study: str = "1.1"
) -> dict[str, Any]:
    data = {"reason": {"code": reason, "meaning": "x"}, "qualifiers": [{"code": "111210", "scheme": "DCM", "meaning": "Motion blur"}],
            "instance_modality": modality, "on_arrival": False, "patient_name": "机密^名", "patient_id": "SECRET"}  # fmt: skip
    # 15:59 UTC is still the same day in Shanghai, 16:01 is the next
    at = f"2026-03-0{place}T15:59:00Z" if place < 5 else "2026-03-05T16:01:00Z"
    return {"seq": place, "kind": "instance.hidden", "schema": 1, "at": at, "institution": institution, "study_uid": study,
            "series_uid": study + ".1", "sop_uid": sop, "data": data}  # fmt: skip


def exam(number: int, arrived: str, *, modality: str, images: int, institution: str = "H01") -> dict[str, Any]:
    return {"exam_id": number, "institution": {"code": institution}, "modality": modality, "exam_state": "images_complete",
            "arrived_at": arrived, "study_uids": [f"1.{number}"], "images": images, "priority": "routine"}  # fmt: skip


def numbered(*parts: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"seq": n, "kind": kind, "schema": 1, "at": "2026-03-01T00:00:00Z", "data": data} for n, (kind, data) in enumerate(parts, 1)]


@pytest.mark.clause("A-2", "H-8")
def test_rejects_are_counted_once_each_by_all_that_may_be_asked(tmp_path: Path) -> None:
    rows = [
        hidden(1, "1.1.1.1", "113001"), hidden(2, "1.1.1.2", "113001"), hidden(3, "1.2.1.1", "113037", study="1.2", modality="CT"),
        hidden(4, "1.1.1.1", "113037"),  # rejected once more: counted already
        hidden(5, "1.3.1.1", "113038", study="1.3", institution="H02"), hidden(6, "1.3.1.2", "113039", study="1.3", institution="H02"),
        hidden(7, "1.4.1.1", "113001", study="1.4", modality=None),
    ]  # fmt: skip
    store = MartStore(tmp_path / "mart.duckdb", ZONE.key)

    def feed(since: int, *, limit: int, wait: float) -> dict[str, Any]:
        found = [row for row in rows if row["seq"] > since][:limit]
        return {"rows": found, "next": found[-1]["seq"] if found else since}

    digests = set()
    for batch in (1, 3, 100):
        follower = MartFollower("images", feed, store, ZONE, batch=batch)
        follower.rebuild()
        while follower.step():
            pass
        digests.add(store.digest()["rejects"])
    assert len(digests) == 1
    every = figures.Filters()
    # 15 images in use: 10 of H01's DX on the 1st, 5 of H02's CT on the 4th, on which nothing was rejected
    exams = [("exam.changed", exam(1, "2026-03-01T00:00:00Z", modality="DX", images=10)),
             ("exam.changed", exam(2, "2026-03-04T00:00:00Z", modality="CT", images=5, institution="H02"))]  # fmt: skip
    store.apply(facts.read(facts.RECORDS, numbered(*exams), ZONE))
    with store.reading() as connection:

        def asked(by: Any, filters: figures.Filters = every, scope: frozenset[str] | None = None) -> dict[str, Any]:
            return {str(row["key"]): row["rejects"] for row in rejects(connection, figures.Scope(scope), filters, by)}

        assert rejects(connection, figures.Scope(None), every, "total") == [
            {"key": "all", "rejects": 5, "quality": 3, "studies": 4, "images": 15, "rate": 0.25}
        ]
        rates = {row["key"]: row["rate"] for row in rejects(connection, figures.Scope(None), every, "institution")}
        assert rates == {"H01": 4 / 14, "H02": 1 / 6}
        rates = {row["key"]: row["rate"] for row in rejects(connection, figures.Scope(None), every, "modality")}
        assert rates == {"DX": 3 / 13, "CT": 1 / 6, "": 1.0}
        rates = {row["key"]: row["rate"] for row in rejects(connection, figures.Scope(None), every, "reason")}
        assert rates == {"113001": 3 / 18, "113037": 1 / 16, "113038": 1 / 16}
        rates = {str(row["key"]): row["rate"] for row in rejects(connection, figures.Scope(None), every, "day")}
        assert rates == {
            "2026-03-01": 1 / 11,
            "2026-03-02": 1.0,
            "2026-03-03": 1.0,
            "2026-03-04": 0.0,
            "2026-03-05": None,
            "2026-03-06": 1.0,
        }
        assert asked("institution") == {"H01": 4, "H02": 1}
        assert asked("modality") == {"DX": 3, "CT": 1, "": 1}
        assert asked("reason") == {"113001": 3, "113037": 1, "113038": 1}
        assert {day: n for day, n in asked("day").items() if n} == {
            "2026-03-01": 1, "2026-03-02": 1, "2026-03-03": 1, "2026-03-06": 2
        }  # fmt: skip
        assert len(asked("day")) == 6  # days without rejects are zeros
        assert asked("total", figures.Filters(modalities=("DX",), institutions=("H01",))) == {"all": 2}
        assert asked("total", scope=frozenset({"H02"})) == {"all": 1}
        assert asked("total", scope=frozenset()) == {"all": 0}
        kept = repr(connection.execute("SELECT * FROM rejects").fetchall())
        assert "SECRET" not in kept and "机密" not in kept
    store.close()


@pytest.mark.clause("A-2", "S-1")
def test_from_the_note_to_the_figure_and_the_worklist(tmp_path: Path, free_port: Any) -> None:
    from rejecting import QUALITY, SAFETY, note, send
    from running_node import image

    from pipelines.linking import newest_arrivals
    from tests.worker import take_free_port

    del free_port
    house = House(tmp_path, take_free_port)
    try:
        house.bootstrap({name: PEOPLE[name] for name in ("admin", "boss2", "writer")})
        for name in ("ris", "node", "mart"):
            house.start(name)
        first = image()
        images = [first, *(image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n) for n in (2, 3))]
        gone = image()
        send(house.ports["dicom"], "H01", *images, gone, note(QUALITY, [images[2]]), note(SAFETY, [gone]))

        def rows() -> list[dict[str, Any]]:
            return house.ask("admin", "/figures/rejects", by="reason").json()["rows"]

        wait_for(lambda: {row["key"]: row["rejects"] for row in rows()} == {"113001": 1, "113037": 1}, 20, lambda: house.log("mart"))
        assert {(row["name"], row["name_en"]) for row in rows()} >= {("图像质量不合格", "Rejected for quality")}
        answer = house.ask("admin", "/figures/rejects", by="institution").json()
        assert [(row["key"], row["name"], row["rejects"], row["studies"]) for row in answer["rows"]] == [("H01", "第一医院", 2, 2)]
        assert answer["filters"]["by"] == "institution"
        # midnight may have passed in between: two days hold everything
        today, yesterday = datetime.now(ZONE).date().isoformat(), (datetime.now(ZONE) - timedelta(days=1)).date().isoformat()
        days = [row["key"] for row in house.ask("admin", "/figures/rejects", by="day").json()["rows"]]
        assert days[-1] <= today
        assert house.ask("boss2", "/figures/rejects").json()["rows"] == [
            {"key": "all", "rejects": 0, "quality": 0, "studies": 0, "images": 0, "rate": None}
        ]
        assert house.ask("admin", "/figures/rejects", by="name").status_code == 422
        now, before = house.ask("admin", "/figures/overview", **{"from": yesterday, "to": today}).json()["rows"]
        assert (now["rejects"], before["rejects"], before["reject_rate"]) == (2, 0, None)
        # linking: the exam has the images that are left; a study that is wholly rejected keeps its exam, without images
        feed = facts_of(house)
        told = newest_arrivals([row for row in feed if row["seq"] <= next(r["seq"] for r in feed if r["sop_uid"] == gone.SOPInstanceUID)])
        tell(house, told)
        tell(house, newest_arrivals(feed))
        exams = house.call("writer", "GET", "/worklist", params={"view": "all", "limit": 500})["rows"]
        counts = {uid: exam["images"] for exam in exams for uid in exam["study_uids"]}
        assert counts == {first.StudyInstanceUID: 3, gone.StudyInstanceUID: 0}  # two images and the note, which is shown
        never = [{**told[0], "study_uid": "2.25.99", "images_seq": 10**6, "instances": 0}]
        (refused,) = tell(house, never)
        assert (refused["linked"], refused["reason"]["code"]) == (False, "no_images")
    finally:
        house.stop()


def facts_of(house: House) -> list[dict[str, Any]]:
    """The images feed, once both rejections are in it."""
    import httpx

    def read() -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {house.service_ticket('followers')}"}
        return list(httpx.get(f"{house.images}/changes", params={"since": 0, "limit": 500}, headers=headers, timeout=10).json()["rows"])

    wait_for(lambda: sum(row["kind"] == "instance.hidden" for row in read()) == 2)
    return read()


def tell(house: House, arrivals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import httpx

    headers = {"Authorization": f"Bearer {house.service_ticket('followers')}"}
    answer = httpx.post(f"{house.ris}/api/v1/studies/arrivals", json={"arrivals": arrivals}, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_the_table_knows_no_reason_that_is_not_a_reject() -> None:
    changes = facts.read(facts.IMAGES, [hidden(1, "1.1", "113039")], ZONE)
    assert changes.rows == {}
