"""The masks service beside a real node: what it answers, to whom, and what it refuses in words."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
from typing import Any

import numpy as np
import pydicom
import pytest

from pipelines.masks.bone import prepare, solve
from pipelines.masks.kept import Kept
from pipelines.masks.table import table
from tests.dicom_node.running_node import uid

from .conftest import House, slices

ORIGIN = np.array([-100.0, -90.0, 30.0])


def bits(house: House, name: str) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The told JSON, the mask and what is not sure, read as docs/interfaces.md says."""
    with house.http.stream("GET", f"{house.path()}/{name}/voxels", headers={"Authorization": f"Bearer {house.ticket()}"}) as answer:
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
        content = gzip.decompress(b"".join(answer.iter_raw()))
    length = struct.unpack_from("<I", content)[0]
    about = json.loads(content[4 : 4 + length])
    shape = (len(about["frames"]), about["rows"], about["columns"])
    count = int(np.prod(shape))
    parts = np.frombuffer(content, np.uint8, offset=4 + length).reshape(2, -(-count // 8))
    first, second = (np.unpackbits(part, count=count, bitorder="little").astype(bool).reshape(shape) for part in parts)
    return about, first, second


@pytest.mark.clause("V-34", "V-35", "V-36")
def test_what_comes_is_the_mask_of_the_images_that_were_stored(house: House) -> None:
    phantom = house.phantom
    about, mask, unsure = bits(house, house.made(kind="bone"))
    expected = solve(prepare(phantom.volume, phantom.spacing), phantom.volume)
    assert np.array_equal(mask, expected.mask)
    assert np.array_equal(unsure, expected.unsure)
    uids = {row["00080018"]["Value"][0]: row["00200032"]["Value"][2] for row in house.node.get(
        f"/dicom-web/studies/{house.study}/series/{house.series}/metadata"
    ).json()}  # fmt: skip
    assert [uids[frame["sop_uid"]] for frame in about["frames"]] == pytest.approx([30 + 2 * k for k in range(24)])
    _, bed, _ = bits(house, house.made(kind="table"))
    assert np.array_equal(bed, table(phantom.volume, phantom.spacing))
    assert bed[phantom.table].mean() > 0.9


@pytest.mark.clause("V-36")
def test_a_point_of_the_patient_is_the_voxel_there(house: House) -> None:
    _, auto, _ = bits(house, house.made(kind="bone"))
    ribs = np.argwhere((auto & house.phantom.bone)[:, :64])
    voxel = tuple(int(at) for at in ribs[len(ribs) // 2])
    point = (ORIGIN + np.array([voxel[2] * 1.5, voxel[1] * 1.5, voxel[0] * 2.0])).tolist()
    _, kept, _ = bits(house, house.made(kind="bone", keep=[point]))
    assert (auto[voxel], kept[voxel]) == (True, False)
    # the same wish is the same mask, and a file already there is no second computation
    again = house.call("POST", house.path(), json={"kind": "bone", "keep": [point]})
    assert (again.status_code, again.json()["state"]) == (200, "done")


@pytest.mark.clause("V-34")
def test_the_segmentation_says_which_image_each_frame_is_of(house: House) -> None:
    name = house.made(kind="bone")
    about, mask, unsure = bits(house, name)
    answer = house.call("GET", f"{house.path()}/{name}.dcm")
    assert answer.headers["content-type"] == "application/dicom"
    seg = pydicom.dcmread(io.BytesIO(answer.content))
    assert (seg.SOPClassUID.name, seg.Modality) == ("Segmentation Storage", "SEG")
    assert (seg.StudyInstanceUID, seg.FrameOfReferenceUID, seg.PatientID) == (house.study, "2.25.78", "P1")
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["Bone", "Bone (not sure)"]
    at = {frame["sop_uid"]: index for index, frame in enumerate(about["frames"])}
    read = np.zeros((2, *mask.shape), bool)
    for item, picture in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        source = item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        number = item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        read[number - 1, at[source]] = picture
        assert item.PlanePositionSequence[0].ImagePositionPatient[2] == pytest.approx(30 + 2 * at[source])
    assert np.array_equal(read[0], mask)
    assert np.array_equal(read[1], unsure)
    # fetched again it is the same object, not another one
    assert pydicom.dcmread(io.BytesIO(house.call("GET", f"{house.path()}/{name}.dcm").content)).SOPInstanceUID == seg.SOPInstanceUID


@pytest.mark.clause("S-9", "V-34")
def test_nobody_gets_more_than_the_node_would_show(house: House) -> None:
    name = house.made(kind="bone")
    asks: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", house.path(), {"json": {"kind": "bone"}}),
        ("GET", f"{house.path()}/{name}", {}),
        ("GET", f"{house.path()}/{name}/voxels", {}),
        ("GET", f"{house.path()}/{name}.dcm", {}),
        ("DELETE", f"{house.path()}/{name}", {}),
    ]
    browser = house.ticket(kind="browser")
    for method, path, more in asks:
        assert house.http.request(method, path, **more).json()["code"] == "ticket.missing"
        assert house.call(method, path, "a.b.c", **more).status_code == 401
        assert house.call(method, path, browser, **more).status_code == 401, "a browser's ticket outside its cookie"
        wrong_role = house.call(method, path, house.ticket(operations=["statistics.view"]), **more)
        assert (wrong_role.status_code, wrong_role.json()["code"]) == (403, "right.missing")
        unlicensed = house.call(method, path, house.ticket(functions=["V-8", "V-27"]), **more)
        assert (unlicensed.status_code, unlicensed.json()["code"]) == (403, "function.missing")
        assert house.call(method, path, house.ticket(functions=None), **more).json()["code"] == "function.missing"
        elsewhere = house.call(method, path, house.ticket(("H02",)), **more)
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "series.unknown")
    cookie = {"Cookie": f"hub-ticket={browser}"}
    assert house.http.get(f"{house.path()}/{name}/voxels", headers=cookie).status_code == 200
    wish = {"json": {"kind": "bone"}}
    assert house.http.post(house.path(), headers=cookie, **wish).json()["code"] == "request.cross_site"
    assert house.http.post(house.path(), headers=cookie | {"Sec-Fetch-Site": "cross-site"}, **wish).status_code == 403
    assert house.http.post(house.path(), headers=cookie | {"Sec-Fetch-Site": "same-origin"}, **wish).status_code == 200
    # a mask of one series is not to be had under the name of another
    study, other = uid(), uid()
    house.store(slices(house.phantom.volume[:1, :8, :8], (2.0, 2.0, 2.0), study, other))
    for ending in ("/voxels", ".dcm"):
        stolen = house.call("GET", f"{house.path(other, study)}/{name}{ending}")
        assert (stolen.status_code, stolen.json()["code"]) == (404, "mask.unknown")


def uneven(frame: int) -> list[float]:
    return [0.0, 0.0, frame * 2.0 + (3.0 if frame > 5 else 0.0)]


REFUSED: dict[str, tuple[int, dict[str, Any]]] = {
    "mask.not_ct": (12, {"Modality": "MR"}),
    "mask.few_images": (9, {}),
    "mask.irregular": (12, {"ImagePositionPatient": uneven}),
    "mask.not_axial": (12, {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
    "mask.no_geometry": (12, {"PixelSpacing": lambda frame: [1.0, 1.0 + frame % 2]}),
}


@pytest.mark.clause("V-34", "V-35")
@pytest.mark.parametrize("code", REFUSED)
def test_what_is_no_volume_is_refused_in_words(house: House, code: str) -> None:
    count, changed = REFUSED[code]
    study, series = uid(), uid()
    house.store(slices(np.zeros((count, 8, 8), np.int16), (2.0, 1.0, 1.0), study, series, **changed))
    answer = house.call("POST", house.path(series, study), json={"kind": "bone"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert all(answer.json()["words"][language]["action"] for language in ("zh", "en"))


@pytest.mark.clause("V-34")
def test_a_volume_beyond_the_memory_is_refused_before_it_is_read(house: House) -> None:
    study, series = uid(), uid()
    house.store(slices(np.zeros((12, 300, 300), np.int16), (2.0, 1.0, 1.0), study, series))
    assert house.call("POST", house.path(series, study), json={"kind": "table"}).json()["code"] == "mask.too_large"


@pytest.mark.clause("V-36")
@pytest.mark.parametrize(
    "wish",
    [{"kind": "skin"}, {}, {"kind": "bone", "keep": [[1, 2]]}, {"kind": "bone", "seeds": []}, {"kind": "table", "keep": [[1, 2, 3]]}],
)
def test_a_wish_that_means_nothing_is_refused(house: House, wish: dict[str, Any]) -> None:
    answer = house.call("POST", house.path(), json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


@pytest.mark.clause("V-34")
def test_who_no_longer_wants_it_ends_the_work(house: House) -> None:
    first = house.call("POST", house.path(), house.ticket(sid="one"), json={"kind": "bone", "keep": [[1.0, 2.0, 3.0]]}).json()
    same = house.call("POST", house.path(), house.ticket(sid="two"), json={"kind": "bone", "keep": [[1.0, 2.0, 3.0]]}).json()
    assert first["id"] == same["id"]
    path = f"{house.path()}/{first['id']}"
    # one of the two goes: the other still wants it
    assert house.call("DELETE", path, house.ticket(sid="one")).json()["state"] != "cancelled"
    assert house.call("DELETE", path, house.ticket(sid="two")).json()["state"] in {"cancelled", "done"}
    # and the service goes on
    assert house.made(kind="bone", keep=[[1.0, 2.0, 3.0]]) == first["id"]


@pytest.mark.clause("V-34")
def test_the_folder_of_masks_stays_within_its_bound(tmp_path: Any) -> None:
    kept = Kept(tmp_path / "kept", 2500)
    for number in range(4):
        kept.path(str(number)).write_bytes(bytes(1000))
        os.utime(kept.path(str(number)), (1000 + number, 1000 + number))
    assert kept.has("0")  # used again: it stays
    kept.sweep(("1",))
    assert [kept.has(str(number)) for number in range(4)] == [True, True, False, False]


@pytest.mark.clause("S-9")
def test_the_log_names_nobody(house: House) -> None:
    house.made(kind="table")
    text = house.log.read_text()
    for secret in ("Wang", 'P1"', house.study, house.series):
        assert secret not in text
    assert all(json.loads(line) for line in text.splitlines())
