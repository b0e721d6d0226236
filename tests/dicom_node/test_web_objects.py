"""Decompressed objects compared with other decoders, bulk data in sequences, and headers that claim too much: memory stays flat."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless
from rawscu import send_files
from running_node import RunningNode, encoded, image, uid
from stowing import EXPLICIT, EXPLICIT_PARTS, ONE_PART, RLE, address, body, compressed, file_bytes, stow

pytestmark = pytest.mark.clause("S-3")


def test_compressed_objects_are_decompressed_when_explicit_is_asked_for(node: RunningNode, stowed: list[Dataset]) -> None:
    web = DICOMwebClient(node.url + "/dicom-web", headers={"Authorization": "Bearer " + node.ticket()})
    first = stowed[0]
    wanted = (("application/dicom", EXPLICIT),)
    for got, sent in (
        (web.retrieve_study(first.StudyInstanceUID, media_types=wanted), stowed),
        (web.retrieve_series(first.StudyInstanceUID, first.SeriesInstanceUID, media_types=wanted), stowed[:2]),
        (
            [web.retrieve_instance(first.StudyInstanceUID, first.SeriesInstanceUID, stowed[1].SOPInstanceUID, media_types=wanted)],
            stowed[1:2],
        ),
    ):
        assert {ds.file_meta.TransferSyntaxUID for ds in got} == {EXPLICIT}
        assert {ds.SOPInstanceUID: encoded(ds) for ds in got} == {ds.SOPInstanceUID: encoded(ds) for ds in sent}
    as_stored = web.retrieve_series(first.StudyInstanceUID, first.SeriesInstanceUID)
    assert {str(ds.file_meta.TransferSyntaxUID) for ds in as_stored} == {EXPLICIT, RLE}
    refused = node.get(address(first), headers={"Accept": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"})
    assert refused.status_code == 406
    assert EXPLICIT in refused.json()["detail"]


@pytest.mark.skipif(shutil.which("dcmdjpeg") is None, reason="dcmtk is not installed")
def test_real_images_decompress_to_what_others_decode(node: RunningNode, corpus: Path, tmp_path: Path) -> None:
    def explicit(path: Path) -> Dataset:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        node.wait_for(lambda: node.get(address(ds) + "/metadata").status_code == 200)
        got = node.get(address(ds), headers={"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"})
        assert got.status_code == 200, (path, got.text[:300])
        return pydicom.dcmread(io.BytesIO(got.content))

    cines = [corpus / "us-cine" / "echo-child-34f-jpeg.dcm", corpus / "xa-cine" / "xa-96f-jpeg.dcm", corpus / "mg" / "mg-screening.dcm"]
    mono = corpus / "syntax-ct-same-image" / "jpeg-lossless-sv1.dcm"
    assert all(status == 0 for status, _ in send_files(node.dicom_port, "CORPUS", [mono, *cines]).values())
    found = explicit(mono)
    assert hashlib.sha256(found.pixel_array.astype("<i2").tobytes()).hexdigest().startswith("1bee432808f49770")  # the corpus README's fact
    for path in (mono, *cines):
        found = explicit(path)
        subprocess.run(["dcmdjpeg", path, tmp_path / "other.dcm"], check=True, capture_output=True)
        other = pydicom.dcmread(tmp_path / "other.dcm")
        assert (found.Rows, found.Columns, found.get("NumberOfFrames"), found.BitsStored) == (
            other.Rows, other.Columns, other.get("NumberOfFrames"), other.BitsStored,
        )  # fmt: skip
        assert found.PatientName == other.PatientName
        ours, theirs = found.pixel_array.astype(int), other.pixel_array.astype(int)
        assert found.PhotometricInterpretation == other.PhotometricInterpretation
        lossless = path in {mono, corpus / "mg" / "mg-screening.dcm"}
        assert np.abs(ours - theirs).max() <= (0 if lossless else 8)  # two decoders of lossy JPEG round differently
        assert np.abs(ours - theirs).mean() <= (0 if lossless else 0.1)
        (tmp_path / "ours.dcm").write_bytes(
            node.get(address(found), headers={"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"}).content
        )
        check = subprocess.run(["dcmdump", "+M", "-q", tmp_path / "ours.dcm"], check=True, capture_output=True, text=True)
        assert check.stderr == ""


def test_long_values_in_sequences_have_an_address(node: RunningNode, stowed: list[Dataset]) -> None:
    item = node.get(address(stowed[0]) + "/metadata").json()[0]["00081111"]["Value"][0]["00081140"]["Value"][1]
    link = item["00420011"]["BulkDataURI"]
    assert link == node.url + address(stowed[0]) + "/bulkdata/00081111/1/00081140/2/00420011"
    value = node.get(link.removeprefix(node.url), headers={"Accept": "application/octet-stream"})
    assert value.content == bytes(range(256)) * 20
    searched = node.get(f"/dicom-web/studies/{stowed[0].StudyInstanceUID}/instances", params={"includefield": "all"})
    assert '"bulk/' not in searched.text
    assert link in searched.text
    for bad in ("00081111/2/00420011", "00081111/0/00081140/2/00420011", "00081111/-1/00081140/2/00420011", "00081111", "00081111/1", "x",
                "00100010", "00081111/1/00081140/2/00420011/1", "7FE00010/1/00420011", "/".join(["00081111/1"] * 500) + "/00420011"):  # fmt: skip
        assert node.get(address(stowed[0]) + "/bulkdata/" + bad).status_code == 404, bad
    pixels = node.get(address(stowed[1]) + "/bulkdata/7FE00010")  # compressed pixels are given as frames
    assert pixels.content.count(b"Content-Location") == 2
    assert stowed[1].PixelData[:384] in pixels.content


@pytest.mark.clause("O-1")
def test_a_header_that_claims_too_much_never_allocates(node: RunningNode) -> None:
    claims = image(Rows=46341, Columns=46341, PixelData=bytes(10_000))
    packed = pydicom.dcmread(io.BytesIO(compressed(image())))
    packed.SOPInstanceUID, packed.Rows, packed.Columns = uid(), 11000, 11000  # 242 MB in a stream of a few bytes
    out = io.BytesIO()
    pydicom.dcmwrite(out, packed)
    stream = pydicom.dcmread(io.BytesIO(file_bytes(image(Rows=64, Columns=64, PixelData=bytes(8192)))))
    stream.compress(JPEG2000Lossless, generate_instance_uid=False)
    size_marker = stream.PixelData.index(b"\xff\x4f\xff\x51") + 8
    sides = struct.pack(">6I", 11000, 11000, 0, 0, 11000, 11000)  # header and code stream agree: only the ratio gives it away
    stream.PixelData = stream.PixelData[:size_marker] + sides + stream.PixelData[size_marker + 24 :]
    stream.Rows, stream.Columns = 11000, 11000
    wavelets = io.BytesIO()
    pydicom.dcmwrite(wavelets, stream)
    zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = zeros.compress(bytes(64 << 20)) + zeros.flush(zlib.Z_FULL_FLUSH)
    bomb = image()
    start = zlib.compressobj(9, zlib.DEFLATED, -15)
    ids = encoded(bomb)[: -len(bomb.PixelData) - 12] + b"\xe0\x7f\x10\x00OW\0\0" + (5 * (64 << 20)).to_bytes(4, "little")
    head = file_bytes(bomb, TransferSyntaxUID=EXPLICIT).removesuffix(encoded(bomb))
    head = head.replace(b"UI\x14\x00" + EXPLICIT.encode() + b"\0", b"UI\x16\x00" + str(DeflatedExplicitVRLittleEndian).encode())
    inflating = head + start.compress(ids) + start.flush(zlib.Z_FULL_FLUSH) + block * 5 + b"\x03\x00"
    assert len(inflating) < 3_000_000
    stow(node, body(file_bytes(image())))
    index = node.child("index")
    before = index.memory_info().rss
    answer = stow(node, body(file_bytes(claims), out.getvalue(), wavelets.getvalue(), inflating))
    assert answer.status_code in {200, 202}
    node.wait_for(lambda: "inflated data set is too large" in (node.data / "node.log").read_text())
    for ds in (claims, packed, stream):
        node.wait_for(lambda ds=ds: node.get(address(ds) + "/metadata").status_code == 200)
        for path in ("/frames/1", "/rendered", "/thumbnail", "/frames/1/rendered"):
            refused = node.get(address(ds) + path)
            assert (refused.status_code, refused.json()["code"]) == (422, "image.unshowable"), path
        assert node.get(address(ds), headers=ONE_PART).status_code == 200
        if ds is not claims:
            assert node.get(address(ds), headers={"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"}).status_code == 422
    parts = node.get(f"/dicom-web/studies/{stream.StudyInstanceUID}", headers=EXPLICIT_PARTS)  # as it is stored, and said so
    assert b"application/dicom;transfer-syntax=1.2.840.10008.1.2.4.90\r\n" in parts.content
    assert index.memory_info().rss - before < 50_000_000
