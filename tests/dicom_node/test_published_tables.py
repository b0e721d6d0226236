"""The published tables: what they hold, for whom, when they are renewed, and that a reader never sees half of a set."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rejecting import QUALITY, note, send
from running_node import CT, RunningNode, image

from dicom_node.client import Published, PublishedError, read_published
from dicom_node.feed import Feed
from dicom_node.index.database import Database
from dicom_node.index.tables import TablePublisher

pytestmark = pytest.mark.clause("H-5", "H-8")


@pytest.fixture
def publishing(tmp_path: Path, key: Ed25519PrivateKey, request: pytest.FixtureRequest) -> Iterator[RunningNode]:
    """A node that publishes after so many new instances: four, unless a test says otherwise."""
    changes = str(getattr(request, "param", 4))
    settings = {"NODE_PUBLISH": str(tmp_path / "published"), "NODE_PUBLISH_MINUTES": "60", "NODE_PUBLISH_CHANGES": changes}
    node = RunningNode(tmp_path / "node", key, **settings)
    node.environment["NODE_PUBLISH"] = str(tmp_path / "published")
    node.start()
    yield node
    if node.process is not None:
        assert node.stop() == 0


def newest(node: RunningNode, folder: Path, instances: int) -> Published:
    """The first set with so many instances."""

    def found() -> Published | None:
        try:
            published = read_published(folder)
        except PublishedError:
            return None
        return published if pq.read_metadata(published.files["instance"]).num_rows == instances else None

    return node.wait_for(found)


@pytest.mark.parametrize("publishing", [5], indirect=True)  # with the fifth, however the five come to the index
def test_what_is_published_is_what_is_shown(publishing: RunningNode, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    newest(publishing, folder, 0)  # at the start, though there is nothing yet
    first = image(PatientName="王^小明", SpecificCharacterSet="GB18030", CTDIvol=3.5)
    others = [image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n, CTDIvol=3.7) for n in (2, 3)]
    alone = image(PatientID="P2", Modality="CT")
    send(publishing.dicom_port, "CT_A", first, *others, alone, note(QUALITY, [others[1]]))
    published = newest(publishing, folder, 4)  # three images and the note: one image is rejected
    with duckdb.connect() as base:
        rows = base.execute(
            f"SELECT sop_uid, ctdivol FROM '{published.files['instance']}' WHERE sop_class = ? ORDER BY arrival", [CT]
        ).fetchall()
        assert rows == [(first.SOPInstanceUID, 3.5), (others[0].SOPInstanceUID, 3.7), (alone.SOPInstanceUID, None)]
        studies = base.execute(f"SELECT study_uid, name_alphabetic, instances, modalities FROM '{published.files['study']}'").fetchall()
        assert studies == [(first.StudyInstanceUID, "王^小明", 3, ["CT", "KO"]), (alone.StudyInstanceUID, "Wang^Xiao", 1, ["CT"])]
        series = base.execute(f"SELECT series_uid, instances FROM '{published.files['series']}' WHERE modality = 'CT'").fetchall()
        assert set(series) == {(first.SeriesInstanceUID, 2), (alone.SeriesInstanceUID, 1)}
        columns = {row[0] for row in base.execute(f"DESCRIBE SELECT * FROM '{published.files['instance']}'").fetchall()}
    assert not columns & {"header", "frame_json", "visible", "rejected_by"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["tables"]["instance"]["rows"] == 4
    assert manifest["journal"] == (publishing.data / "journal" / "journal.jsonl").stat().st_size
    # what the feed has told up to there is in the tables; what comes after may be
    told = [row for row in publishing.feed() if row["seq"] <= published.feed and row["kind"] == "instance.stored"]
    assert {row["sop_uid"] for row in told} <= {
        first.SOPInstanceUID,
        *(ds.SOPInstanceUID for ds in others),
        alone.SOPInstanceUID,
        manifest and told[-1]["sop_uid"],
    }
    assert pq.ParquetFile(published.files["study"]).metadata.row_group(0).column(0).compression == "ZSTD"
    # identified data: for this account only
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_only_changes_are_published_and_old_sets_go(publishing: RunningNode, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    newest(publishing, folder, 0)
    few = [image() for _ in range(3)]
    send(publishing.dicom_port, "CT_A", *few)
    for ds in few:
        publishing.wait_instances(ds.StudyInstanceUID, 1)
    before = json.loads((folder / "manifest.json").read_text())
    assert before["generation"] == 1  # three of four changes, and the hour is not over
    send(publishing.dicom_port, "CT_A", image())
    second = newest(publishing, folder, 4)
    assert all(path.exists() for path in second.files.values())
    assert (folder / before["tables"]["instance"]["file"]).exists()  # somebody may be reading the set before
    send(publishing.dicom_port, "CT_A", *(image() for _ in range(4)))
    third = newest(publishing, folder, 8)
    names = {path.name for path in folder.iterdir()}
    publishing.wait_for(lambda: len(list(folder.iterdir())) == 7)
    assert {path.name for path in [*second.files.values(), *third.files.values()]} | {"manifest.json"} == {p.name for p in folder.iterdir()}
    assert not any(name.endswith(".new") for name in names)


def test_a_restart_publishes_nothing_that_is_there_and_touches_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicom_node.index.tables.LOOK", 0.01)
    database, feed, folder = Database(tmp_path / "index.duckdb"), Feed(tmp_path / "feed.sqlite"), tmp_path / "published"

    def arrive(count: int) -> None:
        """So many instances, which the journal has as well."""
        rows = "SELECT n AS arrival, 'x' || n AS sop_uid, true AS visible FROM (SELECT unnest(range(?)) AS n)"
        database.writer.execute(f"INSERT INTO instance BY NAME {rows}", [count])
        database.writer.execute("UPDATE cursor SET journal = journal + ?", [count])

    def generation_with(rows: int) -> int:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            manifest = json.loads((folder / "manifest.json").read_text())
            if manifest["tables"]["instance"]["rows"] == rows:
                return int(manifest["generation"])
        raise AssertionError("not seen in time")

    assert TablePublisher(database, feed, folder, 60, 1).publish()["generation"] == 1
    (folder / "somebodys.parquet").write_text("kept")
    (folder / ".instance-00000001.parquet.new").write_text("left by a crash")
    arrive(3)
    publisher = TablePublisher(database, feed, folder, 60, 2)
    publisher.start()  # three have come since: told at once after a start
    assert generation_with(3) == 2
    publisher.stop()
    assert not list(folder.glob(".*.new"))
    assert (folder / "somebodys.parquet").read_text() == "kept"
    publisher = TablePublisher(database, feed, folder, 60, 2)
    publisher.start()
    arrive(2)
    assert generation_with(5) == 3  # the second start has published nothing of its own
    publisher.stop()
    (folder / "study-00000003.parquet").unlink()  # lost: made anew at the next start
    publisher = TablePublisher(database, feed, folder, 60, 2)
    publisher.start()
    deadline = time.monotonic() + 20
    while not (folder / "study-00000004.parquet").exists():
        assert time.monotonic() < deadline
    publisher.stop()
    database.close()


def test_readers_and_the_writer_do_not_disturb_each_other(tmp_path: Path) -> None:
    """While the index is written without a pause, each set is a whole snapshot: its three tables agree."""
    database, feed = Database(tmp_path / "index.duckdb"), Feed(tmp_path / "feed.sqlite")
    stop, failures = threading.Event(), []

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                writer = database.writer
                writer.execute("BEGIN")
                writer.execute(
                    "INSERT INTO instance (arrival, sop_uid, series_uid, study_uid, institution, visible) VALUES (?, ?, 'r', ?, 'H01', true)",
                    [number, f"1.{number}", f"2.{number}"],
                )
                writer.execute("INSERT INTO study (study_uid, first_arrival, instances) VALUES (?, ?, 1)", [f"2.{number}", number])
                writer.execute("INSERT INTO series (study_uid, series_uid) VALUES (?, 'r')", [f"2.{number}"])
                writer.execute("UPDATE cursor SET journal = ?", [number])
                writer.execute("COMMIT")
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    publisher = TablePublisher(database, feed, tmp_path / "published", 1, 1)
    counts = []
    try:
        while len(counts) < 5 or counts[-1] == counts[0]:
            manifest = publisher.publish()
            published = read_published(tmp_path / "published")
            rows = {name: pq.read_metadata(path).num_rows for name, path in published.files.items()}
            assert set(rows.values()) == {manifest["journal"]}, rows
            counts.append(published.journal)
    finally:
        stop.set()
        thread.join(10)
        database.close()
    assert failures == []
    assert counts == sorted(counts)


def test_a_failed_set_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, feed, folder = Database(tmp_path / "index.duckdb"), Feed(tmp_path / "feed.sqlite"), tmp_path / "published"
    publisher = TablePublisher(database, feed, folder, 1, 1)
    publisher.publish()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("dicom_node.index.tables.parquet.ParquetWriter", full)
        with pytest.raises(OSError, match="No space"):
            publisher.publish()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    publisher.publish()
    database.close()


def test_a_reader_is_told_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(PublishedError, match=r"没有已发布的表.*no published tables"):
        read_published(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": 2}')
    with pytest.raises(PublishedError, match=r"请一起升级.*update both"):
        read_published(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(PublishedError, match="cannot be read"):
        read_published(tmp_path)
