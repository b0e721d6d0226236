"""What an operator does by hand: `volumes check|rescan|scrub` and `delete`. The last two words need the node stopped."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dicom_node import logs
from dicom_node.feed import Feed
from dicom_node.index.database import Database
from dicom_node.index.places import index_file, journal_file
from dicom_node.index.writer import IndexWriter
from dicom_node.settings import Settings, load
from dicom_node.storage.adoption import adopt
from dicom_node.storage.deletion import Deletion
from dicom_node.storage.parts import Storage
from dicom_node.storage.plan import PlanError, read_plan
from dicom_node.storage.rescan import Rescan
from dicom_node.storage.scrub import Scrubber
from dicom_node.storage.volume import Volume, VolumeError
from dicom_node.supervisor import AlreadyRunningError, lock

MISSING = "没有存储方案 {path} | there is no storage plan"


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")


def _settings(words: list[str], parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Settings]:
    parser.add_argument("--config", type=Path, help="TOML file of the node; environment variables NODE_… win over it")
    found = parser.parse_args(words)
    return found, load(found.config)


def volumes(words: list[str]) -> int:
    """`check`: does each volume answer? `rescan`: what is on them, into the table of copies. `scrub`: read every copy once."""
    parser = argparse.ArgumentParser(prog="python -m dicom_node volumes", description=volumes.__doc__)
    parser.add_argument("what", choices=["check", "rescan", "scrub"])
    asked, settings = _settings(words, parser)
    logs.configure("node.volumes")
    try:
        storage = Storage(settings)
        plan, known = read_plan(settings.storage_file, storage.identity)
    except PlanError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not plan.volume:
        _say(MISSING.format(path=settings.storage_file))
        return 2
    if asked.what == "check":
        return max([_check(volume) for volume in known.values()])
    try:
        with lock(settings.data):
            for volume in plan.volume:
                with suppress(VolumeError):  # said by the work itself
                    adopt(known[volume.name], volume.url, storage.copies)
            if asked.what == "rescan":
                return _rescan_all(settings, storage, known.values())
            return _scrub(settings, storage)
    except AlreadyRunningError as error:
        sys.stderr.write(f"{error}\n")
        return 3


def _check(volume: Volume) -> int:
    try:
        volume.walk().__next__()
    except StopIteration:
        pass
    except VolumeError as error:
        _say(f"✗ {error}")
        return 1
    space = volume.free()
    _say(f"✓ {volume.name}" + (f": {space[0] >> 30} / {space[1] >> 30} GiB" if space is not None else ""))
    return 0


def _rescan(volume: Volume, rescan: Rescan) -> int:
    try:
        rescan.work(volume, threading.Event(), time.monotonic() + 30 * 86400)
    except VolumeError as error:
        _say(f"✗ {error}")
        return 1
    return 0


def _rescan_all(settings: Settings, storage: Storage, volumes: Iterable[Volume]) -> int:
    database = Database(index_file(settings))
    rescan, codes = Rescan(storage, storage.archive(), database), list[int]()
    for volume in volumes:
        codes.append(_rescan(volume, rescan))
        counts = storage.copies.counts().get(volume.name, {})
        whole, missing = (counts.get(state, (0, 0))[0] for state in ("whole", "missing"))
        if not codes[-1]:
            _say(f"✓ {volume.name}: {whole} 个副本 | copies; {missing} 个缺失 | missing")
    database.close()
    return max(codes)


def _scrub(settings: Settings, storage: Storage) -> int:
    database = Database(index_file(settings))
    scrubber = Scrubber(storage, storage.archive(), database)
    scrubber.work(threading.Event(), time.monotonic() + 30 * 86400, everything=True)
    found = scrubber.findings
    database.close()
    _say(
        f"已检查 {found.checked}, 损坏 {found.damaged}, 缺失 {found.missing}, 已修复 {found.repaired}, 无完好副本 {len(found.hopeless)} | "
        f"checked {found.checked}, damaged {found.damaged}, missing {found.missing}, repaired {found.repaired}, hopeless {len(found.hopeless)}"
    )
    return 1 if found.hopeless else 0


def delete(words: list[str]) -> int:
    """Delete a study for a reason; the node must be stopped. A tombstone says who, when and why."""
    parser = argparse.ArgumentParser(prog="python -m dicom_node delete", description=delete.__doc__)
    parser.add_argument("--study", required=True, help="Study Instance UID")
    parser.add_argument("--reason", required=True, help="why, at least 10 characters")
    parser.add_argument("--by", required=True, help="who decides it")
    asked, settings = _settings(words, parser)
    logs.configure("node.delete")
    if len(asked.reason.strip()) < 10:
        sys.stderr.write("请写明删除原因 (至少 10 个字符) | say why, in at least 10 characters\n")
        return 2
    try:
        with lock(settings.data):
            return _delete(settings, asked.study, asked.reason.strip(), asked.by)
    except AlreadyRunningError as error:
        sys.stderr.write(f"{error}\n")
        return 3


def _delete(settings: Settings, study: str, reason: str, by: str) -> int:
    storage = Storage(settings)
    archive = storage.archive()
    database = Database(index_file(settings))
    writer = IndexWriter(database, journal_file(settings), archive, storage.tombstones)
    while writer.step():
        pass
    count = database.rows("SELECT count(*) AS n FROM instance WHERE study_uid = ?", [study])[0]["n"]
    if not count:
        _say("没有该检查 | there is no such study")
        return 1
    deletion = Deletion(writer, Feed(settings.data / "feed.sqlite"), archive, storage)
    done = deletion.delete(study, reason, f"by {by}")
    if done:
        deletion.settle(storage.plans.current()[1].values())
    database.close()
    if not done:
        _say("不能删除: 隔离区中有该检查的文件, 或其中的拒绝说明涉及其他检查 | it must stay: see the log for the reason")
        return 1
    _say(f"已删除 {count} 个实例 | deleted {count} instances")
    for name, left in storage.tombstones.waiting().items():
        _say(
            f"! {name}: 仍有 {left} 个副本待删除, 该卷可用后由节点删除 | {left} copies are left; the node removes them when the volume can be used"
        )
    return 0
