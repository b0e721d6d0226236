"""Results that a platform or a researcher sends back: one DICOM object (SEG, SR) about pseudonymous images of the project.

Taken are only objects that speak of nothing but the project's own pseudonyms. They are kept apart from the images of the hospital, as
*not confirmed*: no reader of a report sees them, and nothing here goes back to the node.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_node.client import read_published
from pipelines.research.identities import Identities
from pipelines.research.pseudonyms import Pseudonyms
from pipelines.research.releases import moment
from pipelines.research.store import ResearchStore
from pipelines.serving.problems import Problem

CLASSES: dict[str, tuple[str, str]] = {
    "1.2.840.10008.5.1.4.1.1.66.4": ("SEG", "Segmentation"),
    "1.2.840.10008.5.1.4.1.1.66.7": ("SEG", "Label Map Segmentation"),
    "1.2.840.10008.5.1.4.1.1.88.11": ("SR", "Basic Text SR"),
    "1.2.840.10008.5.1.4.1.1.88.22": ("SR", "Enhanced SR"),
    "1.2.840.10008.5.1.4.1.1.88.33": ("SR", "Comprehensive SR"),
    "1.2.840.10008.5.1.4.1.1.88.34": ("SR", "Comprehensive 3D SR"),
}
"""SOP classes that are taken (PS3.4 B.5) → modality and name."""
REFERENCES = ("ReferencedSOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
STATE = "not_confirmed"
UNREADABLE = (
    InvalidDicomError, ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError, struct.error,
)  # fmt: skip
"""What pydicom raises for files that are none, or broken."""


def _refused(zh: str, en: str) -> Problem:
    return Problem("result.invalid", f"{zh} / {en}")


class Results:
    """The results of all projects; `folder` has one folder for each."""

    def __init__(self, folder: Path, store: ResearchStore, published: Path, most: int) -> None:
        self._folder, self._store, self._published, self._most = folder, store, published, most

    def path(self, project: str, sop_uid: str) -> Path:
        """Where an object lies: its UID is never a name of a file."""
        return self._folder / project / f"{hashlib.sha256(sop_uid.encode()).hexdigest()[:32]}.dcm"

    def take(self, project: str, pseudonyms: Pseudonyms, identities: Identities, sender: str, file: Path) -> tuple[dict[str, Any], bool]:
        """Check the object in `file` and keep it; returns (what is told of it, whether it is new). Problem `result.…` otherwise."""
        try:
            # pixel data and other bulk stay in the file; what is broken shows only when it is looked at
            content = pydicom.dcmread(file, defer_size=64 * 1024)
            kind = CLASSES.get(str(content.get("SOPClassUID", "")))
            if kind is None or content.get("Modality") != kind[0]:
                raise _refused("只接收 SEG 和 SR 对象", "only SEG and SR objects are taken")
            self._check(content, pseudonyms, identities)
        except UNREADABLE as error:
            raise _refused("不是可读的 DICOM 文件 (PS3.10)", "it is no readable DICOM file (PS3.10)") from error
        size, digest = file.stat().st_size, _digest(file)
        sop = str(content.SOPInstanceUID)
        known = self._store.result(project, sop)
        if known is not None:
            if known["sha256"] != digest:
                raise Problem("result.exists")
            return told(known), False
        if self._store.result_bytes(project) + size > self._most:
            raise Problem("result.no_room")
        place = self.path(project, sop)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("rb") as held:
            os.fsync(held.fileno())
        file.chmod(0o600)
        file.replace(place)
        row = {
            "sop_uid": sop, "study_uid": str(content.StudyInstanceUID), "series_uid": str(content.SeriesInstanceUID), "modality": kind[0],
            "sop_class": str(content.SOPClassUID), "bytes": size, "sha256": digest, "sent_by": sender, "sent_at": moment(),
        }  # fmt: skip
        self._store.add_result(project, row)
        return told(row), True

    def _check(self, content: Dataset, pseudonyms: Pseudonyms, identities: Identities) -> None:
        """Refuse what does not speak of this project's pseudonyms only."""
        for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            if not str(content.get(name, "")):
                raise _refused(f"缺少 {name}", f"{name} is missing")
        study = identities.study(str(content.StudyInstanceUID))
        if study is None:
            raise _refused("StudyInstanceUID 不是本项目的编号", "the StudyInstanceUID is none of this project")
        patient = pseudonyms.patient(study.institution, study.patient_key)
        for name in ("PatientID", "PatientName"):
            if str(content.get(name, "") or "") not in {"", patient}:
                raise _refused(f"{name} 应为空或患儿的项目代号", f"{name} must be empty or the child's pseudonym")
        if content.get("PatientBirthDate"):
            raise _refused("PatientBirthDate 应为空", "PatientBirthDate must be empty")
        if content.get("VerificationFlag", "UNVERIFIED") != "UNVERIFIED":
            raise _refused("结果不能标为已确认 (VerificationFlag)", "a result is not verified (VerificationFlag)")
        known = _Known(identities, self._instances(pseudonyms))
        referred = 0
        for name, uid in _references(content):
            if not known.has(name, uid, study.pseudonym):
                raise _refused(f"{name} 引用了不属于该检查的对象", f"{name} refers to something that is not of this study")
            referred += name == "ReferencedSOPInstanceUID"
        if not referred:
            raise _refused("没有引用任何图像", "it refers to no image")

    def _instances(self, pseudonyms: Pseudonyms) -> Callable[[str], set[str]]:
        def of(study_uid: str) -> set[str]:
            files = read_published(self._published).files
            with duckdb.connect(config={"threads": 1}) as base:
                found = base.execute(
                    "SELECT sop_uid FROM read_parquet(?) WHERE study_uid = ?", [str(files["instance"]), study_uid]
                ).fetchall()
            return {pseudonyms.uid(str(uid)) for (uid,) in found}

        return of


class _Known:
    """The pseudonyms of one study, and those of other studies of the project when an object compares with them."""

    def __init__(self, identities: Identities, instances: Callable[[str], set[str]]) -> None:
        self._identities, self._of = identities, instances
        self._studies: dict[str, tuple[set[str], set[str]]] = {}

    def has(self, name: str, uid: str, study: str) -> bool:
        """Whether a UID of an attribute `name` is a study of the project, or a series or instance of `study` or of one named before."""
        if name == "StudyInstanceUID":
            return self._learn(uid)
        self._learn(study)
        place = 0 if name == "SeriesInstanceUID" else 1
        return any(uid in known[place] for known in self._studies.values())

    def _learn(self, study: str) -> bool:
        if study in self._studies:
            return True
        found = self._identities.study(study)
        if found is None:
            return False
        series = {one.pseudonym for one in self._identities.series_of(study)}
        self._studies[study] = series, self._of(found.study_uid)
        return True


def told(row: dict[str, Any]) -> dict[str, Any]:
    """A result as the API says it."""
    return {**row, "kind": CLASSES[row["sop_class"]][1], "state": STATE}


def _references(content: Dataset) -> Iterator[tuple[str, str]]:
    """(keyword, UID) of every reference inside sequences, studies before series before instances."""
    found: list[tuple[str, str]] = []

    def walk(dataset: Dataset) -> None:
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value:
                    found.extend((name, str(item.get(name))) for name in REFERENCES if item.get(name))
                    walk(item)

    walk(content)
    order = {"StudyInstanceUID": 0, "SeriesInstanceUID": 1, "ReferencedSOPInstanceUID": 2}
    yield from sorted(set(found), key=lambda pair: (order[pair[0]], pair[1]))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
