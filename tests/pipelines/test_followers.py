"""Linking, annotations and access: what they tell ris and the node, each in its own right, also when the process is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.access import entry_of
from pipelines.annotations import newest_annotations
from pipelines.linking import newest_arrivals

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Any, seconds: float = 15.0, what: str = "it") -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Process:
    """`python -m pipelines.followers` against the given services."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        secret = folder / "secret"
        secret.write_text("a secret of the test\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "FOLLOWERS_DATA": str(folder / "followers"),
            "RIS_URL": url + "/services/ris",
            "IMAGES_URL": url + "/services/images",
            "SERVICE_NAME": "followers",
            "SERVICE_SECRET_FILE": str(secret),
        }
        self.child: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipelines.followers", *arguments]

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(self.command(), env=self.environment, stdout=log, stderr=log, cwd=ROOT)

    def stop(self, number: int = signal.SIGKILL) -> int:
        assert self.child is not None
        self.child.send_signal(number)
        return self.child.wait(10)

    def tell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT
        )

    def ask(self, query: str) -> list[Any]:
        base = sqlite3.connect(self.folder / "followers" / "cursors.sqlite", timeout=10)
        try:
            return base.execute(query).fetchall()
        finally:
            base.close()

    def places(self) -> dict[str, int]:
        return dict(self.ask("SELECT name, seq FROM follower"))

    def aside(self) -> list[Any]:
        return self.ask("SELECT name, seq FROM row_aside")

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def followers(tmp_path: Path, feed_server: Any) -> Iterator[Process]:
    process = Process(tmp_path, feed_server.url)
    yield process
    if process.child is not None and process.child.poll() is None:
        process.stop()


def stored(seq: int, study: str, instances: int, kind: str = "instance.stored", institution: str = "H01") -> dict[str, Any]:
    data = {"institution": "H99", "accession": "A1", "instances": instances}
    return {"seq": seq, "kind": kind, "institution": institution, "study_uid": study, "data": data}


@pytest.mark.clause("H-5", "S-1")
def test_a_burst_becomes_one_arrival_a_study_with_its_newest_state() -> None:
    rows = [stored(seq, "1.2" if seq % 2 else "1.3", seq) for seq in range(1, 501)]
    rows.append(stored(501, "1.2", 499, "series.quiet"))
    rows.append({"seq": 502, "kind": "study.opened", "institution": "H01", "study_uid": "1.4", "data": {}})
    first, second = newest_arrivals(rows)
    assert (first["study_uid"], first["images_seq"], first["instances"], first["quiet"]) == ("1.2", 501, 499, True)
    assert (second["study_uid"], second["images_seq"], second["instances"], second["quiet"]) == ("1.3", 500, 500, False)
    assert first["institution"] == "H01", "the sender's institution, whatever the data say"


@pytest.mark.clause("H-2")
def test_what_the_node_learns_of_the_records() -> None:
    rows = [
        {
            "seq": 1,
            "kind": "exam.changed",
            "institution": "H01",
            "at": "t",
            "data": {"exam_id": 7, "report_state": "written", "study_uids": ["1.2"]},
        },
        {
            "seq": 2,
            "kind": "account.changed",
            "institution": None,
            "at": "t",
            "data": {"username": "wang", "disabled": True, "not_before": 5.5},
        },
        {"seq": 3, "kind": "session.ended", "institution": None, "at": "t", "data": {"username": "li", "sid": "s1"}},
        {
            "seq": 4,
            "kind": "exam.changed",
            "institution": "H01",
            "at": "t",
            "data": {"exam_id": 7, "report_state": "signed", "study_uids": ["1.2"]},
        },
        {
            "seq": 5,
            "kind": "account.changed",
            "institution": None,
            "at": "t",
            "data": {"username": "new", "disabled": False, "not_before": None},
        },
        {"seq": 6, "kind": "order.changed", "institution": "H01", "at": "t", "data": {}},
        {
            "seq": 7,
            "kind": "account.changed",
            "institution": None,
            "at": "t",
            "data": {"username": "wang", "disabled": False, "not_before": 5.5},
        },
    ]
    made = {(one["table"], one["key"]): one for one in newest_annotations(rows)}
    assert set(made) == {("report_state", "1.2"), ("revocations", "wang"), ("revocations", "session:s1")}
    assert made["report_state", "1.2"]["version"] == 4
    assert made["report_state", "1.2"]["data"]["report_state"] == "signed"
    assert made["revocations", "wang"] == {
        "table": "revocations", "key": "wang", "version": 7, "data": {"not_before": 5.5, "disabled": False},
    }  # fmt: skip


@pytest.mark.clause("A-1")
def test_an_opening_is_one_entry_with_its_own_key() -> None:
    row = {"seq": 9, "kind": "study.opened", "at": "2026-01-05T01:02:03Z", "institution": "H02", "study_uid": "1.2",
           "data": {"username": "wang", "sid": "s1"}}  # fmt: skip
    entry = entry_of(row)
    assert entry["key"] == "images:9"
    assert (entry["username"], entry["at"], entry["institution"]) == ("wang", "2026-01-05T01:02:03Z", "H02")
    assert entry["entity"] == {"type": "study", "id": "1.2"}
    retrieved = entry_of(row | {"data": {"aet": "WS1", "destination": "PACS"}})
    assert (retrieved["username"], retrieved["detail"], retrieved["sid"]) == ("AE WS1", {"destination": "PACS"}, None)


@pytest.mark.clause("H-5", "O-1", "A-1")
def test_killed_in_loops_the_process_loses_and_doubles_nothing(followers: Process, feed_server: Any) -> None:
    dice = random.Random(5)
    for turn in range(4):
        for number in range(60):
            feed_server.store(f"1.2.{turn}", number + 1)
            if number % 6 == 0:
                feed_server.add("images", "study.opened", study_uid=f"1.2.{turn}", data={"username": "wang", "sid": f"s{number}"})
                feed_server.add("records", "exam.changed", entity={"type": "exam", "id": "1"},
                                data={"exam_id": turn, "report_state": f"state {number}", "study_uids": [f"1.2.{turn}"]})  # fmt: skip
        if followers.child is None or followers.child.poll() is not None:
            before = feed_server.calls.total()
            followers.start()
            until(lambda before=before: feed_server.calls.total() > before, what="the first effect after a start")
        time.sleep(dice.random() * 0.15)
        followers.stop(signal.SIGKILL)
    starts = followers.log().count("follower.started")
    followers.start()
    opened = {f"images:{row['seq']}" for row in feed_server.images if row["kind"] == "study.opened"}
    until(lambda: set(feed_server.entries) == opened, what="every access in the audit")
    newest = {f"1.2.{turn}" for turn in range(4)}
    until(lambda: {study for study, _ in feed_server.arrivals} >= newest, what="every study")

    def all_told() -> bool:
        told = {study: max(seq for one, seq in feed_server.arrivals if one == study) for study in newest}
        return all(feed_server.arrivals[study, seq]["instances"] == 60 for study, seq in told.items())

    until(all_told, what="the last image of every study")
    until(lambda: len(feed_server.annotations) == 4, what="annotations")
    until(lambda: all(one["data"]["report_state"] == "state 54" for one in feed_server.annotations.values()), what="the newest states")
    ends = {"linking": len(feed_server.images), "access": len(feed_server.images), "annotations": len(feed_server.records)}

    until(lambda: followers.places() == ends, what="every cursor at the end of its feed")
    until(lambda: followers.log().count("follower.started") > starts, what="the last start")
    assert followers.stop(signal.SIGTERM) == 0
    assert followers.aside() == []


@pytest.mark.clause("H-5")
def test_five_hundred_images_at_once_are_few_calls_and_the_first_is_told_at_once(followers: Process, feed_server: Any) -> None:
    followers.start()
    until(lambda: feed_server.calls.total() > 0 or "follower.started" in followers.log(), what="the start")
    time.sleep(0.3)
    begun = time.monotonic()
    feed_server.store("1.9", 1)
    until(lambda: ("1.9", 1) in feed_server.arrivals, 2, "the first image")
    assert time.monotonic() - begun < 1.0
    for number in range(2, 501):
        feed_server.store("1.9", number)
    until(lambda: any(one["instances"] == 500 for one in feed_server.arrivals.values()), 5, "the last image")
    assert feed_server.calls["arrivals"] <= 15


@pytest.mark.clause("O-1")
def test_each_fails_and_recovers_alone(followers: Process, feed_server: Any) -> None:
    feed_server.refuse["1.66"] = 500  # ris is well, but this study breaks it
    feed_server.store("1.66", 1)
    feed_server.store("1.67", 1)
    feed_server.add("images", "study.opened", study_uid="1.2", data={"username": "wang", "sid": "s"})
    followers.start()
    until(lambda: feed_server.entries, what="access, while linking fails")
    until(lambda: ("1.67", 2) in feed_server.arrivals, 20, "the study behind the poison one")
    status = json.loads(followers.tell("status").stdout)
    (aside,) = status["linking"]["aside"]
    assert (aside["seq"], aside["kind"]) == (1, "instance.stored")
    assert "500" in aside["reason"]
    assert status["access"]["aside"] == []
    log = followers.log()
    assert "feed.row_set_aside" in log
    assert "王小明" not in log
    assert all(json.loads(line)["event"] for line in log.splitlines())
    # A corrected ris: at the next start the row is told after all.
    feed_server.refuse.clear()
    followers.stop(signal.SIGTERM)
    followers.start()
    until(lambda: ("1.66", 1) in feed_server.arrivals, what="the row taken back")
    until(lambda: followers.aside() == [], what="an empty list")


@pytest.mark.clause("O-1")
def test_while_services_are_down_nothing_is_skipped(followers: Process, feed_server: Any) -> None:
    feed_server.down = 503
    feed_server.store("1.5", 1)
    followers.start()
    until(lambda: followers.log().count("follower.failed") >= 6, what="failures")
    feed_server.down = 0
    until(lambda: ("1.5", 1) in feed_server.arrivals, 8, "recovery")
    assert followers.aside() == []


@pytest.mark.clause("O-1")
def test_rebuild_tells_everything_again_and_a_second_process_is_refused(followers: Process, feed_server: Any) -> None:
    feed_server.store("1.5", 1)
    followers.start()
    until(lambda: ("1.5", 1) in feed_server.arrivals, what="the arrival")
    second = followers.tell("rebuild", "linking")
    assert second.returncode != 0
    assert "已有跟随进程" in second.stderr
    assert followers.stop(signal.SIGTERM) == 0
    feed_server.arrivals.clear()
    assert followers.tell("rebuild", "linking").returncode == 0
    followers.start()
    until(lambda: ("1.5", 1) in feed_server.arrivals, what="the arrival again")
    unknown = Process(followers.folder, feed_server.url)
    unknown.environment["FOLLOWERS_DATA"] = str(followers.folder / "other")
    assert unknown.tell("rebuild", "nobody").returncode == 2


@pytest.mark.clause("O-1")
def test_missing_settings_are_named(followers: Process) -> None:
    del followers.environment["RIS_URL"]
    done = followers.tell()
    assert done.returncode == 2
    assert "RIS_URL" in done.stderr
