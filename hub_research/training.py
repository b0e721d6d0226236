"""Series of a cohort as a data set of PyTorch, where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub_research.problems import QueryError, ResearchError

if TYPE_CHECKING:
    import pandas as pd

    from hub_research.voxels import Volume


def dataset(
    cohort: pd.DataFrame,
    label: str | None = None,
    *,
    project: str | None = None,
    transform: Callable[[Volume], Any] | None = None,
    folder: Path | str | None = None,
) -> Any:
    """A `torch.utils.data.Dataset` with one item a row of `cohort` (it needs `study_uid` and `series_uid`).

    An item is `(image, target)`: `image` a float32 tensor (1, z, y, x) of modality values, or what `transform(volume)` gives;
    `target` the value of the column `label` (−1 without one). A `DataLoader` puts images of one shape together: give a `transform` where
    the series differ. `folder`: transformed images are kept there, so that the next epoch does not fetch them again; another transform
    needs another folder. ResearchError: PyTorch is not installed. QueryError: a column is missing, or a label is empty.
    """
    try:
        import torch  # noqa: F401
    except ImportError as problem:
        raise ResearchError(
            "这里没有 PyTorch：请联系管理员安装，或直接使用 volume() 得到的 NumPy 数组",
            "PyTorch is not installed here: ask an administrator, or use the NumPy arrays of volume()",
        ) from problem
    from hub_research.torch_dataset import CohortDataset

    missing = [name for name in ("study_uid", "series_uid", *([label] if label is not None else [])) if name not in cohort.columns]
    if missing:
        named = ", ".join(missing)
        raise QueryError(f"人群中没有列 {named}：请在查询中加上", f"the cohort has no column {named}: add it to the query")
    if label is not None and (empty := int(cohort[label].isna().sum())):
        raise QueryError(
            f"列 {label} 有 {empty} 个空值，不能作为标签：请先在查询中去掉这些行",
            f"the column {label} is empty in {empty} rows, which are no labels: leave them out in the query",
        )
    kept = Path(folder) if folder is not None else None
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    return CohortDataset(cohort.reset_index(drop=True), label, project, transform, kept)
