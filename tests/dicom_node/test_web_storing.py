"""STOW-RS: an object is stored as a C-STORE stores it, by those who may, and each one that is not has its reason."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from rawscu import EXPLICIT, RawSCU, send_files, split_file
from running_node import CT, RunningNode, encoded, image, save, uid
from stowing import body, failed, file_bytes, incoming, kept, stored, stow, tickets

from dicom_node.web.gate import VIEW

pytestmark = pytest.mark.clause("S-1", "H-5")


def test_stored_byte_for_byte_as_by_c_store_and_named_at_once(node: RunningNode) -> None:
    study = uid()
    images = [image(study), image(study), image(study, SOPClassUID="1.2.276.0.999.1")]
    polyglot = b"MZ" + b"\x90" * 126
    answer = stow(node, body(*(file_bytes(ds, polyglot, ImplementationVersionName=f"V{i}") for i, ds in enumerate(images))))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    document = answer.json()
    assert stored(document) == [ds.SOPInstanceUID for ds in images]
    assert failed(document) == []
    assert document["00081190"]["Value"] == [f"{node.url}/dicom-web/studies/{study}"]
    for item, ds in zip(document["00081199"]["Value"], images, strict=True):
        got = node.http.get(
            item["00081190"]["Value"][0], headers={"Authorization": "Bearer " + tickets(node), "Accept": "application/dicom"}
        )
        assert got.status_code == 200  # the answer came when the index knew the image
        assert got.content[:128] == bytes(128)
        assert got.content.endswith(encoded(ds))
        assert hashlib.sha256(got.content).hexdigest() in {path.stem for path in kept(node)}
    before = len(kept(node))
    assert RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])]).store(1, CT, images[0].SOPInstanceUID, encoded(images[0]))[0] == 0
    assert len(kept(node)) == before  # the same file, whichever way it came
    rows = [r for r in node.feed() if r["study_uid"] == study and r["kind"] == "instance.stored"]
    assert {(r["institution"], r["data"]["calling_aet"]) for r in rows} == {("H01", "web:dr.li")}
    assert len(rows) == 3
    journal = [json.loads(line) for line in (node.data / "journal" / "journal.jsonl").read_text().splitlines()]
    assert "Wang" not in (node.data / "node.log").read_text()
    assert {e["address"] for e in journal if e["sop_uid"] == images[1].SOPInstanceUID} == {"127.0.0.1"}
    assert incoming(node) == []


@pytest.mark.clause("S-3")
def test_an_independent_client_stores(node: RunningNode, tmp_path: Path) -> None:
    study = uid()
    images = [pydicom.dcmread(save(image(study), tmp_path / f"{i}.dcm")) for i in range(3)]
    headers = {"Authorization": "Bearer " + tickets(node)}
    web = DICOMwebClient(node.url + "/dicom-web", headers=headers)
    answer = web.store_instances(images, study_instance_uid=study)
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [ds.SOPInstanceUID for ds in images]
    assert {encoded(ds) for ds in web.retrieve_study(study)} == {encoded(ds) for ds in images}


def test_a_single_object_and_an_answer_in_xml(node: RunningNode) -> None:
    ds = image()
    answer = stow(node, file_bytes(ds), f"/dicom-web/studies/{ds.StudyInstanceUID}", Content_Type="application/dicom",
                  Accept="application/dicom+xml")  # fmt: skip
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+xml")
    item = ET.fromstring(answer.text).find(  # noqa: S314 - our own answer
        "DicomAttribute[@keyword='ReferencedSOPSequence']/Item[@number='1']"
    )
    assert item is not None
    assert item.findtext("DicomAttribute[@tag='00081155']/Value") == ds.SOPInstanceUID
    assert stow(node, body(file_bytes(image())), Accept="text/html").status_code == 406


@pytest.mark.clause("S-8", "S-9")
def test_only_who_may_store_does_and_only_into_an_own_institution(node: RunningNode) -> None:
    before = len(kept(node))
    ds = image()
    whole = body(file_bytes(ds))
    refusals = [
        (stow(node, whole, ticket=node.ticket(["H01"], [VIEW, "feed.follow", "node.annotate"])), 403, "right.missing"),
        (stow(node, whole, "/dicom-web/studies?institution=H01", tickets(node, ["H02"])), 409, "store.institution"),
        (stow(node, whole, ticket=tickets(node, ["H02"]), Hub_Institution="H01"), 409, "store.institution"),
        (stow(node, whole, "/dicom-web/studies?institution=H01", Hub_Institution="H02"), 409, "store.institution"),
        (stow(node, whole, ticket=tickets(node, ["H01", "H02"])), 409, "store.institution"),
        (stow(node, whole, ticket=tickets(node, ["*"])), 409, "store.institution"),
        (stow(node, whole, ticket=tickets(node, [])), 409, "store.institution"),
        (stow(node, whole, "/dicom-web/studies?institution=H99", tickets(node, ["*"])), 409, "store.institution"),
    ]
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["words"]["zh"]["action"]
    cookie = {"Cookie": "hub-ticket=" + tickets(node, kind="browser"), "Authorization": ""}
    assert stow(node, whole, **cookie).json()["code"] == "request.cross_site"
    assert stow(node, whole, **cookie, Sec_Fetch_Site="cross-site").status_code == 403
    assert len(kept(node)) == before
    assert stow(node, whole, **cookie, Sec_Fetch_Site="same-origin").status_code == 200
    other = image()
    assert stow(node, body(file_bytes(other)), "/dicom-web/studies?institution=H02", tickets(node, ["*"])).status_code == 200
    path = f"/dicom-web/studies/{other.StudyInstanceUID}/metadata"
    assert node.get(path, tickets(node, ["H02"])).status_code == 200
    assert node.get(path, tickets(node, ["H01"])).status_code == 404


def test_each_bad_object_has_its_reason_and_the_good_one_is_stored(node: RunningNode) -> None:
    good, elsewhere = image(), image()
    study = good.StudyInstanceUID
    no_study = image(study, StudyInstanceUID=None)
    empty = image(study, SOPInstanceUID="")
    path = image(study)
    path.file_meta = None
    worklist = image(study, SOPClassUID="1.2.840.10008.5.1.4.31")
    whole = file_bytes(good)
    meta_only = whole[: -len(encoded(good))]
    bad = {
        "garbage": b"\x00\xff" * 200, "text": b"", "meta only": meta_only, "cut meta": whole[:180],
        "no study": file_bytes(no_study), "empty uid": file_bytes(empty, MediaStorageSOPInstanceUID="1.2.3"),
        "path": whole.replace(good.SOPInstanceUID.encode(), b"../../../etc/passwd".ljust(len(good.SOPInstanceUID), b"x")),
        "other study": file_bytes(elsewhere), "worklist": file_bytes(worklist),
        "no syntax": file_bytes(image(study)).replace(EXPLICIT.encode() + b"\0", b"x" * 20, 1),
    }  # fmt: skip
    before = len(kept(node))
    answer = stow(node, body(whole, *bad.values()), f"/dicom-web/studies/{study}")
    assert answer.status_code == 202
    assert stored(answer.json()) == [good.SOPInstanceUID]
    reasons = failed(answer.json())
    assert len(reasons) == len(bad)
    assert (elsewhere.SOPInstanceUID, 0xA900) in reasons
    assert (worklist.SOPInstanceUID, 0x0122) in reasons
    assert (no_study.SOPInstanceUID, 0xC000) in reasons
    assert [reason for _, reason in reasons].count(0xC122) == 1
    assert [reason for _, reason in reasons].count(0xC000) == len(bad) - 3
    comments = [i["00000902"]["Value"][0] for tag in ("00081198", "0008119A") for i in answer.json()[tag]["Value"]]
    assert all(comments)
    alone = stow(node, body(file_bytes(worklist)))
    assert (alone.status_code, failed(alone.json())) == (409, [(worklist.SOPInstanceUID, 0x0122)])
    for part in (
        body(whole, kind="application/dicom+json"), body(whole, kind="multipart/related"), body(whole, fields="Content-Encoding: gzip\r\n"),
        body(whole, fields="Content-Transfer-Encoding: base64\r\n"), body(whole, fields=f"Content-Length: {len(whole) - 1}\r\n"),
        body(gzip.compress(whole)),
    ):  # fmt: skip
        refused = stow(node, part)
        assert (refused.status_code, [reason for _, reason in failed(refused.json())]) == (409, [0xC000])
    assert stow(node, body(whole, fields=f"Content-Length: {len(whole)}\r\n")).status_code == 200
    assert len(kept(node)) == before + 1
    assert incoming(node) == []


def test_the_data_set_says_who_it_is_not_the_file_meta(node: RunningNode) -> None:
    ds = image()
    answer = stow(node, body(file_bytes(ds, MediaStorageSOPInstanceUID="1.2.3", MediaStorageSOPClassUID="1.2.840.10008.5.1.4.1.1.4")))
    assert (answer.status_code, stored(answer.json())) == (200, [ds.SOPInstanceUID])
    got = node.get(f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}",
                   headers={"Accept": "application/dicom"})  # fmt: skip
    meta = pydicom.dcmread(io.BytesIO(got.content)).file_meta
    assert (meta.MediaStorageSOPInstanceUID, meta.MediaStorageSOPClassUID) == (ds.SOPInstanceUID, CT)


def test_other_bytes_under_a_known_uid_are_kept_aside_with_a_warning(node: RunningNode) -> None:
    one = image()
    assert stow(node, body(file_bytes(one))).status_code == 200
    changed = image(one.StudyInstanceUID, one.SeriesInstanceUID, SOPInstanceUID=one.SOPInstanceUID, StudyDescription="Other")
    answer = stow(node, body(file_bytes(one), file_bytes(changed)))
    assert answer.status_code == 202
    assert [item.get("00081196", {}).get("Value") for item in answer.json()["00081199"]["Value"]] == [None, [0xB001]]
    shown = node.get(f"/dicom-web/studies/{one.StudyInstanceUID}/metadata").json()
    assert [m["00081030"]["Value"] for m in shown] == [["Chest"]]
    conflicts = [r for r in node.feed() if r["kind"] == "conflict.found" and r["study_uid"] == one.StudyInstanceUID]
    assert [r["data"]["reason"] for r in conflicts] == ["same_uid_other_bytes"]
    foreign = stow(node, body(file_bytes(image(one.StudyInstanceUID))), ticket=tickets(node, ["H02"]))
    assert foreign.status_code == 202  # kept, but in quarantine: the study is another institution's
    assert len(node.instances(one.StudyInstanceUID)) == 1


def test_real_files_are_judged_as_c_store_judges_them(own_node: RunningNode, corpus: Path) -> None:
    files = [
        path
        for folder in ("broken", "ct-empty-uids", "charset", "syntax-mr-small", "pdf-stl-ecg", "sr", "patient-id-collision")
        for path in sorted((corpus / folder).glob("*.dcm"))
        if path.read_bytes()[128:132] == b"DICM" and split_file(path)[2] and b"1.2.840.10008.1.2" in path.read_bytes()[:600]
    ]
    assert len(files) > 30
    by_store = send_files(own_node.dicom_port, "CORPUS", files)
    for path in files:
        answer = stow(own_node, body(path.read_bytes()), ticket=tickets(own_node, ["H03"]))
        status = by_store[path][0]
        assert (answer.status_code in {200, 202}) == (status == 0), (path.name, status, answer.text[:500])
        if status == 0:
            digest = hashlib.sha256(split_file(path)[3]).hexdigest()
            assert digest in {hashlib.sha256(split_file(p)[3]).hexdigest() for p in kept(own_node)}, path.name
    assert "Traceback" not in (own_node.data / "node.log").read_text()
