"""Results sent back: taken when they speak of the project's own pseudonyms and of nothing else, kept apart, never confirmed."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pipelines.research.pseudonyms import Pseudonyms
from tests.research.in_process import Lab, project, token

pytestmark = pytest.mark.clause("H-4", "X-5")
SR, SEG, CT = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.2"
Change = Callable[[Dataset], None]


def item(**values: Any) -> Dataset:
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


class Target:
    """A study of the project, as the platform sees it and as it really is."""

    def __init__(self, lab: Lab, code: str = "chest", place: int = 0) -> None:
        self.study = lab.ask("fellow" if code == "chest" else "stranger", f"/projects/{code}/studies").json()["studies"][place]
        real = lab.service.identities(code).series_of(self.study["study_uid"])[0]
        self.names: Pseudonyms = lab.service.library.pseudonyms(code)
        self.real, self.series = real, real.pseudonym
        self.image = self.names.uid(f"{real.series_uid}.0")

    def report(self, change: Change | None = None) -> bytes:
        """An SR about the first image, as pydicom writes it."""
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = SR, generate_uid(), "SR"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = self.study["study_uid"], generate_uid(), self.study["patient"]
        ds.CompletionFlag, ds.VerificationFlag = "PARTIAL", "UNVERIFIED"
        image = item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=self.image)
        ds.CurrentRequestedProcedureEvidenceSequence = [
            item(StudyInstanceUID=self.study["study_uid"],
                 ReferencedSeriesSequence=[item(SeriesInstanceUID=self.series, ReferencedSOPSequence=[image])])
        ]  # fmt: skip
        ds.ContentSequence = [item(RelationshipType="CONTAINS", ValueType="IMAGE", ReferencedSOPSequence=[image])]
        if change:
            change(ds)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        out = io.BytesIO()
        pydicom.dcmwrite(out, ds, enforce_file_format=True)
        return out.getvalue()


def post(lab: Lab, content: bytes, bearer: str = "rt_good", code: str = "chest") -> Any:
    return lab.ask(bearer, f"/projects/{code}/results", "POST", content=content, headers={"Content-Type": "application/dicom"})


def test_a_result_is_taken_listed_and_given_back(lab: Lab) -> None:
    lab.again()
    target = Target(lab)
    content = target.report()
    sop = pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID
    first = post(lab, content)
    assert first.status_code == 201, first.text
    told = first.json()
    assert (told["state"], told["sent_by"], told["modality"], told["study_uid"]) == (
        "not_confirmed", "token:chest/good", "SR", target.study["study_uid"],
    )  # fmt: skip
    assert post(lab, content).status_code == 200, "twice is once"
    assert post(lab, target.report(lambda ds: setattr(ds, "SOPInstanceUID", sop))).json()["code"] == "result.exists"
    listed = lab.ask("fellow", "/projects/chest/results").json()["results"]
    assert [one["sop_uid"] for one in listed] == [sop]
    assert lab.ask("fellow", f"/projects/chest/results/{sop}").content == content
    files = list((lab.folder / "data" / "results" / "chest").iterdir())
    assert [stat.S_IMODE(one.stat().st_mode) for one in files] == [0o600] and str(sop) not in files[0].name
    assert not list((lab.folder / "data" / "results" / ".incoming").iterdir())
    assert [entry["entity"]["id"] for _, entry in lab.service.store.waiting(1000) if entry["action"] == "research.result"] == [sop]
    lab.put(project("other", members=["stranger"], tokens=[token("foreign")]))
    assert lab.ask("stranger", "/projects/other/results").json()["results"] == []
    assert lab.ask("stranger", f"/projects/other/results/{sop}").json()["code"] == "result.unknown"


def test_a_segmentation_that_names_its_images_is_taken(lab: Lab) -> None:
    lab.again()

    def as_segmentation(ds: Dataset) -> None:
        del ds.ContentSequence, ds.CompletionFlag, ds.VerificationFlag, ds.CurrentRequestedProcedureEvidenceSequence
        ds.SOPClassUID, ds.Modality, ds.PatientName = SEG, "SEG", ds.PatientID
        ds.ReferencedSeriesSequence = [
            item(SeriesInstanceUID=target.series,
                 ReferencedInstanceSequence=[item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=target.image)])
        ]  # fmt: skip
        ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 512, 512, 1, 1, 0
        ds.PixelData = b"\x0f" * (512 * 512 // 8)

    target = Target(lab, place=3)
    assert post(lab, target.report(as_segmentation)).json()["kind"] == "Segmentation"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("real image", "ReferencedSOPInstanceUID"), ("real series", "SeriesInstanceUID"), ("real study", "StudyInstanceUID"),
        ("real study of the object", "StudyInstanceUID"), ("image of another study", "ReferencedSOPInstanceUID"), ("no image", "no image"),
        ("number", "PatientID"), ("name", "PatientName"), ("birth", "PatientBirthDate"), ("verified", "VerificationFlag"), ("class", "only SEG and SR"),
    ],
)  # fmt: skip
def test_what_speaks_of_anything_else_is_refused(lab: Lab, what: str, words: str) -> None:
    lab.again()
    target, beside = Target(lab), Target(lab, place=5)

    def change(ds: Dataset) -> None:
        evidence = ds.CurrentRequestedProcedureEvidenceSequence[0]
        image = ds.ContentSequence[0].ReferencedSOPSequence[0]
        changes: dict[str, Callable[[], None]] = {
            "real image": lambda: setattr(image, "ReferencedSOPInstanceUID", f"{target.real.series_uid}.0"),
            "real series": lambda: setattr(evidence.ReferencedSeriesSequence[0], "SeriesInstanceUID", target.real.series_uid),
            "real study": lambda: setattr(evidence, "StudyInstanceUID", target.real.study.study_uid),
            "real study of the object": lambda: setattr(ds, "StudyInstanceUID", target.real.study.study_uid),
            "image of another study": lambda: setattr(image, "ReferencedSOPInstanceUID", beside.image),
            "no image": lambda: (ds.__delattr__("ContentSequence"), ds.__delattr__("CurrentRequestedProcedureEvidenceSequence"))[0],
            "number": lambda: setattr(ds, "PatientID", "MRN500001"),
            "name": lambda: setattr(ds, "PatientName", "Wang^Xiaoming"),
            "birth": lambda: setattr(ds, "PatientBirthDate", "20200101"),
            "verified": lambda: setattr(ds, "VerificationFlag", "VERIFIED"),
            "class": lambda: setattr(ds, "SOPClassUID", CT),
        }
        changes[what]()

    before = len(lab.ask("fellow", "/projects/chest/results").json()["results"])
    answer = post(lab, target.report(change))
    assert (answer.status_code, answer.json()["code"]) == (422, "result.invalid"), what
    assert words in answer.json()["detail"] and any("\u4e00" <= one <= "\u9fff" for one in answer.json()["detail"])
    assert target.real.study.study_uid not in answer.text, "no real UID is repeated"
    assert len(lab.ask("fellow", "/projects/chest/results").json()["results"]) == before


def test_rubbish_and_floods_are_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.again()
    for content in (b"", b"no dicom", b"\0" * 200, b"\0" * 128 + b"DICM" + b"\xff" * 500, Target(lab).report()[:300]):
        answer = post(lab, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "result.invalid"), content[:20]
    big = Target(lab).report(lambda ds: setattr(ds, "ImageComments", "x" * 5_000))
    monkeypatch.setattr(lab.service.results, "_most", 4_000)
    assert post(lab, big).json()["code"] == "result.no_room"
    limited = lab.service.settings.model_copy(update={"result_bytes": 3_000})
    monkeypatch.setattr(lab.service, "settings", limited)
    assert (post(lab, big).status_code, post(lab, big).json()["code"]) == (413, "result.too_large")
    assert not list((lab.folder / "data" / "results" / ".incoming").iterdir())


def test_a_result_of_another_projects_study_is_refused(lab: Lab) -> None:
    lab.again()
    other = Target(lab, "other")
    assert post(lab, other.report(), "rt_good", "chest").json()["code"] == "result.invalid"
    assert post(lab, other.report(), "rt_good", "other").status_code == 404
    assert post(lab, other.report(), "rt_foreign", "other").status_code == 201
