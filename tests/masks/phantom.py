"""Small CT phantoms whose every voxel is known: trunk with spine, ribs and contrast vessels, and a table beneath it.

Arrays are (frames, rows, columns); x to the left, y to the back, z to the head, mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

AIR, FAT, SOFT, CANCELLOUS, CORTEX = -1000, -80, 45, 210, 950


@dataclass(frozen=True)
class Phantom:
    """HU and the truth in the same grid."""

    volume: np.ndarray
    spacing: tuple[float, float, float]
    bone: np.ndarray
    vessel: np.ndarray
    body: np.ndarray
    table: np.ndarray


def trunk(
    *, frames: int = 72, side: int = 192, pixel: float = 1.2, step: float = 1.5, contrast: float = 330, noise: float = 12,
    cancellous: float = CANCELLOUS, cortex: float = CORTEX, gap: float = 0.0, blur: float = 0.6, pad: float = 4.0, seed: int = 1,
) -> Phantom:  # fmt: skip
    """A trunk whose aorta lies on the vertebrae (`gap` mm between them) and whose intercostal arteries lie on the ribs; `pad` mm of
    mattress between back and table."""
    random = np.random.default_rng(seed)
    z, y, x = np.meshgrid(
        (np.arange(frames) * step).astype("f4"),
        ((np.arange(side) - side / 2) * pixel).astype("f4"),
        ((np.arange(side) - side / 2) * pixel).astype("f4"),
        indexing="ij",
        sparse=True,
    )
    half = side * pixel / 2
    a, b = half * 0.72, half * 0.5
    radius = np.sqrt((x / a) ** 2 + ((y + half * 0.1) / b) ** 2) + 0 * z
    body = radius < 1
    hu = np.where(body, np.where(radius < 0.94, SOFT, FAT), AIR).astype("f4")
    back = b - half * 0.1
    # vertebrae: bodies of 24 mm with discs of 5 mm, arch and processes behind
    cx, cy = 0.0, back - 46
    within = (z % 29) < 24
    disc = np.sqrt(((x - cx) / 19) ** 2 + ((y - cy) / 15) ** 2)
    vertebra = (disc < 1) & within
    ring = np.hypot((x - cx) / 15, (y - cy - 24) / 13)
    arch = (ring < 1) & (ring > 0.62) & ((z % 29) < 17)
    spine = (np.abs(x - cx) < 3.5) & (y > cy + 34) & (y < cy + 42) & ((z % 29) < 14)
    across = (np.abs(y - cy - 22) < 4) & (np.abs(x - cx) < 32) & (np.abs(x - cx) > 13) & ((z % 29) < 9)
    bone = vertebra | arch | spine | across
    # ribs: oblique tubes along the inner wall
    angle = np.arctan2(y + half * 0.1, x)
    height = (z - 9 * np.cos(angle * 1.0) - 4 * np.sin(angle * 2)) % 26
    rib = np.hypot((radius - 0.86) * (a + b) / 2, height - 13)
    bone |= (rib < 5.2) & (np.abs(angle - np.pi / 2) > 0.35)
    depth = ndimage.distance_transform_edt(bone, (step, pixel, pixel))
    inside = bone & (depth > 1.9)
    texture = ndimage.gaussian_filter(random.standard_normal(bone.shape).astype("f4"), 0.9) * 90
    hu = np.where(bone, np.where(inside, cancellous + texture, cortex), hu)
    # aorta on the front of the spine, a side branch, a vessel off the spine, arteries on the ribs
    ax, ay = 5 + 3 * np.sin(z / 30), cy - 15 - 9 - gap
    vessel = (np.hypot(x - ax, y - ay) < 9.5) & ~bone
    vessel |= (np.hypot(y - ay + 2, z - frames * step * 0.55) < 3.2) & (x > ax) & (x < ax + 45)
    vessel |= np.hypot(x + 30, y - cy + 30) < 7
    vessel |= (np.hypot((radius - 0.86 + 5.2 / (a + b) * 2 + 0.015) * (a + b) / 2, height - 9.5) < 1.8) & (angle > 0.2) & (angle < 1.3)
    vessel &= ~bone
    hu = np.where(vessel, contrast, hu)
    # table: a shell of carbon fibre around foam
    top = back + pad
    slab = (y > top) & (y < top + 28) & (np.abs(x) < half * 0.8)
    core = (y > top + 2.4) & (y < top + 25.6) & (np.abs(x) < half * 0.8 - 2.4)
    table = slab & ~body
    hu = np.where(table, np.where(core, -930, -150), hu)
    mattress = (y > back - 40) & (y <= top) & (np.abs(x) < half * 0.7) & ~body
    hu = np.where(mattress, -900, hu)
    hu = ndimage.gaussian_filter(hu.astype("f4"), (blur / step, blur / pixel, blur / pixel))
    hu += ndimage.gaussian_filter(random.standard_normal(hu.shape).astype("f4"), (0, 0.6, 0.6)) * noise * 2.2
    return Phantom(np.clip(hu, -1024, 3071).astype(np.int16), (step, pixel, pixel), bone, vessel, body, table & ~core)
