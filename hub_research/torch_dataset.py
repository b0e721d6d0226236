"""The data set of `training.dataset`, importable by the worker processes of a DataLoader; the only module that needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.utils.data

from hub_research.places import place_of
from hub_research.voxels import Volume, volume

if TYPE_CHECKING:
    import pandas as pd


class CohortDataset(torch.utils.data.Dataset):  # type: ignore[misc, unused-ignore]
    """One item a row: `(image, target)`, as `training.dataset` says."""

    def __init__(
        self, rows: pd.DataFrame, label: str | None, project: str | None, transform: Callable[[Volume], Any] | None, kept: Path | None
    ) -> None:
        self._rows, self._label, self._project, self._transform, self._kept = rows, label, project, transform, kept

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        row = self._rows.iloc[index]
        target = row[self._label] if self._label is not None else -1
        file = self._kept / f"{place_of(row, self._project).series_uid}.npy" if self._kept is not None else None
        if file is not None and file.exists():
            return torch.from_numpy(np.load(file)), target
        one = volume(row, self._project)
        made = self._transform(one) if self._transform is not None else one.array[np.newaxis]
        image = np.ascontiguousarray(made, dtype=np.float32)
        if file is not None:
            part = file.with_name(f".{index}.{file.name}")
            np.save(part, image)
            part.replace(file)
        return torch.from_numpy(image), target
