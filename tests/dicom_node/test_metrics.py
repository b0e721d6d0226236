"""`GET /metrics`: read with Prometheus' own parser and compared with what was done and with what the machine says."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rawscu import EXPLICIT, RawSCU, RefusedError
from running_node import CT, RunningNode, encoded, image

from dicom_node.archive.journal import Entry, JournalReader, JournalWriter

pytestmark = pytest.mark.clause("O-2")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(node: RunningNode) -> Samples:
    answer = node.get("/metrics", node.ticket([], ["system.operate"]))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def raw(node: RunningNode, aet: str = "CT_A", **more: str) -> RawSCU:
    return RawSCU(node.dicom_port, aet, [(CT, [EXPLICIT])], **more)  # type: ignore[arg-type]


@pytest.mark.clause("S-9")
def test_counts_are_those_of_what_was_done(own_node: RunningNode) -> None:
    node = own_node
    images = [image() for _ in range(4)]
    images[3].SOPInstanceUID = images[2].SOPInstanceUID  # other bytes under a known UID: a conflict
    scu, other = raw(node), raw(node, "CT_B")
    sent = {"CT_A": 0, "CT_B": 0}
    for ds, peer, aet in zip(images, (scu, other, scu, scu), ("CT_A", "CT_B", "CT_A", "CT_A"), strict=True):
        assert peer.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
        sent[aet] += 1
    assert scu.store(1, CT, "1.2.bad", encoded(images[0]))[0] == 0xC000
    assert scu.store(1, CT, image().SOPInstanceUID, encoded(images[0]))[0] == 0xA900
    assert scu.store(1, CT, (broken := image().SOPInstanceUID), b"\xff\xfe no data set " * 20)[0] == 0
    for aet, called in (("NOBODY", "HUB"), ("NOBODY", "HUB"), ("CT_A", "WRONG")):
        with pytest.raises(RefusedError):
            raw(node, aet, called=called)

    def seen() -> Samples | None:
        found = scrape(node)
        done = value(found, "node_store_seconds_count") == 7 and value(found, "node_quarantine", reason="unparsable") == 1
        return found if done and value(found, "node_associations_refused_total", reason="called") == 1 else None

    now = node.wait_for(seen)
    assert value(now, "node_associations_open", aet="CT_A") == value(now, "node_associations_open", aet="CT_B") == 1
    assert value(now, "node_associations_accepted_total", aet="CT_A") == 1
    assert value(now, "node_associations_refused_total", reason="calling") == 2
    assert value(now, "node_instances_received_total", aet="CT_A") == sent["CT_A"] + 1
    assert value(now, "node_instances_received_total", aet="CT_B") == 1
    kept = list((node.data / "files").rglob("*.dcm"))
    total = sum(value(now, "node_bytes_received_total", aet=aet) or 0 for aet in ("CT_A", "CT_B"))
    assert total == sum(p.stat().st_size for p in kept)
    statuses = {status: value(now, "node_store_answers_total", aet="CT_A", status=status) for status in ("0000", "C000", "A900")}
    assert statuses == {"0000": 4, "C000": 1, "A900": 1}
    buckets = [v for (name, _), v in now.items() if name == "node_store_seconds_bucket"]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 7
    assert 0 < (value(now, "node_store_seconds_sum") or 0) < 7 * 5
    assert value(now, "node_conflicts", reason="same_uid_other_bytes") == 1
    assert value(now, "node_fault", fault="quarantine") == 1
    assert (value(now, "node_index_batches_total") or 0) >= 1
    assert 0 < (value(now, "node_index_batch_seconds_total") or 0) < 30
    node.wait_for(lambda: value(scrape(node), "node_feed_head") == node.feed()[-1]["seq"] > 0)
    node.wait_for(lambda: value(scrape(node), "node_journal_backlog") == 0)
    text = node.get("/metrics", node.ticket([], ["system.operate"])).text
    assert "NOBODY" not in text  # strangers cannot make up names here
    assert "Wang" not in text and "P1" not in text and broken not in text
    scu.close()
    other.close()
    node.wait_for(lambda: value(scrape(node), "node_associations_open", aet="CT_A") is None)


def test_process_and_disk_figures_agree_with_the_machine(own_node: RunningNode) -> None:
    node = own_node
    node.wait_for(lambda: value(scrape(node), "node_process_resident_memory_bytes", process="receive"))
    now = scrape(node)
    for name in ("receive", "index"):
        child = node.child(name)
        assert value(now, "node_process_resident_memory_bytes", process=name) == pytest.approx(child.memory_info().rss, rel=0.15)
        times = child.cpu_times()
        assert value(now, "node_process_cpu_seconds_total", process=name) == pytest.approx(times.user + times.system, abs=0.5)
        assert value(now, "node_process_restarts_total", process=name) in {0, None}
    disk = psutil.disk_usage(str(node.data))
    assert value(now, "node_disk_size_bytes") == pytest.approx(disk.total, rel=0.1)
    assert value(now, "node_disk_free_bytes") == pytest.approx(disk.free, rel=0.1, abs=2 << 30)
    for name, count in (("receive", 1), ("index", 1), ("receive", 2)):
        old = node.child(name)
        old.kill()
        node.wait_for(lambda: not psutil.pid_exists(old.pid) or node.child(name).pid != old.pid)
        node.wait_ready()
        node.wait_for(lambda: value(scrape(node), "node_process_restarts_total", process=name) == count)
    assert value(scrape(node), "node_fault", fault="restarted") == 1


@pytest.mark.clause("S-1")
def test_receiving_never_waits_for_the_index_and_silence_is_noticed(own_node: RunningNode) -> None:
    node = own_node
    scu, ds = raw(node), image()
    index, receive = node.child("index"), node.child("receive")
    index.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        for _ in range(20):
            ds = image()
            assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
        assert time.monotonic() - begin < 5
    finally:
        index.send_signal(signal.SIGCONT)
    node.wait_instances(ds.StudyInstanceUID, 1)
    receive.send_signal(signal.SIGSTOP)
    try:
        silent = node.wait_for(lambda: (now := scrape(node)) and value(now, "node_fault", fault="receive") and now)
        assert (value(silent, "node_receive_published_seconds") or 0) > 5
    finally:
        receive.send_signal(signal.SIGCONT)
    node.wait_for(lambda: value(scrape(node), "node_fault", fault="receive") is None)


def test_the_backlog_is_counted_from_the_journal(tmp_path: Path) -> None:
    writer, reader = JournalWriter(tmp_path / "j"), JournalReader(tmp_path / "j")
    assert reader.backlog(0) == (0, None)
    for i in range(5):
        writer.append(Entry(f"{i:064d}", 1, CT, f"1.{i}", EXPLICIT, "H01", "CT_A", "", f"2024-03-01T10:00:0{i}.000+00:00"))
    assert reader.backlog(0) == (5, "2024-03-01T10:00:00.000+00:00")
    third = reader.read(0, 2)[1]
    assert reader.backlog(third) == (3, "2024-03-01T10:00:02.000+00:00")
    assert reader.backlog(reader.end()) == (0, None)
    with (tmp_path / "j").open("ab") as torn:
        torn.write(b'{"digest": "')
    assert reader.backlog(reader.end() - 12) == (0, None)


def test_labels_are_escaped() -> None:
    from dicom_node.web.exposition import Exposition

    out = Exposition()
    out.family("x", "gauge", "Words.", [({"aet": 'a"b\\c\nd'}, 1.5)])
    (family,) = text_string_to_metric_families(out.text())
    assert family.samples[0].labels == {"aet": 'a"b\\c\nd'}
    assert family.samples[0].value == 1.5
