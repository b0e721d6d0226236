"""The scrub: online files too, also on a node without volumes; what is called lost, and what is not."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from keeping import COPY, MOVE, Kept, whole

from dicom_node.storage import scrub

pytestmark = pytest.mark.clause("S-5")
NOW = "every_days = 0.0000001"


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.mark.parametrize("harm", ["rotten", "gone"])
def test_without_volumes_online_files_are_read_again_and_a_damaged_one_is_said(kept: Kept, harm: str) -> None:
    kept.plan(nas=False, scrub=NOW)
    _, _, files = kept.study(3)
    kept.look()
    assert kept.keeper.scrubber.findings.hopeless == set()
    if harm == "rotten":
        kept.online(files[0]).write_bytes(b"rotten")
    else:
        kept.online(files[0]).unlink()
    kept.until(lambda: kept.keeper.scrubber.findings.hopeless == {files[0]}, 3)
    assert kept.online(files[0]).exists() == (harm == "rotten"), "nothing is thrown away"
    kept.again()
    kept.look()
    assert kept.keeper.scrubber.findings.hopeless == {files[0]}, "a start does not forget it"


def test_a_file_that_no_journal_entry_knows_is_not_called_damaged(kept: Kept) -> None:
    kept.plan(nas=False, scrub=NOW)
    kept.study()
    left = kept.online("ab" + "0" * 62)  # a power cut left it, and it was never acknowledged
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    findings = kept.keeper.scrubber.findings
    kept.until(lambda: findings.checked >= 2)  # what was enrolled this moment is not due yet
    assert (findings.damaged, findings.missing, findings.hopeless) == (0, 0, set())


def test_files_in_quarantine_are_read_again_too(kept: Kept) -> None:
    kept.plan(nas=False, scrub=NOW)
    _, images, _ = kept.study()
    images[0].KVP = 77
    (digest,) = kept.arrive(images[0], institution="H02")
    assert kept.database.rows("SELECT 1 FROM quarantine WHERE digest = ?", [digest])
    kept.online(digest).write_bytes(b"rotten")
    kept.until(lambda: kept.keeper.scrubber.findings.hopeless == {digest}, 3)


def test_a_deleted_study_is_not_called_lost(kept: Kept) -> None:
    kept.plan(nas=False, scrub=NOW)
    study, _, files = kept.study()
    kept.look()
    for digest in files:
        kept.online(digest).write_bytes(b"rotten")
    kept.until(lambda: kept.keeper.scrubber.findings.hopeless == set(files), 3)
    kept.deletion.delete(study, "the retention of 30 years is over", "retention")
    kept.look()
    assert kept.keeper.scrubber.findings.hopeless == set()


def test_a_file_whose_whole_copy_is_away_is_not_called_lost(kept: Kept) -> None:
    kept.plan(COPY)
    _, _, (digest, _) = kept.study()
    kept.look()
    kept.nas.rename(kept.nas.with_name("unplugged"))
    kept.online(digest).write_bytes(b"rotten")
    kept.plan(COPY, scrub=NOW)
    kept.until(lambda: kept.keeper.scrubber.findings.damaged >= 1, 10)  # a round whose time is over does one part
    assert kept.keeper.scrubber.findings.hopeless == set()


def test_a_moved_file_whose_copy_rots_is_called_lost_and_a_recalled_one_is_whole(kept: Kept) -> None:
    kept.plan(MOVE)
    _, _, (digest, other) = kept.study()
    kept.until(lambda: not kept.online(digest).exists() and not kept.online(other).exists())
    kept.plan(scrub=NOW)
    assert whole(kept.archive.path(other))
    for path in (kept.copy(digest), kept.copy(other)):
        path.write_bytes(os.urandom(100))
    kept.until(lambda: kept.keeper.scrubber.findings.hopeless == {digest}, 5)
    kept.until(lambda: whole(kept.copy(other)), 3)  # made anew from the recalled file


def test_the_first_look_at_a_large_archive_is_spread_over_rounds_and_remembered(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "ENROLLED", 2)
    kept.plan(nas=False)
    _, _, files = kept.study(5)

    def enrolled() -> int:
        return sum(count for count, _ in kept.storage.copies.counts().get("online", {}).values())

    for expected in (2, 4, 5, 5):  # a round whose time is over does one part, so that the keeper comes to its other work
        kept.keeper.scrubber.work(threading.Event(), 0.0)
        assert enrolled() == expected
    kept.again()
    asked: list[str] = []
    rows = kept.database.rows
    monkeypatch.setattr(kept.database, "rows", lambda sql, *more: asked.append(sql) or (found := rows(sql, *more)) or found)
    kept.keeper.scrubber.work(threading.Event(), 0.0)
    assert enrolled() == len(files)
    assert len([sql for sql in asked if "arrival > ?" in sql]) == 1, "a start goes through the whole index again"
