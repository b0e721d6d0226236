"""One stored file to one row of the index: the header is read once, up to the pixels, and never trusted."""

from __future__ import annotations

import mmap
import os
import re
import warnings
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from dicom_node.archive.identity import DEFLATED, IMPLICIT_LE, UNDEFINED, uid_fault
from dicom_node.archive.journal import Entry
from dicom_node.index import charset, dataset, frames
from dicom_node.index.dataset import UnparsableError
from dicom_node.index.elements import CHARACTER_SET, PIXEL_DATA, BeyondError, Elements, UnusualError
from dicom_node.index.frames import Header, integer, number, text
from dicom_node.index.pinyin import pinyin
from dicom_node.index.schema import INSTANCE

_PATIENT_NAME = 0x00100010
HEAD_BYTES = 24 << 10  # most headers are shorter: one read gives all of it
_OTHERS = {"1.2.840.10008.1.2.2", *DEFLATED}  # big endian, deflated: read by pydicom
_DA = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_TM = re.compile(r"(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?(\.\d{1,6})?\s*\Z")


def parse(path: Path, entry: Entry, arrival: int) -> dict[str, Any]:
    """The `instance` row of a stored file."""
    try:
        with path.open("rb") as file:
            return _row(*_elements(file.fileno(), entry.transfer_syntax), entry, arrival)
    except UnparsableError:
        raise
    except Exception:  # whatever is out of the ordinary: pydicom decides
        return parse_with_pydicom(path, entry, arrival)


def parse_with_pydicom(path: Path, entry: Entry, arrival: int) -> dict[str, Any]:
    """The same row by the long way, which reads whatever pydicom reads; UnparsableError where that is nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _row(*dataset.read(path), entry, arrival)
        except UnparsableError:
            raise
        except RecursionError as error:
            raise UnparsableError("sequences are nested too deeply") from error
        except Exception as error:
            raise UnparsableError(f"{type(error).__name__} while reading the header") from error


def _elements(fd: int, syntax: str) -> tuple[Elements, int | None, int | None]:
    """(header, offset of native pixel values in the file or None, their length; -1 encapsulated; None no pixels); UnusualError."""
    if syntax in _OTHERS:
        raise UnusualError("another encoding")
    size = os.fstat(fd).st_size
    try:
        return _walk(os.pread(fd, HEAD_BYTES, 0), size, syntax)
    except BeyondError:
        if size <= HEAD_BYTES:
            raise
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as whole:
        found, offset, length = _walk(whole, size, syntax)
        found.detach()
        return found, offset, length


def _walk(data: bytes | mmap.mmap, size: int, syntax: str) -> tuple[Elements, int | None, int | None]:
    # the archive writes its own file meta: a group length is there
    start = 144 + int.from_bytes(data[140:144], "little")
    explicit = syntax != IMPLICIT_LE
    ds = Elements(data, start, len(data), explicit=explicit)
    at = ds.end
    if at == size:
        return ds, None, None
    if at + 12 > len(data):
        raise BeyondError("ends before the pixels")
    tag = int.from_bytes(data[at : at + 2], "little") << 16 | int.from_bytes(data[at + 2 : at + 4], "little")
    if tag != PIXEL_DATA:
        return ds, None, None
    length, offset = (int.from_bytes(data[at + 8 : at + 12], "little"), at + 12) if explicit else (
        int.from_bytes(data[at + 4 : at + 8], "little"), at + 8)  # fmt: skip
    if length == UNDEFINED:
        return ds, None, -1
    return ds, offset, min(length, size - offset)


def _day(ds: Header, keyword: str) -> date | None:
    found = _DA.match(text(ds, keyword) or "")
    if found is None:
        return None
    with suppress(ValueError):
        return date(*(int(part) for part in found.groups()))
    return None


def _time(ds: Header, keyword: str) -> str | None:
    """A time as HHMMSS[.FFFFFF]."""
    found = _TM.match(text(ds, keyword) or "")
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    if int(hours) > 23 or int(minutes or 0) > 59 or int(seconds or 0) > 60:
        return None
    return hours + (minutes or "00") + (seconds or "00") + (fraction or "")


def _mend(ds: Elements) -> tuple[list[str], str | None, dict[int, bytes]]:
    """As `dataset.mend_text`."""
    raw = {tag: value for tag in dataset.TEXT_TAGS if (value := ds.raw(tag))}
    declared = ds.raw(CHARACTER_SET)
    terms = [] if declared is None else [term.strip() for term in declared.decode("ascii", "replace").strip(" \0").split("\\")]
    terms, guess = charset.effective(terms if any(terms) else [], raw.values())
    ds.decode_with(terms)
    return terms, guess, raw


def _row(ds: Header, pixel_offset: int | None, pixel_length: int | None, entry: Entry, arrival: int) -> dict[str, Any]:
    uids = {}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = text(ds, keyword)
        if fault := uid_fault(uid):
            raise UnparsableError(f"{keyword} is {fault}")
        uids[keyword] = uid
    if uids["SOPInstanceUID"] != entry.sop_uid:
        raise UnparsableError("SOPInstanceUID differs between command and data set")
    terms, guess, raw = _mend(ds) if isinstance(ds, Elements) else dataset.mend_text(ds)
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
    shown = frames.build(ds, entry.sop_uid, entry.transfer_syntax) if fault is None else []
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
        "frame_json": orjson.dumps(shown).decode() if shown else None,
    }  # fmt: skip
    return row


def _joined(ds: Header, keyword: str) -> str | None:
    found = frames.value(ds, keyword)
    if found is None:
        return None
    return "\\".join(str(x).strip() for x in found) if not isinstance(found, str) else found.strip()
