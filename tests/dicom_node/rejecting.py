"""Rejection notes (Key Object Selections, PS3.3 A.35.4) made by pydicom and by dcmtk."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from rawscu import EXPLICIT, RawSCU
from running_node import CT, encoded, uid

KOS = "1.2.840.10008.5.1.4.1.1.88.59"
QUALITY, SAFETY, WORKLIST, RETENTION = "113001", "113037", "113038", "113039"
TITLES = {
    QUALITY: "Rejected for Quality Reasons", SAFETY: "Rejected for Patient Safety Reasons",
    WORKLIST: "Incorrect Modality Worklist Entry", RETENTION: "Data Retention Policy Expired",
}  # fmt: skip
MOTION = ("111210", "Motion blur")  # PS3.16 CID 7011


def code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def reference(ds: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def note(title: str, images: Sequence[Dataset], qualifier: tuple[str, str] | None = None, **changed: object) -> Dataset:
    """A note that names `images` in its evidence and in its content, in the study of the first of them."""
    first, ds = images[0], Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = KOS, uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = first.StudyInstanceUID, uid()
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber"):
        setattr(ds, keyword, first.get(keyword))
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.ContentDate, ds.ContentTime = "KO", 99, 1, "20240302", "080000"
    ds.Manufacturer, ds.ReferencedPerformedProcedureStepSequence = "hand", []
    ds.ValueType, ds.ContinuityOfContent, ds.ConceptNameCodeSequence = "CONTAINER", "SEPARATE", [code(title, TITLES.get(title, "?"))]
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for one in images:
        studies.setdefault(one.StudyInstanceUID, {}).setdefault(one.SeriesInstanceUID, []).append(reference(one))
    ds.CurrentRequestedProcedureEvidenceSequence = []
    for study, held in studies.items():
        item = Dataset()
        item.StudyInstanceUID, item.ReferencedSeriesSequence = study, []
        for series, references in held.items():
            inner = Dataset()
            inner.SeriesInstanceUID, inner.ReferencedSOPSequence = series, references
            item.ReferencedSeriesSequence.append(inner)
        ds.CurrentRequestedProcedureEvidenceSequence.append(item)
    ds.ContentSequence = []
    if qualifier is not None:
        item = Dataset()
        item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
        item.ConceptNameCodeSequence, item.ConceptCodeSequence = [code("113011", "Document Title Modifier")], [code(*qualifier)]
        ds.ContentSequence.append(item)
    for one in images:
        item = Dataset()
        item.RelationshipType, item.ValueType, item.ReferencedSOPSequence = "CONTAINS", "IMAGE", [reference(one)]
        ds.ContentSequence.append(item)
    for keyword, value in changed.items():
        setattr(ds, keyword, value)
    return ds


def send(port: int, aet: str, *objects: Dataset) -> None:
    """Store objects in order; all must be taken."""
    scu = RawSCU(port, aet, [(CT, [EXPLICIT]), (KOS, [EXPLICIT])])
    for ds in objects:
        assert scu.store(1 if ds.SOPClassUID == CT else 3, ds.SOPClassUID, ds.SOPInstanceUID, encoded(ds)) == (0, "")
    scu.close()


_XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<report type="Key Object Selection Document">
  <sopclass uid="1.2.840.10008.5.1.4.1.1.88.59"/>
  <charset>ISO_IR 100</charset>
  <modality>KO</modality>
  <patient><id>{patient}</id><name><first>Xiao</first><last>Wang</last></name><sex>F</sex></patient>
  <study uid="{study}"><accession><number>A1</number></accession></study>
  <series uid="{own_series}"><number>98</number></series>
  <instance uid="{own}"><number>1</number></instance>
  <evidence type="Current Requested Procedure">
    <study uid="{study}"><series uid="{series}">{evidence}</series></study>
  </evidence>
  <document>
    <content>
      <date>2024-03-02</date><time>08:00:00</time>
      <container flag="SEPARATE">
        <concept><value>{title}</value><scheme><designator>DCM</designator></scheme><meaning>{meaning}</meaning></concept>
        <code>
          <relationship>HAS CONCEPT MOD</relationship>
          <concept><value>113011</value><scheme><designator>DCM</designator></scheme><meaning>Document Title Modifier</meaning></concept>
          <value>111207</value><scheme><designator>DCM</designator></scheme><meaning>Image artifact(s)</meaning>
        </code>
        {images}
      </container>
    </content>
  </document>
</report>
"""


def dcmtk_note(folder: Path, title: str, images: Sequence[Dataset]) -> Path:
    """A note that dcmtk's xml2dsr made of images of one series."""
    values = [f'<value><sopclass uid="{ds.SOPClassUID}"/><instance uid="{ds.SOPInstanceUID}"/></value>' for ds in images]
    text = _XML.format(
        patient=images[0].PatientID, study=images[0].StudyInstanceUID, series=images[0].SeriesInstanceUID, own_series=uid(), own=uid(),
        title=title, meaning=TITLES[title], evidence="".join(values),
        images="".join(f"<image><relationship>CONTAINS</relationship>{value}</image>" for value in values),
    )  # fmt: skip
    (folder / "note.xml").write_text(text, encoding="latin-1")
    made = folder / "note.dcm"
    answer = subprocess.run(["xml2dsr", "+te", folder / "note.xml", made], capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 0, answer.stderr
    assert pydicom.dcmread(made).SOPClassUID == KOS
    return made
