"""Which volume it is: shares that were exchanged, an emptied or new disk or bucket in a volume's place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeping import COPY, MOVE, Kept, whole
from object_store import KEYS, ObjectStore

from dicom_node.storage.recall import AwayError

pytestmark = pytest.mark.clause("S-4", "S-5")


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def exchange(kept: Kept) -> None:
    aside = kept.nas.with_name("aside")
    kept.nas.rename(aside)
    kept.second.rename(kept.nas)
    aside.rename(kept.second)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*.dcm"))


def states(kept: Kept, digest: str) -> dict[str, str]:
    return {copy.volume: copy.state for copy in kept.storage.copies.of(digest)}


def test_exchanged_shares_are_noticed_and_not_written_to(kept: Kept) -> None:
    kept.two(COPY)
    _, _, (old, _) = kept.study()
    kept.look()
    assert whole(kept.copy(old))
    before = names(kept.nas), names(kept.second)
    exchange(kept)
    _, _, (new, _) = kept.study()
    kept.look()
    assert (names(kept.second), names(kept.nas)) == before
    assert states(kept, old)["nas"] == "whole", "a volume that is away has lost nothing"
    assert "this is the volume second" in kept.keeper.progress.faults["nas"]
    assert "this is the volume nas" in kept.keeper.progress.faults["second"]
    exchange(kept)
    kept.until(lambda: whole(kept.copy(new)) and not kept.keeper.progress.faults)


def test_exchanged_shares_do_not_count_as_copies_and_nobody_is_told_that_all_is_lost(kept: Kept) -> None:
    kept.two(COPY)
    _, _, (digest, _) = kept.study()
    kept.look()
    shutil.copytree(kept.nas / digest[:2], kept.second / digest[:2])  # it happens to be on the other one as well
    exchange(kept)
    kept.two(MOVE)
    kept.look()
    assert whole(kept.online(digest)), "given away for a copy on another volume"
    kept.online(digest).unlink()
    shutil.rmtree(kept.nas / digest[:2])
    with pytest.raises(AwayError) as caught:
        kept.archive.path(digest)
    assert not caught.value.hopeless


@pytest.mark.parametrize("lost", ["table", "nothing"])
def test_exchanged_shares_are_noticed_after_a_start_too(kept: Kept, lost: str) -> None:
    kept.two(COPY)
    kept.study()
    kept.look()
    exchange(kept)
    before = names(kept.nas), names(kept.second)
    if lost == "table":
        for path in kept.data.glob("copies.sqlite*"):
            path.unlink()
    kept.again()
    kept.study()
    kept.look()
    assert (names(kept.nas), names(kept.second)) == before


def test_a_lost_table_and_an_unmounted_share_together(kept: Kept) -> None:
    """As after a power cut: the empty mount point is no new volume, and what is on the share is found when it is back."""
    kept.plan(COPY)
    _, _, (digest, _) = kept.study()
    kept.look()
    assert whole(kept.copy(digest))
    mounted = kept.nas.with_name("aside")
    kept.nas.rename(mounted)
    kept.nas.mkdir()  # the mount point
    for path in kept.data.glob("copies.sqlite*"):
        path.unlink()
    kept.again()
    kept.plan(COPY)
    _, _, (new, _) = kept.study()
    kept.look()
    assert list(kept.nas.iterdir()) == [], "copies on the disk beneath the mount point"
    assert kept.keeper.progress.faults
    kept.nas.rmdir()
    mounted.rename(kept.nas)
    kept.until(lambda: whole(kept.copy(new)) and not kept.keeper.progress.faults)
    kept.until(lambda: "nas" in states(kept, digest))


@pytest.mark.parametrize("mark", [None, b"", b'{"volume": "nas", "id": "of another disk"}', b"garbage"])
def test_a_new_disk_in_the_place_of_a_volume_is_away(kept: Kept, mark: bytes | None) -> None:
    kept.plan(COPY)
    _, _, (digest, _) = kept.study()
    kept.look()
    kept.nas.rename(kept.nas.with_name("aside"))
    (kept.nas / "incoming").mkdir(parents=True)
    if mark is not None:
        (kept.nas / ".volume").write_bytes(mark)
    kept.plan(MOVE)
    for again in (False, True):
        if again:
            kept.again()
        kept.look()
        assert names(kept.nas) == []
        assert whole(kept.online(digest))
        assert states(kept, digest)["nas"] == "whole"
        assert kept.keeper.progress.faults["nas"]


def test_a_mark_without_identity_is_adopted_only_when_the_known_copies_are_there(kept: Kept) -> None:
    kept.plan(COPY)
    _, _, files = kept.study(4)
    kept.look()
    forget_identity(kept)
    (kept.nas / ".volume").write_bytes(b"")  # as an older node left it
    elsewhere = kept.nas.with_name("elsewhere")
    for folder in [path for path in kept.nas.iterdir() if len(path.name) == 2]:
        shutil.move(folder, elsewhere / folder.name)
    kept.again()
    _, _, (new, _) = kept.study()
    kept.look()
    assert "known copies" in kept.keeper.progress.faults["nas"]
    assert names(kept.nas) == []
    for folder in list(elsewhere.iterdir()):
        shutil.move(folder, kept.nas / folder.name)
    kept.until(lambda: whole(kept.copy(new)))
    assert json.loads((kept.nas / ".volume").read_bytes())["volume"] == "nas"
    assert {states(kept, digest)["nas"] for digest in files} == {"whole"}


def forget_identity(kept: Kept) -> None:
    """Nothing is known of identities, as before there were any."""
    connection = kept.storage.copies._connection()
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'identity'").fetchone():
        connection.execute("DELETE FROM identity")
    (kept.data / "volumes.json").unlink()


def s3(kept: Kept, bucket: ObjectStore, prefix: str, rules: str = "") -> None:
    keys = kept.data / "keys.json"
    keys.write_text(json.dumps(KEYS))
    volume = f'[[volume]]\nname = "s3"\nurl = "{bucket.url(prefix)}"\ncredentials = "{keys}"\n'
    kept.plan(rules, volume, nas=False)


def objects(bucket: ObjectStore, prefix: str) -> list[str]:
    return [key for key in bucket.names() if key.startswith(prefix + "/") and key.endswith(".dcm")]


def test_an_emptied_bucket_is_away_and_not_filled_again(kept: Kept, bucket: ObjectStore) -> None:
    rule = '[[rule]]\nname = "copy"\n{}_to = "s3"\n'
    s3(kept, bucket, "emptied", rule.format("copy"))
    _, _, (digest, other) = kept.study()
    kept.until(lambda: len(objects(bucket, "emptied")) == 2)
    for key in bucket.names():
        if key.startswith("emptied/"):
            bucket.client.delete_object(Bucket="images", Key=key)
    s3(kept, bucket, "emptied", rule.format("move"))
    kept.arrive(*kept.study()[1])
    for again in (False, True):
        if again:
            kept.again()
        kept.look()
        assert objects(bucket, "emptied") == []
        assert whole(kept.online(digest))
        assert states(kept, digest)["s3"] == "whole"
        assert "no mark" in kept.keeper.progress.faults["s3"]
    kept.online(other).unlink()
    with pytest.raises(AwayError) as caught:
        kept.archive.path(other)
    assert not caught.value.hopeless


@pytest.mark.parametrize("there", [True, False])
def test_a_bucket_of_an_older_node_gets_its_mark_when_the_known_copies_are_there(kept: Kept, bucket: ObjectStore, there: bool) -> None:
    prefix = f"older-{there}"
    s3(kept, bucket, prefix, '[[rule]]\nname = "copy"\ncopy_to = "s3"\n')
    kept.study()
    kept.until(lambda: len(objects(bucket, prefix)) == 2)
    forget_identity(kept)
    for key in bucket.names():
        if key.startswith(prefix) and (not there or not key.endswith(".dcm")):
            bucket.client.delete_object(Bucket="images", Key=key)
    kept.again()
    kept.study()
    kept.look()
    if there:
        assert len(objects(bucket, prefix)) == 4
        assert json.loads(bucket.body(f"{prefix}/.volume"))["volume"] == "s3"
    else:
        assert objects(bucket, prefix) == []
        assert "known copies" in kept.keeper.progress.faults["s3"]
