"""A researcher at work: the notebooks that lie in the home, run whole in the sandbox, on the images that the demo's hospitals have sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub_config.settings import ROOT
from tests.lab.workbench import Workbench
from tests.running_hub import RunningHub, wait_until

pytestmark = [pytest.mark.clause("H-4", "H-8", "S-7"), pytest.mark.timeout(420)]
HAS_CT = "import hub_research as hub\nfound = len(hub.cohort(\"SELECT * FROM series WHERE modality = 'CT' AND showable > 0\"))"
RUN = """
import nbformat, nbclient
book = nbformat.read('/srv/notebooks/{name}.ipynb', 4)
nbclient.NotebookClient(book, timeout=120, kernel_name='python3').execute()
found = [output for cell in book.cells if cell.cell_type == 'code' for output in cell.outputs]
"""


def ask(bench: Workbench, code: str, seconds: float = 60) -> Any:
    """The variable `found` of the code; what the client says of its progress stands before it."""
    return json.loads(bench.run(f"{code}\nimport json\nprint()\nprint(json.dumps(found))", seconds).splitlines()[-1])


@pytest.fixture(scope="module")
def children(hub: RunningHub) -> list[str]:
    """Names and numbers of the demo's children."""
    wait_until("the demo's images", (hub.data_dir / "demo-done").exists, 180, 0.5)
    with hub.login_as("radiologist", "XACH") as doctor:
        rows = doctor.get("/services/ris/api/v1/worklist?view=all").json()["rows"]
    found = [word for row in rows for word in (row["patient"]["name"], row["patient"]["patient_id"], row["accession"]) if word]
    assert len(found) > 20
    return found


def test_a_notebook_and_its_viewer(hub: RunningHub, bench: Workbench, children: list[str]) -> None:
    wait_until("the project's tables", lambda: ask(bench, HAS_CT) > 0, 120, 2)
    outputs = ask(bench, RUN.format(name="01_cohort_and_viewer"), 240)
    text = json.dumps(outputs, ensure_ascii=False)
    assert "Volume(z, y, x: 120 × 512 × 512; 2 × 0.5 × 0.5 mm; int16, HU" in text
    assert any("application/vnd.plotly.v1+json" in one.get("data", {}) for one in outputs)
    assert not [word for word in children if word in text]

    name = json.loads((ROOT / "apps" / "dist" / "viewer.json").read_text(encoding="utf-8"))["js"]
    bundle = bench.lab.get(f"{bench.base}hub-research/static/{name}")
    assert bundle.status_code == 200
    assert bundle.content == (ROOT / "apps" / "dist" / name).read_bytes()
    row = ask(
        bench,
        "row = hub.cohort(\"SELECT study_uid, series_uid FROM series WHERE modality = 'CT' AND instances = 120\").iloc[0]\nfound = dict(row)",
    )
    images = f"{bench.base}hub-research/images/demo/series/{row['study_uid']}/{row['series_uid']}"
    header = bench.lab.get(f"{images}/header")
    assert header.status_code == 200 and len(header.json()["frames"]) == 120
    assert not [word for word in children if word in header.text]
    stream = bench.lab.get(f"{images}/stream", timeout=60)
    assert stream.status_code == 200 and len(stream.content) > 120 * 512 * 512 * 2
    with httpx.Client(base_url=bench.url) as stranger:
        assert stranger.get(f"{images}/header").status_code in {302, 401, 403}
    assert bench.lab.post(f"{images}/header", headers={"X-XSRFToken": bench.lab.cookies["_xsrf"]}).status_code == 405


def test_too_few_for_a_picture_is_said_in_words(bench: Workbench, children: list[str]) -> None:
    assert children
    with pytest.raises(AssertionError, match="至少需要 6 行"):
        bench.run(RUN.format(name="04_features_and_clusters"), 120)


def test_the_notebooks_in_the_home_are_those_of_the_project(bench: Workbench) -> None:
    shown = ask(bench, "import os\nfound = sorted(os.listdir('/home/researcher/示例'))")
    assert shown == sorted(path.name for path in Path(ROOT / "notebooks").iterdir())
