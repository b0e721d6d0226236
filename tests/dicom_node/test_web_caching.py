"""Entity tags, ranges, HEAD, decompressed objects, bulk data in sequences, search: HTTP as its standards say, memory flat."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless
from rawscu import RawSCU, send_files
from running_node import CT, RunningNode, encoded, image, uid
from stowing import EXPLICIT, body, file_bytes, stored, stow

pytestmark = pytest.mark.clause("S-3")
RLE = str(RLELossless)
ONE_PART = {"Accept": "application/dicom"}
EXPLICIT_PARTS = {"Accept": f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'}


def address(ds: Dataset) -> str:
    return f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


def compressed(ds: Dataset) -> bytes:
    """The object with its pixels run-length encoded, as a file."""
    packed = pydicom.dcmread(io.BytesIO(file_bytes(ds)))
    packed.compress(RLELossless, generate_instance_uid=False)
    out = io.BytesIO()
    pydicom.dcmwrite(out, packed)
    return out.getvalue()


@pytest.fixture(scope="module")
def study(node: RunningNode) -> list[Dataset]:
    """A plain slice with a long value inside a sequence, a run-length encoded one of two frames, a third plain one."""
    study, series = uid(), uid()
    inner, item = Dataset(), Dataset()
    inner.EncapsulatedDocument = bytes(range(256)) * 20
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, "1.2.3"
    item.add_new(0x00081140, "SQ", [inner, Dataset(inner)])
    plain = image(study, series, InstanceNumber=1)
    plain.add_new(0x00081111, "SQ", [item])
    frames = np.stack([np.arange(192).reshape(16, 12) + k for k in range(2)]).astype("<i2")
    cine = image(study, series, InstanceNumber=2, NumberOfFrames=2, PixelData=frames.tobytes())
    last = image(study, uid(), InstanceNumber=3)
    answer = stow(node, body(file_bytes(plain), compressed(cine), file_bytes(last)))
    assert (answer.status_code, len(stored(answer.json()))) == (200, 3)
    return [plain, cine, last]


def places(study: list[Dataset]) -> list[tuple[str, dict[str, str]]]:
    """Addresses and Accept headers of everything that has an entity tag."""
    ds = study[0]
    base, octets = address(ds), {"Accept": "application/octet-stream"}
    series = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    wado = f"/wado?requestType=WADO&studyUID={ds.StudyInstanceUID}&seriesUID={ds.SeriesInstanceUID}&objectUID={ds.SOPInstanceUID}"
    return [
        (base, ONE_PART), (base, {}), (address(study[1]), ONE_PART | {"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"}),
        (series, {}), (series, EXPLICIT_PARTS), (f"/dicom-web/studies/{ds.StudyInstanceUID}", {}), (base + "/frames/1", {}),
        (base + "/frames/1", octets), (address(study[1]) + "/frames/2,1", {}), (base + "/bulkdata/7FE00010", octets),
        (base + "/bulkdata/7FE00010", {}), (base + "/bulkdata/00081111/1/00081140/2/00420011", {}), (base + "/rendered", {}),
        (base + "/rendered", {"Accept": "image/png"}), (base + "/rendered?window=40,400", {}), (base + "/thumbnail", {}),
        (base + "/frames/1/rendered", {}), (series + "/thumbnail", {}), (base + "/metadata", {}),
        (base + "/metadata", {"Accept": 'multipart/related; type="application/dicom+xml"'}), (wado, {}),
        (wado + "&contentType=application/dicom", {}),
    ]  # fmt: skip


def test_entity_tags_save_the_body_and_differ_with_the_content(node: RunningNode, study: list[Dataset]) -> None:
    bodies: dict[str, bytes] = {}
    for path, accept in places(study):
        whole = node.get(path, headers=accept)
        assert whole.status_code == 200, (path, whole.text[:300])
        tag = whole.headers["etag"]
        assert tag.startswith('"')
        assert node.get(path, headers=accept).content == whole.content  # a strong tag promises it
        assert bodies.setdefault(tag, whole.content) == whole.content
        for known in (tag, f'"other", W/{tag}', "*"):
            same = node.get(path, headers=accept | {"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), path
        assert node.get(path, headers=accept | {"If-None-Match": '"other"'}).content == whole.content
        assert whole.headers["cache-control"] == "private, no-store"  # no copy on a shared workstation's disk
        elsewhere = node.get(path, node.ticket(["H02"]), headers=accept | {"If-None-Match": tag})
        assert elsewhere.status_code == 404  # a known tag opens nothing
    assert len(bodies) >= len(places(study)) - 4  # wado gives the very objects and pictures of the others


def test_head_is_get_without_its_body(node: RunningNode, study: list[Dataset]) -> None:
    ticket = {"Authorization": "Bearer " + node.ticket()}
    for path, accept in [*places(study), ("/dicom-web/studies", {}), ("/dicom-web/studies/1.2.3", {})]:
        whole = node.http.get(node.url + path, headers=ticket | accept)
        head = node.http.head(node.url + path, headers=ticket | accept)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-type", "etag", "content-length"):
            if "boundary" not in whole.headers.get(name, ""):
                assert head.headers.get(name) == whole.headers.get(name), (path, name)
    assert node.http.head(node.url + places(study)[0][0]).status_code == 401


@pytest.mark.clause("O-1")
def test_one_range_is_given_and_many_cost_nothing(node: RunningNode, study: list[Dataset]) -> None:
    base, octets = address(study[0]), {"Accept": "application/octet-stream"}
    for path, accept in ((base, ONE_PART), (base + "/frames/1", octets), (base + "/bulkdata/7FE00010", octets), (base + "/rendered", {})):
        whole = node.get(path, headers=accept)
        size, data, tag = len(whole.content), whole.content, whole.headers["etag"]
        assert whole.headers["accept-ranges"] == "bytes"
        ranges = {"0-9": (0, 10), "7-": (7, size), "-5": (size - 5, size), f"0-{size + 99}": (0, size), f"{size - 1}-": (size - 1, size),
                  f"-{size + 5}": (0, size)}  # fmt: skip
        for text, (start, end) in ranges.items():
            part = node.get(path, headers=accept | {"Range": f"bytes={text}"})
            assert (part.status_code, part.content) == (206, data[start:end]), (path, text)
            assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
            assert part.headers["etag"] == tag
        for text in (f"{size}-", f"{size + 10}-{size + 20}", "-0", "9" * 18 + "-"):
            beyond = node.get(path, headers=accept | {"Range": f"bytes={text}"})
            assert (beyond.status_code, beyond.json()["code"]) == (416, "range.beyond")
            assert beyond.headers["content-range"] == f"bytes */{size}"
        for text in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=-", "bytes=0-1,4-5", "bytes=" + "9" * 4000 + "-"):
            assert (answer := node.get(path, headers=accept | {"Range": text})).status_code == 200, text
            assert answer.content == data
        assert node.get(path, headers=accept | {"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
        for changed in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
            assert node.get(path, headers=accept | {"Range": "bytes=0-9", "If-Range": changed}).content == data
    begin = time.monotonic()
    assert node.get(base, headers=ONE_PART | {"Range": "bytes=" + "0-1," * 12_000 + "0-1"}).status_code == 200
    assert time.monotonic() - begin < 1


def test_compressed_objects_are_decompressed_when_explicit_is_asked_for(node: RunningNode, study: list[Dataset]) -> None:
    web = DICOMwebClient(node.url + "/dicom-web", headers={"Authorization": "Bearer " + node.ticket()})
    first = study[0]
    wanted = (("application/dicom", EXPLICIT),)
    for got, sent in (
        (web.retrieve_study(first.StudyInstanceUID, media_types=wanted), study),
        (web.retrieve_series(first.StudyInstanceUID, first.SeriesInstanceUID, media_types=wanted), study[:2]),
        ([web.retrieve_instance(first.StudyInstanceUID, first.SeriesInstanceUID, study[1].SOPInstanceUID, media_types=wanted)], study[1:2]),
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


def test_long_values_in_sequences_have_an_address(node: RunningNode, study: list[Dataset]) -> None:
    item = node.get(address(study[0]) + "/metadata").json()[0]["00081111"]["Value"][0]["00081140"]["Value"][1]
    link = item["00420011"]["BulkDataURI"]
    assert link == node.url + address(study[0]) + "/bulkdata/00081111/1/00081140/2/00420011"
    value = node.get(link.removeprefix(node.url), headers={"Accept": "application/octet-stream"})
    assert value.content == bytes(range(256)) * 20
    searched = node.get(f"/dicom-web/studies/{study[0].StudyInstanceUID}/instances", params={"includefield": "all"})
    assert '"bulk/' not in searched.text
    assert link in searched.text
    for bad in ("00081111/2/00420011", "00081111/0/00081140/2/00420011", "00081111/-1/00081140/2/00420011", "00081111", "00081111/1", "x",
                "00100010", "00081111/1/00081140/2/00420011/1", "7FE00010/1/00420011", "/".join(["00081111/1"] * 500) + "/00420011"):  # fmt: skip
        assert node.get(address(study[0]) + "/bulkdata/" + bad).status_code == 404, bad
    pixels = node.get(address(study[1]) + "/bulkdata/7FE00010")  # compressed pixels are given as frames
    assert pixels.content.count(b"Content-Location") == 2
    assert study[1].PixelData[:384] in pixels.content


ELEMENT = {
    "type": "object",
    "required": ["vr"],
    "properties": {
        "vr": {
            "enum": [
                "AE",
                "AS",
                "AT",
                "CS",
                "DA",
                "DS",
                "DT",
                "FD",
                "FL",
                "IS",
                "LO",
                "LT",
                "OB",
                "OD",
                "OF",
                "OL",
                "OV",
                "OW",
                "PN",
                "SH",
                "SL",
                "SQ",
                "SS",
                "ST",
                "SV",
                "TM",
                "UC",
                "UI",
                "UL",
                "UN",
                "UR",
                "US",
                "UT",
                "UV",
            ]
        },
        "Value": {"type": "array", "minItems": 1},
        "BulkDataURI": {"type": "string", "pattern": "^http"},
        "InlineBinary": {"type": "string", "pattern": "^[A-Za-z0-9+/]*=*$"},
    },
    "additionalProperties": False,
    "not": {
        "anyOf": [{"required": pair} for pair in (["Value", "BulkDataURI"], ["Value", "InlineBinary"], ["BulkDataURI", "InlineBinary"])]
    },
    "allOf": [
        {"if": {"properties": {"vr": {"const": "PN"}}}, "then": {"properties": {"Value": {"items": {"$ref": "#/$defs/name"}}}}},
        {"if": {"properties": {"vr": {"const": "SQ"}}}, "then": {"properties": {"Value": {"items": {"$ref": "#/$defs/set"}}}}},
        {
            "if": {"properties": {"vr": {"enum": ["DS", "IS", "FD", "FL", "SL", "SS", "UL", "US"]}}},
            "then": {"properties": {"Value": {"items": {"type": ["number", "null"]}}}},
            "else": {"properties": {"Value": {"items": {"type": ["string", "object", "null"]}}}},
        },
    ],
}
"""One element of PS3.18 F.2.2."""
SCHEMA = {
    "type": "array",
    "items": {"$ref": "#/$defs/set"},
    "$defs": {
        "set": {"type": "object", "patternProperties": {"^[0-9A-F]{8}$": ELEMENT}, "additionalProperties": False},
        "name": {
            "type": "object",
            "properties": {part: {"type": "string"} for part in ("Alphabetic", "Ideographic", "Phonetic")},
            "additionalProperties": False,
        },
    },
}


def test_answers_are_dicom_json(node: RunningNode, study: list[Dataset]) -> None:
    top = f"/dicom-web/studies/{study[0].StudyInstanceUID}"
    check = jsonschema.Draft202012Validator(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        check.validate([{"00100010": {"vr": "PN", "Value": ["plain text"]}}])
    for path in (top + "/metadata", top + "/series", top + "/instances?includefield=all", "/dicom-web/studies", "/dicom-web/series",
                 "/dicom-web/instances?limit=20"):  # fmt: skip
        found = node.get(path)
        assert found.headers["content-type"] == "application/dicom+json"
        assert found.json()
        check.validate(found.json())
    answer = stow(node, body(file_bytes(image()), b"garbage"))
    check.validate([{tag: element for tag, element in answer.json().items() if tag != "0008119A"}])
    as_xml = node.get(top + "/series", headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert as_xml.content.count(b"<NativeDicomModel") == 2
    assert b'keyword="SeriesInstanceUID"' in as_xml.content
    assert node.get(top + "/series", headers={"Accept": "text/html"}).status_code == 406
    assert node.get(top + "/series", params={"charset": "gb18030"}).status_code == 406
    assert node.get(top + "/series", params={"charset": "utf-8", "accept": "application/json"}).status_code == 200


def test_search_pages_and_says_what_it_leaves_out(node: RunningNode) -> None:
    study, series = uid(), [uid(), uid()]
    images = [image(study, series[i % 2], InstanceNumber=i, SeriesNumber=i % 2) for i in range(7)]
    assert stow(node, body(*(file_bytes(ds) for ds in images))).status_code == 200
    top = f"/dicom-web/studies/{study}"

    def numbers(path: str, **params: object) -> list[int]:
        answer = node.get(path, params=params)
        assert "warning" not in answer.headers
        return [found["00200013"]["Value"][0] for found in answer.json()]

    assert numbers(top + "/instances") == [0, 2, 4, 6, 1, 3, 5]
    assert [numbers(top + "/instances", limit=3, offset=o) for o in (0, 3, 6, 9)] == [[0, 2, 4], [6, 1, 3], [5], []]
    assert numbers(f"{top}/series/{series[1]}/instances") == [1, 3, 5]
    assert numbers("/dicom-web/instances", SeriesInstanceUID=series[0], InstanceNumber=4) == [4]
    assert len(node.get(top + "/series", params={"SeriesNumber": 1}).json()) == 1
    assert len(node.get("/dicom-web/series", params={"StudyInstanceUID": study}).json()) == 2
    assert node.get("/dicom-web/studies", params={"StudyInstanceUID": study, "limit": 0}).json() == []
    fuzzy = node.get("/dicom-web/studies", params={"PatientName": "wang*", "fuzzymatching": "true", "limit": 1})
    assert "Only literal matching has been performed" in fuzzy.headers["warning"]
    assert fuzzy.headers["warning"].startswith("299 ")
    included = node.get(top + "/instances", params={"includefield": "RescaleIntercept,00281053", "limit": 1}).json()[0]
    assert (included["00281052"]["Value"], included["00281053"]["Value"]) == ([-1024], [1])
    assert "00281052" not in node.get(top + "/instances", params={"limit": 1}).json()[0]
    assert "00280030" in node.get(top + "/instances", params={"includefield": "all", "limit": 1}).json()[0]
    higher = node.get(top + "/series", params={"includefield": "RescaleIntercept"})
    assert "RescaleIntercept" in higher.headers["warning"]
    for name, value in (("includefield", "Nonsense"), ("fuzzymatching", "maybe"), ("limit", "-1"), ("limit", "٣"), ("offset", "9" * 5000),
                        ("Nonsense", "1"), ("00990099", "1")):  # fmt: skip
        wrong = node.get(top + "/series", params={name: value})
        assert wrong.status_code == 400
        assert name in wrong.json()["detail"]


@pytest.mark.clause("X-3")
def test_a_list_that_is_cut_off_says_so(node: RunningNode) -> None:
    study, series = uid(), uid()

    def send(numbers: range) -> None:
        scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
        for i in numbers:
            ds = image(study, series, InstanceNumber=i, Rows=None, PixelData=None)
            assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, [range(start, 1003, 8) for start in range(8)]))
    params = {"StudyInstanceUID": study}
    node.wait_for(lambda: node.get("/dicom-web/studies", params=params).json()[0]["00201208"]["Value"] == [1003], 60)
    cut = node.get(f"/dicom-web/studies/{study}/instances")
    assert len(cut.json()) == 1000
    assert "There are additional results that can be requested" in cut.headers["warning"]
    rest = node.get(f"/dicom-web/studies/{study}/instances", params={"offset": 1000})
    assert len(rest.json()) == 3
    assert "warning" not in rest.headers
    whole = node.get(f"/dicom-web/studies/{study}/instances", params={"limit": 5000})
    assert (len(whole.json()), "warning" in whole.headers) == (1003, False)


@pytest.mark.clause("O-1")
def test_a_header_that_claims_too_much_never_allocates(node: RunningNode) -> None:
    claims = image(Rows=46341, Columns=46341, PixelData=bytes(10_000))
    packed = pydicom.dcmread(io.BytesIO(compressed(image())))
    packed.SOPInstanceUID, packed.Rows, packed.Columns = uid(), 11000, 11000  # 242 MB in a stream of a few bytes
    out = io.BytesIO()
    pydicom.dcmwrite(out, packed)
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
    answer = stow(node, body(file_bytes(claims), out.getvalue(), inflating))
    assert answer.status_code in {200, 202}
    node.wait_for(lambda: "inflated data set is too large" in (node.data / "node.log").read_text())
    node.wait_for(lambda: node.get(address(claims) + "/metadata").status_code == node.get(address(packed) + "/metadata").status_code == 200)
    for ds in (claims, packed):
        for path in ("/frames/1", "/rendered", "/thumbnail", "/frames/1/rendered"):
            refused = node.get(address(ds) + path)
            assert (refused.status_code, refused.json()["code"]) == (422, "image.unshowable"), path
        assert node.get(address(ds), headers=ONE_PART).status_code == 200
    assert node.get(address(packed), headers={"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"}).status_code == 422
    assert index.memory_info().rss - before < 50_000_000


@pytest.mark.clause("O-1")
def test_no_query_breaks_the_node(node: RunningNode, study: list[Dataset]) -> None:
    dice = random.Random(11)
    names = ["StudyDate", "PatientName", "StudyTime", "ModalitiesInStudy", "StudyInstanceUID", "Rows", "NumberOfStudyRelatedSeries", "limit",
             "offset", "includefield", "fuzzymatching", "00100010", "charset", "accept", "window", "viewport", "quality", "orderby"]  # fmt: skip
    values = ["", "*", "?", "\\", "\\\\", "-", "--", "20240101-", "-20240101", "20240230", "1e999", "nan", "-inf", "99999999999999999999", "\0",
              "=", "^=^=^", "%", "_!%", "'", '"', "王", "\ud7ff", "a" * 3000, "*" * 200 + "b", "1,2", "1,2,3", ",", "12:30", "2460", "all", "true",
              "text/html;q=x", "multipart/related;type=", "0x10", "1.2.3," * 500]  # fmt: skip
    base = address(study[0])
    paths = ["/dicom-web/studies", "/dicom-web/series", "/dicom-web/instances", base, base + "/rendered", base + "/thumbnail", base + "/metadata",
             base + "/frames/1", base + "/bulkdata/7FE00010", "/wado"]  # fmt: skip
    headers = ["Range", "If-Range", "If-None-Match", "Accept", "Accept-Charset"]
    seen = set()
    for _ in range(600):
        params = [(dice.choice(names), dice.choice(values)) for _ in range(dice.randrange(1, 4))]
        given = {dice.choice(headers): dice.choice(values).encode("ascii", "replace").replace(b"\0", b"?").decode() for _ in range(2)}
        path = dice.choice(paths)
        try:
            answer = node.get(path, params=params, headers=given)
        except httpx.RemoteProtocolError:
            continue
        seen.add(answer.status_code)
        assert answer.status_code < 500, (path, params, given, answer.text[:300])
    assert {200, 400, 406} <= seen
    for path in (base + "/frames/" + "1," * 5000 + "1", base + "/frames/٣", base + "/frames/" + "9" * 6000, base + "/frames/x/rendered"):
        assert node.get(path).status_code in {400, 404}
