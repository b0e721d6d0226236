"""A stored file as a pydicom data set up to its pixels, its text decoded by the character set that it really has."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from dicom_node.index import charset

MAX_INFLATED, INFLATE_STEP = 256 << 20, 1 << 20  # bytes
PIXEL_DATA = 0x7FE00010
TEXT_TAGS = (
    0x00080080, 0x00080081, 0x00080090, 0x00081030, 0x0008103E, 0x00081040, 0x00081050, 0x00081070, 0x00081080,
    0x00100010, 0x00101001, 0x00101040, 0x001021B0, 0x00104000, 0x00180010, 0x00181030, 0x00321032, 0x00321060, 0x00400254,
)  # fmt: skip
"""Attributes of free text, by which a character set that is not declared can be told."""


class UnparsableError(ValueError):
    """The file cannot be indexed; the message is the reason kept in quarantine."""


def _check_inflated(path: Path) -> None:
    """Refuse a deflated file whose data set would not fit in memory, before anything inflates it whole."""
    with path.open("rb") as file:
        file.seek(140)
        file.seek(144 + int.from_bytes(file.read(4), "little"))  # the archive writes its own file meta: a group length is there
        inflater, size = zlib.decompressobj(-15), 0
        while chunk := file.read(INFLATE_STEP):
            while chunk:
                size += len(inflater.decompress(chunk, INFLATE_STEP))
                if size > MAX_INFLATED:
                    raise UnparsableError("the inflated data set is too large")
                chunk = inflater.unconsumed_tail


def read(path: Path) -> tuple[Dataset, int | None, int | None]:
    """(header, offset of native pixel values in the file or None, their length; -1 encapsulated; None no pixels)."""
    with path.open("rb") as file:
        if pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID.is_deflated:
            _check_inflated(path)
        ds = pydicom.dcmread(file, stop_before_pixels=True)
        syntax = ds.file_meta.TransferSyntaxUID
        if syntax.is_deflated:
            whole = pydicom.dcmread(path)
            return ds, None, len(whole.PixelData) if "PixelData" in whole else None
        at = file.tell()
        file.seek(at)
        head = file.read(12)
    if len(head) < 8:
        return ds, None, None
    big = not syntax.is_little_endian
    order = "big" if big else "little"
    tag = int.from_bytes(head[0:2], order) << 16 | int.from_bytes(head[2:4], order)  # type: ignore[arg-type]
    if tag != PIXEL_DATA:
        return ds, None, None
    if syntax.is_implicit_VR:
        length, offset = int.from_bytes(head[4:8], "little"), at + 8
    else:
        length, offset = int.from_bytes(head[8:12], order), at + 12  # type: ignore[arg-type]
    if length == 0xFFFFFFFF:
        return ds, None, -1
    available = path.stat().st_size - offset
    return ds, offset, min(length, available)


def _declared(ds: Dataset) -> list[str]:
    found: Any = ds.get("SpecificCharacterSet")
    if found is None:
        return []
    return [str(found)] if isinstance(found, str) else [str(term) for term in found]


def mend_text(ds: Dataset) -> tuple[list[str], str | None, dict[int, bytes]]:
    """Decode the text of the top level by the effective character set; returns it, the guess, and raw values by tag."""
    raw: dict[int, bytes] = {}
    for tag in TEXT_TAGS:
        # pydicom's overloads leave the raw element out
        item: object = ds.get_item(tag) if tag in ds else None
        if isinstance(item, RawDataElement) and isinstance(item.value, bytes):
            raw[tag] = item.value
    declared = _declared(ds)
    terms, guess = charset.effective(declared, raw.values())
    if guess is not None or any("58" in term for term in terms) or terms[:1] in (["GB18030"], ["GBK"]):
        for tag, item_value in raw.items():
            if any(byte > 0x7F or byte == 0x1B for byte in item_value):
                vr = pydicom.datadict.dictionary_VR(tag)
                ds[tag] = DataElement(tag, vr, "=".join(charset.name_groups(item_value, terms)).rstrip("=") if vr == "PN"
                                      else charset.decode_text(item_value, terms))  # fmt: skip
    return terms, guess, raw
