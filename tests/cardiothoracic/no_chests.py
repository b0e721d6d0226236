"""Computed radiographs that are no frontal chest which can be measured."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .phantom import AERATED, Body, Device, Radiograph, chest, places, root, written


def abdomen(device: Device) -> Radiograph:
    """A belly: gas in round pieces, spine, pelvis."""
    x, y = places(device, 260)
    generator = np.random.default_rng(device.seed)
    water = 200 * root(np.clip(x / 165, -1, 1)) ** 0.7
    for _ in range(14):
        at, radius = (generator.uniform(-100, 100), generator.uniform(0, 240)), generator.uniform(10, 30)
        water -= 35 * root(np.clip(np.hypot(x - at[0], y - at[1]) / radius, 0, 1))
    water += 40 * root(np.clip(x / 20, -1, 1)) * (0.75 + 0.25 * np.cos(2 * np.pi * y / 32))
    for side in (-1, 1):
        water += 35 * (np.hypot((x * side - 85) / 60, (y - 260) / 70) < 1)
    return Radiograph(written(np.clip(water, 0, None), device), device.inverse)


def hand(device: Device) -> Radiograph:
    """Five fingers on a plate in air."""
    x, y = places(device, 180)
    water = 28 * root(np.clip(np.hypot(x / 45, (y - 130) / 60), 0, 1))
    for number in range(5):
        angle = math.radians(-40 + 20 * number)
        along, beside = x * math.sin(angle) - (y - 100) * math.cos(angle), x * math.cos(angle) + (y - 100) * math.sin(angle)
        length = (75, 100, 110, 100, 80)[number]
        water = np.maximum(water, 20 * root(np.clip(beside / 9, -1, 1)) * ((along > 0) & (along < length)))
        water += 9 * root(np.clip(beside / 4, -1, 1)) * ((along > -20) & (along < length - 5) & (np.abs(along % 35 - 17) < 15))
    return Radiograph(written(water, device), device.inverse)


def skull(device: Device) -> Radiograph:
    """A head from the front: vault, orbits, sinuses, jaw."""
    x, y = places(device, 220)
    inside = np.hypot(x / 75, (y - 90) / 100)
    water = 150 * root(np.clip(inside, 0, 1)) + 60 * (np.abs(inside - 0.96) < 0.05)
    for side in (-1, 1):
        water -= 40 * root(np.clip(np.hypot((x * side - 33) / 22, (y - 105) / 18), 0, 1))
        water -= 40 * root(np.clip(np.hypot((x * side - 28) / 16, (y - 145) / 20), 0, 1))
    water += 120 * root(np.clip(x / 55, -1, 1)) * (y > 180)
    return Radiograph(written(np.clip(water, 0, None), device), device.inverse)


def lateral(device: Device) -> Radiograph:
    """A chest from the side: both lungs are one field between sternum and spine, the heart low in front."""
    x, y = places(device, 260)
    u = y / 260
    water = 290 * root(np.clip(x / 130, -1, 1)) ** 0.7 / (1 + np.exp(-(u + 0.02) * 45))
    bottom = 215 - 30 * np.exp(-((x / 60) ** 2)) + 25 * (x > 40)
    width = 98 * np.sqrt(np.clip(1 - (1 - np.clip(u, 0, 0.7) / 0.7) ** 2, 0.02, 1))
    field_ = np.clip(1 - (x / width) ** 2, 0, 1) ** 0.5 * (u > 0) * (y < bottom)
    heart = root(np.clip(np.hypot((x + 38) / 48, (y - 165) / 55), 0, 1))
    water -= AERATED * 230 * field_ * (1 - 0.75 * heart)
    water += 45 * root(np.clip((x - 98 - 20 * np.sin(u * 3)) / 18, -1, 1)) * (0.75 + 0.25 * np.cos(2 * np.pi * y / 24))
    return Radiograph(written(np.clip(water, 0, None), device), device.inverse)


def noise(device: Device) -> Radiograph:
    """Nothing but noise."""
    generator = np.random.default_rng(device.seed)
    return Radiograph(generator.integers(0, 2**device.bits, device.shape, dtype=np.uint16), device.inverse)


def blank(device: Device) -> Radiograph:
    """An exposure of air."""
    return Radiograph(written(np.zeros(device.shape), device), device.inverse)


def one_white_lung(device: Device) -> Radiograph:
    """A chest of which one lung is white."""
    return chest(Body(), device, white=-1 if device.seed % 2 else 1)


NEGATIVES: dict[str, Callable[[Device], Radiograph]] = {
    "abdomen": abdomen,
    "hand": hand,
    "skull": skull,
    "lateral": lateral,
    "noise": noise,
    "blank": blank,
    "one_white_lung": one_white_lung,
}
