"""科研数据的读取入口 · The one door through which notebooks read the de-identified tables.

只含去标识化的数据：没有姓名、编号、日期、机构和任何唯一标识。
De-identified only: no names, numbers, dates, institutions or unique identifiers.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from pipelines.research.dose import BANDS, COLUMNS, DOSE_FILE

FOLDER = "RESEARCH_DATA"
"""Environment variable that names the folder of the tables."""


class NoTableError(RuntimeError):
    """There is no table to read; the message says what to do, in Chinese and English."""


def read_dose(folder: Path | str | None = None) -> pd.DataFrame:
    """读取儿童 CT 剂量表，每个 CT 序列一行 · The dose table of children's CT, one row per series.

    列 · columns: `age_band` 年龄段（有序类别 · ordered category）, `body_part` 检查部位 (DICOM 术语 · defined term),
    `ctdivol` 容积剂量指数 (mGy，序列中位数 · median of the series).
    不足五名儿童的组不在表中。Groups of fewer than five children are not in it.

    `folder`: 默认取环境变量 RESEARCH_DATA · by default the one that RESEARCH_DATA names.
    """
    place = folder or os.environ.get(FOLDER)
    if not place:
        raise NoTableError(f"请把环境变量 {FOLDER} 设为科研数据目录 | set {FOLDER} to the folder of the research tables")
    path = Path(place) / DOSE_FILE
    if not path.exists():
        raise NoTableError(f"{path.parent} 中没有剂量表, 请联系管理员生成 | no dose table here: ask the administrator to make it")
    table = pd.read_parquet(path, columns=list(COLUMNS))
    table["age_band"] = pd.Categorical(table["age_band"], [name for name, _ in BANDS], ordered=True)
    return table
