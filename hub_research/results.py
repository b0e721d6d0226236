"""Results of a project: DICOM objects (SEG, SR) sent back beside the images they were made from, kept apart as not confirmed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub_research.membership import code_of
from hub_research.service import service

if TYPE_CHECKING:
    import pandas as pd

PAGE = 1000


def send_result(result: Any, project: str | None = None) -> dict[str, Any]:
    """Send one object back and return what the service noted of it (`sop_uid`, `study_uid`, `modality` …).

    `result`: path of a DICOM file, its bytes, or a `pydicom.Dataset` with file meta information. It may refer to the project's own UIDs only.
    The same object sent again is no second one. RefusedError: it cannot be taken, with the reason.
    """
    if isinstance(result, bytes):
        content = result
    elif isinstance(result, str | Path):
        content = Path(result).read_bytes()
    else:
        import pydicom

        target = io.BytesIO()
        pydicom.dcmwrite(target, result, enforce_file_format=True)
        content = target.getvalue()
    return dict(service().send(f"/projects/{code_of(project)}/results", content, "application/dicom"))


def results(project: str | None = None) -> pd.DataFrame:
    """What was sent back to the project so far, one a row."""
    import pandas as pd

    route, rows = f"/projects/{code_of(project)}/results", []
    after: str | None = None
    while True:
        page = service().json(route, limit=PAGE, after=after)
        rows += page["results"]
        after = page.get("next")
        if after is None:
            return pd.DataFrame(rows)
