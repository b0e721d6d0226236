"""A series in order, and what a viewer must warn of before it measures or rebuilds: codes, computed from the frames."""

from __future__ import annotations

from typing import Any

import numpy as np

Frame = dict[str, Any]
TILT_DEGREES = 0.5
SAME_PLACE = 1e-3  # mm


def put_in_order(frames: list[Frame]) -> tuple[list[Frame], list[str]]:
    """Frames by position along the normal where the geometry allows it, else by instance number; and warning codes.

    Along the normal in the direction in which the instance numbers grow: image 61 of 120 is then the one that the technician's
    console and other workstations call 61, and a chest is scrolled from the top as it was reconstructed.

    Codes: mixed_sizes, mixed_orientation, mixed_spacing, tilt (the stack is sheared), gaps, irregular_spacing,
    duplicate_positions, no_spacing, region_outside, voi_lut_unusable, polarity_contradiction.
    """
    warnings: list[str] = []
    if not frames:
        return [], []
    frames = sorted(frames, key=lambda f: (f["number"] is None, f["number"] or 0, f["frame"]))
    if len({(f["rows"], f["columns"]) for f in frames}) > 1:
        warnings.append("mixed_sizes")
    spacings = {tuple(round(s, 5) for s in f["spacing"]) for f in frames if f["spacing"]}
    if len(spacings) > 1:
        warnings.append("mixed_spacing")
    if any(f["spacing"] is None for f in frames):
        warnings.append("no_spacing")
    if any(f.get("outside") for f in frames):
        warnings.append("region_outside")
    if any(f.get("_broken_lut") for f in frames):
        warnings.append("voi_lut_unusable")
    if any(f.get("_contradiction") for f in frames):
        warnings.append("polarity_contradiction")
    placed = all(f["position"] is not None and f["orientation"] is not None for f in frames)
    if placed and len(frames) > 1:
        orientations = np.array([f["orientation"] for f in frames])
        if np.abs(orientations - orientations[0]).max() > 0.01:
            warnings.append("mixed_orientation")
        elif len({f["frame_of_reference"] for f in frames}) == 1:
            frames = _along_normal(frames, orientations[0], warnings)
    for index, frame in enumerate(frames):
        frame["index"] = index
    return frames, warnings


def _along_normal(frames: list[Frame], orientation: np.ndarray, warnings: list[str]) -> list[Frame]:
    normal = np.cross(orientation[:3], orientation[3:])
    placed = np.array([f["position"] for f in frames])
    along = placed @ normal
    order = np.argsort(along, kind="stable")
    distances, positions = along[order], placed[order]
    steps = np.diff(distances)
    if (steps < SAME_PLACE).any():
        warnings.append("duplicate_positions")
    travel = positions[-1] - positions[0]
    length = float(np.linalg.norm(travel))
    if length > SAME_PLACE:
        cosine = min(1.0, abs(float(travel @ normal)) / length)
        if np.degrees(np.arccos(cosine)) > TILT_DEGREES:
            warnings.append("tilt")
    steps = steps[steps >= SAME_PLACE]
    if len(steps) > 1:
        usual = float(np.median(steps))
        if np.abs(steps - usual).max() > max(0.02 * usual, 0.02):
            warnings.append("irregular_spacing")
        thick = max((frames[i]["thickness"] or 0.0) for i in order)
        if steps.max() > 1.5 * usual and steps.max() > 1.1 * thick:
            warnings.append("gaps")
    return [frames[i] for i in _as_numbered(frames, along, order)]


def _as_numbered(frames: list[Frame], distances: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The order, or its reverse where the instance numbers fall along it; `frames` come by instance number."""
    if all(frame["number"] is None for frame in frames):
        return order
    falling = float((order - order.mean()) @ np.arange(len(order))) < 0
    return np.argsort(-distances, kind="stable") if falling else order


def middle_outwards(count: int) -> list[int]:
    """Indexes from the middle to both ends: the slice a reader sees first comes first."""
    middle = count // 2
    order = [middle] if count else []
    for step in range(1, count):
        order += [index for index in (middle + step, middle - step) if 0 <= index < count]
    return order[:count]
