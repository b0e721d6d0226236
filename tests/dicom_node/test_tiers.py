"""A node with volumes, as an operator runs it: copies, moves, recall, scrub, deletion; volumes that go away, fill up and come back."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_store import KEYS, ObjectStore
from pydicom.dataset import Dataset
from running_node import CT, ROOT, RunningNode, encoded, image

from bench.sender import Finder, Sender

pytestmark = pytest.mark.clause("S-5")
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


class Tiers:
    """The storage plan of one node, and where its files are."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node, self.nas = node, folder / "nas"
        self.plan = node.data / "storage.toml"

    def write(self, *rules: str, volumes: str = "", scrub: str = "every_days = 1000", nas: bool = True) -> None:
        """A plan with the NAS, the rules and further volumes."""
        text = f"pause_seconds = 0.2\nsettled_minutes = 0\n[scrub]\nmegabytes_per_second = 1000\n{scrub}\n"
        text += f'[[volume]]\nname = "nas"\nurl = "{self.nas.as_uri()}"\n' if nas else ""
        text += volumes + "".join(f"[[rule]]\n{rule}\n" for rule in rules)
        fresh = self.plan.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.plan)

    def online(self, digest: str) -> Path:
        return self.node.data / "files" / digest[:2] / f"{digest}.dcm"

    def on_nas(self, digest: str) -> Path:
        return self.nas / digest[:2] / f"{digest}.dcm"


@pytest.fixture
def tiers(own_node: RunningNode, tmp_path: Path) -> Tiers:
    return Tiers(own_node, tmp_path)


def send(node: RunningNode, count: int = 3, **changed: object) -> tuple[str, list[Dataset]]:
    """A study of `count` images; waits until it is indexed."""
    first = image(**changed)
    images = [first] + [image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n + 2, **changed) for n in range(count - 1)]
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    for ds in images:
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
    sender.close()
    node.wait_instances(first.StudyInstanceUID, count)
    node.wait_for(lambda: len(digests(node, str(first.StudyInstanceUID))) == count)
    return str(first.StudyInstanceUID), images


def digests(node: RunningNode, study: str) -> list[str]:
    return sorted(
        {row["data"]["instance"]["digest"] for row in node.feed() if row["kind"] == "instance.stored" and row["study_uid"] == study}
    )


def whole(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def frame(node: RunningNode, ds: Dataset):
    at = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}/frames/1"
    return node.get(at, headers={"Accept": "application/octet-stream"})


def operated(node: RunningNode, path: str) -> str:
    """A page for operators."""
    answer = node.get(path, node.ticket([], ["system.operate"]))
    assert answer.status_code == 200, answer.text
    return answer.text


def availability(node: RunningNode, study: str) -> tuple[str, str]:
    """As QIDO-RS and as C-FIND say."""
    (found,) = node.get("/dicom-web/studies", params={"StudyInstanceUID": study}).json()
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.InstanceAvailability = "STUDY", study, ""
    finder = Finder(node.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    (raw,) = finder.find(encoded(query))
    finder.close()
    said = next(
        word
        for word in ("ONLINE", "NEARLINE", "OFFLINE")
        if b"\x08\x00\x56\x00CS" in raw and word.encode() in raw.split(b"\x08\x00\x56\x00CS")[1][:14]
    )
    return found["00080056"]["Value"][0], said


MOVE = 'name = "move"\nmove_to = "nas"'
COPY = 'name = "copy"\ncopy_to = "nas"'


@pytest.mark.clause("S-6")
def test_a_volume_added_while_running_gets_copies_and_a_moved_study_comes_back(tiers: Tiers) -> None:
    node = tiers.node
    study, images = send(node)
    files = digests(node, study)
    assert len(files) == 3
    assert availability(node, study) == ("ONLINE", "ONLINE")
    tiers.write(COPY)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in files))
    assert all(whole(tiers.online(digest)) for digest in files)
    tiers.write(MOVE)
    node.wait_for(lambda: not any(tiers.online(digest).exists() for digest in files))
    node.wait_for(lambda: [row["data"]["files"] for row in node.feed() if row["kind"] == "copy.moved"] == [3])
    node.wait_for(lambda: availability(node, study) == ("NEARLINE", "NEARLINE"))
    tiers.write()
    for ds in images:  # transparent: the same bytes as ever
        assert frame(node, ds).content == ds.PixelData
    assert all(whole(tiers.online(digest)) for digest in files)
    node.wait_for(lambda: availability(node, study) == ("ONLINE", "ONLINE"))


def test_retrieves_commitments_and_a_rebuild_work_on_a_moved_study(tiers: Tiers) -> None:
    node = tiers.node
    study, images = send(node)
    files = digests(node, study)
    tiers.write(MOVE)
    node.wait_for(lambda: not any(tiers.online(digest).exists() for digest in files))
    stored = node.get(f"/dicom-web/studies/{study}/metadata").json()
    assert {one["00080018"]["Value"][0] for one in stored} == {str(ds.SOPInstanceUID) for ds in images}
    node.wait_for(lambda: not any(tiers.online(digest).exists() for digest in files))  # a header is read without keeping the file
    tiers.write()
    node.stop()
    subprocess.run([sys.executable, "-m", "dicom_node", "reindex"], cwd=ROOT, env=node.environment, check=True, capture_output=True)
    assert not any(tiers.online(digest).exists() for digest in files)
    node.start()
    assert len(node.instances(study)) == 3
    series = images[0].SeriesInstanceUID
    assert node.get(f"/series/{study}/{series}/stream").status_code == 200
    assert all(whole(tiers.online(digest)) for digest in files)


def test_a_volume_that_is_away_stops_nothing_and_is_used_again_when_it_is_back(tiers: Tiers, tmp_path: Path) -> None:
    node = tiers.node
    study, images = send(node)
    files = digests(node, study)
    tiers.write(MOVE)
    node.wait_for(lambda: not any(tiers.online(digest).exists() for digest in files))
    tiers.nas.rename(tmp_path / "unplugged")
    answer = frame(node, images[0])
    assert (answer.status_code, answer.json()["code"]) == (503, "image.away")
    assert int(answer.headers["retry-after"]) > 0
    series = node.get(f"/series/{study}/{images[0].SeriesInstanceUID}/header")
    assert series.status_code == 200  # what the index knows is there
    later, _ = send(node)  # receiving goes on
    page = node.wait_for(lambda: (t := operated(node, "/status")) and 'data-fault="volume"' in t and t)
    assert "nas" in page
    node.wait_for(lambda: availability(node, study) == ("OFFLINE", "OFFLINE"))
    (tmp_path / "unplugged").rename(tiers.nas)
    node.wait_for(lambda: frame(node, images[0]).content == images[0].PixelData)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in digests(node, later)), 60)
    node.wait_for(lambda: 'data-fault="volume"' not in operated(node, "/status"))


def test_files_in_quarantine_and_hidden_copies_are_backed_up_too(tiers: Tiers) -> None:
    """Another hospital's image under a known study, and other bytes under a known instance: kept, not shown, and copied."""
    node = tiers.node
    study, images = send(node)
    for aet, ds in (
        ("CT_B", image(study)),
        ("CT_A", image(study, images[0].SeriesInstanceUID, SOPInstanceUID=images[0].SOPInstanceUID, KVP=99)),
    ):
        sender = Sender(node.dicom_port, aet, "HUB", CT)
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
        sender.close()
    tiers.write(COPY)
    every = node.wait_for(lambda: len(found := list((node.data / "files").glob("??/*.dcm"))) == 5 and found)
    node.wait_for(lambda: all(whole(tiers.on_nas(path.stem)) for path in every))


def test_a_file_that_something_else_has_too_is_not_moved(tiers: Tiers) -> None:
    """Another hospital sends the same bytes: they wait in quarantine, and are the same file."""
    node = tiers.node
    study, images = send(node)
    sender = Sender(node.dicom_port, "CT_B", "HUB", CT)
    sender.store(str(images[0].SOPInstanceUID), encoded(images[0]))
    sender.close()
    node.wait_for(lambda: "node_quarantine{" in operated(node, "/metrics"))
    tiers.write(MOVE)
    node.wait_for(lambda: any(row["kind"] == "copy.moved" for row in node.feed()))
    left = [digest for digest in digests(node, study) if tiers.online(digest).exists()]
    assert len(left) == 1
    assert images[0].SOPInstanceUID.encode() in tiers.online(left[0]).read_bytes()


@pytest.mark.clause("S-4")
def test_an_object_store_is_pulled_away_in_mid_work(tiers: Tiers, bucket: ObjectStore, tmp_path: Path) -> None:
    node = tiers.node
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(KEYS))
    prefix = tmp_path.name
    s3 = f'[[volume]]\nname = "s3"\nurl = "{bucket.url(prefix)}"\ntier = "backup"\ncredentials = "{keys}"\n'
    study, _ = send(node, 4)
    files = digests(node, study)
    tiers.write('name = "backup"\ncopy_to = "s3"', volumes=s3)
    own = lambda: sorted(Path(key).stem for key in bucket.names() if key.startswith(prefix + "/") and key.endswith(".dcm"))
    node.wait_for(lambda: own() == files)
    for digest in files:
        assert hashlib.sha256(bucket.body(f"{prefix}/{digest[:2]}/{digest}.dcm")).hexdigest() == digest
    bucket.away()
    try:
        begun = time.monotonic()
        other, _ = send(node, 4)
        assert time.monotonic() - begun < 15  # received and indexed as ever
        node.wait_for(lambda: 'data-fault="volume"' in operated(node, "/status"), 60)
    finally:
        bucket.back()
    node.wait_for(lambda: own() == sorted(files + digests(node, other)), 90)
    log = (node.data / "node.log").read_text()
    assert KEYS["secret_key"] not in log


def test_a_full_volume_is_said_and_the_online_files_stay(tiers: Tiers) -> None:
    node = tiers.node
    study, _ = send(node)
    tiers.write(MOVE)
    tiers.plan.write_text(tiers.plan.read_text().replace('name = "nas"', 'name = "nas"\nfree_percent = 100', 1))
    node.wait_for(lambda: 'data-fault="full"' in operated(node, "/status"))
    assert all(whole(tiers.online(digest)) for digest in digests(node, study))


def test_the_scrub_repairs_from_whichever_copy_is_whole(tiers: Tiers) -> None:
    node = tiers.node
    study, images = send(node, 4)
    files = digests(node, study)
    tiers.write(COPY)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in files))
    rot, short, gone, online = files
    for path, data in (
        (tiers.on_nas(rot), b"rotten"),
        (tiers.on_nas(short), tiers.on_nas(short).read_bytes()[:-3]),
        (tiers.online(online), b"rotten too"),
    ):
        path.chmod(0o600)
        path.write_bytes(data)
    tiers.on_nas(gone).unlink()
    tiers.write(COPY, scrub="every_days = 0.000001")
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) and whole(tiers.online(digest)) for digest in files))
    metrics = node.wait_for(lambda: (t := operated(node, "/metrics")) and "node_copies_repaired_total 4" in t and t)
    assert "node_copies_hopeless 0" in metrics
    assert [frame(node, ds).status_code for ds in images] == [200] * 4


def test_a_file_without_any_whole_copy_is_said_loudly(tiers: Tiers) -> None:
    node = tiers.node
    study, _ = send(node, 1)
    (digest,) = digests(node, study)
    tiers.write(COPY)
    node.wait_for(lambda: whole(tiers.on_nas(digest)))
    for path in (tiers.on_nas(digest), tiers.online(digest)):
        path.write_bytes(b"rotten")
    tiers.write(COPY, scrub="every_days = 0.000001")
    node.wait_for(lambda: 'data-fault="copies"' in operated(node, "/status"))
    assert "node_copies_hopeless 1" in operated(node, "/metrics")
    assert tiers.online(digest).exists()  # nothing is thrown away


@pytest.mark.clause("S-5", "X-3")
def test_a_deleted_study_is_gone_everywhere_and_stays_gone_until_it_is_sent_again(tiers: Tiers) -> None:
    node = tiers.node
    study, images = send(node, PatientID="OLD", Modality="CT")
    kept, _ = send(node, Modality="MR")
    files = digests(node, study)
    tiers.write(COPY)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in files))
    tiers.write(
        'name = "retention"\nwhen.modality = ["CT"]\nwhen.institution = ["H01"]\ndelete = true\nreason = "retention of 30 years is over"'
    )
    node.wait_for(lambda: node.instances(study) == [])
    node.wait_for(lambda: not any(tiers.online(digest).exists() or tiers.on_nas(digest).exists() for digest in files))
    hidden = [row for row in node.feed() if row["kind"] == "instance.hidden"]
    assert {row["sop_uid"] for row in hidden} == {str(ds.SOPInstanceUID) for ds in images}
    assert {row["data"]["reason"]["code"] for row in hidden} == {"deleted"}
    assert hidden[0]["data"]["deletion"] == {"reason": "retention of 30 years is over", "rule": "retention"}
    assert len(node.instances(kept)) == 3
    finder = Finder(node.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.PatientID = "STUDY", "", "OLD"
    assert finder.find(encoded(query)) == []
    finder.close()
    tiers.write(COPY)
    node.stop()
    subprocess.run([sys.executable, "-m", "dicom_node", "reindex"], cwd=ROOT, env=node.environment, check=True, capture_output=True)
    node.start()
    assert node.instances(study) == []
    assert "node_quarantine{" not in operated(node, "/metrics")
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    for ds in images:
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
    sender.close()
    node.wait_instances(study, 3)
    assert [frame(node, ds).content for ds in images] == [ds.PixelData for ds in images]


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_killed_while_it_moves_loses_nothing(tiers: Tiers, kills: int) -> None:
    """SIGKILL of the index process at random moments; fifty of them hit each step of a move several times."""
    node = tiers.node
    tiers.write(MOVE)
    chance = random.Random(7)
    studies = []
    for _ in range(kills):
        studies.append(send(node, 8)[0])
        time.sleep(chance.random() * 0.3)
        node.child("index").kill()
        node.wait_ready()
        for digest in digests(node, studies[-1]):
            assert whole(tiers.online(digest)) or whole(tiers.on_nas(digest)), digest
    every = [digest for study in studies for digest in digests(node, study)]
    assert len(every) == 8 * kills
    node.wait_for(lambda: all(whole(tiers.on_nas(d)) and not tiers.online(d).exists() for d in every), 60)
    assert list((tiers.nas / "incoming").iterdir()) == []


def test_by_hand_check_rescan_scrub_and_delete(tiers: Tiers) -> None:
    node = tiers.node
    study, _ = send(node)
    files = digests(node, study)
    tiers.write(COPY)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in files))

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "dicom_node", *words], check=False, cwd=ROOT, env=node.environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    assert run("volumes", "check")[0] == 0
    assert run("volumes", "rescan")[0] == 3  # the node is running
    node.stop()
    (node.data / "copies.sqlite").unlink()
    code, said = run("volumes", "rescan")
    assert (code, "3 个副本" in said) == (0, True)
    tiers.on_nas(files[0]).write_bytes(b"rotten")
    code, said = run("volumes", "scrub")
    assert code == 0
    assert "repaired 1" in said
    assert whole(tiers.on_nas(files[0]))
    assert run("delete", "--study", study, "--reason", "short", "--by", "li")[0] == 2
    assert run("delete", "--study", "1.2.3", "--reason", "wrong patient, sent twice", "--by", "li")[0] == 1
    code, said = run("delete", "--study", study, "--reason", "wrong patient, sent twice", "--by", "li")
    assert (code, "deleted 3" in said) == (0, True)
    assert not any(tiers.on_nas(digest).exists() or tiers.online(digest).exists() for digest in files)
    node.start()
    assert node.instances(study) == []
    shutil.rmtree(tiers.nas)
    assert run("volumes", "check")[0] == 1
    assert list((node.data / "files" / "aside").iterdir())  # ended a minute later


@pytest.mark.clause("S-5")
def test_a_deletion_that_waits_for_a_volume_is_on_the_status_page_and_ends_by_itself(tiers: Tiers) -> None:
    node = tiers.node
    study, _ = send(node)
    files = digests(node, study)
    tiers.write(COPY)
    node.wait_for(lambda: all(whole(tiers.on_nas(digest)) for digest in files))
    other = f'[[volume]]\nname = "other"\nurl = "{(tiers.nas.parent / "other").as_uri()}"\n'
    tiers.write(
        'name = "end"\nwhen.institution = ["H01"]\ndelete = true\nreason = "retention of 30 years is over"', volumes=other, nas=False
    )
    node.wait_for(lambda: 'data-fault="undeleted"' in operated(node, "/status"))
    node.wait_for(lambda: 'node_copies_undeleted{volume="nas"} 3' in operated(node, "/metrics"))  # one file after the other
    assert all(tiers.on_nas(digest).exists() for digest in files)
    tiers.write()
    node.wait_for(lambda: not any(tiers.on_nas(digest).exists() for digest in files))
    node.wait_for(lambda: 'data-fault="undeleted"' not in operated(node, "/status"))


def test_without_volumes_a_damaged_online_file_is_on_the_status_page(tiers: Tiers) -> None:
    node = tiers.node
    study, _ = send(node, 2)
    files = digests(node, study)
    tiers.online(files[0]).write_bytes(b"rotten")
    tiers.write(nas=False, scrub="every_days = 0.000001")
    node.wait_for(lambda: 'data-fault="copies"' in operated(node, "/status"))
    assert "node_copies_hopeless 1" in operated(node, "/metrics")
