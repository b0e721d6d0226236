"""Chests in which the heart is fainter than in `drawn_bodies`: much lung before and behind it, dense spines, narrow mediastina."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .phantom import Body, Device, drawn_bodies


def faint_bodies(count: int, seed: int) -> list[tuple[Body, Device]]:
    """Chests of all ages whose hearts fill a third to three quarters of the depth, beside spines of varied density."""
    generator = np.random.default_rng(seed)
    found: list[tuple[Body, Device]] = []
    for body, device in drawn_bodies(2 * count, seed + 1000):
        x, y, long, short, turn = body.heart
        larger = generator.uniform(0.85, 1.3)
        faint = replace(
            body,
            heart=(x * generator.uniform(0.7, 1.3), y, long * larger, short * larger, turn),
            # beside a heart the mediastinum is the spine, the aorta and the gullet
            vessels=(body.vessels[0] * generator.uniform(0.5, 1.0), body.vessels[1] * generator.uniform(0.5, 1.0)),
            filled=(generator.uniform(0.55, 0.95), generator.uniform(0.3, 0.75)),
            spine=generator.uniform(15, 55),
        )
        if faint.shows_heart() and len(found) < count:
            found.append((faint, replace(device, turn=generator.uniform(-8, 8))))
    return found
