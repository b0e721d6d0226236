"""One image of a series as density: read from the node's stream with the ticket of whoever asks."""

from __future__ import annotations

from contextlib import closing
from typing import Any, cast

import numpy as np

from dicom_node.client import NodeClient
from pipelines.cardiothoracic.lungs import Unfit

MODALITIES = frozenset({"CR", "DX", "DR", "RF", "RG"})
"""Modality (0008,0060) of radiographs; DR is no term of PS3.3 C.7.3.1.1.1, and devices write it."""
SIDE_VIEWS = frozenset({"LL", "RL", "LLD", "RLD", "LAT", "LATERAL"})
"""View Position (0018,5101) from the side; LLD and RLD lie on the side, where the diaphragm and the heart hang."""
MOST_PIXELS = 40_000_000


def check_view(modality: str, headers: list[dict[str, Any]], sop_uid: str) -> None:
    """@raises Unfit: the headers say that it is no radiograph, or one from the side. A header that says nothing is no reason."""
    if modality.strip().upper() not in MODALITIES:
        raise Unfit("not_radiograph")
    for header in headers:
        if header.get("00080018", {}).get("Value", [""])[0] != sop_uid:
            continue
        view = header.get("00185101", {}).get("Value") or [""]
        if str(view[0] or "").strip().upper() in SIDE_VIEWS:
            raise Unfit("lateral")


def frame_of(frames: list[dict[str, Any]], sop_uid: str, number: int) -> int:
    """Index within the series of a frame, numbered as the node does."""
    for index, frame in enumerate(frames):
        if frame["sop_uid"] == sop_uid and int(frame["frame"] or 0) == number:
            if frame["samples"] != 1:
                raise Unfit("not_radiograph")
            if frame["rows"] * frame["columns"] > MOST_PIXELS:
                raise Unfit("too_small")
            return index
    raise Unfit("image_unknown")


def density(node: NodeClient, study: str, series: str, sop_uid: str, number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Grey of the image (rows, columns), dense is bright: MONOCHROME1 and an inverse presentation are turned over."""
    wanted = -1
    frames: list[dict[str, Any]] = []
    with closing(cast("Any", node.series_frames(study, series))) as parts:
        for header, index, data in parts:
            if index is None:
                frames = header["frames"]
                wanted = frame_of(frames, sop_uid, number)
            elif index == wanted:
                return grey_of(frames[index], data)
    raise Unfit("image_unknown")


def grey_of(frame: dict[str, Any], data: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Stored bytes of a frame as density; padding is the air around."""
    if not data:
        raise Unfit("undecodable")
    stored = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(frame["rows"], frame["columns"])
    slope = -1.0 if (frame["slope"] or 1) < 0 else 1.0
    # the viewer shows the modality values, inverted where the header says so (PS3.3 C.7.6.3.1.2, C.11.6)
    grey = stored.astype(np.float32) * np.float32(-slope if frame.get("inverse", frame["photometric"] == "MONOCHROME1") else slope)
    if frame["padding"] is not None:
        padding = stored == np.int64(frame["padding"]).astype(stored.dtype)
        if padding.any() and not padding.all():
            grey[padding] = grey[~padding].min()
    return grey
