"""C-ECHO, C-STORE, C-FIND with dcmtk as the peer, and with a raw sender where bytes and PDUs matter."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from rawscu import EXPLICIT, RawSCU, RefusedError
from running_node import CT, RunningNode, encoded, image, save, uid

pytestmark = [pytest.mark.clause("S-1", "H-5"), pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, check=False)


def peer(node: RunningNode, program: str, aet: str, *words: object, called: str = "HUB") -> subprocess.CompletedProcess[str]:
    return run(program, "-aet", aet, "-aec", called, "127.0.0.1", node.dicom_port, *words)


def files(node: RunningNode) -> list[Path]:
    """Prepared files are no images; a note is a second name of one."""
    return [p for p in (node.data / "files").rglob("*") if p.is_file() and p.parent.name not in {"stock", "notes"}]


def raw(node: RunningNode, aet: str = "CT_A", *more: tuple[str, list[str]]) -> RawSCU:
    return RawSCU(node.dicom_port, aet, [(CT, [EXPLICIT]), *more])


def stored(node: RunningNode, sop_uid: str) -> bytes:
    """The data set of the archived file, without preamble and group 2."""
    from rawscu import split_file

    found = [p for p in files(node) if sop_uid.encode() in p.read_bytes()[:2000]]
    assert len(found) == 1
    assert hashlib.sha256(found[0].read_bytes()).hexdigest() == found[0].stem
    return split_file(found[0])[3]


def test_echo(node: RunningNode) -> None:
    assert peer(node, "echoscu", "CT_A").returncode == 0


@pytest.mark.clause("S-9")
@pytest.mark.parametrize(
    ("aet", "called", "words"),
    [("NOBODY", "HUB", "Calling AE Title Not Recognized"), ("CT_A", "OTHER", "Called AE Title Not Recognized"),
     ("ELSEWHERE", "HUB", "Calling AE Title Not Recognized")],
)  # fmt: skip
def test_unknown_peers_are_refused_at_association(node: RunningNode, aet: str, called: str, words: str) -> None:
    answer = peer(node, "echoscu", aet, called=called)
    assert answer.returncode != 0
    assert words in answer.stderr


@pytest.mark.clause("S-9")
def test_a_device_gets_only_its_services(node: RunningNode, tmp_path: Path) -> None:
    path = save(image(), tmp_path / "a.dcm")
    before = len(files(node))
    assert peer(node, "echoscu", "ECHO_ONLY").returncode == 0
    assert peer(node, "storescu", "ECHO_ONLY", path).returncode != 0
    assert "No Acceptable Presentation Contexts" in peer(node, "findscu", "ECHO_ONLY", "-S", "-k", "QueryRetrieveLevel=STUDY").stderr
    assert len(files(node)) == before


def test_a_stored_image_is_found(node: RunningNode, tmp_path: Path) -> None:
    ds = image(PatientName="Zhang^San", ModalitiesInStudy=None)
    assert peer(node, "storescu", "CT_A", save(ds, tmp_path / "a.dcm")).returncode == 0
    node.wait_instances(ds.StudyInstanceUID, 1)  # how soon is the bench's `worklist-visible`
    keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=zhang*", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}",
            "-k", "ModalitiesInStudy", "-k", "NumberOfStudyRelatedInstances", "-k", "StudyDate=20240201-20240331"]  # fmt: skip
    mine = peer(node, "findscu", "CT_A", *keys).stderr
    assert re.search(r"\(0010,0010\) PN \[Zhang\^San", mine)
    assert re.search(r"\(0020,1208\) IS \[1 ?\]", mine)
    assert re.search(r"\(0008,0061\) CS \[CT\]", mine)


@pytest.mark.clause("S-3", "S-9")
def test_find_shows_only_the_own_institution(node: RunningNode) -> None:
    ds = image()
    scu = raw(node)
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    node.wait_instances(ds.StudyInstanceUID, 1)
    keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}", "-k", "PatientName"]
    assert "Find Response: 1 (Pending)" in peer(node, "findscu", "CT_A", *keys).stderr
    other = peer(node, "findscu", "CT_B", *keys)
    assert other.returncode == 0
    assert "Pending" not in other.stderr


@pytest.mark.clause("S-3")
@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_find_at_all_levels_of_the_patient_root(node: RunningNode, level: str) -> None:
    ds = image(PatientID=uid()[-20:])
    assert raw(node).store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    node.wait_instances(ds.StudyInstanceUID, 1)
    levels = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
    above = list(levels)[: max(1, list(levels).index(level))]  # their unique keys have one value each, the others are asked for
    keys = [word for name, key in levels.items() for word in ("-k", f"{key}={ds[key].value if name in above else ''}")]
    answer = peer(node, "findscu", "CT_A", "-P", "-k", f"QueryRetrieveLevel={level}", *keys).stderr
    assert answer.count("(Pending)") == 1
    assert (ds.SOPInstanceUID in answer) == (level == "IMAGE")


@pytest.mark.parametrize("size", [1024, 16384, 40000, 131072])
def test_bytes_are_kept_exactly_for_any_pdu_size(node: RunningNode, size: int) -> None:
    ds = image(Rows=300, Columns=400, PixelData=bytes(range(256)) * 937 + bytes(128))
    data = encoded(ds)
    assert raw(node).store(1, CT, ds.SOPInstanceUID, data, size) == (0, "")
    assert stored(node, ds.SOPInstanceUID) == data


def test_unusual_but_legal_messages_are_stored_in_the_same_way(node: RunningNode) -> None:
    scu = raw(node)
    one, two, three = image(), image(), image()
    together = scu.p_data(scu.pdv(1, 3, scu.command(CT, one.SOPInstanceUID)), scu.pdv(1, 2, encoded(one)))
    scu.socket.sendall(together)  # command and data in one PDU
    assert scu.status()[0] == 0
    command, data = scu.command(CT, two.SOPInstanceUID), encoded(two)
    scu.socket.sendall(scu.p_data(scu.pdv(1, 1, command[:30])) + scu.p_data(scu.pdv(1, 3, command[30:])) + scu.data_pdus(1, data, 4000))
    assert scu.status()[0] == 0  # a split command
    data = encoded(three)
    scu.socket.sendall(
        scu.p_data(scu.pdv(1, 3, scu.command(CT, three.SOPInstanceUID))) + scu.p_data(scu.pdv(1, 0, data[:100]), scu.pdv(1, 2, data[100:]))
    )
    assert scu.status()[0] == 0  # two fragments in one PDU
    pipelined = [image() for _ in range(5)]
    for ds in pipelined:
        scu.send_store(1, CT, ds.SOPInstanceUID, encoded(ds))
    assert [scu.status()[0] for _ in pipelined] == [0] * 5
    for ds in (one, two, three, *pipelined):
        assert stored(node, ds.SOPInstanceUID) == encoded(ds)


def test_private_classes_and_syntaxes_are_stored_as_they_are(node: RunningNode) -> None:
    private, syntax = "1.2.276.0.999.1", "1.2.276.0.999.2"
    ds = image(SOPClassUID=private)
    scu = RawSCU(node.dicom_port, "CT_A", [(private, [syntax]), ("1.2.840.10008.5.1.4.31", [EXPLICIT])])
    assert scu.accepted == {1: syntax}  # the worklist model is no image
    assert scu.store(1, private, ds.SOPInstanceUID, encoded(ds))[0] == 0
    assert stored(node, ds.SOPInstanceUID) == encoded(ds)


@pytest.mark.parametrize("bad", ["../../../etc/x", "/abs", "1.2.\0x", "1." + "2" * 70, "", "a.b", "1..2", "1.2;rm"])
def test_bad_uids_are_refused_with_a_reason(node: RunningNode, bad: str) -> None:
    before = len(files(node))
    ds = image()
    status, comment = raw(node).store(1, CT, bad, encoded(ds))
    assert status == 0xC000
    assert "SOPInstanceUID" in comment
    assert len(files(node)) == before


@pytest.mark.parametrize(
    ("keyword", "value", "status"),
    [("StudyInstanceUID", "", 0xC000), ("StudyInstanceUID", None, 0xC000), ("SeriesInstanceUID", "../x", 0xC000),
     ("SOPInstanceUID", "1.2.3", 0xA900), ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4", 0xA900), ("SOPInstanceUID", "", 0xC000)],
)  # fmt: skip
def test_data_set_must_agree_with_its_command(node: RunningNode, keyword: str, value: str | None, status: int) -> None:
    ds = image()
    sop_uid = ds.SOPInstanceUID
    if value is None:
        delattr(ds, keyword)
    else:
        from pydicom import config

        with config.disable_value_validation():
            setattr(ds, keyword, value)
    answer = raw(node).store(1, CT, sop_uid, encoded(ds))
    assert answer[0] == status
    assert keyword in answer[1]


def test_same_bytes_again_change_nothing(node: RunningNode) -> None:
    ds = image()
    scu = raw(node)
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    node.wait_instances(ds.StudyInstanceUID, 1)
    before = len(files(node))
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    after = image()
    scu.store(1, CT, after.SOPInstanceUID, encoded(after))
    node.wait_instances(after.StudyInstanceUID, 1)
    assert len(files(node)) == before + 1
    assert len([r for r in node.feed() if r["sop_uid"] == ds.SOPInstanceUID]) == 1


def test_a_lost_peer_leaves_nothing(node: RunningNode) -> None:
    before = len(files(node))
    ds = image(Rows=600, Columns=600, PixelData=bytes(720000))
    data = encoded(ds)
    for cut in (60, 400000, len(data)):
        scu = raw(node)
        whole = scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))) + scu.data_pdus(1, data, 16384)
        scu.socket.sendall(whole[: min(cut + 200, len(whole) - 1)])
        scu.socket.shutdown(socket.SHUT_RDWR)
        scu.close()
    scu = raw(node)  # a clean abort on a PDU border
    scu.socket.sendall(scu.p_data(scu.pdv(1, 3, scu.command(CT, ds.SOPInstanceUID))) + scu.p_data(scu.pdv(1, 0, data[:9000])))
    scu.socket.sendall(b"\7\0\0\0\0\4\0\0\0\0")
    scu.close()
    node.wait_for(lambda: len(files(node)) == before)
    assert peer(node, "echoscu", "CT_A").returncode == 0


@pytest.mark.clause("S-9")
def test_hostile_pdus_end_only_their_own_association(node: RunningNode) -> None:
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\4\0\xff\xff\xff\xff" + b"\0" * 100, b"\1\0\0\0\0\4abcd", b"\0" * 64):
        with socket.create_connection(("127.0.0.1", node.dicom_port), 5) as link:
            link.sendall(junk)
    scu = raw(node)
    scu.socket.sendall(b"\4\0\xff\xff\xff\xff" + b"\xff" * 1000)
    scu.close()
    assert peer(node, "echoscu", "CT_A").returncode == 0
    with pytest.raises(RefusedError):
        raw(node, "NOBODY")


def test_unreadable_data_sets_are_kept_with_their_reason(own_node: RunningNode) -> None:
    from dicom_node.index.database import Database

    scu = raw(own_node)
    sop_uid = uid()
    assert scu.store(1, CT, sop_uid, b"\xff\xfe this is no data set " * 20)[0] == 0
    good = image()
    assert scu.store(1, CT, good.SOPInstanceUID, encoded(good))[0] == 0
    own_node.wait_instances(good.StudyInstanceUID, 1)
    own_node.stop()
    database = Database(own_node.data / "index" / "index.duckdb")
    rows = database.rows("SELECT sop_uid, reason, detail FROM quarantine")
    database.close()
    assert [(r["sop_uid"], r["reason"]) for r in rows] == [(sop_uid, "unparsable")]
    assert rows[0]["detail"]


def test_an_unlisted_device_file_is_picked_up_while_running(own_node: RunningNode) -> None:
    import json

    assert peer(own_node, "echoscu", "NEW_CT").returncode != 0
    path = own_node.data / "devices.json"
    path.write_text(json.dumps([{"aet": "NEW_CT", "institution": "H09", "may": ["echo"]}]))
    assert peer(own_node, "echoscu", "NEW_CT").returncode == 0
    assert peer(own_node, "echoscu", "CT_A").returncode != 0
    path.write_text("{broken")
    assert peer(own_node, "echoscu", "NEW_CT").returncode == 0  # the last good list stays
