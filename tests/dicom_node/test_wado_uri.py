"""WADO-URI: the objects and pictures of WADO-RS by query parameters; what is not offered is refused, not left out."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import RLELossless
from rawscu import RawSCU
from running_node import CT, RunningNode, encoded, image
from stowing import EXPLICIT, body, file_bytes, stow

pytestmark = pytest.mark.clause("S-3")
IMPLICIT = "1.2.840.10008.1.2"
RLE = str(RLELossless)


def query(ds: pydicom.Dataset, **more: object) -> dict[str, object]:
    """The four parameters that every request has, and others."""
    ids = {"studyUID": ds.StudyInstanceUID, "seriesUID": ds.SeriesInstanceUID, "objectUID": ds.SOPInstanceUID}
    return {"requestType": "WADO", **ids, **more}


@pytest.fixture(scope="module")
def cine(node: RunningNode) -> pydicom.Dataset:
    """Three frames, stored run-length encoded; frame k is 100 r + c + k."""
    plane = np.arange(16)[:, None] * 100 + np.arange(12)
    array = np.stack([plane + k for k in range(3)]).astype("<i2")
    ds = image(NumberOfFrames=3, PixelData=array.tobytes())
    plain = pydicom.dcmread(io.BytesIO(file_bytes(ds)))
    packed = pydicom.dcmread(io.BytesIO(file_bytes(ds)))
    packed.compress(RLELossless, generate_instance_uid=False)
    out = io.BytesIO()
    pydicom.dcmwrite(out, packed)
    assert stow(node, body(out.getvalue())).status_code == 200
    return plain


@pytest.fixture(scope="module")
def slice_(node: RunningNode) -> pydicom.Dataset:
    ds = image()
    assert stow(node, body(file_bytes(ds))).status_code == 200
    return ds


def test_objects_are_given_in_the_syntax_asked_for(node: RunningNode, cine: pydicom.Dataset, slice_: pydicom.Dataset) -> None:
    got = node.get("/wado", params=query(slice_, contentType="application/dicom"))
    assert (got.status_code, got.headers["content-type"]) == (200, "application/dicom")
    assert got.content.endswith(encoded(slice_))
    for wanted in ({}, {"transferSyntax": EXPLICIT}):  # the default is Explicit VR Little Endian
        got = node.get("/wado", params=query(cine, contentType="application/dicom", **wanted))
        plain = pydicom.dcmread(io.BytesIO(got.content))
        assert plain.file_meta.TransferSyntaxUID == EXPLICIT
        assert plain.SOPInstanceUID == cine.SOPInstanceUID
        assert encoded(plain) == encoded(cine)
        assert int(got.headers["content-length"]) == len(got.content)
    got = node.get("/wado", params=query(cine, contentType="application/dicom", transferSyntax=RLE))
    assert pydicom.dcmread(io.BytesIO(got.content)).file_meta.TransferSyntaxUID == RLE
    refused = node.get("/wado", params=query(cine, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.4.90"))
    assert (refused.status_code, refused.json()["code"]) == (406, "media.unsupported")


def test_implicit_becomes_explicit(node: RunningNode) -> None:
    ds = image()
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, implicit_vr=True, little_endian=True)
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [IMPLICIT])])
    assert scu.store(1, CT, ds.SOPInstanceUID, out.getvalue())[0] == 0
    node.wait_instances(ds.StudyInstanceUID, 1)
    got = pydicom.dcmread(io.BytesIO(node.get("/wado", params=query(ds, contentType="application/dicom")).content))
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    assert encoded(got) == encoded(ds)


def test_pictures_are_those_of_wado_rs(node: RunningNode, cine: pydicom.Dataset, slice_: pydicom.Dataset) -> None:
    got = node.get("/wado", params=query(slice_))
    assert got.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(got.content)).size == (12, 16)
    window = {"windowCenter": -524, "windowWidth": 1001, "contentType": "image/png"}
    got = node.get("/wado", params=query(slice_, **window))
    # PS3.3 C.11.2.1.2: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 with x = stored - 1024
    assert np.asarray(Image.open(io.BytesIO(got.content)))[5, 0] == round((500 - 1024 + 524.5) / 1000 * 255 + 127.5)
    base = f"/dicom-web/studies/{cine.StudyInstanceUID}/series/{cine.SeriesInstanceUID}/instances/{cine.SOPInstanceUID}"
    seen = set()
    for number in (1, 2, 3):
        ours = node.get("/wado", params=query(cine, frameNumber=number, **window)).content
        same = node.get(f"{base}/frames/{number}/rendered", params={"window": "-524,1001"}, headers={"Accept": "image/png"}).content
        assert ours == same
        seen.add(ours)
    assert len(seen) == 3
    small = node.get("/wado", params=query(slice_, rows=8, contentType="image/png, image/jpeg"))
    assert Image.open(io.BytesIO(small.content)).size == (6, 8)


def test_an_object_without_pixels_is_given_as_dicom(node: RunningNode) -> None:
    report = image(Rows=None, Columns=None, PixelData=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    assert stow(node, body(file_bytes(report))).status_code == 200
    got = node.get("/wado", params=query(report))
    assert got.headers["content-type"] == "application/dicom"
    assert got.content.endswith(encoded(report))
    refused = node.get("/wado", params=query(report, contentType="image/jpeg"))
    assert (refused.status_code, refused.json()["code"]) == (422, "image.unshowable")


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({"requestType": None}, 400, "requestType"), ({"requestType": "wado"}, 400, "requestType"), ({"studyUID": None}, 400, "studyUID"),
        ({"seriesUID": ""}, 400, "seriesUID"), ({"objectUID": None}, 400, "objectUID"), ({"studyUID": "1.2.3"}, 404, ""),
        ({"seriesUID": "1.2.3"}, 404, ""), ({"objectUID": "1' OR '1'='1"}, 404, ""), ({"contentType": "video/mpeg"}, 406, "image/jpeg"),
        ({"frameNumber": "0"}, 404, "frames 1 to 3"), ({"frameNumber": "4"}, 404, "frames 1 to 3"), ({"frameNumber": "1.5"}, 400, "frameNumber"),
        ({"frameNumber": "9" * 5000}, 400, "frameNumber"), ({"windowCenter": "1"}, 400, "windowWidth"), ({"windowWidth": "1"}, 400, "windowCenter"),
        ({"windowCenter": "1", "windowWidth": "0"}, 400, "windowWidth"), ({"windowCenter": "nan", "windowWidth": "1"}, 400, "windowCenter"),
        ({"rows": "0"}, 400, "rows"), ({"columns": "99999"}, 400, "columns"), ({"rows": "x"}, 400, "rows"), ({"imageQuality": "101"}, 400, "imageQuality"),
        ({"anonymize": "yes"}, 400, "anonymize"), ({"annotation": "patient"}, 400, "annotation"), ({"region": "0,0,0.5,0.5"}, 400, "region"),
        ({"presentationUID": "1.2"}, 400, "presentationUID"), ({"charset": "gb18030"}, 406, "utf-8"),
        ({"contentType": "application/dicom", "frameNumber": "1"}, 400, "pictures only"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_offered_is_named(
    node: RunningNode, cine: pydicom.Dataset, changed: dict[str, str | None], status: int, word: str
) -> None:
    params = {k: v for k, v in (query(cine) | changed).items() if v is not None}
    answer = node.get("/wado", params=params)
    assert answer.status_code == status
    assert word in answer.json()["detail"]


@pytest.mark.clause("S-8", "S-9")
def test_scope_and_right_are_those_of_wado_rs(node: RunningNode, slice_: pydicom.Dataset) -> None:
    for more in ({}, {"contentType": "application/dicom"}, {"contentType": "image/png"}):
        params = query(slice_, **more)
        assert node.get("/wado", node.ticket(["H01"]), params=params).status_code == 200
        assert node.get("/wado", node.ticket(["H02"]), params=params).json()["code"] == "image.unknown"
        assert node.get("/wado", node.ticket(["H01"], ["image.store"]), params=params).json()["code"] == "right.missing"
        assert node.http.get(node.url + "/wado", params=params).json()["code"] == "ticket.missing"
    opened = [r for r in node.feed() if r["kind"] == "study.opened" and r["study_uid"] == slice_.StudyInstanceUID]
    assert len(opened) == 1  # one person, one session
