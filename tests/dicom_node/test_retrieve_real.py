"""C-MOVE and C-GET of real images of every kind and syntax: byte for byte, or decoded where the peer takes no other syntax."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from rawscu import send_files, split_file
from retrieving import (
    EXPLICIT,
    IMPLICIT,
    STUDY_GET,
    House,
    Peer,
    dcmtk,
    getter,
    last_counts,
    last_status,
    received,
    sent,
    storescp,
    study_identifier,
)
from running_node import CT, image, save, uid

pytestmark = [pytest.mark.clause("S-3", "H-5"), pytest.mark.skipif(shutil.which("movescu") is None, reason="dcmtk is not installed")]


def own_copy(path: Path, target: Path) -> Path:
    """The file under study, series and instance UIDs of its own, of the same length; every other byte stays."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    whole = path.read_bytes()
    for old in {str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)}:
        fresh = ("2.25." + str(int(uid()[5:]) + 10**38) * 2)[: len(old)]
        whole = whole.replace(old.encode(), fresh.encode())
    target.write_bytes(whole)
    return target


CORPUS = ["ct-head-tilt", "us-cine", "sr", "one-bit-overlay", "sc-colour", "pdf-stl-ecg", "rtstruct-phantom"]


SLICE = "1bee432808f49770"  # known from the collection: sha256 of the array of one slice that it holds in nine lossless syntaxes


SYNTAXES = ["deflated", "explicit-be", "explicit-le", "implicit-le", "j2k-lossless", "jpeg-lossless-p14", "jpeg-lossless-sv1",
            "jpegls-lossless", "rle"]  # fmt: skip


@pytest.fixture(scope="module")
def real(house: House, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """Real images in the node, by the name of their file."""
    folder = tmp_path_factory.mktemp("real")
    paths = [path for name in CORPUS for path in sorted((corpus / name).glob("*.dcm"))]
    paths += [own_copy(path, folder / path.name) for path in sorted((corpus / "syntax-ct-same-image").glob("*.dcm"))]
    headers: dict[str, Dataset] = {}
    for path in paths:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if str(ds.SOPInstanceUID) not in house.known:
            headers[path.name] = ds
            house.known[str(ds.SOPInstanceUID)] = split_file(path)[3]
    chosen = [path for path in paths if path.name in headers]
    assert {status for status, _ in send_files(house.node.dicom_port, "CT_A", chosen).values()} == {0}
    studies = {str(ds.StudyInstanceUID) for ds in headers.values()}
    house.node.wait_for(lambda: sum(len(house.node.instances(study)) for study in studies) == len(headers), 60)
    return headers


def test_real_images_of_every_kind_arrive_byte_for_byte(house: House, real: dict[str, Dataset], tmp_path: Path) -> None:
    studies = "\\".join(dict.fromkeys(str(ds.StudyInstanceUID) for ds in real.values()))
    with storescp(house, tmp_path / "in", "PACS_A", "+xa", "-pm", "-pdu", "131072") as folder:
        answer = dcmtk(house, "movescu", "CT_A", "STUDY", {"StudyInstanceUID": studies}, "-S", "-aem", "PACS_A")
    assert (last_status(answer.stderr), last_counts(answer.stderr)) == ("0x0000", {"Completed": len(real), "Failed": 0, "Warning": 0})
    # only an odd deflated stream is padded (PS3.5 A.5): one of the collection lacks its padding
    expected = {sop_uid: data + b"\0" * (len(data) % 2) for sop_uid, data in sent(house, list(real.values())).items()}
    assert [len(data) for sop_uid, data in sent(house, list(real.values())).items() if len(data) % 2] == [250631]
    found = received(folder)
    assert found.keys() == expected.keys()
    # this storescp refuses JPEG process 14, so it gets the array in a native syntax instead
    decoded = str(real["jpeg-lossless-p14.dcm"].SOPInstanceUID)
    assert [sop_uid for sop_uid in found if found[sop_uid] != expected[sop_uid]] == [decoded]
    assert hashlib.sha256(found[decoded][-(512 * 512 * 2) :]).hexdigest().startswith(SLICE)
    peer = Peer()
    pairs = sorted({(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in real.values()})
    with getter(house, peer, [(abstract, [syntax]) for abstract, syntax in pairs]) as assoc:
        identifier = study_identifier(studies)
        final = [status for status, _ in assoc.send_c_get(identifier, STUDY_GET)][-1]
    assert final.Status == 0x0000
    assert {got[0]: got[2] for got in peer.got} == expected


@pytest.mark.parametrize("name", SYNTAXES)
def test_a_peer_of_native_syntaxes_gets_the_same_array(house: House, real: dict[str, Dataset], tmp_path: Path, name: str) -> None:
    ds = real[f"{name}.dcm"]
    folder = tmp_path / "in"
    folder.mkdir()
    answer = dcmtk(house, "getscu", "CT_A", "STUDY", {"StudyInstanceUID": ds.StudyInstanceUID}, "-S", "+B", "-od", folder)
    assert last_status(answer.stderr) == "0x0000"
    path = next(folder.iterdir())
    got = pydicom.dcmread(path)
    assert got.file_meta.TransferSyntaxUID in {EXPLICIT, IMPLICIT}
    assert got.SOPInstanceUID == ds.SOPInstanceUID
    assert hashlib.sha256(np.frombuffer(got.PixelData, "<i2").tobytes()).hexdigest().startswith(SLICE)


def test_what_must_be_changed_is_counted_as_warning(house: House, real: dict[str, Dataset], tmp_path: Path) -> None:
    ds = real["us-30f-ybr422-jpeg.dcm"]
    (tmp_path / "in").mkdir()
    answer = dcmtk(house, "getscu", "CT_A", "STUDY", {"StudyInstanceUID": ds.StudyInstanceUID}, "-S", "+B", "-od", tmp_path / "in")
    assert (last_status(answer.stderr), last_counts(answer.stderr)) == ("0xb000", {"Completed": 0, "Failed": 0, "Warning": 1})
    got = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    assert (got.PhotometricInterpretation, got.SOPInstanceUID, len(got.PixelData)) == ("RGB", ds.SOPInstanceUID, 30 * 240 * 320 * 3)


def test_what_cannot_be_decoded_is_named_and_the_rest_arrives(house: House, corpus: Path, tmp_path: Path) -> None:
    broken = own_copy(corpus / "broken" / "JPEG2000-embedded-sequence-delimiter.dcm", tmp_path / "broken.dcm")
    bad = pydicom.dcmread(broken, stop_before_pixels=True)
    whole = image(bad.StudyInstanceUID, PatientID=bad.PatientID)
    house.put([broken, save(whole, tmp_path / "whole.dcm")])
    peer = Peer()
    with getter(house, peer, [(CT, [EXPLICIT]), (str(bad.SOPClassUID), [EXPLICIT])]) as assoc:
        *_, (final, failed) = assoc.send_c_get(study_identifier(bad.StudyInstanceUID), STUDY_GET)
    assert [got[0] for got in peer.got] == [whole.SOPInstanceUID]
    assert (final.Status, final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (0xB000, 1, 1)
    assert failed.FailedSOPInstanceUIDList == bad.SOPInstanceUID
