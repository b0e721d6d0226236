"""What of a patient can be found in a file: a scan of raw bytes that knows nothing of the rules of de-identification."""

from __future__ import annotations

import io
import re
import warnings

import pydicom
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pypinyin import lazy_pinyin

NAMED = (
    "PatientID", "PatientName", "OtherPatientIDs", "OtherPatientNames", "AccessionNumber", "PatientBirthDate", "ReferringPhysicianName",
    "PerformingPhysicianName", "OperatorsName", "InstitutionAddress", "PatientAddress", "PatientTelephoneNumbers",
)  # fmt: skip
SHORTEST, SHORTEST_IN_PIXELS, SHORTEST_UID = 4, 6, 12
HAN = re.compile(r"[㐀-鿿]{2,}")
NOBODY = {"1900", "anon", "anonymous", "anonymized", "unknown", "none", "removed", "test", "phantom"}


def words_of(content: bytes) -> set[str]:
    """Names, their parts, pinyin, numbers and birth date of a DICOM file, and every UID in it that is not the standard's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
        found: set[str] = set()
        for keyword in NAMED:
            value = ds.get(keyword)
            for one in value if hasattr(value, "append") else [value]:
                text = str(one or "").strip()
                found |= {text, *re.split(r"[\^=\s,]+", text)}
                for name in HAN.findall(text.replace("^", "")):
                    found |= {name, "".join(lazy_pinyin(name)), " ".join(lazy_pinyin(name))}
        uids = {str(ds.file_meta.get("MediaStorageSOPInstanceUID") or "")}
        _collect(ds, uids)
    words = {word for word in found if word.casefold() not in NOBODY and (len(word) >= SHORTEST or HAN.fullmatch(word))}
    return words | {uid for uid in uids if len(uid) >= SHORTEST_UID and uid not in UID_dictionary}


def _collect(ds: Dataset, uids: set[str]) -> None:
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                _collect(item, uids)
        elif element.VR == "UI" and element.value:
            uids |= {str(one) for one in (element.value if hasattr(element.value, "append") else [element.value])}


def leaks(words: set[str], output: bytes) -> list[str]:
    """Those of the words that are somewhere in the bytes of a file, in UTF-8, UTF-16 or GB18030, whatever their case; short ones outside its pixels."""
    pixels = output.find(b"\xe0\x7f\x10\x00")
    whole, head = output.lower(), output[: pixels if pixels > 0 else None].lower()
    found = []
    for word in sorted(words):
        for charset in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
            sign = word.lower().encode(charset)
            if sign in (whole if len(sign) >= SHORTEST_IN_PIXELS else head):
                found.append(word)
                break
    return found
