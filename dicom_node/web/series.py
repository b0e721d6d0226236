"""A series for the viewer: its header, and all its frames in one response from the middle outwards."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.index.geometry import middle_outwards
from dicom_node.storage.recall import AwayError
from dicom_node.web import pixels
from dicom_node.web.library import Library, Series, shown
from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import Reader

log = logs.get(__name__)
AHEAD = 4  # frames read or decoded before they are asked for


def header(series: Series) -> dict[str, Any]:
    """The series header of the contract."""
    return {
        "frames": [shown(frame) for frame in series.frames],
        "order": middle_outwards(len(series.frames)),
        "warnings": series.warnings,
        "luts": series.luts,
    }


async def stream(series: Series, archive: Archive, pool: ThreadPoolExecutor) -> AsyncIterator[bytes]:
    """`[u32 length][header]`, then `[u32 index][u32 length][pixels]` per frame; length 0: that frame cannot be decoded."""
    head = orjson.dumps(header(series))
    yield struct.pack("<I", len(head)) + head  # leaves at once: the viewer lays out while pixels come
    loop = asyncio.get_running_loop()
    opened: dict[Any, Dataset] = {}

    def fetch(index: int) -> bytes:
        frame = series.frames[index]
        row = series.instances[frame["sop_uid"]]
        try:
            data = pixels.fetch(archive.path(row["digest"]), row["pixel_offset"], frame, opened)
        except AwayError:
            raise  # the answer breaks off and can be asked for again: a missing image must not look like a broken one
        except (pixels.UndecodableError, OSError) as error:
            log.warning("frame.undecodable", sop_uid=frame["sop_uid"], frame=frame["frame"], reason=str(error))
            data = b""
        return struct.pack("<II", index, len(data)) + data

    waiting: deque[asyncio.Future[bytes]] = deque()
    try:
        for index in middle_outwards(len(series.frames)):
            waiting.append(loop.run_in_executor(pool, fetch, index))
            if len(waiting) >= AHEAD:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for future in waiting:
            future.cancel()


def summary(library: Library, reader: Reader, study: str) -> dict[str, Any]:
    """The study summary of the contract."""
    scope, values = reader.scope.sql("s.institution")
    found = library.database.rows(
        "SELECT s.*, strftime(s.study_date, '%Y-%m-%d') AS day, strftime(s.birth_date, '%Y-%m-%d') AS born FROM study s "  # noqa: S608 - the scope's SQL has only placeholders
        f"WHERE s.study_uid = ? AND {scope}",
        [study, *values],
    )
    if not found:
        raise ProblemError("image.unknown")
    row = found[0]
    rows = library.database.rows(
        "SELECT * FROM series WHERE study_uid = ? ORDER BY series_number NULLS LAST, series_uid",
        [study],
    )
    middles = {
        m["series_uid"]: m["middle"]
        for m in library.database.rows(
            "SELECT series_uid, list(sop_uid ORDER BY number NULLS LAST, arrival)[(count(*) // 2 + 1)::INTEGER] AS middle "
            "FROM instance WHERE study_uid = ? AND visible GROUP BY series_uid",
            [study],
        )
    }
    series = [
        {
            "series_uid": s["series_uid"], "number": s["series_number"], "modality": s["modality"], "description": s["series_description"],
            "body_part": s["body_part"], "instances": s["instances"], "frames": s["frames"], "middle_instance": middles[s["series_uid"]],
            "renderable": s["showable"] > 0,
            "warnings": library.warnings(study, s["series_uid"], s["last_arrival"], s["instances"])
            + (["unshowable_objects"] if 0 < s["showable"] < s["instances"] else []),
        }
        for s in rows
    ]  # fmt: skip
    return {
        "study_uid": study, "institution": row["institution"], "description": row["study_description"], "study_date": row["day"],
        "study_time": row["study_time"], "accession": row["accession"], "modality": row["modality"], "modalities": row["modalities"],
        "body_part": row["body_part"], "warnings": ["patients_differ"] if row["patients_differ"] else [],
        "patient": {
            "patient_id": row["patient_id"], "name": row["name_ideographic"] or row["name_alphabetic"], "dicom_name": row["patient_name"],
            "pinyin": row["pinyin"], "birth_date": row["born"], "sex": row["sex"], "age_days": row["age_days"],
            "name_guessed": row["charset_guess"] is not None,
        },
        "series": series,
    }  # fmt: skip
