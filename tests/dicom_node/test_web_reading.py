"""DICOMweb, the series stream, the feed and the client, read by other people's clients and compared with known pixels."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import threading
import time

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image, uid

from dicom_node.client import NodeClient, NodeError

pytestmark = pytest.mark.clause("S-1", "H-5")
EXPECTED = (np.arange(16)[:, None] * 100 + np.arange(12)).astype("<i2")


def store(node: RunningNode, *images: pydicom.Dataset, aet: str = "CT_A") -> None:
    scu = RawSCU(node.dicom_port, aet, [(CT, [EXPLICIT])])
    for ds in images:
        assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds)) == (0, "")


@pytest.fixture(scope="module")
def stack(node: RunningNode) -> list[pydicom.Dataset]:
    """Seven slices, sent in disorder, instance numbers against the direction of the positions."""
    study, series = uid(), uid()
    slices = [
        image(study, series, InstanceNumber=10 - z, ImagePositionPatient=[0, 0, 2.5 * z], PixelData=(EXPECTED + z).astype("<i2").tobytes())
        for z in range(7)
    ]
    store(node, *(slices[i] for i in (3, 0, 6, 1, 5, 2, 4)))
    node.wait_instances(study, 7)
    return slices


@pytest.fixture
def client(node: RunningNode):
    with NodeClient(node.url, node.ticket) as found:
        yield found


def test_stream_comes_in_order_of_space_from_the_middle_outwards(node: RunningNode, stack: list[pydicom.Dataset]) -> None:
    body = node.get(f"/series/{stack[0].StudyInstanceUID}/{stack[0].SeriesInstanceUID}/stream").content
    length = struct.unpack_from("<I", body)[0]
    header = json.loads(body[4 : 4 + length])
    # along the normal, in the direction of the instance numbers: here against the axis
    assert [f["sop_uid"] for f in header["frames"]] == [s.SOPInstanceUID for s in reversed(stack)]
    assert [f["position"][2] for f in header["frames"]] == [2.5 * z for z in reversed(range(7))]
    assert [f["number"] for f in header["frames"]] == list(range(4, 11))
    assert header["order"] == [3, 4, 2, 5, 1, 6, 0]
    assert header["warnings"] == []
    frame = header["frames"][0]
    assert (frame["spacing"], frame["spacing_kind"], frame["bits"], frame["signed"], frame["intercept"]) == (
        [0.5, 0.25],
        "pixel",
        16,
        True,
        -1024,
    )
    assert set(frame) >= {"index", "number", "rows", "columns", "samples", "photometric", "slope", "rescale_type", "windows", "orientation",
                          "frame_of_reference", "slice_location", "thickness", "patient_position", "laterality", "padding", "frame_time",
                          "smallest", "largest"}  # fmt: skip
    at, seen = 4 + length, []
    while at < len(body):
        index, size = struct.unpack_from("<II", body, at)
        assert np.array_equal(np.frombuffer(body, "<i2", size // 2, at + 8).reshape(16, 12), EXPECTED + 6 - index)
        seen.append(index)
        at += 8 + size
    assert seen == header["order"]


def test_client_reads_what_was_sent(client: NodeClient, stack: list[pydicom.Dataset]) -> None:
    study, series = stack[0].StudyInstanceUID, stack[0].SeriesInstanceUID
    found = client.series_pixels(study, series)
    assert np.array_equal(found.array, np.stack([EXPECTED + z for z in reversed(range(7))]))
    assert [f["position"][2] for f in found.frames] == [2.5 * z for z in reversed(range(7))]
    assert found.missing == []
    summary = client.study_summary(study)
    assert summary["patient"]["name"] == "Wang^Xiao"
    assert [(s["instances"], s["frames"], s["renderable"], s["warnings"]) for s in summary["series"]] == [(7, 7, True, [])]
    assert len(client.study_metadata(study)) == 7
    assert client.search_studies(StudyInstanceUID=study)[0]["00201208"]["Value"] == [7]
    assert client.search_studies(StudyInstanceUID=study, PatientName="li*") == []
    with pytest.raises(NodeError) as error:
        client.study_summary("1.2.3")
    assert (error.value.status, error.value.code) == (404, "image.unknown")


def test_dicomweb_client_reads_everything(node: RunningNode, stack: list[pydicom.Dataset]) -> None:
    web = DICOMwebClient(node.url + "/dicom-web", headers={"Authorization": "Bearer " + node.ticket()})
    first = stack[0]
    study, series, instance = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    assert len(web.search_for_studies(search_filters={"StudyInstanceUID": study})) == 1
    assert len(web.search_for_series(study)) == 1
    assert len(web.search_for_instances(study, limit=3, offset=5)) == 2
    got = web.retrieve_study(study)
    assert {g.SOPInstanceUID: encoded(g) for g in got} == {s.SOPInstanceUID: encoded(s) for s in stack}
    assert encoded(web.retrieve_instance(study, series, instance)) == encoded(first)
    assert web.retrieve_instance_frames(study, series, instance, [1])[0] == EXPECTED.tobytes()
    metadata = [pydicom.Dataset.from_json(m) for m in web.retrieve_series_metadata(study, series)]
    assert {str(m.PatientName) for m in metadata} == {"Wang^Xiao"}
    reference = web.retrieve_instance_metadata(study, series, instance)["7FE00010"]["BulkDataURI"]
    reference = reference.replace("127.0.0.1/", f"127.0.0.1:{node.http_port}/")  # this client sends Host without the port
    assert web.retrieve_bulkdata(reference)[0] == EXPECTED.tobytes()
    picture = Image.open(io.BytesIO(web.retrieve_instance_rendered(study, series, instance, media_types=("image/png",))))
    assert picture.size == (12, 16)
    array = np.asarray(picture)
    assert array[0, 0] == 0
    assert array[15, 11] == 255


def test_rendered_follows_the_window_and_refuses_nonsense(node: RunningNode, stack: list[pydicom.Dataset]) -> None:
    base = f"/dicom-web/studies/{stack[0].StudyInstanceUID}/series/{stack[0].SeriesInstanceUID}/instances/{stack[0].SOPInstanceUID}"
    png = {"Accept": "image/png"}
    found = np.asarray(Image.open(io.BytesIO(node.get(base + "/rendered", params={"window": "-524,1001,linear"}, headers=png).content)))
    # PS3.3 C.11.2.1.2: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 with x = stored - 1024
    assert found[5, 0] == round((500 - 1024 + 524.5) / 1000 * 255 + 127.5)
    for bad in ("1", "a,b", "1,0", "1,nan", "1,2,round"):
        assert node.get(base + "/rendered", params={"window": bad}).json()["code"] == "request.invalid"
    assert node.get(base + "/rendered", params={"viewport": "99999,99999"}).status_code == 400
    assert node.get(base + "/rendered", headers={"Accept": "video/mp4"}).status_code == 406
    assert node.get(base + "/frames/2").status_code == 404
    assert node.get(base + "/frames/0").status_code == 404
    assert Image.open(io.BytesIO(node.get(base + "/thumbnail").content)).format == "JPEG"


@pytest.mark.parametrize("query", ["Nonsense=1", "limit=-1", "StudyDate=yesterday", "NumberOfStudyRelatedSeries=many", "offset=x"])
def test_search_names_what_is_wrong(node: RunningNode, query: str) -> None:
    answer = node.get("/dicom-web/studies?" + query)
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


def test_hostile_text_stays_text(node: RunningNode) -> None:
    ds = image(StudyDescription="'; DROP TABLE study; --", PatientID="<script>alert(1)</script>", PatientName="A%_B^C")
    store(node, ds)
    node.wait_instances(ds.StudyInstanceUID, 1)
    for key, value in (("StudyDescription", ds.StudyDescription), ("PatientID", ds.PatientID), ("PatientName", "A%_B*")):
        found = node.get("/dicom-web/studies", params={key: value}).json()
        assert [f["0020000D"]["Value"][0] for f in found] == [ds.StudyInstanceUID]
    assert node.get("/dicom-web/studies", params={"PatientName": "A__B*"}).json() == []  # _ is no wildcard


@pytest.mark.clause("S-1")
def test_conflicts_are_kept_shown_and_never_change_a_study(node: RunningNode) -> None:
    one = image()
    store(node, one)
    node.wait_instances(one.StudyInstanceUID, 1)
    changed = image(one.StudyInstanceUID, one.SeriesInstanceUID, SOPInstanceUID=one.SOPInstanceUID, StudyDescription="Other")
    foreign = image(one.StudyInstanceUID)
    taken = image(SOPInstanceUID=one.SOPInstanceUID)
    person = image(one.StudyInstanceUID, one.SeriesInstanceUID, PatientID="P2")
    store(node, changed, person)
    store(node, foreign, taken, aet="CT_B")
    node.wait_instances(one.StudyInstanceUID, 2)
    found = node.wait_for(
        lambda: (
            len(
                rows := [
                    r
                    for r in node.feed()
                    if r["kind"] == "conflict.found" and r["study_uid"] in {one.StudyInstanceUID, taken.StudyInstanceUID}
                ]
            )
            == 4
            and rows
        )
    )
    assert [(r["institution"], r["data"]["reason"]) for r in found] == [
        ("H01", "same_uid_other_bytes"), ("H01", "patient_differs"), ("H02", "study_of_other_institution"),
        ("H02", "instance_of_other_institution"),
    ]  # fmt: skip
    summary = node.get(f"/studies/{one.StudyInstanceUID}/summary").json()
    assert (summary["institution"], summary["description"], summary["warnings"]) == ("H01", "Chest", ["patients_differ"])
    assert (
        node.get(
            "/dicom-web/studies", node.ticket(["H02"]), params={"StudyInstanceUID": f"{one.StudyInstanceUID},{taken.StudyInstanceUID}"}
        ).json()
        == []
    )
    first = node.get(f"/dicom-web/studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}",
                     headers={"Accept": "application/dicom"}).content  # fmt: skip
    assert pydicom.dcmread(io.BytesIO(first)).StudyDescription == "Chest"
    kept = [p for p in (node.data / "files").rglob("*.dcm") if one.SOPInstanceUID.encode() in p.read_bytes()]
    assert len(kept) == 3
    assert all(hashlib.sha256(p.read_bytes()).hexdigest() == p.stem for p in kept)


def test_feed_has_no_gaps_and_tells_when_a_series_is_quiet(node: RunningNode) -> None:
    ds = [image()]
    store(node, *ds)
    mine = node.wait_for(lambda: [r for r in node.feed() if r["study_uid"] == ds[0].StudyInstanceUID and r["kind"] == "series.quiet"])
    assert len(mine) == 1
    assert mine[0]["data"]["quiet"] is True
    assert {"accession", "patient_id", "patient_name", "birth_date", "sex", "modality", "modalities", "description", "body_part", "study_date",
            "study_time", "series", "instances", "calling_aet", "institution", "study_uid"} <= set(mine[0]["data"])  # fmt: skip
    assert mine[0]["data"]["birth_date"] == "2020-02-29"
    rows = node.feed()
    assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))


def quiet_end(node: RunningNode) -> int | None:
    """The feed's last number, when nothing was added for longer than a series needs to go quiet."""
    last = len(node.feed())
    return None if node.get("/changes", params={"since": last, "wait": 1.5}).json()["rows"] else last


def test_long_poll_and_events_arrive_at_once(node: RunningNode) -> None:
    since = node.wait_for(lambda: quiet_end(node))
    seen: list[str] = []
    ready = threading.Event()

    def follow() -> None:
        headers = {"Authorization": "Bearer " + node.ticket(), "Last-Event-ID": str(since)}
        with node.http.stream("GET", node.url + "/changes/stream", headers=headers) as answer:
            for line in answer.iter_lines():
                seen.append(line)
                ready.set()
                if line.startswith('data: {"seq'):
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert ready.wait(10)
    ds = image()
    store(node, ds)
    begin = time.monotonic()
    rows = node.get("/changes", params={"since": since, "wait": 20}).json()["rows"]
    assert time.monotonic() - begin < 5
    assert rows[0]["sop_uid"] == ds.SOPInstanceUID
    thread.join(10)
    assert seen[0] == "event: hello"
    assert f"id: {since + 1}" in seen
    assert "event: instance.stored" in seen


@pytest.mark.clause("S-3")
def test_what_an_instance_search_shows_a_study_search_finds(node: RunningNode) -> None:
    """Both at once, while the copy that answers the second is being written."""
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    for number in range(40):
        ds = image(PatientID=f"AT-ONCE-{number}")
        assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds)) == (0, "")
        deadline = time.monotonic() + 20
        while not node.instances(ds.StudyInstanceUID):
            assert time.monotonic() < deadline
        for query in ({"PatientID": ds.PatientID}, {"PatientID": ds.PatientID, "StudyDate": ds.StudyDate}):
            assert len(node.get("/dicom-web/studies", params=query).json()) == 1
