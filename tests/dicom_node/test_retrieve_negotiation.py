"""A C-GET peer that offers several transfer syntaxes in one context: the stored one is chosen where it can carry everything."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless
from rawscu import EXPLICIT, send_files, split_file
from retrieving import IMPLICIT, STUDY_GET, House, Peer, getter, last_counts, last_status, study_identifier
from running_node import CT, RunningNode, image, save

from dicom_node.receive.negotiation import by_use

pytestmark = pytest.mark.clause("S-3", "H-5")
RLE, JPEG, DEFLATED = str(RLELossless), "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.1.99"
HOSPITALS = ("RLE", "IMPLICIT", "DEFLATED", "MIXED", "JPEG", "STARTING")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[House]:
    """A node with a hospital for each way of storing; its only device is called as the hospital."""
    node = RunningNode(tmp_path_factory.mktemp("negotiation"), key)
    devices = [{"aet": name, "institution": name, "may": ["store", "get", "move"]} for name in HOSPITALS]
    (node.data / "devices.json").write_text(json.dumps(devices))
    node.start()
    yield House(node, {})
    assert node.stop() == 0


def saved(ds: Dataset, path: Path, syntax: str) -> Path:
    save(ds, path)
    whole = pydicom.dcmread(path)
    if syntax == RLE:
        whole.compress(RLELossless, generate_instance_uid=False)
    else:
        whole.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, whole, implicit_vr=syntax == IMPLICIT, little_endian=True, enforce_file_format=True)
    return path


def put(place: House, hospital: str, *paths: Path) -> str:
    """Store files of one study; returns its UID when all are indexed."""
    assert {status for status, _ in send_files(place.node.dicom_port, hospital, list(paths)).values()} == {0}
    study = str(pydicom.dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    place.node.wait_instances(study, len(paths))
    return study


def getscu(place: House, hospital: str, study: str, folder: Path, *words: str) -> tuple[str, dict[str, int], dict[str, tuple[str, bytes]]]:
    """Final status and counts, and what arrived: SOP instance UID → transfer syntax, data set."""
    folder.mkdir()
    command = ["getscu", "-d", "-S", "+B", "-od", folder, *words, "-aet", hospital, "-aec", "HUB", "-k", "QueryRetrieveLevel=STUDY",
               "-k", f"StudyInstanceUID={study}", "127.0.0.1", str(place.node.dicom_port)]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = {sop_uid: (syntax, data) for _, sop_uid, syntax, data in map(split_file, folder.iterdir())}
    return last_status(answer.stderr), last_counts(answer.stderr), found


def as_sent(*paths: Path) -> dict[str, tuple[str, bytes]]:
    return {sop_uid: (syntax, data + b"\0" * (len(data) % 2)) for _, sop_uid, syntax, data in map(split_file, paths)}


@pytest.mark.skipif(shutil.which("getscu") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize(
    ("hospital", "syntax", "option"), [("RLE", RLE, "+xr"), ("IMPLICIT", IMPLICIT, "+x="), ("DEFLATED", DEFLATED, "+xd")]
)
def test_getscu_gets_the_stored_bytes(place: House, tmp_path: Path, hospital: str, syntax: str, option: str) -> None:
    first = image()
    second = image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=2)
    paths = [saved(first, tmp_path / "1.dcm", syntax), saved(second, tmp_path / "2.dcm", syntax)]
    study = put(place, hospital, *paths)
    status, counts, found = getscu(place, hospital, study, tmp_path / "in", option)
    assert (status, counts) == ("0x0000", {"Completed": 2, "Failed": 0, "Warning": 0})
    assert found == as_sent(*paths)
    # without the option the peer takes only native syntaxes: the pixels are the same, decoded
    status, counts, found = getscu(place, hospital, study, tmp_path / "native")
    assert (status, counts["Completed"]) == ("0x0000", 2)
    assert {syntax for syntax, _ in found.values()} == {IMPLICIT if hospital == "IMPLICIT" else EXPLICIT}
    assert all(data.endswith(first.PixelData) for _, data in found.values())


@pytest.mark.skipif(shutil.which("getscu") is None, reason="dcmtk is not installed")
def test_getscu_gets_a_real_lossless_jpeg_as_it_is(place: House, corpus: Path, tmp_path: Path) -> None:
    path = corpus / "syntax-ct-same-image" / "jpeg-lossless-sv1.dcm"
    study = put(place, "JPEG", path)
    status, counts, found = getscu(place, "JPEG", study, tmp_path / "in", "+xs")
    assert (status, counts) == ("0x0000", {"Completed": 1, "Failed": 0, "Warning": 0})
    assert found == as_sent(path)
    assert next(iter(found.values()))[0] == JPEG


@pytest.mark.skipif(shutil.which("getscu") is None, reason="dcmtk is not installed")
def test_where_a_class_is_stored_in_several_syntaxes_everything_arrives_all_the_same(place: House, tmp_path: Path) -> None:
    first = image()
    made = [image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=n) for n in range(3)]
    paths = [saved(ds, tmp_path / f"{n}.dcm", syntax) for n, (ds, syntax) in enumerate(zip(made, (RLE, IMPLICIT, IMPLICIT), strict=True))]
    study = put(place, "MIXED", *paths)
    status, counts, found = getscu(place, "MIXED", study, tmp_path / "in", "+xr")
    assert (status, counts) == ("0x0000", {"Completed": 3, "Failed": 0, "Warning": 0})
    assert {syntax for syntax, _ in found.values()} == {IMPLICIT}  # the more frequent native one: two of three byte for byte
    assert {uid: found[uid] for uid in (str(ds.SOPInstanceUID) for ds in made[1:])} == as_sent(*paths[1:])
    # a context for each syntax needs no choice: all three byte for byte (pynetdicom)
    peer = Peer()
    with getter(place, peer, [(CT, [RLE]), (CT, [IMPLICIT])], "MIXED") as assoc:
        *_, (final, _) = assoc.send_c_get(study_identifier(study), STUDY_GET)
    assert final.Status == 0
    assert {got[0]: (got[1], got[2]) for got in peer.got} == as_sent(*paths)


def test_pynetdicom_offers_all_in_one_context_and_the_answer_is_the_stored_one(place: House, tmp_path: Path) -> None:
    """The peer names a native syntax first: it takes what it offers, whatever the order."""
    path = saved(image(), tmp_path / "1.dcm", RLE)
    study = put(place, "RLE", path)
    peer = Peer()
    with getter(place, peer, [(CT, [EXPLICIT, IMPLICIT, JPEG, RLE])], "RLE") as assoc:
        *_, (final, _) = assoc.send_c_get(study_identifier(study), STUDY_GET)
    assert final.Status == 0
    assert {got[0]: (got[1], got[2]) for got in peer.got} == as_sent(path)


def test_while_the_index_does_not_answer_a_native_syntax_is_chosen(place: House) -> None:
    index = place.node.child("index")
    index.suspend()
    try:
        with getter(place, Peer(), [(CT, [RLE, IMPLICIT, EXPLICIT])], "STARTING") as assoc:
            accepted = {str(context.abstract_syntax): str(context.transfer_syntax[0]) for context in assoc.accepted_contexts}
    finally:
        index.resume()
    assert accepted[CT] == EXPLICIT


@pytest.mark.parametrize(
    ("stored", "first"),
    [({}, EXPLICIT), ({RLE: 5}, RLE), ({JPEG: 5}, EXPLICIT), ({RLE: 5, EXPLICIT: 1}, EXPLICIT), ({RLE: 5, IMPLICIT: 1}, IMPLICIT),
     ({IMPLICIT: 3, EXPLICIT: 2}, IMPLICIT), ({IMPLICIT: 2, EXPLICIT: 2}, EXPLICIT)],
)  # fmt: skip
def test_the_choice(stored: dict[str, int], first: str) -> None:
    offered = [RLE, IMPLICIT, EXPLICIT]
    found = by_use(offered, stored)
    assert found[0] == first
    assert sorted(found) == sorted(offered)
