"""The whole header of a stored file as DICOM JSON (PS3.18 F), long binary values as references."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydicom.dataset import Dataset

from dicom_node.index import dataset

BULK_BYTES = 4096  # longer binary values are left out of the header JSON and served from the file
BULK_MARK = "bulk"


def render(path: Path) -> str:
    """DICOM JSON of the file at `path`; UnparsableError, OSError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds, _, pixel_length = dataset.read(path)
            dataset.mend_text(ds)
            return header_json(ds, pixels=pixel_length is not None).decode()
        except (OSError, dataset.UnparsableError):
            raise
        except Exception as error:
            raise dataset.UnparsableError(f"{type(error).__name__} while reading the header") from error


def identity(row: Mapping[str, Any]) -> str:
    """What remains of a header that cannot be written: who the object is (columns of the index)."""
    tags = {"00080016": "sop_class", "00080018": "sop_uid", "0020000D": "study_uid", "0020000E": "series_uid"}
    return orjson.dumps({tag: {"vr": "UI", "Value": [row[name]]} for tag, name in tags.items()}).decode()


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
