"""Bone and table removal: how much goes that should, how much stays that should, and how long it takes.

On generated CT angiographies with exact truth, and on CTs of the corpus against a reference that was drawn and looked at by hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from bench.angiography import PATIENTS, Scan, scan
from bench.reference import Reference, names, reference
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
    "bone-corpus-removed",
    "bone-corpus-vessel-kept",
    "bone-corpus-removed-auto",
    "bone-corpus-vessel-kept-auto",
    "bone-corpus-table-removed",
    "bone-corpus-body-kept",
)
CLICKS = 2
WITHIN = (300, 512, 512)
NO_VOLUMES = "ct-prior-a, ct-prior-b: single images of each series, no volume"
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Truth = Scan | Reference
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


def _shares(mask: Mask, truth: Truth) -> tuple[float, float]:
    """Share of the bone in the mask, share of the vessels outside."""
    removed = np.count_nonzero(mask & truth.bone) / max(1, np.count_nonzero(truth.bone))
    lost = np.count_nonzero(mask & truth.vessel) / max(1, np.count_nonzero(truth.vessel))
    return float(removed), float(1 - lost)


def _worst(wrong: Mask, spacing: Place) -> tuple[float, Place]:
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


def _measure(truth: Truth) -> Measured:
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
        if sum(figures) <= sum(now):  # a reader takes back what did not help
            break
        mask, now, keep, remove = tried, figures, more_keep, more_remove
    return Measured(*auto, *now, len(keep) + len(remove), seconds, again)


def _bed(bed: Mask, truth: Truth) -> tuple[float, float, int]:
    """Share of the table in its mask, share of the body outside, voxels of the body lost."""
    lost = int(np.count_nonzero(bed & truth.body))
    return np.count_nonzero(bed & truth.table) / np.count_nonzero(truth.table), 1 - lost / np.count_nonzero(truth.body), lost


def measure() -> Iterator[Result]:
    """All figures; each is that of the worst of the patients, the others beside it."""
    yield from _generated()
    yield from _corpus()


def _corpus() -> Iterator[Result]:
    try:
        truths = [reference(name) for name in names()]
    except FileNotFoundError as absent:
        print(f"the CTs of the corpus are skipped: {absent}")
        return
    found = {truth.name: _measure(truth) for truth in truths}
    vessels = {truth.name: found[truth.name] for truth in truths if truth.vessel.any()}
    beds = {truth.name: _bed(table(truth.volume, truth.spacing), truth) for truth in truths}
    notes = "; ".join([*(f"{truth.name}: {truth.note}" for truth in truths if truth.note), f"not measured: {NO_VOLUMES}"])

    def row(name: str, what: str, ones: dict[str, float], goal: float | None, more: str = "", digits: int = 1) -> Result:
        each = "; ".join(f"{one} {100 * share:.{digits}f}" for one, share in ones.items())
        worst = f"worst of {len(ones)} CTs of the corpus, against a reference drawn by hand"
        return Result(name, f"{what}, {worst}", [100 * min(ones.values())], "%", goal, "higher", each + more, digits)

    clicks = "; clicks " + ", ".join(str(one.clicks) for one in found.values()) + f" ({notes})"
    removed = f"bone removed after at most {CLICKS} clicks"
    yield row("bone-corpus-removed", removed, {name: one.bone for name, one in found.items()}, 95, clicks)
    yield row("bone-corpus-vessel-kept", "vessel kept in the same masks", {name: one.vessel for name, one in vessels.items()}, 95)
    yield row("bone-corpus-removed-auto", "bone removed without a click", {name: one.bone_auto for name, one in found.items()}, None)
    kept = {name: one.vessel_auto for name, one in vessels.items()}
    yield row("bone-corpus-vessel-kept-auto", "vessel kept without a click", kept, None)
    yield row("bone-corpus-table-removed", "shell of the table removed", {name: one[0] for name, one in beds.items()}, None)
    lost = "; voxels lost: " + ", ".join(str(voxels) for _, _, voxels in beds.values())
    yield row("bone-corpus-body-kept", "body voxels kept by the table mask", {name: one[1] for name, one in beds.items()}, 100, lost, 4)


def _generated() -> Iterator[Result]:
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
        beds[patient.name] = _bed(bed, truth)
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
