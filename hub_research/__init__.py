"""科研数据客户端 · The researcher's client of de-identified data.

    import hub_research as hub

    hub.projects()                                  # 我的项目 · my projects
    hub.tables()                                    # 有哪些表和列 · tables and columns
    rows = hub.cohort("SELECT * FROM series WHERE modality = 'CT'")
    volume = hub.volume(rows.iloc[0])               # 体数据 · voxels
    hub.DicomViewer(rows.iloc[0])                   # 阅片组件 · the viewer

See docs/hub_research.md.
"""

from hub_research.exporting import Exported, export
from hub_research.membership import projects
from hub_research.places import Place, instances, series, studies
from hub_research.problems import (
    DamagedError,
    NoServiceError,
    PlaceError,
    ProjectError,
    QueryError,
    RefusedError,
    ResearchError,
)
from hub_research.progress import Progress
from hub_research.querying import cohort, tables
from hub_research.results import results, send_result
from hub_research.training import dataset
from hub_research.viewer import DicomViewer
from hub_research.voxels import Volume, volume

__all__ = [
    "DamagedError",
    "DicomViewer",
    "Exported",
    "NoServiceError",
    "Place",
    "PlaceError",
    "Progress",
    "ProjectError",
    "QueryError",
    "RefusedError",
    "ResearchError",
    "Volume",
    "cohort",
    "dataset",
    "export",
    "instances",
    "projects",
    "results",
    "send_result",
    "series",
    "studies",
    "tables",
    "volume",
]
