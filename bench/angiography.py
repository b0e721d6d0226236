"""Generated CT angiographies with exact truth: what masks are measured on, and nothing was tuned on.

One function of the place gives the tissue; each frame is the mean of several thin cuts, blurred and made noisy as a kernel would.
Arrays are (frames, rows, columns); x to the left, y to the back, z to the head, mm, from the middle of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

Plane = np.ndarray[Any, Any]
CUTS = 2
MATTRESS, FOAM, SHELL = -880.0, -940.0, -60.0


@dataclass(frozen=True)
class Patient:
    """Who lies there and how the scanner sees him: lengths mm, contents HU."""

    name: str
    shape: tuple[int, int, int]
    pixel: float
    step: float
    width: float
    """Half of the trunk from side to side."""
    contrast: float
    cancellous: float
    cortex: float
    shell: float
    """Thickness of the cortex."""
    noise: float
    blur: float
    sharpening: float = 0.0
    touch: float = 1.0
    """How deep the aorta is pressed into the vertebrae."""
    mattress: float = 6.0
    seed: int = 7


PATIENTS = (
    Patient("adult, soft kernel", (300, 512, 512), 0.74, 1.0, 158, 345, 175, 980, 1.5, 20, 0.8, mattress=9, seed=21),
    Patient("child, thin cortex", (220, 384, 384), 0.58, 0.8, 94, 400, 255, 820, 1.0, 13, 0.55, touch=1.4, mattress=3, seed=22),
    Patient("adult, sharp kernel", (160, 384, 384), 0.9, 1.5, 148, 310, 165, 1100, 1.7, 30, 0.5, sharpening=0.6, mattress=0, seed=23),
    Patient("vessel as bright as cancellous bone", (180, 384, 384), 0.88, 1.25, 146, 280, 280, 700, 1.4, 14, 0.6, touch=1.3, seed=24),
)


@dataclass(frozen=True)
class Scan:
    """A volume in HU and the truth about each voxel."""

    patient: Patient
    volume: np.ndarray[Any, np.dtype[np.int16]]
    spacing: tuple[float, float, float]
    bone: np.ndarray[Any, np.dtype[np.bool_]]
    vessel: np.ndarray[Any, np.dtype[np.bool_]]
    body: np.ndarray[Any, np.dtype[np.bool_]]
    table: np.ndarray[Any, np.dtype[np.bool_]]


def scan(patient: Patient) -> Scan:
    """Generate one patient's scan."""
    random = np.random.default_rng(patient.seed)
    frames, rows, columns = patient.shape
    volume = np.empty(patient.shape, np.int16)
    truth = np.zeros((4, *patient.shape), bool)
    y = ((np.arange(rows) - rows * 0.46) * patient.pixel)[:, None]
    x = ((np.arange(columns) - columns * 0.5) * patient.pixel)[None, :]
    grain = random.standard_normal((24, rows, columns)).astype(np.float32)
    for frame in range(frames):
        z = (frame - frames / 2) * patient.step
        sums = np.zeros((rows, columns), np.float32)
        for cut in range(CUTS):
            at = z + (cut - (CUTS - 1) / 2) / CUTS * patient.step
            hu, kinds = _cut(patient, x, y, at, grain[int(at // 1.6) % 24])
            sums += hu
            if cut == CUTS // 2:
                truth[:, frame] = kinds
        picture = ndimage.gaussian_filter(sums / CUTS, patient.blur / patient.pixel)
        if patient.sharpening:
            picture += patient.sharpening * (picture - ndimage.gaussian_filter(picture, 1.2 / patient.pixel))
        noise = ndimage.gaussian_filter(random.standard_normal((rows, columns)).astype(np.float32), 0.7)
        picture += noise * (patient.noise / float(noise.std()))
        volume[frame] = np.clip(np.rint(picture), -1024, 3071)
    return Scan(patient, volume, (patient.step, patient.pixel, patient.pixel), *truth)


def _cut(patient: Patient, x: Plane, y: Plane, z: float, grain: Plane) -> tuple[Plane, Plane]:
    """HU of a thin cut, and whether each place is bone, vessel, body, table."""
    w = patient.width
    unit = w / 165  # sizes of organs grow with the trunk
    deep = 0.66 * w
    outline = (np.abs(x / w) ** 2.4 + np.abs((y + 0.02 * w) / deep) ** 2.2) ** (1 / 2.3)
    skin = (1 - outline) * deep
    arms = [np.hypot(x - side * (w + 34 * unit), (y - 12) * 0.9) for side in (-1, 1)]
    arm = np.minimum(*arms)
    body = (skin > 0) | (arm < 27 * unit)
    hu = np.where(body, np.where((skin > 9 * unit) | (arm < 21 * unit), 48.0, -95.0), -1000.0)
    lungs = ((np.abs(x) - 0.47 * w) / (0.3 * w)) ** 2 + ((y + 0.03 * w) / (0.4 * w)) ** 2 < 1 - max(0.0, -z / 90) * 0.8
    hu = np.where(lungs & (skin > 20 * unit), -830.0, hu)
    depth = _bones(x, y, z, unit, deep, outline, arm)
    vessels = _vessels(patient, x, y, z, unit, deep)
    bone = (depth > 0) & body
    vessel = (vessels > 0) & ~bone & body
    hu = np.where(((x + 0.45 * w) / (0.3 * w)) ** 2 + ((y + 8) / (0.3 * w)) ** 2 + (z + 75) ** 2 / 3600 < 1, 115.0, hu)
    coarse = ndimage.gaussian_filter(grain, 1.1 / patient.pixel)
    texture = coarse / float(coarse.std()) * 0.2 * patient.cancellous
    hu = np.where(bone, np.where(depth < patient.shell, patient.cortex, patient.cancellous + texture), hu)
    hu = np.where(vessel, patient.contrast, hu)
    table, foam, mattress = _support(patient, x, y, w, deep)
    table &= ~body
    hu = np.where(mattress & ~body, MATTRESS, hu)
    hu = np.where(foam & ~body, FOAM, hu)
    hu = np.where(table, SHELL, hu)
    return hu.astype(np.float32), np.stack([bone, vessel, body, table])


def _spine(z: float, unit: float, deep: float) -> tuple[float, float, float]:
    """Where the middle of a vertebral body lies: the spine curves from side to side and to the front."""
    return 5 * unit * np.sin(z / 70), 0.46 * deep + 7 * unit * np.cos(z / 95), z % (31 * unit) / unit


def _bones(x: Plane, y: Plane, z: float, unit: float, deep: float, outline: Plane, arm: Plane) -> Plane:
    """Depth in bone in mm, negative outside."""
    cx, cy, level = _spine(z, unit, deep)
    dx, dy = x - cx, y - cy
    waist = 1 - 0.1 * np.cos((level - 13) / 13 * np.pi / 2)
    half = np.array([21.0, 16.0]) * unit * waist
    lump = (np.abs(dx / half[0]) ** 2.6 + np.abs(dy / half[1]) ** 2.6) ** (1 / 2.6)
    body = (1 - lump) * half[1]
    dent = np.hypot(dx, dy - 22 * unit) - 9 * unit  # the back of the body is hollow, towards the canal
    body = np.minimum(np.minimum(body, dent), np.minimum(level, 26 - level) * unit)
    ring = 5.0 * unit - np.abs(np.hypot(dx / 1.15, dy - 22 * unit) - 13 * unit)
    arch = np.minimum(np.minimum(ring, dy - 12 * unit), np.minimum(level - 6, 22 - level) * unit)
    spinous = np.minimum(np.minimum(4 * unit - np.abs(dx), np.minimum(dy - 33 * unit, 58 * unit - dy)), (18 - level) * unit)
    slope = np.abs(dx) * 0.25
    transverse = np.minimum(np.minimum(5 * unit - np.abs(dy - 22 * unit - slope * 0.4), 40 * unit - np.abs(dx)), np.abs(dx) - 14 * unit)
    transverse = np.minimum(transverse, (5 - abs(level - 12)) * unit)
    deepest = np.maximum(np.maximum(body, arch), np.maximum(spinous, transverse))
    # ribs: bands that fall from back to front along the wall of the chest
    angle = np.arctan2(np.abs(x), y + 0.02 * deep)
    fall = (z + 34 * unit * angle) % (27 * unit) - 13 * unit
    wall = (0.885 - outline) * deep
    rib = (1 - np.hypot(wall / (4.2 * unit), fall / (6.8 * unit))) * 4.2 * unit
    rib = np.where((angle > 0.38) & (angle < 2.5), rib, -1.0)
    sternum = np.minimum(5 * unit - np.abs(y + 0.8 * deep), 17 * unit - np.abs(x)) if z > -20 else np.full_like(outline, -1.0)
    humerus = 11 * unit - arm
    return np.maximum(np.maximum(deepest, rib), np.maximum(sternum, humerus))


def _vessels(patient: Patient, x: Plane, y: Plane, z: float, unit: float, deep: float) -> Plane:
    """Depth in a contrast vessel in mm, negative outside."""
    cx, cy, level = _spine(z, unit, deep)
    radius = (11 + 1.5 * np.sin(z / 40)) * unit
    front = cy - 16 * unit - radius + patient.touch
    aorta = radius - np.hypot(x - cx - 7 * unit - 2 * np.sin(z / 25), y - front)
    cava = 10 * unit - np.hypot((x - cx + 24 * unit) * 0.85, y - front - 5 * unit)
    found = np.maximum(aorta, cava)
    # pairs of arteries between the vertebrae, close along the body of each
    if abs(level - 13) < 3:
        sweep = np.hypot(np.abs(x - cx) / (21 * unit), (y - cy) / (16 * unit))
        found = np.maximum(found, np.where(y < cy + 8 * unit, 1.5 * unit - np.abs(sweep - 1.08) * 18 * unit, -1) - abs(level - 13) * 0.3)
    for side, height in ((-1, -60.0), (1, -48.0)):  # renal arteries
        off = z - height * unit - 0.08 * np.abs(x) * side
        course = np.hypot(off, y - front - 0.16 * np.abs(x - cx))
        found = np.maximum(found, np.where((x * side > 0) & (np.abs(x - cx) < 75 * unit), 3.2 * unit - course, -1))
    # arteries along the inner side of two ribs, and a wide one across them (subclavian, axillary)
    outline = (np.abs(x / patient.width) ** 2.4 + np.abs((y + 0.02 * patient.width) / deep) ** 2.2) ** (1 / 2.3)
    wall = (0.885 - outline) * deep - 4.2 * unit - 3.4 * unit
    across = np.hypot(wall, (y + 0.1 * deep) - 0.6 * z)
    found = np.maximum(found, np.where(x > 0, 4.0 * unit - across, -1))
    thoracic = np.hypot(np.abs(x) - 22 * unit, y + 0.72 * deep)
    return np.maximum(found, 2.0 * unit - thoracic) if z > -20 else found


def _support(patient: Patient, x: Plane, y: Plane, w: float, deep: float) -> tuple[Plane, Plane, Plane]:
    """A hollow-backed table: shell, foam in it, and the mattress upon it."""
    back = deep - 0.02 * w
    top = back + patient.mattress - 0.0006 * (x**2)
    bottom = back + patient.mattress + 34 - 0.0009 * (x**2)
    inside = np.minimum(np.minimum(y - top, bottom - y), 1.15 * w - np.abs(x))
    rail = (np.abs(np.abs(x) - 1.1 * w) < 5) & (np.abs(y - top + 1) < 5)
    shell = ((inside > 0) & (inside < 2.2)) | (rail & (inside < 2.2) & (np.hypot(np.abs(x) - 1.1 * w, y - top + 1) < 5))
    mattress = (y < top) & (y > top - 0.35 * deep) & (np.abs(x) < w)
    return shell, inside >= 2.2, mattress
