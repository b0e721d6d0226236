"""A child's chest as a function: CT number in HU at any point of space, from which the CT and the chest film are made.

Coordinates: LPS in mm (+x to the patient's left, +y to the back, +z to the head), origin in the middle of the chest. About a child of
five: chest 200 mm wide and 136 mm deep, arms raised. Solid shapes only; all measures are ours, nothing comes from a real person.

Facts that tests and people may rely on (before blur and noise):

* air -1000, lung about -820, fat -100, water rod 0, muscle 55, liver 60, heart 45, bone 250-900, table shell 150, table foam -880;
* the heart and the stomach's air bubble lie at +x (left), the liver at -x (right): nothing is mirrored;
* a pneumonia: a dense patch in the right lower lobe round `PNEUMONIA` (mm), -40 HU, air bronchograms in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

HALF_WIDTH, HALF_DEPTH = 100.0, 68.0
PNEUMONIA = (-46.0, 22.0, -30.0)
LIVER_POINT, HEART_POINT, BUBBLE_POINT = (-45.0, 0.0, -95.0), (22.0, -18.0, -28.0), (44.0, -22.0, -84.0)
TABLE_TOP = 74.0
"""y of the table's upper surface in the middle, mm."""
WATER_ROD, BONE_ROD, ROD_RADIUS = (-30.0, 86.0), (30.0, 86.0), 5.0
"""Two rods along z in the table (x, y in mm): 0 HU and 800 HU."""


@dataclass(frozen=True)
class Vessel:
    """A straight piece of a lung vessel from `a` to `b` (mm), radius in mm."""

    a: tuple[float, float, float]
    b: tuple[float, float, float]
    radius: float


def grow_vessels(seed: int) -> list[Vessel]:
    """Grow two lung vessel trees from the hila outwards; deterministic in `seed`."""
    rng = np.random.default_rng(seed)
    grown: list[Vessel] = []
    for side in (-1.0, 1.0):
        hilum = np.array([side * 24.0, 12.0, 12.0])
        tips = []
        for _ in range(9):
            way = np.array([side * rng.uniform(0.5, 1.0), rng.uniform(-0.8, 0.8), rng.uniform(-1.0, 1.0)])
            tips.append((hilum, way / np.linalg.norm(way), 2.8))
        for _ in range(4):
            after = []
            for start, way, radius in tips:
                end = start + way * rng.uniform(13.0, 21.0)
                grown.append(Vessel(tuple(start), tuple(end), radius))
                for _ in range(2):
                    turn = way + rng.normal(0.0, 0.45, 3)
                    after.append((end, turn / np.linalg.norm(turn), radius * 0.68))
            tips = after
    return grown


@dataclass
class ChestModel:
    """The chest sampled on a grid: columns at `x` mm, rows at `y` mm; `plane(z)` gives one axial plane."""

    x: Plane
    y: Plane
    seed: int = 7
    with_table: bool = True
    vessels: list[Vessel] = field(init=False)

    def __post_init__(self) -> None:
        self.x = np.asarray(self.x, np.float32)[None, :]
        self.y = np.asarray(self.y, np.float32)[:, None]
        self.vessels = grow_vessels(self.seed)
        # Angle round the body: 0 at the back, ±pi at the front; ribs and cartilage depend on it only.
        self._round = np.arctan2(np.abs(self.x) / HALF_WIDTH, self.y / HALF_DEPTH).astype(np.float32)

    def plane(self, z: float) -> Plane:
        """CT numbers (HU, float32, rows x columns) of the axial plane at height `z` mm."""
        x, y = self.x, self.y
        narrow = 1.0 if z < 60 else 1.0 - 0.30 * min(1.0, (z - 60) / 60) ** 1.5
        a, b = np.float32(HALF_WIDTH * narrow), np.float32(HALF_DEPTH * (0.75 + 0.25 * narrow))
        rho = np.sqrt(np.sqrt((x / a) ** 4 + (y / b) ** 4 + 1.1 * (x / a) ** 2 * (y / b) ** 2))
        hu = np.full(rho.shape, -1000.0, np.float32)
        hu[rho < 1.0] = 30.0
        hu[rho < 0.98] = -100.0
        hu[rho < 0.91] = 55.0
        self._arms(hu, z)
        self._ribs(hu, rho, z)
        cavity = rho < 0.80
        hu[cavity] = 25.0
        if z < 0:
            self._abdomen(hu, cavity, z)
        self._lungs(hu, rho, z, narrow)
        self._middle(hu, z)
        self._spine(hu, z)
        if self.with_table:
            self._table(hu)
        return hu

    def _ellipse(self, cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
        return ((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2 < 1.0

    def _arms(self, hu: Plane, z: float) -> None:
        """Raised arms beside the neck, with their bones; shoulder blades behind the upper ribs."""
        if z > 68:
            rise = min(1.0, (z - 68) / 34)
            thick = np.sqrt(rise * (2 - rise))
            for side in (-1, 1):
                at = side * (66 + 33 * rise)
                hu[self._ellipse(at, -4, 21 * thick, 24 * thick)] = -100.0
                hu[self._ellipse(at, -4, 18 * thick, 21 * thick)] = 55.0
                if rise > 0.25:
                    hu[self._ellipse(at, -4, 7, 7)] = 700.0
                    hu[self._ellipse(at, -4, 4, 4)] = 120.0
        if 15 < z < 80:
            for side in (-1, 1):
                tilt = (self.x * side - 60) * 0.7 + (self.y - 45)
                hu[(np.abs(tilt) < 2.2) & (np.abs(self.x * side - 58) < 22) & (hu == 55.0)] = 420.0

    def _ribs(self, hu: Plane, rho: Plane, z: float) -> None:
        """Ribs: bands on the chest wall that sink from back to front; cartilage near the breast bone."""
        if z < -112 or z > 92:
            return
        sink = 42.0 * (1.0 - np.cos(self._round)) / 2.0
        phase = (z + sink + 400.0) % 18.0 - 9.0
        wall = (rho - 0.852) * 68.0
        inside = (wall / 3.2) ** 2 + (phase / 4.6) ** 2
        front = self._round > 2.45
        rib = (inside < 1.0) & (self._round < 2.95)
        hu[rib & ~front] = 800.0
        hu[(inside < 0.35) & ~front] = 260.0
        hu[rib & front] = 110.0
        if -42 < z < 62:
            hu[(np.abs(self.x) < 10) & (np.abs(self.y + 60) < 4)] = 300.0

    def _lungs(self, hu: Plane, rho: Plane, z: float, narrow: float) -> None:
        """Both lungs above the domes of the diaphragm, their vessels, and the pneumonia."""
        x, y = self.x, self.y
        if z > 96:
            return
        shrink = 0.80 if z < 40 else 0.80 * np.sqrt(max(0.0, 1.0 - ((z - 40) / 56) ** 2))
        dome = np.where(x < 0, -42.0, -50.0) - 34.0 * (((np.abs(x) - 42.0) / 52.0) ** 2 + (y / 62.0) ** 2) - 0.12 * y
        middle = (11.0 + 8.0 * np.cos(y / 34.0)) * (0.85 + 0.45 * np.exp(-(((z - 68.0) / 26.0) ** 2)))
        lung = (rho < shrink * 0.985) & (np.abs(x) > middle * narrow) & (z > dome)
        lung &= ~self._heart(z)
        lung &= ~self._ellipse(0, 46, 26, 20)
        if not lung.any():
            return
        hu[lung] = -820.0
        hu += np.where(lung, 0.35 * y, np.float32(0))  # the lower, here the back, is denser by gravity
        for vessel in self.vessels:
            self._tube(hu, lung, vessel, z)
        patch = ((x - PNEUMONIA[0]) / 20.0) ** 2 + ((y - PNEUMONIA[1]) / 18.0) ** 2 + ((z - PNEUMONIA[2]) / 20.0) ** 2
        dense = np.clip((1.25 - patch) / 0.5, 0.0, 1.0) * lung
        bronchi = self._ellipse(PNEUMONIA[0] + 8, PNEUMONIA[1] - 9, 1.6, 1.6) | self._ellipse(PNEUMONIA[0] + 10, PNEUMONIA[1] + 6, 1.3, 1.3)
        hu[:] = np.where((dense > 0) & ~bronchi, hu + dense * (-40.0 - hu), hu)

    def _tube(self, hu: Plane, lung: NDArray[np.bool_], vessel: Vessel, z: float) -> None:
        """Cut one vessel piece with the plane: an ellipse stretched along its run."""
        a, b = np.array(vessel.a), np.array(vessel.b)
        low, high = sorted((a[2], b[2]))
        if z < low - vessel.radius or z > high + vessel.radius:
            return
        x, y = self.x[0], self.y[:, 0]
        reach = vessel.radius + 1.0
        c0, c1 = np.searchsorted(x, (min(a[0], b[0]) - reach, max(a[0], b[0]) + reach))
        r0, r1 = np.searchsorted(y, (min(a[1], b[1]) - reach, max(a[1], b[1]) + reach))
        if c0 >= c1 or r0 >= r1:
            return
        run = b - a
        px, py, pz = x[None, c0:c1] - a[0], y[r0:r1, None] - a[1], z - a[2]
        along = np.clip((px * run[0] + py * run[1] + pz * run[2]) / (run @ run), 0.0, 1.0)
        apart = (px - along * run[0]) ** 2 + (py - along * run[1]) ** 2 + (pz - along * run[2]) ** 2
        hit = (apart < vessel.radius**2) & lung[r0:r1, c0:c1]
        hu[r0:r1, c0:c1][hit] = 35.0

    def _heart(self, z: float) -> NDArray[np.bool_]:
        cx, cy, cz = HEART_POINT
        return ((self.x - cx) / 43.0) ** 2 + ((self.y - cy) / 34.0) ** 2 + ((z - cz) / 42.0) ** 2 < 1.0

    def _middle(self, hu: Plane, z: float) -> None:
        """Heart, great vessels, thymus, windpipe and main bronchi; collar bones in front of the apex."""
        hu[self._heart(z)] = 45.0
        if 62 < z < 86:
            # Collar bones: from the breast bone outwards, upwards and backwards.
            along = (z - 64) / 20
            for side in (-1, 1):
                bone = self._ellipse(side * (13 + 54 * along), -47 + 24 * along, 11, 4.5)
                hu[bone] = 750.0
                hu[self._ellipse(side * (13 + 54 * along), -47 + 24 * along, 8, 2.2)] = 300.0
        if z < 46:
            hu[self._ellipse(14, 30, 7.5, 7.5)] = 48.0
        if 34 < z < 48:
            hu[((self.x - 9) / 9) ** 2 + ((self.y - 6) / 28) ** 2 < 1] = 48.0  # the arch
        if z > 5:
            hu[self._ellipse(-13, -8, 6.0, 5.0)] = 47.0  # superior vena cava
        if 20 < z < 62:
            hu[self._ellipse(2, -30, 19, 11)] = 40.0
        if z > 26:
            hu[self._ellipse(0, 14, 6.5, 6.5)] = 60.0
            hu[self._ellipse(0, 14, 4.8, 4.8)] = -1000.0
        elif z > -2:
            for side in (-1, 1):
                at = side * (4 + (26 - z) * 0.85)
                hu[self._ellipse(at, 14, 5.4, 5.0)] = 60.0
                hu[self._ellipse(at, 14, 3.8, 3.6)] = -1000.0

    def _abdomen(self, hu: Plane, cavity: NDArray[np.bool_], z: float) -> None:
        """What lies below the diaphragm: liver, stomach with its bubble (the child lies on the back: air in front), spleen."""
        x, y = self.x, self.y
        hu[cavity & (z < -44)] = 20.0
        liver = cavity & (((x + 34) / 68.0) ** 2 + ((y + 4) / 60.0) ** 2 + ((z + 96) / 62.0) ** 2 < 1.0)
        hu[liver] = 60.0
        hu[cavity & (((x - 62) / 22.0) ** 2 + ((y - 26) / 24.0) ** 2 + ((z + 92) / 30.0) ** 2 < 1.0)] = 52.0
        stomach = cavity & (((x - 42) / 30.0) ** 2 + ((y + 14) / 27.0) ** 2 + ((z + 88) / 30.0) ** 2 < 1.0)
        hu[stomach] = 12.0
        hu[stomach & (y < -16)] = -980.0

    def _spine(self, hu: Plane, z: float) -> None:
        """Vertebrae every 17 mm with 4 mm discs, canal, arches."""
        within = (z + 400.0) % 17.0
        body = self._ellipse(0, 44, 14.5, 11)
        if within < 4.0:
            hu[body] = 90.0
        else:
            hu[body] = 480.0
            hu[self._ellipse(0, 44, 12.6, 9.2)] = 230.0
        if 5.0 < within < 15.0:
            hu[self._ellipse(0, 59, 12.0, 9.0)] = 420.0
            hu[(np.abs(self.x) < 2.4) & (self.y > 60) & (self.y < 73)] = 380.0
            hu[(np.abs(self.x) < 25) & (np.abs(self.y - 56 - 0.18 * np.abs(self.x)) < 2.6)] = 380.0
        hu[self._ellipse(0, 58, 8.0, 6.6)] = 20.0

    def _table(self, hu: Plane) -> None:
        """Curved table: foam between two shells, with the two rods of known number."""
        curve = self.y - (TABLE_TOP - (self.x / 110.0) ** 2 * 9.0)
        wide = np.abs(self.x) < 112
        hu[wide & (curve > 0) & (curve < 24)] = -880.0
        hu[wide & (((curve > 0) & (curve < 1.6)) | ((curve > 22.4) & (curve < 24)))] = 150.0
        for (cx, cy), number in ((WATER_ROD, 0.0), (BONE_ROD, 800.0)):
            hu[self._ellipse(cx, cy, ROD_RADIUS, ROD_RADIUS)] = number
