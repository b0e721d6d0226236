"""Overlay planes of images (group 60xx, PS3.3 C.9.2), as masks that lie on them: graphics and regions the device drew.

Also those of older devices, whose bits lie in unused bits of the pixel cells (retired). A plane is read from the file when it is
asked for; one that is broken, or too large, is counted by a code and never guessed at.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.index.frames import BIG_ENDIAN, OVERLAY_GROUPS, frame_count, integer
from dicom_node.storage.recall import AwayError
from dicom_node.web import pixels
from dicom_node.web.library import Series

log = logs.get(__name__)
Frame = dict[str, Any]
Bits = np.ndarray[Any, np.dtype[np.bool_]]
COLOURS = (
    "#f0e442",
    "#56b4e9",
    "#e69f00",
    "#cc79a7",
    "#009e73",
    "#d55e00",
    "#ffffff",
    "#0072b2",
)  # by group; told apart by colour-blind eyes
MAX_BITS = 64 << 20  # of one plane
MAX_RUNS = 1_000_000  # of a whole answer, about 12 MB of JSON
LABEL = 64  # characters, LO


class PlaneError(ValueError):
    """The plane cannot be drawn; the message is the code of the warning."""


def of_series(series: Series, archive: Archive) -> dict[str, Any]:
    """`{layers, shapes, warnings}` as the evidence service gives overlays: a layer for each group, a mask for each plane that has a bit set on an image."""
    shapes: list[dict[str, Any]] = []
    names: dict[int, tuple[str, str]] = {}
    faults: Counter[str] = Counter()
    room = MAX_RUNS
    for sop, frames in series.frames_of.items():
        if not frames[0].get("planes"):
            continue
        row = series.instances[sop]
        try:
            ds = _header(archive.path(row["digest"]))
        except AwayError:
            raise
        except Exception as error:
            log.warning("planes.unreadable", sop_uid=sop, reason=type(error).__name__)
            faults["overlay_broken"] += 1
            continue
        for group in OVERLAY_GROUPS:
            if (group, 0x0010) not in ds:
                continue
            try:
                for frame, plane, origin in _on_images(ds, group, frames, archive.path(row["digest"]), row["pixel_offset"]):
                    mask = _mask(plane, origin, frame)
                    if mask is None:
                        continue
                    room -= len(mask["runs"])
                    if room < 0:
                        faults["overlay_large"] += 1
                        break
                    at = {
                        "layer": group - 0x6000,
                        "series": row["series_uid"],
                        "sop_uid": sop,
                        "frame": frame["frame"],
                        "index": frame["index"],
                    }
                    shapes.append(at | mask)
                    names.setdefault(group, _names(ds, group))
            except PlaneError as error:
                faults[str(error)] += 1
    layers = [
        {"id": group - 0x6000, "label": label or f"{group:04X}", "colour": COLOURS[(group - 0x6000) // 2 % len(COLOURS)], "detail": kind}
        for group, (label, kind) in sorted(names.items())
    ]
    return {"layers": layers, "shapes": shapes, "warnings": [{"code": code, "count": count} for code, count in sorted(faults.items())]}


def _header(path: Path) -> Dataset:
    """The data set without its pixels; overlay planes stand before them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True)


def _value(ds: Dataset, group: int, element: int) -> Any:
    """An element's value; None when it is absent, empty or unreadable."""
    try:
        found = ds.get((group, element))
        value = None if found is None else found.value
    except Exception:
        return None
    return None if value in ("", b"") else value


def _whole(ds: Dataset, group: int, element: int) -> int | None:
    found = _value(ds, group, element)
    try:
        return None if found is None else int(found)
    except (TypeError, ValueError) as error:
        raise PlaneError("overlay_broken") from error


def _names(ds: Dataset, group: int) -> tuple[str, str]:
    """Label (60xx,1500), else description (60xx,0022); type G graphics or R region."""
    label = next((str(one).strip() for element in (0x1500, 0x0022) if (one := _value(ds, group, element))), "")
    return label[:LABEL], "R" if str(_value(ds, group, 0x0040) or "").strip().upper() == "R" else "G"


def _origin(ds: Dataset, group: int) -> tuple[int, int]:
    """(60xx,0050) row and column of the plane's first bit in the image, from 1 there, from 0 here: 0 and less lie outside."""
    found = _value(ds, group, 0x0050)
    if found is None:
        return 0, 0  # type 1, but absent in many old files, which mean the whole image
    try:
        row, column = (int(one) for one in found)
    except (TypeError, ValueError) as error:
        raise PlaneError("overlay_broken") from error
    return row - 1, column - 1


def _on_images(
    ds: Dataset, group: int, frames: list[Frame], path: Path, pixel_offset: int | None
) -> Iterator[tuple[Frame, Bits, tuple[int, int]]]:
    """(frame, plane, its origin) for each frame of the image that a plane of the group lies on; PlaneError."""
    rows, columns = _whole(ds, group, 0x0010) or 0, _whole(ds, group, 0x0011) or 0
    count, first = _whole(ds, group, 0x0015), _whole(ds, group, 0x0051)
    if rows < 1 or columns < 1 or (count or 1) < 1 or (first or 1) < 1:
        raise PlaneError("overlay_broken")
    if rows * columns > MAX_BITS:
        raise PlaneError("overlay_large")
    origin = _origin(ds, group)
    data = _value(ds, group, 0x3000)
    if data is None:
        yield from ((frame, plane, origin) for frame, plane in _embedded(ds, group, (rows, columns), frames, path, pixel_offset))
        return
    if not isinstance(data, bytes) or (_whole(ds, group, 0x0102) or 0) != 0:
        raise PlaneError("overlay_broken")
    if str(ds.file_meta.TransferSyntaxUID) == BIG_ENDIAN and ds[group, 0x3000].VR == "OW":
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    size = rows * columns
    if len(data) * 8 < size * (count or 1):
        raise PlaneError("overlay_broken")
    by_number = {frame["frame"]: frame for frame in frames}
    # one plane that names no frame lies on all of them
    named = range(first or 1, (first or 1) + (count or 1)) if count is not None or first is not None else None
    for number in named or sorted(by_number):
        if number not in by_number:
            continue
        start = (number - named.start) * size if named else 0
        packed = np.frombuffer(data, np.uint8, (start + size + 7) // 8 - start // 8, start // 8)
        bits = np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + size]
        yield by_number[number], bits.astype(bool).reshape(rows, columns), origin


def _embedded(
    ds: Dataset, group: int, shape: tuple[int, int], frames: list[Frame], path: Path, pixel_offset: int | None
) -> Iterator[tuple[Frame, Bits]]:
    """Planes in a bit of the pixel cells that is none of the value's (retired; PS3.5-2004 8.1.2)."""
    place, allocated = _whole(ds, group, 0x0102), integer(ds, "BitsAllocated") or 0
    stored, high = integer(ds, "BitsStored") or allocated, integer(ds, "HighBit")
    high = stored - 1 if high is None else high
    if place is None or not 0 <= place < allocated or high - stored < place <= high:
        raise PlaneError("overlay_broken")
    if shape != (frames[0]["rows"], frames[0]["columns"]) or not allocated or (integer(ds, "SamplesPerPixel") or 1) != 1:
        raise PlaneError("overlay_broken")
    first, count = _whole(ds, group, 0x0051) or 1, _whole(ds, group, 0x0015) or frame_count(ds) or 1
    for frame in frames:
        if not first <= frame["frame"] < first + count:
            continue
        if not frame["_raw"] or pixel_offset is None:
            raise PlaneError("overlay_compressed")  # a decoder gives the value's bits only
        try:
            data = pixels.read_raw(path, pixel_offset, frame)
        except pixels.UndecodableError as error:
            raise PlaneError("overlay_broken") from error
        cells = np.frombuffer(data, f"<u{frame['bits'] // 8}")
        yield frame, (cells >> place & 1).astype(bool).reshape(shape)


def _mask(plane: Bits, origin: tuple[int, int], frame: Frame) -> dict[str, Any] | None:
    """What of a plane lies on the image, as the smallest rectangle with its runs; None when that is nothing."""
    top, left = max(0, -origin[0]), max(0, -origin[1])
    seen = plane[top : max(top, frame["rows"] - origin[0]), left : max(left, frame["columns"] - origin[1])]
    across, down = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    if not across.size:
        return None
    part = seen[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    steps = np.flatnonzero(np.diff(part.ravel().astype(np.int8), prepend=0, append=0))
    starts, ends = steps[::2], steps[1::2]
    return {
        "kind": "mask",
        "origin": [int(origin[1] + left + across[0]), int(origin[0] + top + down[0])],
        "rows": int(part.shape[0]),
        "columns": int(part.shape[1]),
        "runs": np.stack([starts, ends - starts], axis=1).ravel().tolist(),
        "pixels": int(part.sum()),
    }
