"""The last whole copy of a file: no table, no broken volume and no rotten source may cost it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keeping import COPY, Kept
from object_store import KEYS, ObjectStore

from dicom_node.archive.files import Archive
from dicom_node.storage.commands import _rescan
from dicom_node.storage.keeper import Keeper, _File
from dicom_node.storage.parts import Storage
from dicom_node.storage.volumes import Credentials, NoCopyError, SourceError, Volume, VolumeError, open_volume

pytestmark = pytest.mark.clause("S-5")
PLAN = 'settled_minutes = 0\n[[volume]]\nname = "nas"\nurl = "{url}"\nfree_percent = 0\n[[rule]]\nname = "move"\nmove_to = "nas"\n'
ROT = b"rotten"


class Nothing:
    """An index without rows, a feed that keeps nothing."""

    def rows(self, *_: object) -> list[dict[str, Any]]:
        return []

    def append(self, *_: object, **__: object) -> int:
        return 0


@dataclass
class Case:
    """One file that is online, and a NAS to which it is to be moved."""

    data: Path
    nas: Path
    storage: Storage
    archive: Archive
    keeper: Keeper
    file: _File

    @property
    def volume(self) -> Volume:
        return self.storage.plans.current()[1]["nas"]

    @property
    def online(self) -> Path:
        return self.archive.place(self.file.digest)

    @property
    def copy(self) -> Path:
        return self.nas / self.file.digest[:2] / f"{self.file.digest}.dcm"

    def look(self) -> bool:
        """What the keeper does for a study that a rule moves; whether all of it is done."""
        rule = self.storage.plans.current()[0].rule[0]
        return self.keeper._do("1.2", "H01", [rule], self.storage.plans.current()[1]) and self.keeper._copy([self.file], self.volume)

    def whole(self) -> int:
        return sum(p.exists() and hashlib.sha256(p.read_bytes()).hexdigest() == p.stem for p in (self.online, self.copy))

    def rot(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.content[: -len(ROT)] + ROT)

    @property
    def content(self) -> bytes:
        return next(p for p in (self.online, self.copy) if p.exists()).read_bytes()


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    data, nas, content = tmp_path / "data", tmp_path / "nas", os.urandom(5000)
    data.mkdir()
    (data / "storage.toml").write_text(PLAN.format(url=nas.as_uri()))
    storage = Storage(SimpleNamespace(data=data, storage_file=data / "storage.toml"))
    archive = storage.archive()
    archive.prepare()
    keeper = Keeper(storage, archive, Nothing(), Nothing(), Nothing(), Nothing())
    keeper._prepare(*storage.plans.current())
    file = _File(hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setattr(keeper, "_files", lambda _study: [file])
    archive.folder(file.digest)
    archive.place(file.digest).write_bytes(content)
    return Case(data, nas, storage, archive, keeper, file)


def test_a_file_moves_when_its_copy_was_read_whole(case: Case) -> None:
    assert case.look()
    assert not case.online.exists()
    assert case.whole() == 1


def test_a_copy_found_by_a_rescan_gives_nothing_away_until_it_was_read(case: Case) -> None:
    case.rot(case.copy)
    assert _rescan(case.volume, case.keeper.rescan) == 0
    case.look()
    assert case.whole() == 1, "the online file was given away for a rotten copy"
    assert hashlib.sha256(case.copy.read_bytes()).hexdigest() == case.file.digest, "the rotten copy was made anew first"


def test_a_volume_that_has_died_since_gives_nothing_away(case: Case) -> None:
    assert case.keeper._copy([case.file], case.volume)
    shutil.rmtree(case.nas)
    assert not case.look()
    assert case.whole() == 1
    assert "not mounted" in case.keeper.progress.faults["nas"]


def test_a_rotten_online_file_never_replaces_a_whole_copy(case: Case) -> None:
    assert case.keeper._copy([case.file], case.volume)
    case.storage.copies.drop(case.file.digest, "nas")  # the table was lost
    case.rot(case.online)
    assert case.look()
    assert case.whole() == 1
    assert case.archive.path(case.file.digest).stat().st_size == case.file.size


def test_a_rotten_online_file_is_not_copied_and_is_looked_at(case: Case) -> None:
    case.rot(case.online)
    assert not case.look()
    assert not case.copy.exists()
    assert case.keeper.scrubber._suspects == [case.file.digest]
    assert case.keeper.progress.faults == {}, "the volume is not at fault"


def test_a_table_of_copies_that_is_no_database_does_not_stop_the_node(case: Case) -> None:
    table = case.data / "copies.sqlite"
    assert case.keeper._copy([case.file], case.volume)
    for end in ("-wal", "-shm"):
        table.with_name(table.name + end).unlink(missing_ok=True)
    table.write_bytes(b"no database " * 1000)
    again = Storage(SimpleNamespace(data=case.data, storage_file=case.data / "storage.toml"))
    case.online.unlink()
    assert again.archive().path(case.file.digest).stat().st_size == case.file.size
    assert table.with_name("copies.sqlite.aside").read_bytes().startswith(b"no database")


def test_deletion_takes_copies_that_the_table_does_not_know(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.plan(COPY)
    study, _, (digest, _) = kept.study()
    kept.look()
    kept.storage.copies.drop(digest, "nas")  # killed between writing the copy and its row
    kept.plan()
    assert kept.deletion.delete(study, "a reason to delete", "rule")
    kept.look()
    assert not kept.copy(digest).exists()


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


@pytest.mark.clause("S-4")
def test_a_bucket_that_is_gone_has_lost_nothing(bucket: ObjectStore) -> None:
    gone = open_volume("s3", f"s3://no-such-bucket/x?endpoint={bucket.endpoint}", Credentials(**KEYS))
    for ask in (lambda: gone.size("a" * 64), lambda: list(gone.pieces("a" * 64))):
        with pytest.raises(VolumeError, match="not there") as caught:
            ask()
        assert not isinstance(caught.value, NoCopyError)


@pytest.mark.clause("S-4")
def test_an_object_store_refuses_a_rotten_source_and_keeps_what_it_has(bucket: ObjectStore, tmp_path: Path) -> None:
    volume = open_volume("s3", bucket.url(), Credentials(**KEYS))
    volume.prepare()
    source, content = tmp_path / "source", os.urandom(3000)
    digest = hashlib.sha256(content).hexdigest()
    source.write_bytes(content)
    volume.write(digest, source)
    source.write_bytes(content[:-1])
    with pytest.raises(SourceError):
        volume.write(digest, source)
    assert volume.verify(digest) == len(content)
