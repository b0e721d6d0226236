"""Random walker segmentation on the bright voxels of a CT (Grady, "Random Walks for Image Segmentation", IEEE PAMI 2006).

A walker that starts in a voxel steps to neighbours, rarely across an edge of the image; what is computed is how likely it first meets
a seed of the bone. That is a linear system over the voxels without a seed, solved by conjugate gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from pipelines.masks.grid import Floats, Mask

Ints = np.ndarray[Any, np.dtype[np.int32]]
TOLERANCE = 1e-3
MOST_STEPS = 400


@dataclass(frozen=True)
class Net:
    """The voxels of a mask as a graph: neighbours share a face."""

    mask: Mask
    first: Ints
    second: Ints

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.mask.sum())

    @classmethod
    def of(cls, mask: Mask) -> Net:
        """Number the voxels of the mask in C order and list each pair of neighbours once."""
        number = np.full(mask.shape, -1, np.int32)
        number[mask] = np.arange(int(mask.sum()), dtype=np.int32)
        firsts, seconds = [], []
        for axis in range(3):
            here: list[slice] = [slice(None)] * 3
            there: list[slice] = [slice(None)] * 3
            here[axis], there[axis] = slice(None, -1), slice(1, None)
            both = mask[tuple(here)] & mask[tuple(there)]
            firsts.append(number[tuple(here)][both])
            seconds.append(number[tuple(there)][both])
        return cls(mask, np.concatenate(firsts), np.concatenate(seconds))

    def matrix(self, weights: np.ndarray[Any, Any]) -> sparse.csr_array:
        """The symmetric adjacency matrix with one weight for each pair."""
        rows, columns = np.concatenate([self.first, self.second]), np.concatenate([self.second, self.first])
        return sparse.csr_array((np.concatenate([weights, weights]), (rows, columns)), shape=(self.size, self.size))

    def pieces(self) -> Ints:
        """For each voxel the number of the connected piece it belongs to."""
        _, labels = csgraph.connected_components(self.matrix(np.ones(len(self.first), np.int8)), directed=False)
        return np.asarray(labels, np.int32)

    def spread(self, labels: Ints, steps: int) -> Ints:
        """Labels (0: none) handed on to neighbours without one, voxel by voxel."""
        labels = labels.copy()
        for _ in range(steps):
            before = labels.copy()
            for a, b in ((self.first, self.second), (self.second, self.first)):
                gives = (before[a] > 0) & (before[b] == 0)
                labels[b[gives]] = before[a[gives]]
        return labels


def probability(net: Net, values: Floats, bone: Mask, vessel: Mask, contrast: float) -> Floats:
    """How likely each voxel of the net is bone, 0…1; `values`, `bone` and `vessel` are one per voxel of the net.

    `contrast` (HU): a step of this height between neighbours is crossed e times less often. A piece without a seed of bone is 0.
    """
    weights = np.exp(-(((values[net.first] - values[net.second]) / contrast) ** 2)).astype(np.float32) + np.float32(1e-4)
    adjacency = net.matrix(weights)
    labels = net.pieces()
    pieces = int(labels.max(initial=-1)) + 1
    has_bone = np.bincount(labels, bone, pieces) > 0
    has_vessel = np.bincount(labels, vessel, pieces) > 0
    known = np.where(bone, np.float32(1), np.float32(0))
    # A piece with seeds of one kind only is that kind: nothing to compute.
    result = np.where(has_bone[labels] & ~has_vessel[labels], np.float32(1), known)
    free = (has_bone & has_vessel)[labels] & ~bone & ~vessel
    if not free.any():
        return result
    degree = np.asarray(adjacency.sum(1)).ravel()[free]
    towards = adjacency[free]
    system, right = towards[:, free], towards @ known
    x = np.full(right.shape, 0.5, np.float32)
    residual = right - (degree * x - system @ x)
    direction = ready = residual / degree
    energy = float(residual @ ready)
    goal = TOLERANCE**2 * max(energy, 1e-9)
    for _ in range(MOST_STEPS):
        if energy <= goal:
            break
        image = degree * direction - system @ direction
        length = energy / float(direction @ image)
        x += length * direction
        residual -= length * image
        ready = residual / degree
        energy, before = float(residual @ ready), energy
        direction = ready + (energy / before) * direction
    result[free] = np.clip(x, 0, 1)
    return result
