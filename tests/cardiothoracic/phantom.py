"""Radiographs that are computed: a chest whose heart and thorax have exact widths.

What is drawn is the way of the rays through tissue (mm of water), from it the exposure with scatter, blur and noise, from that stored
values as devices write them. Coordinates of the body: x to the right of the picture (the patient's left), y down from the apex of the
lungs, mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage

Plane = np.ndarray[Any, np.dtype[np.floating[Any]]]

WATER = 0.019
"""Attenuation per mm at the energy of a chest radiograph."""
AERATED = 0.78
"""Share of a way through the lung that is air."""
BONE = 1.6
"""mm of water that a mm of bone counts for."""


@dataclass(frozen=True)
class Body:
    """Sizes of one chest, mm; widths are from the middle outwards."""

    half: float = 140.0
    """Of the thorax inside the ribs, right side, at its widest."""
    lopsided: float = 1.0
    """Left half over right half."""
    height: float = 260.0
    """Of the lungs from apex to costophrenic angle."""
    depth: float = 95.0
    """Half of the cavity from front to back."""
    heart: tuple[float, float, float, float, float] = (22.0, 178.0, 66.0, 48.0, 28.0)
    """Column and row of its middle, the two half axes, degrees by which the long one falls to the left."""
    vessels: tuple[float, float] = (26.0, 32.0)
    """Upper mediastinum to the right and to the left; a child's thymus makes it broad."""
    dome: tuple[float, float] = (0.83, 0.87)
    """Row of the diaphragm's top to the right and to the left, share of the height."""
    soft: float = 22.0
    """Chest wall outside of the ribs."""
    arms: bool = True
    filled: tuple[float, float] = (0.9, 0.8)
    """Share of the cavity's depth that is no lung in the middle of the mediastinum, and of the heart: lung lies before and behind."""
    spine: float = 26.0
    """Bone on the way through a vertebra of an adult, mm."""

    def lateral(self, side: int, y: Plane) -> Plane:
        """Distance of the inner rib margin from the middle; side −1 is the picture's left. NaN above and below the lungs."""
        u = np.asarray(y, float) / self.height
        upper = 0.34 + 0.66 * np.sqrt(np.clip(1 - (1 - u / 0.78) ** 2, 0, 1))
        lower = 1 - 0.05 * ((u - 0.78) / 0.22) ** 2
        share = np.where(u < 0.78, upper, lower)
        share = np.where((u >= 0) & (u <= 1), share, np.nan)
        return share * self.half * (self.lopsided if side > 0 else 1.0)

    def diaphragm(self, side: int, x: Plane) -> Plane:
        """Row of its upper border at a distance from the middle."""
        half = self.half * (self.lopsided if side > 0 else 1.0)
        top = self.dome[0 if side < 0 else 1] * self.height
        off = (np.asarray(x, float) - 0.48 * half) / (0.47 * half)
        return top + (self.height - top) * np.clip(off, -1.0, 1.0) ** 2 * np.where(off < 0, 0.55, 1.0)

    def heart_reach(self, side: int) -> tuple[float, float]:
        """Greatest distance of the heart's border from the middle on a side, and its row: extremes of a turned ellipse."""
        x, y, long, short, turn = self.heart
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        reach = math.hypot(long * c, short * s)
        return reach + side * x, y + side * (long**2 - short**2) * c * s / reach

    @property
    def thorax(self) -> float:
        """Greatest inner diameter."""
        return self.half * (1 + self.lopsided)

    @property
    def ratio(self) -> float:
        """The cardiothoracic ratio that is true."""
        return (self.heart_reach(-1)[0] + self.heart_reach(1)[0]) / self.thorax

    def shows_heart(self) -> bool:
        """Whether both borders of the heart are against lung: above the diaphragm, and beside the vessels."""
        for side in (-1, 1):
            reach, row = self.heart_reach(side)
            if row > self.diaphragm(side, np.asarray(reach)) - 6 or reach < self.vessels[0 if side < 0 else 1] + 4:
                return False
            if reach > 0.86 * self.half:
                return False
        return True


@dataclass(frozen=True)
class Device:
    """How the picture is taken and written."""

    shape: tuple[int, int] = (600, 560)
    pixel: float = 0.68
    """mm."""
    turn: float = 0.0
    """Degrees that the child lies askew."""
    shift: tuple[float, float] = (0.0, 0.0)
    """mm of the body on the detector, across and down."""
    blur: float = 0.3
    scatter: float = 0.2
    quanta: float = 3000.0
    """Per pixel in air: noise."""
    sharpen: float = 0.0
    """Of the processing's unsharp mask, 12 mm wide."""
    evened: float = 0.2
    """How much of the coarse differences of density the processing takes away."""
    gamma: float = 1.0
    clip: float = 0.7
    """How much of the air's darkness the processing cuts off, 0…1."""
    bits: int = 12
    inverse: bool = False
    collimated: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Shares cut off at left, top, right and bottom by the collimator."""
    shutter: bool = False
    """The cut off part is written black instead of as it came."""
    quarter: int = 0
    """Quarter turns of the stored picture against the clock."""
    seed: int = 1


@dataclass(frozen=True)
class Radiograph:
    """Stored values, and what is known about them."""

    stored: np.ndarray[Any, np.dtype[np.uint16]]
    inverse: bool
    ratio: float = math.nan
    reach: dict[str, float] = field(default_factory=dict)
    """Widths in pixels: right and left heart, thorax."""


def chest(body: Body, device: Device, *, white: int = 0) -> Radiograph:
    """The frontal radiograph; `white`: the lung of this side (−1, 1) lets nothing through."""
    x, y = places(device, body.height)
    water = _trunk(body, x, y) + _bones(body, x, y)
    for side in (-1, 1):
        if white != side:
            water -= AERATED * _lung(body, side, x, y)
    reach = {
        "right": body.heart_reach(-1)[0] / device.pixel,
        "left": body.heart_reach(1)[0] / device.pixel,
        "thorax": body.thorax / device.pixel,
    }
    return Radiograph(written(np.clip(water, 0, None), device), device.inverse, body.ratio, reach)


def places(device: Device, height: float) -> tuple[Plane, Plane]:
    """Place in the body of each pixel's middle."""
    rows, columns = device.shape
    across = (np.arange(columns) - (columns - 1) / 2) * device.pixel - device.shift[0]
    down = (np.arange(rows) - (rows - 1) / 2) * device.pixel - device.shift[1]
    c, s = math.cos(math.radians(device.turn)), math.sin(math.radians(device.turn))
    return across[None, :] * c + down[:, None] * s, down[:, None] * c - across[None, :] * s + height / 2


def root(share: Plane) -> Plane:
    """Way through a round body at a share of its half width, 1 in the middle."""
    return np.sqrt(np.clip(1 - share**2, 0, 1))


def _trunk(body: Body, x: Plane, y: Plane) -> Plane:
    """Water of the soft body: trunk, neck, shoulders and arms."""
    u = y / body.height
    half = body.half * (0.98 + 0.06 * np.clip(u - 0.4, -0.3, 1)) + body.soft
    depth = 2 * (body.depth * np.clip(0.74 + 0.3 * u, 0.6, 1.0) + 0.9 * body.soft)
    # the shoulders slope from the neck
    top = 0.16 * (np.abs(x) / body.half) ** 1.5 - 0.17
    trunk = depth * root(np.clip(np.abs(x) / half, 0, 1)) ** 0.45 / (1 + np.exp(-np.clip((u - top) * 60, -50, 50)))
    neck = 1.1 * body.half * root(x / (0.42 * body.half)) * (u < 0.1)
    parts = [trunk, neck]
    if body.arms:
        for side in (-1, 1):
            shoulder = np.clip(np.hypot((x * side / body.half - 0.95) / 0.75, (u - 0.12) / 0.26), 0, 1)
            arm = np.clip((x * side - 1.5 * body.half - 0.15 * y) / (0.2 * body.half + 6), -1, 1)
            parts += [1.9 * body.depth * root(shoulder), 0.9 * body.depth * root(arm) * (u > 0.1)]
    return np.maximum.reduce(parts)


def _lung(body: Body, side: int, x: Plane, y: Plane) -> Plane:
    """mm of lung on the way: the cavity without mediastinum, heart and what is below the diaphragm."""
    out = x * side
    lateral = np.nan_to_num(body.lateral(side, y), nan=1e-6)
    cavity = 2 * body.depth * np.clip(0.45 + 0.75 * y / body.height, 0.4, 1.05) * root(np.clip(out / lateral, -1, 1))
    cavity = np.where((out > 0) & (lateral > 1), cavity, 0)
    # apex: the cavity is flat there
    cavity = cavity * np.clip(y / (0.12 * body.height), 0, 1) ** 0.5
    u = y / body.height
    width = body.vessels[0 if side < 0 else 1] * (1 - 0.25 * np.clip((u - 0.45) / 0.4, 0, 1)) * (1 + 0.05 * np.sin(9 * u))
    middle = body.filled[0] * root(np.clip(out / width, 0, 1))
    cx, cy, long, short, turn = body.heart
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    along, beside = (x - cx) * c + (y - cy) * s, (y - cy) * c - (x - cx) * s
    heart = body.filled[1] * root(np.clip(np.hypot(along / long, beside / short), 0, 1))
    hilum = 0.22 * np.exp(-(((out - 1.25 * width) / (0.09 * body.half)) ** 2) - ((u - 0.46) / 0.1) ** 2)
    open_part = 1 - np.clip(np.maximum(middle, heart) + hilum, 0, 1)
    below = y - body.diaphragm(side, out)
    behind = np.where(below > 0, 0.16 * np.exp(-below / (0.12 * body.height)), 1.0)
    return cavity * open_part * behind


def _bones(body: Body, x: Plane, y: Plane) -> Plane:
    """Ribs, clavicles, shoulder blades and spine, mm of water."""
    half, height = body.half, body.height
    bone = np.zeros(np.broadcast(x, y).shape)
    out = np.abs(x)
    edge = np.nan_to_num(np.where(x < 0, body.lateral(-1, y), body.lateral(1, y)), nan=0.0)
    inside = (out < edge + 0.035 * half) & (y > -0.03 * height) & (y < 1.15 * height)
    step = height / 9.5
    # behind: they fall outwards; in front: steeper and fainter
    for slope, arch, thick, strength in ((0.28, -0.0012, 0.34, 5.0), (0.75, 0.0, 0.30, 3.0)):
        phase = (y - slope * out - arch * 140 / half * out**2 + 200 * step) % step / step
        bone += np.where(inside, strength * root(np.clip((phase - 0.5) / (thick / 2), -1, 1)), 0)
    # seen along their shaft at the side
    ring = np.clip(1 - np.abs(out - edge - 0.03 * half) / (0.035 * half), 0, 1)
    bone += np.where(edge > 0, 9.0 * ring, 0)
    clavicle = y - (0.09 * height - 0.10 * (out - 0.2 * half))
    bone += 9 * root(np.clip(clavicle / (0.022 * height), -1, 1)) * ((out > 0.12 * half) & (out < 1.15 * half))
    blade = ((out - 1.02 * half) / (0.16 * half)) ** 2 + ((y - 0.27 * height) / (0.24 * height)) ** 2
    bone += 5 * (blade < 1)
    disc = 0.75 + 0.25 * np.cos(2 * np.pi * y / (height / 11))
    bone += body.spine * (half / 140) * disc * root(np.clip(x / (0.13 * half), -1, 1))
    return BONE * bone * half / 140


def written(water: Plane, device: Device) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Stored values of the ways through the body, as a device makes them of its exposure."""
    generator = np.random.default_rng(device.seed)
    primary = np.exp(-WATER * water)
    wide = 45 / device.pixel / 8
    spread = ndimage.zoom(ndimage.gaussian_filter(primary[::8, ::8], wide, mode="nearest"), 8, order=1)
    spread = np.pad(spread, ((0, 8), (0, 8)), mode="edge")[: water.shape[0], : water.shape[1]]
    exposure = (1 - device.scatter) * primary + device.scatter * spread
    exposure = ndimage.gaussian_filter(exposure, device.blur / device.pixel)
    rows, columns = water.shape
    left, top, right, bottom = device.collimated
    exposed = np.zeros(water.shape, bool)
    exposed[int(top * rows) : rows - int(bottom * rows), int(left * columns) : columns - int(right * columns)] = True
    exposure = np.where(exposed, exposure, 0.004)
    exposure = generator.poisson(np.clip(exposure, 0, None) * device.quanta).clip(1) / device.quanta
    grey = -np.log(exposure)
    if device.sharpen:
        grey = grey + device.sharpen * (grey - ndimage.uniform_filter(grey, max(3, int(12 / device.pixel))))
    if device.evened:
        coarse = ndimage.zoom(
            ndimage.gaussian_filter(np.where(exposed, grey, grey[exposed].mean())[::8, ::8], 55 / device.pixel / 8), 8, order=1
        )
        grey = grey - device.evened * np.pad(coarse, ((0, 8), (0, 8)), mode="edge")[:rows, :columns]
    # air outside the body is as black as the lungs, or blacker
    body = grey[exposed & (water > 15)] if np.any(exposed & (water > 15)) else grey[exposed]
    low, high = np.percentile(body, (0.3 + 2 * device.clip, 99.7))
    low -= (1 - device.clip) * 0.3 * (high - low)
    grey = np.clip((grey - low) / (high - low), 0, 1) ** device.gamma
    if device.shutter:
        grey = np.where(exposed, grey, 0)
    most = 2**device.bits - 1
    stored = np.rint((1 - grey if device.inverse else grey) * 0.92 * most + 0.04 * most).astype(np.uint16)
    return np.rot90(stored, device.quarter).copy()


def drawn_bodies(count: int, seed: int) -> list[tuple[Body, Device]]:
    """Chests of all ages with their devices, at random but the same for the same seed."""
    generator = np.random.default_rng(seed)
    found: list[tuple[Body, Device]] = []
    while len(found) < count:
        child = len(found) % 2 == 1
        half = generator.uniform(55, 100) if child else generator.uniform(115, 155)
        k = half / 140
        body = Body(
            half=half,
            lopsided=generator.uniform(0.95, 1.06),
            height=half * (generator.uniform(1.35, 1.65) if child else generator.uniform(1.6, 1.95)),
            depth=half * generator.uniform(0.6, 0.75),
            heart=(
                generator.uniform(14, 32) * k,
                0.0,
                half * (generator.uniform(0.46, 0.62) if child else generator.uniform(0.38, 0.56)),
                half * generator.uniform(0.33, 0.42),
                generator.uniform(15, 40),
            ),
            vessels=(
                half * (generator.uniform(0.22, 0.36) if child else generator.uniform(0.16, 0.2)),
                half * (generator.uniform(0.24, 0.40) if child else generator.uniform(0.19, 0.24)),
            ),
            dome=(generator.uniform(0.78, 0.85), generator.uniform(0.81, 0.88)),
            soft=half * generator.uniform(0.13, 0.3),
            arms=bool(generator.random() < 0.7),
        )
        x, _, long, short, turn = body.heart
        body = Body(**{**body.__dict__, "heart": (x, body.height * generator.uniform(0.62, 0.7), long, short, turn)})
        if not body.shows_heart():
            continue
        rows, columns = int(generator.integers(420, 700)), int(generator.integers(400, 640))
        # the thorax fills the plate to a varying extent, and is never cut off
        pixel = max(2 * half / columns, body.height / rows) * generator.uniform(1.2, 1.55)
        free = columns * pixel - 2.3 * half
        cut = [float(max(0.0, generator.uniform(-0.06, 0.06))) for _ in range(4)]
        device = Device(
            shape=(rows, columns),
            pixel=pixel,
            turn=generator.uniform(-5, 5),
            shift=(generator.uniform(-0.2, 0.2) * free, generator.uniform(-0.02, 0.04) * body.height),
            blur=generator.uniform(0.2, 0.9),
            scatter=generator.uniform(0.05, 0.35),
            quanta=float(np.exp(generator.uniform(math.log(400), math.log(20000)))),
            sharpen=generator.uniform(0, 1.5) if generator.random() < 0.5 else 0.0,
            gamma=generator.uniform(0.7, 1.5),
            clip=generator.uniform(0, 1),
            evened=generator.uniform(0, 0.6),
            bits=int(generator.integers(10, 17)),
            inverse=bool(generator.random() < 0.5),
            collimated=(cut[0], cut[1], cut[2], cut[3]),
            shutter=bool(generator.random() < 0.5),
            seed=int(generator.integers(1, 10**6)),
        )
        found.append((body, device))
    return found
