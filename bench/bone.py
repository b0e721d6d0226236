"""Bone and table removal of generated CT angiographies: how much goes that should, how much stays that should, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from bench.angiography import PATIENTS, Scan, scan
from bench.result import Result
from pipelines.masks.bone import prepare, solve
from pipelines.masks.table import table

IDS = (
    "bone-removed",
    "vessel-kept",
    "bone-removed-auto",
    "vessel-kept-auto",
    "bone-seconds",
    "table-removed",
    "body-kept",
    "table-seconds",
)
CLICKS = 2
WITHIN = (300, 512, 512)
Truth = np.ndarray[Any, np.dtype[np.bool_]]
Place = tuple[float, float, float]


@dataclass
class Measured:
    """What one scan gave: shares of voxels, seconds."""

    bone_auto: float
    vessel_auto: float
    bone: float
    vessel: float
    clicks: int
    seconds: float
    again: float
    """Seconds that a click takes."""


def _shares(mask: Truth, truth: Scan) -> tuple[float, float]:
    """Share of the bone in the mask, share of the vessels outside."""
    removed = np.count_nonzero(mask & truth.bone) / np.count_nonzero(truth.bone)
    lost = np.count_nonzero(mask & truth.vessel) / np.count_nonzero(truth.vessel)
    return removed, 1 - lost


def _worst(wrong: Truth, spacing: Place) -> tuple[float, Place]:
    """Size in mm³ and deepest place of the largest connected wrong part: where a reader would point."""
    labels, count = ndimage.label(wrong)
    if not count:
        return 0.0, (0.0, 0.0, 0.0)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    label = int(sizes.argmax())
    window = ndimage.find_objects(labels, label)[label - 1]
    depth = ndimage.distance_transform_edt(np.pad(labels[window] == label, 1), spacing)[1:-1, 1:-1, 1:-1]
    inner = np.unravel_index(int(depth.argmax()), depth.shape)
    frame, row, column = (float(part.start + at) for part, at in zip(window, inner, strict=True))
    return float(sizes[label]) * float(np.prod(spacing)), (frame, row, column)


def _measure(truth: Scan) -> Measured:
    start = time.perf_counter()
    prepared = prepare(truth.volume, truth.spacing)
    mask = solve(prepared, truth.volume).mask
    seconds = time.perf_counter() - start
    auto = now = _shares(mask, truth)
    keep: list[Place] = []
    remove: list[Place] = []
    again = 0.0
    for _ in range(CLICKS):
        lost, kept_place = _worst(mask & truth.vessel, truth.spacing)
        left, removed_place = _worst(~mask & truth.bone, truth.spacing)
        more_keep, more_remove = ([*keep, kept_place], remove) if lost > left else (keep, [*remove, removed_place])
        start = time.perf_counter()
        tried = solve(prepared, truth.volume, more_keep, more_remove).mask
        again = time.perf_counter() - start
        figures = _shares(tried, truth)
        if min(figures) <= min(now):  # a reader takes back what did not help
            break
        mask, now, keep, remove = tried, figures, more_keep, more_remove
    return Measured(*auto, *now, len(keep) + len(remove), seconds, again)


def measure() -> Iterator[Result]:
    """All figures; each is that of the worst of the patients, the others beside it."""
    found: dict[str, Measured] = {}
    beds: dict[str, tuple[float, float, int]] = {}
    table_seconds: list[float] = []
    for patient in PATIENTS:
        truth = scan(patient)
        found[patient.name] = _measure(truth)
        start = time.perf_counter()
        bed = table(truth.volume, truth.spacing)
        if patient.shape == WITHIN:
            table_seconds.append(time.perf_counter() - start)
        lost = np.count_nonzero(bed & truth.body)
        beds[patient.name] = (
            np.count_nonzero(bed & truth.table) / np.count_nonzero(truth.table),
            1 - lost / np.count_nonzero(truth.body),
            lost,
        )
        del truth, bed
    full = [found[patient.name] for patient in PATIENTS if patient.shape == WITHIN]

    def each(name: str) -> str:
        return "; ".join(f"{patient} {100 * getattr(one, name):.1f}" for patient, one in found.items())

    def worst(name: str) -> list[float]:
        return [100 * min(getattr(one, name) for one in found.values())]

    clicks = ", ".join(str(one.clicks) for one in found.values())
    of = f"worst of {len(PATIENTS)} generated angiographies with vessels on spine and ribs"
    yield Result(
        "bone-removed",
        f"bone removed after at most {CLICKS} clicks, {of}",
        worst("bone"),
        "%",
        95,
        "higher",
        f"{each('bone')}; clicks {clicks}; vessel kept {each('vessel')}",
        1,
    )
    yield Result("vessel-kept", "vessel kept in the same masks", worst("vessel"), "%", 95, "higher", each("vessel"), 1)
    yield Result("bone-removed-auto", "bone removed without a click", worst("bone_auto"), "%", None, "higher", each("bone_auto"), 1)
    yield Result("vessel-kept-auto", "vessel kept without a click", worst("vessel_auto"), "%", None, "higher", each("vessel_auto"), 1)
    again = f"each click {max(one.again for one in full):.1f} s more"
    yield Result("bone-seconds", "bone mask of 300 × 512²", [one.seconds for one in full], "s", 15, "lower", again, 1)
    beside = "; ".join(f"{patient} {100 * share:.1f}" for patient, (share, _, _) in beds.items())
    yield Result(
        "table-removed", f"shell of the table removed, {of}", [100 * min(one[0] for one in beds.values())], "%", None, "higher", beside, 1
    )
    kept = [100 * min(one[1] for one in beds.values())]
    voxels = "voxels lost: " + ", ".join(str(lost) for _, _, lost in beds.values())
    yield Result("body-kept", "body voxels kept by the table mask", kept, "%", 100, "higher", voxels, 4)
    yield Result("table-seconds", "table mask of 300 × 512²", table_seconds, "s", 15, "lower", "", 1)
