"""What is brought back leaves room on the online disk for images that arrive."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keeping import MOVE, Kept, whole

from dicom_node.storage.folder import FolderVolume
from dicom_node.storage.recall import AwayError

pytestmark = pytest.mark.clause("S-6")
TOTAL = 10**12


def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    answer: Any = SimpleNamespace(total=TOTAL, used=TOTAL - free, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: answer)


def test_a_recall_that_would_fill_the_disk_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.plan(MOVE)
    _, _, (digest, other) = kept.study()
    kept.until(lambda: not kept.online(digest).exists() and not kept.online(other).exists())
    size = kept.copy(digest).stat().st_size
    reserve = TOTAL * 2 // 100
    disk(monkeypatch, reserve + size - 1)
    for ask in (lambda: kept.archive.path(digest), lambda: kept.archive.borrowed(digest).__enter__()):
        with pytest.raises(AwayError, match=r"在线磁盘.*online disk") as caught:
            ask()
        assert not caught.value.hopeless
    assert not kept.online(digest).exists()
    assert list((kept.data / "files" / "incoming").iterdir()) == []
    disk(monkeypatch, reserve + size)
    assert whole(kept.archive.path(digest))


def test_recalls_of_two_processes_do_not_take_the_same_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.plan(MOVE)
    _, _, (digest, other) = kept.study()
    kept.until(lambda: not kept.online(digest).exists() and not kept.online(other).exists())
    size = kept.copy(digest).stat().st_size
    incoming = kept.data / "files" / "incoming"

    def free(_path: object) -> Any:
        """Room for one of the two files above the reserve, less what is allocated now."""
        left = TOTAL * 2 // 100 + 2 * size - 1 - sum(path.stat().st_blocks * 512 for path in incoming.iterdir())
        return SimpleNamespace(total=TOTAL, used=TOTAL - left, free=left)

    monkeypatch.setattr(shutil, "disk_usage", free)
    under_way, go_on = threading.Event(), threading.Event()
    fetch = FolderVolume.fetch

    def slowly(volume: FolderVolume, wanted: str, target: Any) -> int:
        under_way.set()
        assert go_on.wait(20)
        return fetch(volume, wanted, target)

    monkeypatch.setattr(FolderVolume, "fetch", slowly)
    process, another = kept.storage.archive(), kept.storage.archive()
    first = threading.Thread(target=process.path, args=[digest])
    first.start()
    try:
        assert under_way.wait(20)
        with pytest.raises(AwayError, match=r"在线磁盘.*online disk"):
            another.path(other)
    finally:
        go_on.set()
        first.join(20)
    assert whole(kept.online(digest))
    assert list(incoming.iterdir()) == []
    assert whole(another.path(other))
