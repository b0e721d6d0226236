"""The table of copies was lost: what is on the volumes is found out by itself, and until then nothing is given away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keeping import COPY, MOVE, Kept, whole

from dicom_node.storage.volumes import FolderVolume, VolumeError

pytestmark = pytest.mark.clause("S-5")


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.plan(COPY)
    return made


def lose_the_table(kept: Kept, *, damaged: bool = False) -> None:
    for path in kept.data.glob("copies.sqlite*"):
        path.unlink()
    if damaged:
        (kept.data / "copies.sqlite").write_bytes(b"no database " * 1000)


@pytest.mark.parametrize("damaged", [True, False])
def test_copies_are_found_again_without_anybody_asking(kept: Kept, damaged: bool) -> None:
    _, _, files = kept.study(3)
    kept.look()
    lose_the_table(kept, damaged=damaged)
    kept.plan()
    kept.again()
    kept.look()
    assert {copy.volume for digest in files for copy in kept.storage.copies.of(digest)} >= {"nas"}
    assert kept.storage.copies.counts()["nas"]["whole"][0] == 3


def test_nothing_is_moved_until_everything_is_found_out(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, files = kept.study(3)
    kept.look()
    lose_the_table(kept)
    kept.plan(MOVE)
    kept.again()
    walk = FolderVolume.walk

    def broken(volume: FolderVolume) -> Iterator[tuple[str, int]]:
        yield next(walk(volume))
        raise VolumeError("the network is slow today")

    monkeypatch.setattr(FolderVolume, "walk", broken)
    for _ in range(3):
        kept.look()
    assert all(whole(kept.online(digest)) for digest in files)
    assert kept.keeper.rescan.progress["nas"] == 1
    monkeypatch.setattr(FolderVolume, "walk", walk)
    kept.until(lambda: not any(kept.online(digest).exists() for digest in files))
    assert kept.keeper.rescan.progress == {}
    assert all(whole(kept.copy(digest)) for digest in files)


def test_a_volume_that_cannot_be_asked_keeps_the_others_from_nothing(kept: Kept) -> None:
    _, _, files = kept.study()
    kept.two('[[rule]]\nname = "move"\nmove_to = "second"\n')
    kept.look()
    kept.until(lambda: not any(kept.online(digest).exists() for digest in files))
    lose_the_table(kept)
    kept.second.rename(kept.second.with_name("unplugged"))
    kept.two(COPY)
    _, _, (new, _) = kept.study()
    kept.again()
    kept.until(lambda: whole(kept.copy(new)))


def test_the_scrub_does_not_bring_back_what_was_moved_before_the_table_was_lost(kept: Kept) -> None:
    study, _, files = kept.study()
    kept.plan(MOVE)
    kept.until(lambda: not any(kept.online(digest).exists() for digest in files))
    lose_the_table(kept)
    kept.plan(scrub="every_days = 0.0000001")
    kept.again()
    for _ in range(4):
        kept.look()
    assert not any(kept.online(digest).exists() for digest in files)
    assert kept.storage.copies.away() == {study: "nas"}


def test_copies_of_deleted_files_that_are_found_go(kept: Kept) -> None:
    study, images, files = kept.study()
    other, _, (stays, _) = kept.study()
    kept.look()
    kept.plan(nas=False)
    lose_the_table(kept)
    (kept.data / "volumes.json").unlink()
    kept.again()
    kept.deletion.delete(study, "the retention of 30 years is over", "retention")
    kept.deletion.delete(other, "the retention of 30 years is over", "retention")
    kept.look()
    assert kept.storage.tombstones.waiting() == {}, "nobody knows of the copies"
    kept.plan()
    kept.until(lambda: not any(kept.copy(digest).exists() for digest in [*files, stays]), 5)
    assert kept.arrive(*images) == files
