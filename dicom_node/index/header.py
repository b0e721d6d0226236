"""One stored file to one row of the index: the header is read once, up to the pixels, and never trusted."""

from __future__ import annotations

import re
import warnings
import zlib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from dicom_node.archive.identity import uid_fault
from dicom_node.archive.journal import Entry
from dicom_node.index import charset, frames
from dicom_node.index.frames import integer, number, text
from dicom_node.index.pinyin import pinyin
from dicom_node.index.schema import INSTANCE

BULK_BYTES = 4096  # longer binary values are left out of the header JSON and served from the file
BULK_MARK = "bulk"
MAX_INFLATED, INFLATE_STEP = 256 << 20, 1 << 20  # bytes
_TEXT_TAGS = (
    0x00080080, 0x00080081, 0x00080090, 0x00081030, 0x0008103E, 0x00081040, 0x00081050, 0x00081070, 0x00081080,
    0x00100010, 0x00101001, 0x00101040, 0x001021B0, 0x00104000, 0x00180010, 0x00181030, 0x00321032, 0x00321060, 0x00400254,
)  # fmt: skip
_PATIENT_NAME = 0x00100010
_EXTENDED = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}
_DA = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_TM = re.compile(r"(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?(\.\d{1,6})?\s*\Z")


class UnparsableError(ValueError):
    """The file cannot be indexed; the message is the reason kept in quarantine."""


def parse(path: Path, entry: Entry, arrival: int) -> dict[str, Any]:
    """The `instance` row of a stored file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds, pixel_offset, pixel_length = _read(path)
            return _row(ds, entry, arrival, pixel_offset, pixel_length)
        except UnparsableError:
            raise
        except RecursionError as error:
            raise UnparsableError("sequences are nested too deeply") from error
        except Exception as error:
            raise UnparsableError(f"{type(error).__name__} while reading the header") from error


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


def _read(path: Path) -> tuple[Dataset, int | None, int | None]:
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
    if tag != _EXTENDED["PixelData"]:
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


def _mend_text(ds: Dataset) -> tuple[list[str], str | None, dict[int, bytes]]:
    """Decode the text of the top level by the effective character set; returns it, the guess, and raw values by tag."""
    raw: dict[int, bytes] = {}
    for tag in _TEXT_TAGS:
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


def _day(ds: Dataset, keyword: str) -> date | None:
    found = _DA.match(text(ds, keyword) or "")
    if found is None:
        return None
    with suppress(ValueError):
        return date(*(int(part) for part in found.groups()))
    return None


def _time(ds: Dataset, keyword: str) -> str | None:
    """A time as HHMMSS[.FFFFFF]."""
    found = _TM.match(text(ds, keyword) or "")
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    if int(hours) > 23 or int(minutes or 0) > 59 or int(seconds or 0) > 60:
        return None
    return hours + (minutes or "00") + (seconds or "00") + (fraction or "")


def header_json(ds: Dataset, *, pixels: bool) -> bytes:
    """DICOM JSON (PS3.18 F) of the header, in UTF-8.

    A long binary value becomes the reference `bulk/<tag>`, as the pixels do; inside a sequence `bulk/<tag>/<item>/<tag>`.
    """
    encoded = ds.to_json_dict(bulk_data_threshold=BULK_BYTES, bulk_data_element_handler=lambda _: BULK_MARK, suppress_invalid_tags=True)
    encoded["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    if pixels:
        encoded["7FE00010"] = {"vr": "OW", "BulkDataURI": BULK_MARK}
    _name_bulk(encoded, BULK_MARK)
    return orjson.dumps(dict(sorted(encoded.items())), option=orjson.OPT_NON_STR_KEYS, default=_plain)


def _name_bulk(data_set: dict[str, Any], above: str) -> None:
    """Give each long value its reference, items of sequences counted from 1."""
    for tag, element in data_set.items():
        if element.get("BulkDataURI") == BULK_MARK:
            element["BulkDataURI"] = f"{above}/{tag}"
        for place, item in enumerate(element.get("Value", []) if element.get("vr") == "SQ" else [], 1):
            _name_bulk(item, f"{above}/{tag}/{place}")


def _plain(found: Any) -> Any:
    """Numbers and strings of pydicom's own types as plain JSON."""
    return float(found) if isinstance(found, (int, float)) or hasattr(found, "as_tuple") else str(found)


def _row(ds: Dataset, entry: Entry, arrival: int, pixel_offset: int | None, pixel_length: int | None) -> dict[str, Any]:
    uids = {}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = text(ds, keyword)
        if fault := uid_fault(uid):
            raise UnparsableError(f"{keyword} is {fault}")
        uids[keyword] = uid
    if uids["SOPInstanceUID"] != entry.sop_uid:
        raise UnparsableError("SOPInstanceUID differs between command and data set")
    terms, guess, raw = _mend_text(ds)
    if _PATIENT_NAME in raw:
        groups = charset.name_groups(raw[_PATIENT_NAME], terms)
    else:
        parts = [*(text(ds, "PatientName") or "").split("=", 2), "", ""]
        groups = (parts[0], parts[1], parts[2])
    chinese = groups[1] or groups[0]
    syllables, initials = pinyin(chinese)
    birth, study_day = _day(ds, "PatientBirthDate"), _day(ds, "StudyDate")
    age = (study_day - birth).days if birth and study_day and study_day >= birth else None
    fault = frames.pixel_fault(ds, pixel_length)
    if fault is None and not frames.readable_syntax(entry.transfer_syntax):
        fault = "transfer_syntax"
    shown = frames.build(ds, entry.sop_uid) if fault is None else []
    first = shown[0] if shown else {}
    position = first.get("position") or [None] * 3
    spacing = first.get("spacing") or [None] * 2
    row: dict[str, Any] = dict.fromkeys(INSTANCE)
    row |= {
        "arrival": arrival, "sop_uid": entry.sop_uid, "series_uid": uids["SeriesInstanceUID"], "study_uid": uids["StudyInstanceUID"],
        "institution": entry.institution, "digest": entry.digest, "size": entry.size, "visible": True, "received_at": entry.at,
        "calling_aet": entry.aet, "sop_class": entry.sop_class, "transfer_syntax": entry.transfer_syntax,
        "patient_id": text(ds, "PatientID"), "issuer": text(ds, "IssuerOfPatientID"),
        "patient_name": "=".join(groups).rstrip("=") or None, "name_alphabetic": groups[0] or None,
        "name_ideographic": groups[1] or None, "name_phonetic": groups[2] or None, "pinyin": syllables or None,
        "initials": initials or None, "birth_date": birth, "sex": text(ds, "PatientSex"), "age_days": age,
        "patient_weight": number(ds, "PatientWeight"), "patient_size": number(ds, "PatientSize"),
        "accession": text(ds, "AccessionNumber"), "study_id": text(ds, "StudyID"), "study_date": study_day,
        "study_time": _time(ds, "StudyTime"), "study_description": text(ds, "StudyDescription"),
        "referring_physician": text(ds, "ReferringPhysicianName"), "institution_name": text(ds, "InstitutionName"),
        "modality": text(ds, "Modality"), "series_number": integer(ds, "SeriesNumber"),
        "series_description": text(ds, "SeriesDescription"), "series_date": _day(ds, "SeriesDate"),
        "series_time": _time(ds, "SeriesTime"), "body_part": text(ds, "BodyPartExamined"), "laterality": text(ds, "Laterality"),
        "protocol": text(ds, "ProtocolName"), "patient_position": text(ds, "PatientPosition"),
        "frame_of_reference": text(ds, "FrameOfReferenceUID"), "manufacturer": text(ds, "Manufacturer"),
        "model": text(ds, "ManufacturerModelName"), "station": text(ds, "StationName"),
        "performed_step_date": _day(ds, "PerformedProcedureStepStartDate"),
        "performed_step_time": _time(ds, "PerformedProcedureStepStartTime"),
        "number": integer(ds, "InstanceNumber"), "acquisition_number": integer(ds, "AcquisitionNumber"),
        "content_date": _day(ds, "ContentDate"), "content_time": _time(ds, "ContentTime"),
        "image_type": _joined(ds, "ImageType"), "rows": integer(ds, "Rows"), "columns": integer(ds, "Columns"),
        "frames": len(shown) if shown else None, "bits_stored": integer(ds, "BitsStored"),
        "photometric": text(ds, "PhotometricInterpretation"), "spacing_row": spacing[0], "spacing_column": spacing[1],
        "spacing_kind": first.get("spacing_kind"), "thickness": first.get("thickness"),
        "slice_location": number(ds, "SliceLocation"), "position_x": position[0], "position_y": position[1], "position_z": position[2],
        "kvp": number(ds, "KVP"), "tube_current": number(ds, "XRayTubeCurrent"), "exposure": number(ds, "Exposure"),
        "ctdivol": number(ds, "CTDIvol"), "kernel": _joined(ds, "ConvolutionKernel"),
        "repetition_time": number(ds, "RepetitionTime"), "echo_time": number(ds, "EchoTime"),
        "contrast_agent": text(ds, "ContrastBolusAgent"), "charset_guess": guess, "unshowable": fault,
        "pixel_offset": pixel_offset, "pixel_length": pixel_length,
        "frame_json": orjson.dumps(shown).decode() if shown else None, "header": header_json(ds, pixels=pixel_length is not None).decode(),
    }  # fmt: skip
    return row


def _joined(ds: Dataset, keyword: str) -> str | None:
    found = frames.value(ds, keyword)
    if found is None:
        return None
    return "\\".join(str(x) for x in found) if not isinstance(found, str) else found
