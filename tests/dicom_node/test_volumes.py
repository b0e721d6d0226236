"""Volumes by URL: both kinds behave alike; nothing half-written is ever taken for whole; what is wrong is said in words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from object_store import KEYS, ObjectStore

from dicom_node.storage.plan import PlanError, Plans, read_plan
from dicom_node.storage.volumes import Credentials, DamagedError, FolderVolume, NoCopyError, ObjectVolume, Volume, VolumeError, open_volume

pytestmark = pytest.mark.clause("S-4")


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture(params=["folder", "bucket"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Volume:
    if request.param == "folder":
        made = open_volume("nas", (tmp_path / "nas").as_uri(), None)
    else:
        store: ObjectStore = request.getfixturevalue("bucket")
        made = open_volume("bucket", store.url(tmp_path.name), Credentials(**KEYS))
    made.prepare()
    return made


def source(folder: Path, data: bytes) -> tuple[str, Path]:
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}.dcm"
    path.write_bytes(data)
    return digest, path


@pytest.mark.parametrize("size", [1, 100_000, 12 << 20])
def test_a_copy_comes_back_byte_for_byte(volume: Volume, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    digest, path = source(tmp_path, data)
    with pytest.raises(NoCopyError):
        volume.size(digest)
    volume.write(digest, path)
    volume.write(digest, path)  # once more is no harm
    out = BytesIO()
    assert volume.fetch(digest, out) == size
    assert out.getvalue() == data
    assert volume.verify(digest) == volume.size(digest) == size
    assert dict(volume.walk()) == {digest: size}
    volume.delete(digest)
    volume.delete(digest)
    with pytest.raises(NoCopyError):
        volume.verify(digest)
    assert dict(volume.walk()) == {}


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: d[:50] + bytes([d[50] ^ 1]) + d[51:], lambda _: b""])
def test_a_damaged_copy_is_never_given_as_whole(volume: Volume, tmp_path: Path, damage: object, request: pytest.FixtureRequest) -> None:
    data = os.urandom(1000)
    digest, path = source(tmp_path, data)
    volume.write(digest, path)
    broken: bytes = damage(data)  # type: ignore[operator]
    if isinstance(volume, FolderVolume):
        (volume.root / digest[:2] / f"{digest}.dcm").write_bytes(broken)
    else:
        request.getfixturevalue("bucket").overwrite(f"{tmp_path.name}/{digest[:2]}/{digest}.dcm", broken)
    with pytest.raises(DamagedError):
        volume.verify(digest)
    with pytest.raises(DamagedError):
        volume.fetch(digest, BytesIO())


def test_an_unmounted_folder_is_away_and_not_new(tmp_path: Path) -> None:
    root = tmp_path / "mount"
    made = FolderVolume("nas", root)
    made.prepare()
    digest, path = source(tmp_path, b"x" * 100)
    made.write(digest, path)
    root.rename(tmp_path / "elsewhere")  # the mount goes; its empty mount point stays
    root.mkdir()
    for act in (
        lambda: made.write(digest, path),
        lambda: made.size(digest),
        lambda: made.verify(digest),
        lambda: list(made.walk()),
        made.free,
    ):
        with pytest.raises(VolumeError, match="not mounted"):
            act()
    assert list(root.iterdir()) == []


def test_a_folder_with_other_things_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(VolumeError, match="other files"):
        FolderVolume("nas", tmp_path).prepare()


def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    made = FolderVolume("nas", tmp_path / "nas")
    made.prepare()
    (tmp_path / "nas" / "incoming" / "abc.1-2").write_bytes(b"half")
    made.sweep()
    assert list((tmp_path / "nas" / "incoming").iterdir()) == []
    assert list(made.walk()) == []


def test_a_bucket_that_is_not_there_or_refuses_is_a_fault_in_words(bucket: ObjectStore, tmp_path: Path) -> None:
    digest, path = source(tmp_path, b"y")
    nobody = open_volume("b", "s3://images?endpoint=http://127.0.0.1:1", Credentials("k", "s"))
    missing = open_volume("b", f"s3://other?endpoint={bucket.endpoint}", Credentials("k", "s"))
    assert isinstance(nobody, ObjectVolume)
    for volume in (nobody, missing):
        with pytest.raises(VolumeError, match=r"volume b|no copy"):
            volume.write(digest, path)
        with pytest.raises(VolumeError):
            list(volume.walk())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:secret@images", "keys do not belong"), ("ftp://x/y", "not a kind of volume"), ("s3://images?endpiont=x", "unknown parameter"),
        ("file://relative/path", "absolute"), ("s3:///x", "name of the bucket"), ("/just/a/path", "not a kind of volume"),
        ("s3://images?endpoint=http://127.0.0.1:1", "keys are missing"),
    ],
)  # fmt: skip
def test_a_url_with_a_fault_says_which(url: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(ValueError, match=words):
        open_volume("v", url, None)


PLAN = """
[[volume]]
name = "nas"
url = "file:///mnt/nas"
[[rule]]
name = "old"
when.age_days = 10
move_to = "nas"
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("age_days", "age_dayz"), "age_dayz"), (('move_to = "nas"', 'move_to = "tape"'), "no volume tape"), (('name = "nas"', 'name = "online"'), "unique"),
        (('move_to = "nas"', "delete = true"), "needs a reason"), (('move_to = "nas"', ""), "exactly one"), (("file:///mnt/nas", "nfs://x"), "not a kind of volume"),
        (("[[rule]]", "[[rules]]"), "rules"), (("age_days = 10", "age_days = -1"), "greater than or equal"), (("= 10", "= ="), "cannot be used"),
    ],
)  # fmt: skip
def test_a_plan_with_a_fault_says_where(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "storage.toml"
    path.write_text(PLAN)
    assert [rule.name for rule in read_plan(path)[0].rule] == ["old"]
    path.write_text(PLAN.replace(*change))
    with pytest.raises(PlanError, match=words):
        read_plan(path)


def test_a_bad_plan_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    path = tmp_path / "storage.toml"
    plans = Plans(path)
    assert plans.current()[1] == {}
    path.write_text(PLAN)
    assert list(plans.current()[1]) == ["nas"]
    path.write_text(PLAN + "nonsense = 1\n")
    assert list(plans.current()[1]) == ["nas"]
    assert "nonsense" in plans.fault
    path.write_text(PLAN.replace("nas", "archive"))
    assert list(plans.current()[1]) == ["archive"]
    assert plans.fault == ""
