"""What was deleted goes everywhere, also where the volume was away or out of the plan; what was sent again stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from keeping import COPY, Kept, whole

pytestmark = pytest.mark.clause("S-5")
REASON = "the retention of 30 years is over"


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.plan(COPY)
    return made


def test_a_copy_on_a_volume_out_of_the_plan_goes_when_the_volume_is_back(kept: Kept) -> None:
    study, _, files = kept.study()
    kept.look()
    assert all(whole(kept.copy(digest)) for digest in files)
    kept.plan(nas=False)
    assert kept.deletion.delete(study, REASON, "retention")
    kept.look()
    assert not any(kept.online(digest).exists() for digest in files)
    assert all(kept.copy(digest).exists() for digest in files)
    kept.again()
    kept.look()
    kept.plan()
    kept.until(lambda: not any(kept.copy(digest).exists() for digest in files), 3)


def test_what_waits_of_a_deletion_is_said_with_its_reason(kept: Kept) -> None:
    study, _, files = kept.study()
    kept.look()
    kept.plan(nas=False)
    kept.deletion.delete(study, REASON, "retention")
    kept.look()
    ((volume, count, why),) = kept.keeper.undeleted()
    assert (volume, count) == ("nas", len(files))
    assert "not in the storage plan" in why
    kept.plan()
    kept.until(lambda: kept.keeper.undeleted() == [], 3)
    assert kept.storage.tombstones.count() == len(files)


def test_copies_on_a_volume_that_was_away_go_as_soon_as_it_is_back(kept: Kept, tmp_path: Path) -> None:
    study, _, files = kept.study()
    kept.look()
    kept.nas.rename(tmp_path / "unplugged")
    kept.deletion.delete(study, REASON, "retention")
    kept.look()
    (tmp_path / "unplugged").rename(kept.nas)
    kept.until(lambda: not any(kept.copy(digest).exists() for digest in files), 5)


def test_going_through_tombstones_again_takes_nothing_of_a_study_that_was_sent_again(kept: Kept, tmp_path: Path) -> None:
    study, images, files = kept.study()
    kept.look()
    kept.nas.rename(tmp_path / "unplugged")
    kept.deletion.delete(study, REASON, "retention")
    kept.deletion.finish()
    assert kept.arrive(*images) == files
    arrivals = [row["arrival"] for row in kept.database.rows("SELECT arrival FROM instance WHERE study_uid = ? ORDER BY 1", [study])]
    kept.database.writer.execute(  # as a rejection note that came after it makes it
        "INSERT INTO visibility (arrival, kind, institution, study_uid, series_uid, sop_uid, digest, note, on_arrival) "
        "VALUES (?, 'shown', 'H01', ?, '1.2', ?, ?, NULL, false)",
        [arrivals[-1] + 1, study, str(images[0].SOPInstanceUID), files[0]],
    )
    kept.storage.copies.set_away(study, "nas")
    # the first run was cut off: everything that was buried is gone through once more
    kept.storage.tombstones._file.execute("UPDATE tombstone SET done = 0")
    kept.deletion.finish()
    assert len(kept.database.rows("SELECT 1 FROM visibility WHERE study_uid = ?", [study])) == 1
    assert kept.storage.copies.away() == {study: "nas"}
    assert len(kept.database.rows("SELECT 1 FROM instance WHERE study_uid = ?", [study])) == 2
    (tmp_path / "unplugged").rename(kept.nas)
    for _ in range(30):
        kept.look()
    assert all(whole(kept.online(digest)) and whole(kept.copy(digest)) for digest in files)


def test_a_copy_is_not_taken_while_arrivals_wait_for_the_index(kept: Kept) -> None:
    """The same bytes may be among them: sent again, moved to the volume, and then the index was lost."""
    study, images, files = kept.study()
    kept.look()
    kept.plan(nas=False)
    kept.deletion.delete(study, REASON, "retention")
    kept.arrive(*images)
    kept.plan()
    kept.database.writer.execute("DELETE FROM instance")
    kept.database.writer.execute("UPDATE cursor SET journal = 0")
    kept.again()
    kept.look()
    assert all(whole(kept.copy(digest)) for digest in files)
    while kept.writer.step():
        pass
    kept.look()
    assert all(whole(kept.copy(digest)) for digest in files)
    assert len(kept.database.rows("SELECT 1 FROM instance WHERE study_uid = ?", [study])) == 2


def test_a_volume_that_never_had_a_copy_is_not_waited_for(kept: Kept, tmp_path: Path) -> None:
    """It may leave the plan for good: nothing of what was deleted can be on it."""
    (tmp_path / "a-file").write_bytes(b"")
    study, _, files = kept.study()
    kept.look()
    kept.plan(COPY, f'[[volume]]\nname = "never"\nurl = "{(tmp_path / "a-file" / "never").as_uri()}"\n')
    kept.look()
    assert "never" in kept.keeper.progress.faults
    kept.deletion.delete(study, REASON, "retention")
    kept.until(lambda: not any(kept.copy(digest).exists() for digest in files), 3)
    kept.plan(COPY)
    kept.look()
    assert kept.keeper.undeleted() == []


def test_a_copy_that_was_cut_off_before_its_row_was_written_goes_too(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_copies: object) -> None:
        raise SystemExit

    study, _, _ = kept.study()
    monkeypatch.setattr(kept.storage.copies, "record", killed)
    with pytest.raises(SystemExit):
        kept.look()
    left = list(kept.nas.rglob("*.dcm"))
    assert len(left) == 1
    assert kept.storage.copies.of(left[0].stem) == []
    kept.again()
    kept.plan()
    assert kept.deletion.delete(study, REASON, "retention")
    kept.until(lambda: not left[0].exists(), 3)


def test_when_the_table_of_copies_is_lost_every_volume_is_waited_for(kept: Kept) -> None:
    study, _, files = kept.study()
    kept.look()
    kept.database.close()
    (kept.data / "copies.sqlite").write_bytes(b"no table of anything " * 400)
    kept.plan(nas=False)
    kept.begin()
    assert kept.deletion.delete(study, REASON, "retention")
    ((volume, count, _),) = kept.keeper.undeleted()
    assert (volume, count) == ("nas", len(files))
    kept.plan()
    kept.until(lambda: not any(kept.copy(digest).exists() for digest in files), 5)
