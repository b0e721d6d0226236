"""The whole corpus of real images goes in byte for byte, and comes out with the facts its README states."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from rawscu import RawSCU, send_files, split_file
from running_node import CT, RunningNode, encoded, image, uid

from dicom_node.client import NodeClient

pytestmark = pytest.mark.clause("S-1", "H-5")
NO_DICOM = {"hl7", "xds", "mwl", "dicomdir"}


@dataclass
class Filled:
    node: RunningNode
    corpus: Path
    answers: dict[Path, tuple[int, str]]
    client: NodeClient

    def header(self, name: str) -> pydicom.Dataset:
        return pydicom.dcmread(self.corpus / name, stop_before_pixels=True, force=True)

    def series(self, name: str):
        ds = self.header(name)
        return self.client.series_pixels(ds.StudyInstanceUID, ds.SeriesInstanceUID)

    def frames(self, name: str) -> list[dict]:
        """Frames of one file's instance."""
        ds = self.header(name)
        found = self.client.series_header(ds.StudyInstanceUID, ds.SeriesInstanceUID)["frames"]
        return [f for f in found if f["sop_uid"] == ds.SOPInstanceUID]

    def pixels(self, name: str) -> list[np.ndarray]:
        """Decoded frames of one file's instance, from the stream."""
        ds = self.header(name)
        found = {}
        for header, index, data in self.client.series_frames(ds.StudyInstanceUID, ds.SeriesInstanceUID):
            if index is not None and header["frames"][index]["sop_uid"] == ds.SOPInstanceUID:
                frame = header["frames"][index]
                shape = (frame["rows"], frame["columns"]) + ((3,) if frame["samples"] == 3 else ())
                kind = f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}"
                found[frame["frame"]] = np.frombuffer(data, kind).reshape(shape) if data else None
        return [found[i] for i in sorted(found)]

    def summary(self, name: str) -> dict:
        ds = self.header(name)
        study = self.client.study_summary(ds.StudyInstanceUID)
        return next(s for s in study["series"] if s["series_uid"] == ds.SeriesInstanceUID)


@pytest.fixture(scope="module")
def filled(corpus: Path, tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[Filled]:
    node = RunningNode(tmp_path_factory.mktemp("corpus-node"), key).start()
    answers: dict[Path, tuple[int, str]] = {}
    # the broken ones last: some carry the UIDs of good ones
    for folder in sorted(
        (p for p in corpus.iterdir() if p.is_dir() and p.name not in NO_DICOM), key=lambda p: (p.name == "broken", p.name)
    ):
        answers |= send_files(node.dicom_port, "CORPUS", sorted(folder.glob("*.dcm")))
    last = image()
    scu = RawSCU(node.dicom_port, "CORPUS", [(CT, ["1.2.840.10008.1.2.1"])])
    assert scu.store(1, CT, last.SOPInstanceUID, encoded(last))[0] == 0
    node.wait_for(lambda: node.instances(last.StudyInstanceUID), 60)
    with NodeClient(node.url, node.ticket) as client:
        yield Filled(node, corpus, answers, client)
    assert node.stop() == 0


def test_every_file_is_answered_and_kept_byte_for_byte(filled: Filled) -> None:
    assert len(filled.answers) > 250
    kept = {hashlib.sha256(split_file(p)[3]).hexdigest() for p in (filled.node.data / "files").rglob("*.dcm")}
    for path, (status, comment) in filled.answers.items():
        if status == 0:
            assert hashlib.sha256(split_file(path)[3]).hexdigest() in kept, path
        else:
            assert status in {0xC000, 0xA900}, path
            assert comment, path
    refused = {p.parent.name for p, (status, _) in filled.answers.items() if status}
    assert refused <= {"ct-empty-uids", "broken", "charset", "syntax-htj2k"}
    assert all(filled.answers[p][0] == 0 for p in filled.answers if p.parent.name not in refused)


def test_empty_identifiers_are_refused(filled: Filled) -> None:
    found = [answer for path, answer in filled.answers.items() if path.parent.name == "ct-empty-uids"]
    assert len(found) == 4
    assert all(status == 0xC000 and "UID is" in comment for status, comment in found)


def test_nothing_that_was_taken_breaks_a_view(filled: Filled) -> None:
    for study in filled.client.search_studies(limit=1000):
        uid_ = study["0020000D"]["Value"][0]
        summary = filled.client.study_summary(uid_)
        assert len(filled.client.study_metadata(uid_)) == study["00201208"]["Value"][0]
        for series in summary["series"]:
            seen = 0
            for header, index, data in filled.client.series_frames(uid_, series["series_uid"]):
                if index is not None:
                    frame = header["frames"][index]
                    assert len(data) in {0, frame["rows"] * frame["columns"] * frame["samples"] * frame["bits"] // 8}
                    seen += 1
            assert seen == series["frames"]
            thumbnail = filled.node.get(f"/dicom-web/studies/{uid_}/series/{series['series_uid']}/thumbnail")
            assert thumbnail.status_code in ({200, 422} if series["renderable"] else {422})
    assert "Traceback" not in (filled.node.data / "node.log").read_text()


def test_no_patient_name_is_logged(filled: Filled) -> None:
    log = (filled.node.data / "node.log").read_text()
    assert len(log) > 1000
    for path in filled.answers:
        ds = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        for value in (str(ds.get("PatientName", "")), str(ds.get("PatientID", ""))):
            if len(value) > 5 and not value.isdecimal():
                assert value not in log, path


@pytest.mark.parametrize(
    ("name", "expected"),
    [("chrX2", "王小东"), ("chrX1", "王小東"), ("chrGB2312", "张小东"), ("chrI2", "洪吉洞"), ("chrH31", "山田太郎"), ("chrKoreanMulti", "김희중"),
     ("chrRuss", "Люкceмбypг"), ("chrGerm", "Äneas^Rüdiger"), ("chrFren", "Buc^Jérôme")],
)  # fmt: skip
def test_names_of_all_character_sets(filled: Filled, name: str, expected: str) -> None:
    ds = filled.header(f"charset/{name}.dcm")
    patient = filled.client.study_summary(ds.StudyInstanceUID)["patient"]
    plain = expected if "^" in expected else patient["name"].replace("^", "")
    assert plain == expected
    assert patient["name_guessed"] is False
    listed = filled.client.search_studies(StudyInstanceUID=ds.StudyInstanceUID)[0]["00100010"]["Value"][0]
    assert expected.replace("^", "") in "".join(listed.values()).replace("^", "")
    metadata = filled.client.study_metadata(ds.StudyInstanceUID)[0]["00100010"]["Value"][0]
    assert expected.replace("^", "") in "".join(metadata.values()).replace("^", "")
    assert "\x1b" not in str(metadata) + str(listed)


def test_chinese_names_are_found_by_pinyin(filled: Filled) -> None:
    for query in ("王小东", "王^小东", "wangxiaodong", "WANG*", "王*"):
        found = [s["0020000D"]["Value"][0] for s in filled.client.search_studies(PatientName=query)]
        assert str(filled.header("charset/chrX2.dcm").StudyInstanceUID) in found, query


@pytest.mark.parametrize("name", ["deflated", "explicit-be", "explicit-le", "implicit-le", "j2k-lossless", "jpeg-lossless-p14",
                                  "jpeg-lossless-sv1", "jpegls-lossless", "rle"])  # fmt: skip
def test_one_slice_in_nine_lossless_syntaxes_is_one_array(corpus: Path, node: RunningNode, name: str) -> None:
    found = _store_alone(node, corpus / "syntax-ct-same-image" / f"{name}.dcm")
    assert (found.dtype, found.shape) == (np.dtype("<i2"), (512, 512))
    assert hashlib.sha256(found.tobytes()).hexdigest().startswith("1bee432808f49770")
    assert (found.min(), found.max(), found[256, 256]) == (-2000, 2402, 1091)


@pytest.mark.parametrize(
    ("name", "error"), [("jpegls-near", 1), ("j2k-lossy", 5), ("jpeg-extended-12bit", 35.7), ("jpeg-baseline-8bit", 64.3)]
)
def test_lossy_syntaxes_stay_within_their_known_error(corpus: Path, node: RunningNode, name: str, error: float) -> None:
    reference = pydicom.dcmread(corpus / "syntax-ct-same-image" / "explicit-le.dcm")
    ds = pydicom.dcmread(corpus / "syntax-ct-same-image" / f"{name}.dcm", stop_before_pixels=True)
    found = _store_alone(node, corpus / "syntax-ct-same-image" / f"{name}.dcm").astype(float)
    truth = reference.pixel_array * float(reference.RescaleSlope) + float(reference.RescaleIntercept)
    assert np.abs(found * float(ds.RescaleSlope) + float(ds.RescaleIntercept) - truth).max() <= error


def _store_alone(node: RunningNode, path: Path) -> np.ndarray:
    """Send a file under UIDs of its own (these sets share theirs) and fetch its only frame; only UID values are exchanged."""
    sop_class, _, syntax, _ = split_file(path)
    ds = pydicom.dcmread(path)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = uid(), uid(), uid()
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    out = io.BytesIO()
    ds.save_as(out)
    data = _after_meta(out.getvalue())
    scu = RawSCU(node.dicom_port, "CT_A", [(sop_class, [syntax])])
    assert scu.store(1, sop_class, ds.SOPInstanceUID, data) == (0, "")
    node.wait_instances(ds.StudyInstanceUID, 1)
    with NodeClient(node.url, node.ticket) as client:
        return client.series_pixels(ds.StudyInstanceUID, ds.SeriesInstanceUID).array[0]


def _after_meta(whole: bytes) -> bytes:
    length = struct.unpack_from("<I", whole, 140)[0]
    return whole[144 + length :]


def test_htj2k(corpus: Path, node: RunningNode) -> None:
    found = _store_alone(node, corpus / "syntax-htj2k" / "htj2k-lossy-rgb.dcm")
    assert found.shape == (480, 640, 3)
    assert abs(found.mean() - 127.10) < 0.02


def test_stream_sign_of_jpeg_2000_follows_the_header(filled: Filled) -> None:
    array = filled.pixels("charset/ct-head-tilt-minus22-j2k-signedness.dcm")[0]
    assert (array.min(), array.max()) == (-2000, 1896)


def test_tilted_head_warns_and_is_in_order(filled: Filled) -> None:
    summary = filled.summary("ct-head-tilt/slice-001.dcm")
    assert {"tilt", "irregular_spacing"} <= set(summary["warnings"])
    found = filled.series("ct-head-tilt/slice-001.dcm")
    z = [f["position"][2] for f in found.frames]
    assert z == sorted(z)
    assert (round(z[0], 3), round(z[-1], 3)) == (5.836, 157.776)
    index = next(i for i, f in enumerate(found.frames) if f["sop_uid"] == filled.header("ct-head-tilt/slice-015.dcm").SOPInstanceUID)
    assert found.array[index, 256, 256] == 14


def test_even_stacks_warn_of_nothing(filled: Filled) -> None:
    for name in ("ct-chest-ffs/slice-001.dcm", "mr-sag-brain-child/slice-001.dcm", "ct-abdomen-arterial/slice-001.dcm"):
        assert filled.summary(name)["warnings"] == [], name
    chest = filled.frames("ct-chest-ffs/slice-011.dcm")[0]
    pixels = filled.pixels("ct-chest-ffs/slice-011.dcm")[0]
    assert pixels[256, 256] * chest["slope"] + chest["intercept"] == 281
    assert chest["padding"] == -2000
    assert chest["spacing"] == [0.898438, 0.898438]
    brain = filled.pixels("mr-sag-brain-child/slice-051.dcm")[0]
    assert (brain.min(), brain.max(), round(brain.mean(), 2)) == (0, 575, 97.93)
    window = filled.frames("mr-sag-brain-child/slice-001.dcm")[0]["windows"][0]
    assert (window["center"], window["width"]) == (306, 691)


def test_enhanced_multi_frame_has_its_own_geometry_and_windows(filled: Filled) -> None:
    axial = filled.frames("mr-planes-enhanced/axial-flair.dcm")
    assert len(axial) == 24
    assert (round(axial[0]["position"][2], 1), round(axial[-1]["position"][2], 1)) == (-67.1, 70.9)
    first = next(f for f in axial if f["frame"] == 1)
    assert (first["windows"][0]["center"], first["windows"][0]["width"]) == (233, 467)
    assert [round(s, 6) for s in first["spacing"]] == [0.820312, 0.820312]
    assert len({f["windows"][0]["center"] for f in axial}) > 1
    ct = filled.frames("ct-enhanced/" + next((filled.corpus / "ct-enhanced").glob("*.dcm")).name)
    assert [f["orientation"] for f in ct] == [[-1, 0, 0, 0, 1, 0]] * 2
    array = np.stack(filled.pixels("ct-enhanced/" + next((filled.corpus / "ct-enhanced").glob("*.dcm")).name))
    assert (array.min(), array.max()) == (1010, 2223)


def test_lengths_that_cannot_be_trusted_are_null(filled: Filled) -> None:
    names = {p.name: f"{p.parent.name}/{p.name}" for p in filled.answers}
    zero = filled.frames(names["chest-rg1-j2k.dcm"])[0]
    assert (zero["spacing"], zero["spacing_kind"], zero["photometric"]) == (None, "none", "MONOCHROME1")
    assert filled.frames(names["mg-screening.dcm"])[0]["spacing_kind"] == "imager"
    assert [round(s, 4) for s in filled.frames(names["mg-screening.dcm"])[0]["spacing"]] == [0.0941, 0.0941]
    calibrated = filled.frames(names["mg-pixel-spacing-pattern.dcm"])[0]
    assert (calibrated["spacing"], calibrated["spacing_kind"]) == ([0.25, 0.25], "pixel")


def test_ultrasound_regions_give_millimetres_or_nothing(filled: Filled) -> None:
    names = {p.stem: f"{p.parent.name}/{p.name}" for p in filled.answers if p.parent.name.startswith("us-")}
    echo = filled.frames(next(v for k, v in names.items() if "echo-child" in k))[0]
    assert (echo["spacing_kind"], [round(s, 3) for s in echo["spacing"]]) == (
        "region",
        [0.229, 0.286],
    )  # 0.02286 cm a row, 0.02857 cm a column
    assert echo["frame_time"] == 30
    assert echo["samples"] == 3
    shrunk = filled.frames(next(v for k, v in names.items() if "us-30f" in k))[0]
    assert (shrunk["spacing_kind"], shrunk["spacing"]) == ("region", None)
    assert shrunk["regions"][0]["x1"] == 319


def test_colour_comes_as_rgb(filled: Filled) -> None:
    names = [p for p in filled.answers if p.parent.name in {"sc-colour", "us-still", "us-cine"} and filled.answers[p][0] == 0]
    seen = 0
    for path in names:
        ds = pydicom.dcmread(path)
        frames = filled.frames(f"{path.parent.name}/{path.name}")
        if not frames or ds.PhotometricInterpretation.startswith("MONO"):
            continue
        seen += 1
        assert {(f["samples"], f["bits"], f["photometric"]) for f in frames} == {(3, 8, "RGB")}
        arrays = filled.pixels(f"{path.parent.name}/{path.name}")
        assert all(a is not None and a.max() > 20 for a in arrays), path
    assert seen >= 8


def test_broken_ones_never_decode_into_memory(filled: Filled) -> None:
    names = {p.name: p for p in filled.answers}
    path = names["huge-dims-46341.dcm"]
    assert filled.answers[path][0] == 0
    ds = filled.header("broken/huge-dims-46341.dcm")
    base = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    assert filled.node.get(base + "/frames/1").json()["code"] == "image.unshowable"
    assert filled.node.child("index").memory_info().rss < 1 << 30
    assert filled.node.get(base, headers={"Accept": "application/dicom"}).status_code == 200


def test_objects_without_images_are_listed_and_downloaded(filled: Filled) -> None:
    ds = filled.header("pdf-stl-ecg/encapsulated-pdf.dcm")
    series = filled.summary("pdf-stl-ecg/encapsulated-pdf.dcm")
    assert (series["frames"], series["renderable"]) == (0, False)
    base = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    body = filled.node.get(base + "/bulkdata/00420011").content
    assert b"%PDF-1.4" in body


@pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")
def test_dcmtk_sends_a_real_series(corpus: Path, node: RunningNode) -> None:
    paths = sorted((corpus / "ct-chest-ffs").glob("*.dcm"))
    words = ["storescu", "-R", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom_port), *map(str, paths)]
    assert subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0
    ds = pydicom.dcmread(paths[0], stop_before_pixels=True)
    node.wait_instances(ds.StudyInstanceUID, 20)
    picture = Image.open(io.BytesIO(node.get(f"/dicom-web/studies/{ds.StudyInstanceUID}/rendered").content))
    assert picture.size == (512, 512)
