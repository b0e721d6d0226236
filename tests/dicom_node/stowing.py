"""Bodies of STOW-RS requests made by hand, and the facts of their answers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import RLELossless
from running_node import CT, RunningNode, encoded, image, uid

from dicom_node.web.gate import VIEW

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = str(RLELossless)
ONE_PART = {"Accept": "application/dicom"}
EXPLICIT_PARTS = {"Accept": f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'}
STORE = "image.store"
MARK = "hand-made=boundary"
MULTIPART = f'multipart/related; type="application/dicom"; boundary="{MARK}"'


def file_bytes(ds: Dataset, preamble: bytes = bytes(128), **meta: object) -> bytes:
    """A PS3.10 file whose file meta information can be made wrong."""
    ds = pydicom.Dataset(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    for keyword, value in meta.items():
        setattr(ds.file_meta, keyword, value)
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    whole = preamble + out.getvalue()[128:]
    assert whole.endswith(encoded(ds))
    return whole


def body(*files: bytes, kind: str = "application/dicom", fields: str = "", end: bool = True) -> bytes:
    """The files as parts."""
    parts = [f"--{MARK}\r\nContent-Type: {kind}\r\n{fields}\r\n".encode() + file + b"\r\n" for file in files]
    return b"".join(parts) + (f"--{MARK}--\r\n".encode() if end else b"")


def tickets(node: RunningNode, institutions: Iterable[str] = ("H01",), operations: Iterable[str] = (STORE, VIEW), **more: object) -> str:
    return node.ticket(list(institutions), list(operations), **more)


def stow(node: RunningNode, content, path: str = "/dicom-web/studies", ticket: str | None = None, **headers: str) -> httpx.Response:
    given = {"Content-Type": MULTIPART, "Authorization": f"Bearer {ticket or tickets(node)}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return node.http.post(node.url + path, content=content, headers={k: v for k, v in given.items() if v})


def stored(answer: dict) -> list[str]:
    """SOP instances of the Referenced SOP Sequence."""
    return [item["00081155"]["Value"][0] for item in answer.get("00081199", {}).get("Value", [])]


def failed(answer: dict) -> list[tuple[str, int]]:
    """(SOP instance, Failure Reason) of the Failed SOP Sequence, then of the Other Failures Sequence."""
    items = answer.get("00081198", {}).get("Value", []) + answer.get("0008119A", {}).get("Value", [])
    return [(item.get("00081155", {"Value": [""]})["Value"][0], item["00081197"]["Value"][0]) for item in items]


def incoming(node: RunningNode) -> list[Path]:
    """Files that are under way."""
    return list((node.data / "files" / "incoming").iterdir())


def kept(node: RunningNode) -> list[Path]:
    return list((node.data / "files").rglob("*.dcm"))


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
def stowed(node: RunningNode) -> list[Dataset]:
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
