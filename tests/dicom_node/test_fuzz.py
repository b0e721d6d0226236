"""Bounded fuzzing of what strangers can send: data sets, command sets, PDUs. Any input ends in the one error each parser may raise."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image

from dicom_node.archive.files import file_head
from dicom_node.archive.identity import DEFLATED, UnreadableError, identify, uid_fault
from dicom_node.archive.journal import Entry
from dicom_node.index import header
from dicom_node.receive import command as c

pytestmark = pytest.mark.clause("O-1", "S-9")


def bounded(examples: int) -> settings:
    return settings(max_examples=examples, deadline=2000, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


SYNTAXES = st.sampled_from([EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", *DEFLATED])
SAMPLE = encoded(image())


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with a few bytes changed, removed, repeated or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                data[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xfe\xff\0\xe0"]))
            case 2:
                del data[at : at + draw(st.integers(1, 40))]
            case 3:
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case 4:
                data[at:at] = draw(st.binary(max_size=12))
    return bytes(data)


@bounded(1500)
@given(st.one_of(st.binary(max_size=300), damaged(SAMPLE)), SYNTAXES)
def test_identify_finds_uids_or_says_unreadable(data: bytes, syntax: str) -> None:
    try:
        found = identify(data, syntax)
    except UnreadableError:
        return
    for uid in (found.sop_class, found.sop_uid, found.study_uid, found.series_uid):
        assert uid is None or uid_fault(uid) is None or uid_fault(uid)
        assert uid is None or len(uid) <= len(data) or syntax in DEFLATED


@bounded(1500)
@given(st.one_of(st.binary(max_size=200), damaged(RawSCU.command(type("Shape", (), {"message": 0})(), CT, "1.2.3"))))  # type: ignore[arg-type]
def test_commands_are_parsed_or_refused(data: bytes) -> None:
    try:
        found = c.parse(data)
    except ValueError:
        return
    assert sum(8 + len(value) for value in found.values()) <= len(data)
    answer = c.store_response(1, found, c.CANNOT_UNDERSTAND, "words")
    assert struct.unpack_from(">I", answer, 2)[0] == len(answer) - 6
    c.text(found.get(c.AFFECTED_SOP_INSTANCE))
    c.number(found.get(c.COMMAND_FIELD))


@bounded(250)
@given(data=damaged(SAMPLE), syntax=st.sampled_from([EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"]))
def test_headers_are_indexed_or_quarantined(tmp_path_factory: pytest.TempPathFactory, data: bytes, syntax: str) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "fuzzed.dcm"
    path.write_bytes(file_head(CT, "1.2.3", syntax) + data)
    entry = Entry("0" * 64, path.stat().st_size, CT, "1.2.3", syntax, "H01", "CT_A", "", "2024-03-01T10:00:00.000+00:00")
    try:
        row = header.parse(path, entry, 0)
    except header.UnparsableError as error:
        reason = str(error)
    else:
        assert row["sop_uid"] == "1.2.3"
        reason = "indexed"
    assert reason
    assert "Wang" not in reason  # it is shown to people who may not see patients


@pytest.mark.parametrize("seed", range(6))
def test_damaged_streams_end_only_their_own_association(node: RunningNode, seed: int) -> None:
    import random

    chance = random.Random(seed)
    ds = image()
    deadline = time.monotonic() + 1.5
    sent = 0
    while time.monotonic() < deadline:
        scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])], timeout=5)
        stream = bytearray(scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))) + scu.data_pdus(1, encoded(ds), 400))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(stream), chance.choice([12, 140, len(stream)])))
            stream[at] = chance.choice([0, 1, 4, 7, 0xFF, chance.randrange(256)])
        try:
            scu.socket.sendall(stream)
            scu.socket.shutdown(socket.SHUT_WR)
            scu.socket.settimeout(5)
            while scu.socket.recv(65536):
                pass
        except TimeoutError as error:
            raise AssertionError(f"association hangs after {bytes(stream[:200])!r}") from error
        except OSError:
            pass
        scu.close()
        sent += 1
    assert sent > 10
    good = image()
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    assert scu.store(1, CT, good.SOPInstanceUID, encoded(good)) == (0, "")
    scu.close()
    node.wait_for(lambda: list((node.data / "files" / "incoming").iterdir()) == [])
