"""Kill -9 in the middle of anything: what was acknowledged is there, byte for byte, indexed, told once."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rawscu import EXPLICIT, RawSCU, RefusedError
from running_node import CT, RunningNode, encoded, image, uid

from dicom_node.archive.files import Archive, file_head
from dicom_node.archive.journal import Entry, JournalReader, JournalWriter
from dicom_node.index.database import Database
from dicom_node.index.schema import TABLES
from dicom_node.receive.store import Sender, Store

pytestmark = pytest.mark.clause("S-1", "H-5")


class Senders:
    """Two scanners that send for ever; they remember what was acknowledged."""

    def __init__(self, node: RunningNode, study: str) -> None:
        self.node, self.study = node, study
        self.acknowledged: dict[str, str] = {}
        self.pause = 0.01  # seconds between images
        self.begin()

    def begin(self) -> None:
        """Also after `end`."""
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._send, daemon=True) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def _send(self) -> None:
        series = uid()
        while not self.stop.is_set():
            try:
                scu = RawSCU(self.node.dicom_port, "CT_A", [(CT, [EXPLICIT])], timeout=5)
                while not self.stop.is_set():
                    ds = image(self.study, series, Rows=128, Columns=128, PixelData=os.urandom(32768))
                    data = encoded(ds)
                    if scu.store(1, CT, ds.SOPInstanceUID, data)[0] == 0:
                        self.acknowledged[ds.SOPInstanceUID] = hashlib.sha256(data).hexdigest()
                    time.sleep(self.pause)
            except (OSError, EOFError, RefusedError):
                time.sleep(0.05)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(10)


def check_everything(node: RunningNode, senders: Senders) -> None:
    wanted = senders.acknowledged
    node.wait_for(lambda: len(node.get(f"/dicom-web/studies/{senders.study}/instances", params={"limit": 9999}).json()) >= len(wanted), 60)
    rows = node.feed()  # once all that has arrived is in it; what nobody was told of may be among it
    listed = {i["00080018"]["Value"][0] for i in node.get(f"/dicom-web/studies/{senders.study}/instances", params={"limit": 9999}).json()}
    assert set(wanted) <= listed
    kept = set()
    for path in (node.data / "files").rglob("*.dcm"):
        whole = path.read_bytes()
        assert hashlib.sha256(whole).hexdigest() == path.stem
        kept.add(hashlib.sha256(whole[144 + int.from_bytes(whole[140:144], "little") :]).hexdigest())
    assert set(wanted.values()) <= kept
    assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))
    told = [r["sop_uid"] for r in rows if r["kind"] == "instance.stored"]
    assert len(told) == len(set(told))
    assert set(told) == listed


def kill_loop(node: RunningNode, kills: int) -> None:
    senders, dice = Senders(node, uid()), random.Random(4)
    for i in range(kills):
        before = len(senders.acknowledged)
        node.child(("receive", "index")[i % 2]).kill()
        if i % 2 == 0:
            wait_for_more(node, senders, before)
        time.sleep(dice.uniform(0, 0.5))  # the next one dies anywhere: starting, indexing, receiving
    senders.end()
    node.wait_ready()
    assert len(senders.acknowledged) > kills
    check_everything(node, senders)


def wait_for_more(node: RunningNode, senders: Senders, than: int) -> None:
    node.wait_for(lambda: len(senders.acknowledged) > than + 2, 60)


@pytest.mark.timeout(180)
def test_killed_children_lose_and_double_nothing(own_node: RunningNode) -> None:
    """Each child four times."""
    kill_loop(own_node, 8)


def burst_loop(node: RunningNode, kills: int) -> None:
    """Bursts into prepared files: the process dies while images lie in them, before and after they have their names."""
    senders, dice, stock = Senders(node, uid()), random.Random(5), node.data / "files" / "stock"
    senders.pause, used = 0.0, 0
    for _ in range(kills):
        before = len(senders.acknowledged)
        wait_for_more(node, senders, before + 40)
        senders.end()
        node.wait_for(lambda: len(list(stock.iterdir())) >= 40, 60)
        before, prepared = len(senders.acknowledged), len(list(stock.iterdir()))
        senders.begin()
        end = time.monotonic() + 20
        while len(senders.acknowledged) <= before and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.06))
        node.child("receive").kill()
        used += prepared - len(list(stock.iterdir()))
    senders.end()
    node.wait_ready()
    assert used > kills, "the bursts did not land in prepared files"
    check_everything(node, senders)


@pytest.mark.timeout(180)
def test_killed_while_a_burst_lands_in_prepared_files(own_node: RunningNode) -> None:
    burst_loop(own_node, 5)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_in_a_hundred_bursts(own_node: RunningNode) -> None:
    burst_loop(own_node, 100)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_kills(own_node: RunningNode) -> None:
    """A hundred kills of each child find the rarer instants: a commit, a rename, a line of the journal cut in two."""
    kill_loop(own_node, 200)


def test_children_die_with_the_parent_and_all_comes_back(own_node: RunningNode) -> None:
    senders = Senders(own_node, uid())
    own_node.wait_for(lambda: len(senders.acknowledged) > 20)
    children = [own_node.child("receive"), own_node.child("index")]
    assert own_node.process is not None
    own_node.process.kill()
    own_node.process.wait(10)
    for child in children:
        child.wait(10)
    own_node.start()
    senders.end()
    check_everything(own_node, senders)


def test_receiving_goes_on_while_the_index_is_down(own_node: RunningNode) -> None:
    index = own_node.child("index")
    index.suspend()
    ds = image()
    scu = RawSCU(own_node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    index.resume()
    own_node.wait_instances(ds.StudyInstanceUID, 1)


def dump(data: Path) -> dict[str, list[dict]]:
    database = Database(data / "index" / "index.duckdb")
    found = {name: database.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}
    database.close()
    return found


def test_reindex_gives_the_identical_index(own_node: RunningNode) -> None:
    node = own_node
    study = uid()
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    other = RawSCU(node.dicom_port, "CT_B", [(CT, [EXPLICIT])])
    first = image(study, PatientName="王^小东", SpecificCharacterSet="GB18030")
    sent = [
        first,
        *(image(study, InstanceNumber=i) for i in range(30)),
        image(study, SOPInstanceUID=first.SOPInstanceUID),
        image(study, PatientID="X"),
    ]
    for ds in sent:
        assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    foreign, last = image(study), image()
    for ds in (foreign, first, last):
        assert other.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    assert scu.store(1, CT, uid(), b"\0\1\2nonsense" * 9)[0] == 0
    assert scu.store(1, CT, uid(), b"\0\1\2nonsense" * 9)[0] == 0
    end = image()
    assert scu.store(1, CT, end.SOPInstanceUID, encoded(end))[0] == 0
    node.wait_instances(end.StudyInstanceUID, 1)
    words = [sys.executable, "-m", "dicom_node", "reindex"]
    refused = subprocess.run(words, env=node.environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 3
    assert "stop it first" in refused.stderr
    seqs = len(node.feed())
    node.stop()
    before = dump(node.data)
    assert {name: len(rows) for name, rows in before.items()} == {
        "instance": 35, "study": 3, "series": 34, "quarantine": 4, "conflict": 4, "rejection": 0, "visibility": 0
    }  # fmt: skip
    assert subprocess.run(words, env=node.environment, timeout=60, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert dump(node.data) == before
    for path in (node.data / "index").iterdir():
        path.unlink()
    node.start()  # a lost index is rebuilt at start; the feed does not repeat itself
    node.wait_instances(end.StudyInstanceUID, 1)
    assert len([r for r in node.feed() if r["kind"] != "series.quiet"]) == len(
        [r for r in node.feed()[:seqs] if r["kind"] != "series.quiet"]
    )
    node.stop()
    assert dump(node.data) == before
    node.start()


def test_a_second_node_on_the_same_folder_is_refused(own_node: RunningNode) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "dicom_node"], env=own_node.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert answer.returncode == 3
    assert "another node" in answer.stderr
    with socket.create_connection(("127.0.0.1", own_node.dicom_port), 2):
        pass


# -- faults of the disk, injected below the store --------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    archive = Archive(tmp_path / "files")
    archive.prepare()
    for number in range(256):  # so that the first sync of a test is that of its file
        (archive.root / f"{number:02x}").mkdir()
    return Store(archive, JournalWriter(tmp_path / "journal.jsonl"))


def put(store: Store, data: bytes, sop_uid: str) -> tuple[int, str]:
    reception = store.begin(Sender("CT_A", "H01", "127.0.0.1"), CT, sop_uid, EXPLICIT)
    for i in range(0, len(data), 1000):
        reception.write([data[i : i + 1000]])
    answer = reception.finish()
    return answer.status, answer.comment


@pytest.mark.parametrize("call", ["writev", "fsync", "link", "pwrite", "fdatasync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_refuses_and_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    ds = image()
    data = encoded(ds)

    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        status, comment = put(store, data, ds.SOPInstanceUID)
    assert status == 0xA700
    assert comment
    assert list((tmp_path / "files" / "incoming").iterdir()) == []
    if call not in {"pwrite", "fdatasync"}:
        assert list((tmp_path / "files").rglob("*.dcm")) == [], "it reads well from memory, and may not be on the disk"
    if call == "fdatasync":  # never trust this file again: only a new process may go on
        assert store.journal.broken
        assert put(store, data, ds.SOPInstanceUID)[0] == 0xA700
        return
    assert JournalReader(tmp_path / "journal.jsonl").read(0) == ([], 0)
    assert put(store, data, ds.SOPInstanceUID) == (0, "")
    assert len(JournalReader(tmp_path / "journal.jsonl").read(0)[0]) == 1


def test_short_writes_are_completed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, parts: whole(fd, [memoryview(b"".join(parts))[:333]]))
    ds = image()
    data = encoded(ds)
    assert put(store, data, ds.SOPInstanceUID) == (0, "")
    (path,) = (tmp_path / "files").rglob("*.dcm")
    assert path.read_bytes() == file_head(CT, ds.SOPInstanceUID, EXPLICIT) + data
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_a_rotten_copy_is_healed_by_the_same_bytes(store: Store, tmp_path: Path) -> None:
    ds = image()
    data = encoded(ds)
    put(store, data, ds.SOPInstanceUID)
    (path,) = (tmp_path / "files").rglob("*.dcm")
    good = path.read_bytes()
    path.write_bytes(good[:-5] + b"XXXXX")
    assert put(store, data, ds.SOPInstanceUID) == (0, "")
    assert path.read_bytes() == good


def test_a_torn_journal_line_is_cut_and_never_swallows_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    entries = [Entry(str(i) * 64, i, CT, f"1.{i}", EXPLICIT, "H01", "CT_A", "::1", "now") for i in range(3)]
    writer = JournalWriter(path)
    for entry in entries[:2]:
        writer.append(entry)
    with path.open("ab") as torn:
        torn.write(b'{"digest": "half')
    found, end = JournalReader(path).read(0)
    assert [e for _, e in found] == entries[:2]
    JournalWriter(path).append(entries[2])
    assert [e for _, e in JournalReader(path).read(end)[0]] == entries[2:]


def test_many_threads_share_the_journal(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.jsonl")
    entries = [Entry(f"{i:064d}", i, CT, f"1.{i}", EXPLICIT, "H01", "CT_A", "::1", "now") for i in range(400)]

    def write(part: list[Entry]) -> None:
        for entry in part:
            writer.append(entry)

    threads = [threading.Thread(target=write, args=(entries[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found, _ = JournalReader(tmp_path / "journal.jsonl").read(0)
    assert sorted((e for _, e in found), key=lambda e: e.size) == entries
