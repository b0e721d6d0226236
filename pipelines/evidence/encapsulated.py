"""Documents inside DICOM objects (PS3.3 A.45): given out as what they are when a browser can show them, else as a file to keep."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from pipelines.serving.problems import Problem

PDF = "application/pdf"
ENDINGS = {PDF: "pdf", "model/stl": "stl", "model/obj": "obj", "model/mtl": "mtl", "text/xml": "xml"}


@dataclass(frozen=True)
class Encapsulated:
    """The document, its media type, the name of its file, and whether a page may show it."""

    content: bytes
    media: str
    name: str
    shown: bool


def encapsulated(document: Dataset) -> Encapsulated:
    """The document of an object; Problem `document.none` when it has none or an empty one.

    Only what begins as a PDF is shown as PDF: a page of a hospital must not run whatever somebody has put into a file.
    """
    content = bytes(document.get("EncapsulatedDocument") or b"")
    length = document.get("EncapsulatedDocumentLength")
    if length is not None and 0 < int(length) <= len(content):
        content = content[: int(length)]
    if not content:
        raise Problem("document.none")
    told = str(document.get("MIMETypeOfEncapsulatedDocument") or "").strip().lower()
    pdf = content[:1024].lstrip().startswith(b"%PDF-")
    media = PDF if pdf else told if told in ENDINGS and told != PDF else "application/octet-stream"
    return Encapsulated(content, media, f"document.{ENDINGS.get(media, 'bin')}", pdf)
