"""The example notebooks, executed as they stand in the researchers' environment against the research service's routes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tests.research.client.stand_in import EACH, StandIn

pytestmark = pytest.mark.clause("H-4", "H-8")
ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def executed(
    lab_environment: Path, stand_in: StandIn, front_end: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[NotebookNode]]:
    """Name → cells of each notebook, run with the researchers' own Python: one kernel for all, emptied before each."""
    folder = tmp_path_factory.mktemp("lab")
    kernel = folder / "kernels" / "lab"
    kernel.mkdir(parents=True)
    start = [str(lab_environment / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": start, "display_name": "lab", "language": "python"}))
    # what a researcher sees of the project: the client and the widget, nothing else
    python = folder / "python"
    (python / "apps").mkdir(parents=True)
    for part in ("hub_research", "apps/__init__.py", "apps/viewer"):
        (python / part).symlink_to(ROOT / part)
    whole, parts = new_notebook(), {}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        parts[path.stem] = slice(len(whole.cells) + 1, len(whole.cells) + 1 + len(cells))
        whole.cells += [new_code_cell("%reset -f"), *cells]
    settings = {"PYTHONPATH": str(python), "HUB_DIST": str(front_end)}
    settings |= {"HUB_RESEARCH": stand_in.address, "HUB_RESEARCH_CACHE": str(folder / "cache")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        client = NotebookClient(whole, timeout=60, kernel_name="lab", resources={"metadata": {"path": str(ROOT / "notebooks")}})
        client.execute(env=os.environ | settings)
    return {name: whole.cells[part] for name, part in parts.items()}


def outputs(cells: list[NotebookNode], kind: str) -> list[Any]:
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            if kind in output.get("data", {}):
                found.append(output["data"][kind])
    return found


def cells_of(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_asks_a_question(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
    first = notebook.cells[0].source
    assert "？" in first and "**Question**" in first
    assert "**How to read it**" in "".join(cell.source for cell in notebook.cells)


def test_cohort_and_viewer(executed: dict[str, list[NotebookNode]]) -> None:
    cells = executed["01_cohort_and_viewer"]
    counted, planes = outputs(cells, PLOTLY)
    assert {trace["name"] for trace in counted["data"]} == {"HEAD", "CHEST", "ABDOMEN"}
    assert [note["text"] for note in planes["layout"]["annotations"]] == ["横断面 · axial", "冠状面 · coronal", "矢状面 · sagittal"]
    assert len(outputs(cells, WIDGET)) == 1
    assert "Volume(z, y, x: 12 × 64 × 80; 2.5 × 0.8 × 0.6 mm; int16, HU; series 2.25.4711.1.1)" in outputs(cells, "text/plain")
    # neither the bundle nor pixels lie in the saved notebook
    assert len(json.dumps(cells)) < 1_000_000


def test_dose_by_age(executed: dict[str, list[NotebookNode]], stand_in: StandIn) -> None:
    cells = executed["02_dose_by_age"]
    (picture,) = outputs(cells, PLOTLY)
    assert {trace["type"] for trace in picture["data"]} == {"box"}
    assert picture["layout"]["xaxis"]["categoryarray"][0] == "<1 m"
    levels = cells_of(outputs(cells, "text/html")[-1])
    shown = [row for row in levels if len(row) >= 4 and row[-2].replace(".", "").isdigit()]
    # ABDOMEN: one child is the only newborn, four are left of the next band: neither is a group
    assert len(shown) == 5
    assert "<1 m" not in json.dumps(shown)
    table = stand_in.research.tables["series"].merge(stand_in.research.tables["studies"][["study_uid", "age_band", "body_part"]])
    for (body_part, _), group in table.groupby(["body_part", "age_band"]):
        assert (f"{group.ctdivol.median():.2f}" in [row[-2] for row in shown]) == (len(group) >= 5), body_part


def test_turnaround(executed: dict[str, list[NotebookNode]], stand_in: StandIn) -> None:
    cells = executed["03_turnaround"]
    (picture,) = outputs(cells, PLOTLY)
    assert {trace["name"] for trace in picture["data"]} == {"急诊 · STAT", "常规 · routine"}
    rows = {row[0]: row[1:] for row in cells_of(outputs(cells, "text/html")[-1]) if len(row) == 5}
    # the STAT exams are numbers 0, 4 … 36: 12 + number to write and 8 to sign
    assert rows["急诊 · STAT"] == ["10", "38.0", "52.4", "30.0"]
    assert rows["常规 · routine"][3] == "0.0"


def test_clusters_find_the_body_parts(executed: dict[str, list[NotebookNode]]) -> None:
    cells = executed["04_features_and_clusters"]
    (picture,) = outputs(cells, PLOTLY)
    assert {trace["type"] for trace in picture["data"]} <= {"scatter", "scattergl"}
    rows = [row for row in cells_of(outputs(cells, "text/html")[-1]) if row and row[0] in {"HEAD", "CHEST", "ABDOMEN"}]
    counts = {row[0]: sorted(int(number) for number in row[1:]) for row in rows}
    # three groups, one for each body part; the phantom that is looked at, a disc of water, is no head
    assert counts["CHEST"] == counts["ABDOMEN"] == [0, 0, EACH]
    assert counts["HEAD"][-1] == EACH and sum(counts["HEAD"]) == EACH + 1
    assert len(outputs(cells, WIDGET)) == 1
