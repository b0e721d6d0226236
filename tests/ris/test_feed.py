"""The feed's numbers grow in order of visibility: nothing ever appears behind a number already served."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import func, select

from ris.access.rules import Reach
from ris.database import Database
from ris.feed import FeedRow, OutboxRow, Sequencer, last_number, publish, rows_after
from ris.migrate import upgrade
from tests.ris.conftest import House, book
from tests.ris.test_reports import TEXT, act, written

WRITERS, EACH = 50, 4
ALL = Reach(everywhere=True)


@pytest.mark.clause("H-7")
def test_fifty_writers_and_one_slow_transaction(empty_url: str, kind: str) -> None:
    database = Database(empty_url)
    upgrade(database.engine)
    sequencers = [Sequencer(database, poll=0.05), Sequencer(database, poll=0.05)]  # as if two processes ran
    for one in sequencers:
        one.start()
    faults: list[BaseException] = []
    slow_begun, slow_may_end = threading.Event(), threading.Event()

    def slow() -> None:
        # On PostgreSQL it holds a low outbox id open while the others commit; SQLite has one writer, it goes in between.
        if kind == "sqlite":
            slow_begun.set()
            slow_may_end.wait(20)
        with database.write() as session:
            publish(session, "slow", "HA", "test", "slow", {})
            session.flush()
            slow_begun.set()
            slow_may_end.wait(20)

    def write(number: int) -> None:
        try:
            for step in range(EACH):
                with database.write() as session:
                    publish(session, "fast", "HA", "test", f"{number}-{step}", {"step": step})
        except BaseException as error:
            faults.append(error)

    seen: list[tuple[int, str]] = []
    enough = threading.Event()

    def follow() -> None:
        position = 0
        while not (enough.is_set() and len(seen) > WRITERS * EACH):
            with database.read() as session:
                rows = rows_after(session, ALL, position, 37)
            for row in rows:
                seen.append((row.seq, row.entity_id))
                position = row.seq
            if not rows:
                time.sleep(0.005)
            if enough.is_set() and time.monotonic() > limit:
                return

    limit = time.monotonic() + 60
    threads = [threading.Thread(target=slow), threading.Thread(target=follow)]
    for one in threads:
        one.start()
    assert slow_begun.wait(10)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(50)
    until = time.monotonic() + 20
    while len(seen) < WRITERS * EACH and time.monotonic() < until:
        time.sleep(0.02)
    served_before = len(seen)
    slow_may_end.set()
    enough.set()
    for one in threads:
        one.join(30)
    for one in sequencers:
        one.stop()
    assert faults == []
    assert served_before == WRITERS * EACH
    assert [seq for seq, _ in seen] == list(range(1, WRITERS * EACH + 2))  # no gap, no repetition, in order
    assert seen[-1][1] == "slow"  # it became visible last, so its number is the last, however low its outbox id was
    order: dict[str, list[int]] = {}
    for _, entity in seen[:-1]:
        writer, step = entity.split("-")
        order.setdefault(writer, []).append(int(step))
    assert all(steps == list(range(EACH)) for steps in order.values())
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == 0
        assert last_number(session) == session.scalar(select(func.max(FeedRow.seq)))
    database.close()


@pytest.mark.clause("H-7")
def test_rows_carry_the_new_state_in_full_and_no_report_text(house: House) -> None:
    since = house.feed()[-1]["seq"]
    doctor, report = written(house)
    act(house.as_("reviewer.c"), report, "sign")
    rows = house.feed(since)
    assert [row["seq"] for row in rows] == list(range(rows[0]["seq"], rows[0]["seq"] + len(rows)))
    assert {row["schema"] for row in rows} == {1}
    last = [row for row in rows if row["kind"] == "exam.changed"][-1]
    assert last["entity"] == {"type": "exam", "id": str(report["exam_ids"][0])}
    assert last["institution"] == "HA"
    shown = doctor.get(f"/exams/{report['exam_ids'][0]}")
    for name in ("stage", "patient", "study_uids", "images", "version", "arrived_at", "report_id", "reviewer"):
        assert last["data"][name] == shown[name], name
    assert {"in_progress", "images_complete", "drafting", "written", "signed"} <= set(last["data"]["state_times"])
    reports = [row for row in rows if row["kind"] == "report.changed"]
    assert [row["data"]["state"] for row in reports] == ["drafting", "written", "signed"]
    assert reports[-1]["data"]["signed_at"]
    assert all(TEXT["findings"] not in str(row) and TEXT["impression"] not in str(row) for row in rows)
    ordered = [row["kind"] for row in (book(house), *house.feed(rows[-1]["seq"])) if "kind" in row]
    assert ordered == ["order.changed", "exam.changed"]
