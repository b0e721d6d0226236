"""Searches and metadata: DICOM JSON by a schema, paging, what is left out is said, no query breaks the node."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import httpx
import jsonschema
import pytest
from pydicom.dataset import Dataset
from rawscu import RawSCU
from running_node import CT, RunningNode, encoded, image, uid
from stowing import EXPLICIT, address, body, file_bytes, stow

pytestmark = pytest.mark.clause("S-3")

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


def test_answers_are_dicom_json(node: RunningNode, stowed: list[Dataset]) -> None:
    top = f"/dicom-web/studies/{stowed[0].StudyInstanceUID}"
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


def test_the_quick_answer_is_the_full_answer(node: RunningNode) -> None:
    """One exact key is answered without the application's routes; with a second, empty key the application answers."""
    patient, accession = uid()[-12:], uid()[-12:]
    images = [image(PatientID=patient, AccessionNumber=accession, StudyDescription=f"研究 {i}") for i in range(3)]
    images.append(image(PatientID=patient + "A"))
    assert stow(node, body(*(file_bytes(ds) for ds in images))).status_code == 200
    node.wait_for(lambda: len(node.get("/dicom-web/studies", params={"PatientID": patient, "PatientName": ""}).json()) == 3)
    xml = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    asked: list[tuple[dict[str, object], int]] = [
        ({"PatientID": patient}, 3), ({"AccessionNumber": accession}, 3), ({"00100020": patient}, 3), ({"PatientID": patient + "A"}, 1),
        ({"StudyInstanceUID": images[1].StudyInstanceUID}, 1), ({"PatientID": "nobody " + patient}, 0), ({"PatientID": f" {patient} "}, 3),
        ({"PatientID": patient, "limit": 2}, 2), ({"PatientID": patient, "offset": 2}, 1), ({"PatientID": patient, "limit": 0}, 0),
        ({"PatientID": patient[:-1] + "?"}, 3), ({"PatientID": patient.upper() + "*"}, 4),
    ]  # fmt: skip
    for params, count in asked:
        quick, full = node.get("/dicom-web/studies", params=params), node.get("/dicom-web/studies", params=params | {"PatientName": ""})
        assert (quick.status_code, quick.content) == (200, full.content), params
        assert len(quick.json()) == count, params
        compared = ("content-type", "cache-control", "vary", "warning")
        assert [quick.headers.get(name) for name in compared] == [full.headers.get(name) for name in compared], params
        parts = [node.get("/dicom-web/studies", params=params | more, headers=xml) for more in ({}, {"PatientName": ""})]
        assert parts[0].content.count(b"<NativeDicomModel") == parts[1].content.count(b"<NativeDicomModel") == count
    for params in ({"PatientID": patient, "limit": "x"}, {"PatientID": patient, "nonsense": "1"}):
        assert node.get("/dicom-web/studies", params=params).status_code == 400
    assert node.get("/dicom-web/studies", params={"PatientID": patient}, headers={"Accept": "text/html"}).status_code == 406
    assert (
        node.http.head(node.url + f"/dicom-web/studies?PatientID={patient}", headers={"Authorization": f"Bearer {node.ticket()}"}).content
        == b""
    )


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
def test_no_query_breaks_the_node(node: RunningNode, stowed: list[Dataset]) -> None:
    dice = random.Random(11)
    names = ["StudyDate", "PatientName", "StudyTime", "ModalitiesInStudy", "StudyInstanceUID", "Rows", "NumberOfStudyRelatedSeries", "limit",
             "offset", "includefield", "fuzzymatching", "00100010", "charset", "accept", "window", "viewport", "quality", "orderby"]  # fmt: skip
    values = ["", "*", "?", "\\", "\\\\", "-", "--", "20240101-", "-20240101", "20240230", "1e999", "nan", "-inf", "99999999999999999999", "\0",
              "=", "^=^=^", "%", "_!%", "'", '"', "王", "\ud7ff", "a" * 3000, "*" * 200 + "b", "1,2", "1,2,3", ",", "12:30", "2460", "all", "true",
              "text/html;q=x", "multipart/related;type=", "0x10", "1.2.3," * 500]  # fmt: skip
    base = address(stowed[0])
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
