"""A cohort as a data set of PyTorch: what it says where PyTorch is missing, and a model that is trained where it is not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hub_research as hub
from tests.research.client.stand_in import COLUMN, EACH, ROW, SHAPE, SLICE, Research

pytestmark = pytest.mark.clause("H-4", "X-5")
COHORT = """
SELECT series.*, body_part, CASE body_part WHEN 'HEAD' THEN 1 ELSE 0 END AS head, CASE WHEN body_part = 'HEAD' THEN 1 END AS gaps
FROM series JOIN studies USING (study_uid) WHERE body_part IN ('HEAD', 'CHEST') ORDER BY series_uid
"""
COARSE = (4, 16, 20)
has_torch = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not has_torch, reason="PyTorch is no part of the project and not installed here: pip install torch")


def coarse(volume: hub.Volume) -> np.ndarray:
    """Means of blocks, (1, 4, 16, 20), in thousands of HU; it also sees that the volume has its place."""
    assert volume.spacing == (SLICE, ROW, COLUMN) and volume.unit == "HU"
    z, y, x = COARSE
    return volume.array.reshape(z, SHAPE[0] // z, y, SHAPE[1] // y, x, SHAPE[2] // x).mean(axis=(1, 3, 5))[np.newaxis] / 1000


def stored(research: Research, series: str) -> np.ndarray:
    return research.phantoms[series].values


@pytest.mark.skipif(has_torch, reason="PyTorch is installed here")
def test_without_pytorch_the_words_say_what_to_do(research: Research) -> None:
    with pytest.raises(hub.ResearchError, match="没有 PyTorch"):
        hub.dataset(hub.cohort(COHORT), "head")


@needs_torch
def test_items_are_the_voxels_and_the_label(research: Research, tmp_path: Path) -> None:
    import torch

    rows = hub.cohort(COHORT)
    made = hub.dataset(rows, "body_part", folder=tmp_path / "kept")
    assert isinstance(made, torch.utils.data.Dataset) and len(made) == len(rows) == 2 * EACH + 1
    for index in (0, len(made) - 1):
        image, label = made[index]
        assert (image.dtype, tuple(image.shape), label) == (torch.float32, (1, *SHAPE), rows["body_part"].iloc[index])
        assert np.array_equal(image.numpy()[0], stored(research, rows["series_uid"].iloc[index]))
    # kept images are not fetched again
    research.asked.clear()
    assert np.array_equal(made[0][0].numpy()[0], stored(research, rows["series_uid"].iloc[0]))
    assert not [path for path in research.asked if path.endswith("/volume")]
    assert hub.dataset(rows)[0][1] == -1


@needs_torch
def test_what_is_no_label_is_said_before_hours_of_training(research: Research) -> None:
    rows = hub.cohort(COHORT)
    with pytest.raises(hub.QueryError, match="gaps 有 12 个空值"):
        hub.dataset(rows, "gaps")
    with pytest.raises(hub.QueryError, match="没有列 malignant"):
        hub.dataset(rows, "malignant")
    with pytest.raises(hub.QueryError, match="没有列 series_uid"):
        hub.dataset(rows.drop(columns="series_uid"), "head")


@needs_torch
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_loader_with_processes_gives_every_series_once(research: Research, tmp_path: Path, start: str) -> None:
    from torch.utils.data import DataLoader

    rows = hub.cohort(COHORT)
    made = hub.dataset(rows, "head", transform=coarse, folder=tmp_path / "kept")
    loader: Any = DataLoader(made, batch_size=5, num_workers=2, multiprocessing_context=start)
    images, labels = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*loader, strict=True))
    assert images.shape == (len(rows), 1, *COARSE) and labels.tolist() == rows["head"].tolist()
    for image, series in zip(images, rows["series_uid"], strict=True):
        mean = stored(research, series)[:3, :4, :4].mean() / 1000
        assert image[0, 0, 0, 0] == pytest.approx(mean, abs=1e-6)
    assert len(list((tmp_path / "kept").glob("*.npy"))) == len(rows)


@needs_torch
def test_a_model_learns_what_is_in_the_images(research: Research, tmp_path: Path) -> None:
    """Heads (a ring of bone) from chests (two lungs): a line through block means is enough, so that anything less is a mistake on the way."""
    import torch
    from torch.utils.data import DataLoader

    torch.manual_seed(1)
    made = hub.dataset(hub.cohort(COHORT), "head", transform=coarse, folder=tmp_path / "kept")
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(COARSE)), 1))
    step = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(30):
        for image, head in DataLoader(made, batch_size=8, shuffle=True):
            step.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(image)[:, 0], head.float()).backward()
            step.step()
    with torch.no_grad():
        right = [bool((model(image[None])[0, 0] > 0) == bool(head)) for image, head in made]
    assert sum(right) >= len(made) - 1  # the phantom that is looked at is no head of the others' kind
