"""An association of our own whose thread is slow at its checkpoint, as on a busy machine: no answer may be lost to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.receive.pause import thread_paused

VERIFICATION = "1.2.840.10008.1.1"
BESIDE = 0.05
"""Seconds for which the thread is not given the processor just after it was let through."""


class Slow(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        through = super().wait(timeout)
        time.sleep(BESIDE)
        return through


def slow_asker(association: Association) -> None:
    """Who has sent a request comes to look for the answer only after the thread."""
    look: Any = association.dimse.get_msg

    def later(block: bool = False) -> object:
        if block:
            time.sleep(4 * BESIDE)
        return look(block)

    association.dimse.get_msg = later


@pytest.fixture
def opened() -> Iterator[Callable[[], Association]]:
    peer = AE()
    peer.add_supported_context(VERIFICATION)
    server = peer.start_server(("127.0.0.1", 0), block=False)
    made: list[Association] = []

    def associate() -> Association:
        ours = AE()
        ours.add_requested_context(VERIFICATION)
        ours.dimse_timeout = 0.5
        association = ours.associate("127.0.0.1", server.server_address[1])
        assert association.is_established
        slow = Slow()
        before, association._reactor_checkpoint = association._reactor_checkpoint, slow
        slow.set()
        before.set()
        slow_asker(association)
        made.append(association)
        return association

    yield associate
    for association in made:
        if association.is_established:
            association.release()
        association.join(5)
        assert not association.is_alive()
    server.shutdown()


def answered(association: Association, around: AbstractContextManager[None]) -> int:
    with around:
        for number in range(4):
            if association.send_c_echo().get("Status") != 0:
                return number
    return 4


def test_no_answer_is_lost_to_a_slow_thread(opened: Callable[[], Association]) -> None:
    association = opened()
    assert answered(association, thread_paused(association)) == 4
    assert association.is_established
    association.release()
    assert association.is_released


def test_pynetdicom_alone_loses_one(opened: Callable[[], Association]) -> None:
    """When this fails, pynetdicom has been mended, and dicom_node/receive/pause.py can go."""
    assert answered(opened(), nullcontext()) < 4
