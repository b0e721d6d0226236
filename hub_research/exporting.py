"""De-identified DICOM objects of a series into a folder, gone on with where it stopped."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_research.places import place_of, uid_of
from hub_research.problems import ResearchError
from hub_research.progress import Progress
from hub_research.service import service


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an export."""

    folder: Path
    files: list[Path] = field(repr=False)
    """All files of the series, in the order of their Instance Number."""
    fetched: int
    """How many of them came now; the others were there."""
    blocked: list[dict[str, Any]]
    """What the service holds back, and why: `[{reason, zh, en, count}]`."""


def export(series: object, folder: Path | str, project: str | None = None) -> Exported:
    """Put the DICOM objects (PS3.10) of a series into `folder/<study>/<series>/`, named by Instance Number and UID.

    A file is there whole or not at all. Called again, it fetches only what is missing; an object that was broken off goes on where it
    stopped. ResearchError: no room on the disk.
    """
    place = place_of(series, project)
    answer = service().json(place.route + "/instances")
    wanted = sorted(answer["instances"], key=lambda one: (one.get("number") or 0, one["sop_uid"]))
    target = Path(folder) / place.study_uid / place.series_uid
    target.mkdir(parents=True, exist_ok=True)
    files = [target / f"{int(one.get('number') or 0):05d}-{uid_of(one['sop_uid'])}.dcm" for one in wanted]
    missing = [(one, file) for one, file in zip(wanted, files, strict=True) if not file.exists()]
    total = sum(int(one.get("bytes") or 0) for one, _ in missing)
    free = shutil.disk_usage(target).free
    if total > free:
        need = f"{total / 1e6:.0f} MB"
        raise ResearchError(
            f"磁盘空间不足：需要 {need}，剩余 {free / 1e6:.0f} MB。请删除不用的文件后重试",
            f"not enough room: {need} needed, {free / 1e6:.0f} MB free. Delete what is not needed and try again",
        )
    with Progress("DICOM", total) as progress:
        for one, file in missing:
            service().download(f"{place.route}/instances/{one['sop_uid']}", file, progress)
    return Exported(target, files, len(missing), list(answer.get("blocked") or []))
