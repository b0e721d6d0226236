"""IOCM: what a rejection note names is no longer shown, to its own institution's readers; every order of arrival gives the same index."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pydicom
import pytest
from hypothesis import HealthCheck, example, given, settings
from pydicom.dataset import Dataset
from pynetdicom import AE
from rawscu import EXPLICIT, send_files
from rejecting import KOS, MOTION, QUALITY, RETENTION, SAFETY, TITLES, WORKLIST, dcmtk_note, note, send
from retrieving import STUDY_GET, House, Peer, ask, getter, study_identifier
from running_node import CT, RunningNode, encoded, image, uid
from stowing import body, file_bytes, stored, stow

from dicom_node.archive.files import Archive
from dicom_node.archive.journal import JournalReader, JournalWriter
from dicom_node.feed import Feed
from dicom_node.index import writer as writing
from dicom_node.index.database import Database
from dicom_node.index.retry import retry
from dicom_node.index.schema import TABLES
from dicom_node.index.writer import IndexWriter, rebuild
from dicom_node.receive.store import Sender, Store

pytestmark = pytest.mark.clause("S-1", "S-8")
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
FOR_GOOD = [QUALITY, SAFETY, WORKLIST]


def study_of(count: int, **changed: object) -> list[Dataset]:
    """Images in two series, in turn."""
    study, series = uid(), [uid(), uid()]
    return [image(study, series[n % 2], SeriesNumber=n % 2 + 1, InstanceNumber=n + 1, **changed) for n in range(count)]


def hidden(node: RunningNode, *objects: Dataset) -> list[dict[str, Any]]:
    """The feed's `instance.hidden` rows of these objects, in order, once there is one for each."""
    wanted = {ds.SOPInstanceUID for ds in objects}

    def found() -> list[dict[str, Any]]:
        return [row for row in node.feed() if row["kind"] == "instance.hidden" and row["sop_uid"] in wanted]

    node.wait_for(lambda: {row["sop_uid"] for row in found()} == wanted)
    return found()


def shown(node: RunningNode, ds: Dataset) -> list[str]:
    return [found["00080018"]["Value"][0] for found in node.instances(ds.StudyInstanceUID)]


def indexed(node: RunningNode, aet: str = "CT_A") -> None:
    """Everything sent before is in the index: an image sent now is."""
    last = image()
    send(node.dicom_port, aet, last)
    node.wait_instances(last.StudyInstanceUID, 1)


def found(node: RunningNode, aet: str, level: str, ds: Dataset, *names: str) -> list[Dataset]:
    """C-FIND below the study of `ds`."""
    ae = AE(aet)
    ae.add_requested_context(STUDY_FIND)
    assoc = ae.associate("127.0.0.1", node.dicom_port, ae_title="HUB")
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = level, ds.StudyInstanceUID
    if level == "IMAGE":
        query.SeriesInstanceUID = ds.SeriesInstanceUID
    for name in names:
        setattr(query, name, None)
    answers = [match for _, match in assoc.send_c_find(query, STUDY_FIND) if match is not None]
    assoc.release()
    return answers


def got(house: House, study: str) -> set[str]:
    """What C-GET brings of a study."""
    peer = Peer()
    with getter(house, peer, [(CT, [EXPLICIT]), (KOS, [EXPLICIT])]) as assoc:
        list(assoc.send_c_get(study_identifier(study), STUDY_GET))
    return {uid for uid, _, _ in peer.got}


def test_what_is_rejected_for_quality_is_nowhere_to_be_seen(house: House) -> None:
    node = house.node
    images = study_of(4)
    bad, good = images[0], images[1:]
    send(node.dicom_port, "CT_A", *images)
    node.wait_instances(bad.StudyInstanceUID, 4)
    place = f"/dicom-web/studies/{bad.StudyInstanceUID}/series/{bad.SeriesInstanceUID}/instances/{bad.SOPInstanceUID}"
    series = f"/series/{bad.StudyInstanceUID}/{bad.SeriesInstanceUID}/header"
    assert node.get(place, headers={"Accept": "application/dicom"}).status_code == 200
    assert len(node.get(series).json()["frames"]) == 2
    sent = note(QUALITY, [bad], MOTION)
    send(node.dicom_port, "CT_A", sent)
    (row,) = hidden(node, bad)
    # the note is shown: a reader sees that, and why, an image is missing
    left = {ds.SOPInstanceUID for ds in good} | {sent.SOPInstanceUID}
    assert set(shown(node, bad)) == left
    assert node.get(place, headers={"Accept": "application/dicom"}).status_code == 404
    assert node.get(place + "/metadata").status_code == 404
    wado = {"requestType": "WADO", "studyUID": bad.StudyInstanceUID, "seriesUID": bad.SeriesInstanceUID, "objectUID": bad.SOPInstanceUID}
    assert node.get("/wado", params=wado).status_code == 404
    assert [frame["sop_uid"] for frame in node.get(series).json()["frames"]] == [images[2].SOPInstanceUID]
    summary = node.get(f"/studies/{bad.StudyInstanceUID}/summary").json()
    assert [(s["modality"], s["instances"], s["frames"]) for s in summary["series"]] == [("CT", 1, 1), ("CT", 2, 2), ("KO", 1, 0)]
    (study,) = found(node, "CT_A", "STUDY", bad, "NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries")
    assert (study.NumberOfStudyRelatedInstances, study.NumberOfStudyRelatedSeries) == (4, 3)
    assert [match.SOPInstanceUID for match in found(node, "CT_A", "IMAGE", bad, "SOPInstanceUID")] == [images[2].SOPInstanceUID]
    assert got(house, bad.StudyInstanceUID) == left
    final = ask(house, "CT_A", STUDY_GET, {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": bad.StudyInstanceUID,
                "SeriesInstanceUID": bad.SeriesInstanceUID, "SOPInstanceUID": bad.SOPInstanceUID})[-1]  # fmt: skip
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 0)
    assert any(bad.SOPInstanceUID.encode() in path.read_bytes()[:2000] for path in (node.data / "files").rglob("*.dcm"))
    data = row["data"]
    assert (row["institution"], row["study_uid"], row["series_uid"]) == ("H01", bad.StudyInstanceUID, bad.SeriesInstanceUID)
    assert data["reason"] == {"code": QUALITY, "meaning": "Rejected for Quality Reasons"}
    assert data["qualifiers"] == [{"code": "111210", "scheme": "DCM", "meaning": "Motion blur"}]
    assert (data["note"], data["instance_modality"], data["on_arrival"]) == (sent.SOPInstanceUID, "CT", False)
    assert (data["instances"], data["series"], data["accession"], data["patient_id"]) == (4, 3, "A1", "P1")


@pytest.mark.skipif(shutil.which("xml2dsr") is None, reason="dcmtk is not installed")
def test_a_note_made_by_dcmtk(node: RunningNode, tmp_path: Path) -> None:
    images = study_of(3)
    send(node.dicom_port, "CT_A", *images)
    node.wait_instances(images[0].StudyInstanceUID, 3)
    made = dcmtk_note(tmp_path, QUALITY, [images[0], images[2]])
    assert {status for status, _ in send_files(node.dicom_port, "CT_A", [made]).values()} == {0}
    rows = hidden(node, images[0], images[2])
    assert [row["data"]["qualifiers"] for row in rows] == [[{"code": "111207", "scheme": "DCM", "meaning": "Image artifact(s)"}]] * 2
    assert set(shown(node, images[0])) == {images[1].SOPInstanceUID, str(pydicom.dcmread(made).SOPInstanceUID)}


@pytest.mark.parametrize("title", [SAFETY, WORKLIST, RETENTION])
def test_a_study_without_anything_to_show_is_no_study(node: RunningNode, title: str) -> None:
    images = study_of(2)
    send(node.dicom_port, "CT_A", *images)
    node.wait_instances(images[0].StudyInstanceUID, 2)
    send(node.dicom_port, "CT_A", note(title, images))
    rows = hidden(node, *images)
    assert {row["data"]["reason"]["meaning"] for row in rows} == {TITLES[title]}
    study = images[0].StudyInstanceUID
    assert node.get("/dicom-web/studies", params={"StudyInstanceUID": study}).json() == []
    assert node.get(f"/studies/{study}/summary").status_code == 404
    assert found(node, "CT_A", "STUDY", images[0]) == []
    # whoever counts is told of the state after: nothing left, still the same child's
    assert {(row["data"]["instances"], row["data"]["series"], row["data"]["patient_id"]) for row in rows} == {(0, 0, "P1")}
    # it stays the study of its institution: another one cannot take its UID over
    send(node.dicom_port, "CT_B", image(study))
    indexed(node, "CT_B")
    assert node.instances(study) == []


@pytest.mark.parametrize("title", [*FOR_GOOD, RETENTION])
def test_what_comes_after_its_note_and_what_comes_again(node: RunningNode, title: str) -> None:
    early, late = study_of(2)
    sent = note(title, [early, late])
    send(node.dicom_port, "CT_A", early, sent, late, early)
    indexed(node)
    again = {early.SOPInstanceUID, late.SOPInstanceUID} if title == RETENTION else set()
    assert set(shown(node, early)) == again | ({sent.SOPInstanceUID} if title == QUALITY else set())
    rows = hidden(node, early) if title == RETENTION else hidden(node, early, late)
    told = {row["sop_uid"]: row["data"]["on_arrival"] for row in rows}
    assert told == ({early.SOPInstanceUID: False} if title == RETENTION else {early.SOPInstanceUID: False, late.SOPInstanceUID: True})
    stored_rows = [row["sop_uid"] for row in node.feed() if row["kind"] == "instance.stored" and row["study_uid"] == early.StudyInstanceUID]
    assert stored_rows.count(late.SOPInstanceUID) == (title == RETENTION)
    if title == RETENTION:  # shown again: whoever follows is told
        assert stored_rows[-1] == early.SOPInstanceUID


def test_a_note_has_no_say_over_another_institution(node: RunningNode) -> None:
    (ours,) = study_of(1)
    send(node.dicom_port, "CT_A", ours)
    node.wait_instances(ours.StudyInstanceUID, 1)
    theirs = image()
    send(node.dicom_port, "CT_B", note(SAFETY, [theirs, ours]), note(SAFETY, [ours]), theirs)  # the second: in a study that is not theirs
    hidden(node, theirs)
    assert shown(node, ours) == [ours.SOPInstanceUID]
    later = image()
    send(node.dicom_port, "CT_B", note(SAFETY, [theirs, later]))
    send(node.dicom_port, "CT_A", later)
    node.wait_instances(later.StudyInstanceUID, 1)  # named before it came, but not by its own institution
    # an ordinary key object selection hides nothing, nor does the right code of another scheme
    key = note("113000", [ours])
    other = note(SAFETY, [ours])
    other.ConceptNameCodeSequence[0].CodingSchemeDesignator = "99LOCAL"
    send(node.dicom_port, "CT_A", key, other)
    node.wait_instances(ours.StudyInstanceUID, 3)
    assert ours.SOPInstanceUID in shown(node, ours)


def test_a_hidden_note_that_another_one_names_stays_hidden_and_in_force(node: RunningNode) -> None:
    (bad,) = study_of(1)
    sent = note(RETENTION, [bad])
    send(node.dicom_port, "CT_A", bad, sent, note(RETENTION, [sent]), sent)
    hidden(node, bad)
    indexed(node)
    assert shown(node, bad) == []


def test_a_note_that_comes_over_http(node: RunningNode) -> None:
    bad, good = study_of(2)
    answer = stow(node, body(file_bytes(bad), file_bytes(good)))
    assert answer.status_code == 200
    sent = note(SAFETY, [bad])
    answer = stow(node, body(file_bytes(sent)))
    assert (answer.status_code, stored(answer.json())) == (200, [sent.SOPInstanceUID])  # taken, though not shown itself
    hidden(node, bad)
    assert shown(node, bad) == [good.SOPInstanceUID]
    assert stow(node, body(file_bytes(bad))).status_code == 202  # kept, and not shown: a person must look


def test_an_incomplete_note_rejects_what_can_be_read_of_it(node: RunningNode) -> None:
    one, two, three = study_of(3)
    only_content = note(QUALITY, [one], CurrentRequestedProcedureEvidenceSequence=None)
    only_evidence = note(QUALITY, [two], ContentSequence=None)
    send(node.dicom_port, "CT_A", one, two, three, only_content, only_evidence)
    hidden(node, one, two)
    assert three.SOPInstanceUID in shown(node, three)


# -- every order, every division into batches, and a rebuild --------------------------------------------------------------------

STUDY, SERIES = "2.25.100", "2.25.101"
UIDS = [f"2.25.20{n}" for n in range(2)]
OPERATIONS = st.one_of(
    st.tuples(st.just("image"), st.sampled_from(range(2)), st.sampled_from([0, 0, 1]), st.sampled_from(["H01", "H01", "H01", "H02"])),
    st.tuples(
        st.just("note"), st.sets(st.sampled_from(range(2)), min_size=1), st.sampled_from([*FOR_GOOD, RETENTION, RETENTION]),
        st.sampled_from(["H01", "H01", "H02"]),
    ),
)  # fmt: skip


def one(number: int, version: int) -> Dataset:
    """Image `number`; another version has other bytes and another patient."""
    return image(STUDY, SERIES, SOPInstanceUID=UIDS[number], InstanceNumber=number, PatientID=f"P{version}")


def put(store: Store, institution: str, ds: Dataset) -> None:
    reception = store.begin(Sender("CT", institution, "127.0.0.1"), ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT)
    reception.write([encoded(ds)])
    assert reception.finish().status == 0


def expected(operations: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    """SOP UID → the version that is shown at the end, by the rule alone, for the institution that has the study."""
    owner = None
    rejected: set[int] = set()
    visible: dict[int, int] = {}
    for kind, *rest in operations:
        if kind == "image":
            number, version, institution = rest
            owner = owner or institution
            if institution == owner and number not in rejected:
                visible.setdefault(number, version)
        else:
            numbers, title, institution = rest
            if institution != owner and owner is not None:
                continue  # of another institution: a note in a study that is not its own
            owner = owner or institution
            rejected |= set(numbers) if title != RETENTION else set()
            for number in numbers:
                visible.pop(number, None)
    return {UIDS[number]: version for number, version in visible.items()}


def dump(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {name: database.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}


_COUNT = itertools.count()


@pytest.mark.clause("X-3")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(operations=[("image", 0, 0, "H01"), ("note", {0}, SAFETY, "H01"), ("image", 0, 0, "H01"), ("image", 0, 1, "H01")], size=250)
@example(operations=[("image", 0, 0, "H01"), ("note", {0}, RETENTION, "H01"), ("image", 0, 1, "H01"), ("image", 0, 0, "H01")], size=250)
@example(
    operations=[("image", 0, 0, "H01"), ("note", {0}, RETENTION, "H01"), ("note", {0}, QUALITY, "H01"), ("image", 0, 0, "H01")], size=2
)
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=12), size=st.sampled_from([1, 2, 3, 250]))
def test_every_order_gives_what_the_rule_says_and_what_a_rebuild_gives(
    tmp_path: Path, operations: list[tuple[Any, ...]], size: int
) -> None:
    folder = tmp_path / str(next(_COUNT))
    archive, journal = Archive(folder / "files"), folder / "journal.jsonl"
    archive.prepare()
    store = Store(archive, JournalWriter(journal))
    database = Database(folder / "index.duckdb")
    try:
        index = IndexWriter(database, journal, archive)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, "BATCH", size)
            for place, (kind, *rest) in enumerate(operations):
                if kind == "image":
                    put(store, rest[2], one(*rest[:2]))
                else:
                    put(store, rest[2], note(rest[1], [one(number, 0) for number in sorted(rest[0])], InstanceNumber=place))
                if size < 250:  # the index follows as they arrive; else all are there before it begins
                    while index.step():
                        pass
            while index.step():
                pass
        before = dump(database)
        shown = database.rows("SELECT sop_uid, patient_id FROM instance WHERE visible AND sop_class = ?", [CT])
        assert {row["sop_uid"]: int(row["patient_id"][1:]) for row in shown} == expected(operations)
        counted = database.rows("SELECT sum(instances)::INT AS n FROM study")[0]["n"] or 0
        assert counted == database.rows("SELECT count(*) AS n FROM instance WHERE visible")[0]["n"]
    finally:
        database.close()
    assert rebuild(folder / "index.duckdb", journal, archive) == len(JournalReader(journal).read(0, 1000)[0])
    again = Database(folder / "index.duckdb")
    after = dump(again)
    again.close()
    shutil.rmtree(folder)
    assert after == before


@pytest.mark.clause("X-3")
@pytest.mark.parametrize("away", ["the image", "the note"])
def test_only_a_rebuild_places_an_unreadable_file_that_a_note_is_about(tmp_path: Path, away: str) -> None:
    """The image, or the note itself, was in quarantine when the other was decided."""
    archive, journal = Archive(tmp_path / "files"), tmp_path / "journal.jsonl"
    archive.prepare()
    store, feed = Store(archive, JournalWriter(journal)), Feed(tmp_path / "feed.sqlite")
    database = Database(tmp_path / "index.duckdb")
    index = IndexWriter(database, journal, archive)
    other = image()  # a retry that a note has no say in is as it was
    for ds in (one(0, 0), note(SAFETY, [one(0, 0)]), other):
        put(store, "H01", ds)
    entries = JournalReader(journal).read(0)[0]
    gone = [archive.path(entry.digest) for _, entry in (entries[0 if away == "the image" else 1], entries[2])]
    for path in gone:
        path.rename(tmp_path / path.name)
    while index.step():
        pass
    shown = "SELECT sop_uid FROM instance WHERE visible"
    assert database.rows(shown) == ([] if away == "the image" else [{"sop_uid": UIDS[0]}])
    for path in gone:
        (tmp_path / path.name).rename(path)
    arrival = entries[0 if away == "the image" else 1][0]
    assert retry(index, feed, archive, arrival)[0] == "entangled"
    assert retry(index, feed, archive, entries[2][0])[0] == "indexed"
    database.close()
    rebuild(tmp_path / "index.duckdb", journal, archive)
    again = Database(tmp_path / "index.duckdb")
    assert again.rows(shown) == [{"sop_uid": other.SOPInstanceUID}]
    again.close()


@pytest.mark.clause("X-3")
def test_what_an_older_index_did_not_understand_is_told_once_by_a_rebuild(own_node: RunningNode) -> None:
    node = own_node
    bad, good = study_of(2)
    send(node.dicom_port, "CT_A", bad, good, note(QUALITY, [bad]))
    hidden(node, bad)
    assert node.stop() == 0
    with sqlite3.connect(node.data / "feed.sqlite") as feed:
        assert feed.execute("DELETE FROM feed WHERE kind = 'instance.hidden'").rowcount == 1
    for path in (node.data / "index").iterdir():
        path.unlink()
    node.start()
    assert len(hidden(node, bad)) == 1
    assert good.SOPInstanceUID in shown(node, bad)
    assert bad.SOPInstanceUID not in shown(node, bad)
