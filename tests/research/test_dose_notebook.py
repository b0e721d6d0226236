"""From devices to the researcher's picture: generated CT series, a real node, its published tables, the notebook as it stands."""

from __future__ import annotations

import json
import os
import stat
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nbclient import NotebookClient

from dicom_node.client import PublishedError, read_published
from pipelines.research.dose import COLUMNS, make_dose_table
from pipelines.research.reading import NoTableError, read_dose

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "dicom_node"))
from rejecting import SAFETY, note, send  # noqa: E402
from running_node import RunningNode, image  # noqa: E402

pytestmark = pytest.mark.clause("H-4", "H-8")
SECRETS = ("SECRETNAME", "SECRETPID", "SECRETACC", "SECRETDEV", "SECRETPART")
# born this many days before the study (2024-03-01), body part, CTDIvol of the first child; each next one has 0.5 mGy more
GROUPS = {
    "<1 m": ("20240215", "HEAD", 10.0), "1 m – <4 y": ("20220301", "HEAD", 14.0), "4 – <10 y": ("20180301", "HEAD", 18.0),
    "10 – <14 y": ("20120301", "CHEST", 2.0), "14 – <18 y": ("20080301", "CHEST", 4.0),
}  # fmt: skip
CHILDREN = 6


@dataclass
class Research:
    """Folders, and what was sent: (age band, body part) → the series' doses."""

    published: Path
    target: Path
    sent: dict[tuple[str, str], list[float]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def research(tmp_path_factory: pytest.TempPathFactory) -> Research:
    folder = tmp_path_factory.mktemp("research")
    found = Research(folder / "published", folder / "tables")
    settings = {"NODE_PUBLISH": str(found.published), "NODE_PUBLISH_CHANGES": "1"}
    objects, number = [], 0
    for band, (born, part, first) in GROUPS.items():
        for child in range(CHILDREN):
            dose, number = first + child / 2, number + 1
            about = {"PatientID": f"SECRETPID{number}", "PatientName": f"SECRETNAME{number}^王", "PatientBirthDate": born,
                     "SpecificCharacterSet": "ISO_IR 192", "AccessionNumber": f"SECRETACC{number}", "StationName": "SECRETDEV",
                     "BodyPartExamined": part}  # fmt: skip
            slices = [image(CTDIvol=dose + change, **about) for change in (-1.0, 0.0, 0.1)]  # modulated along the body: the median counts
            for one in slices[1:]:
                one.StudyInstanceUID, one.SeriesInstanceUID = slices[0].StudyInstanceUID, slices[0].SeriesInstanceUID
            objects += slices
            found.sent.setdefault((band, part), []).append(dose)
    extra = {"AccessionNumber": "SECRETACC", "BodyPartExamined": "HEAD"}
    adult = image(CTDIvol=60.0, PatientBirthDate="19800301", PatientID="SECRETPID-A", **extra)
    unknown = image(CTDIvol=61.0, PatientBirthDate=None, PatientID="SECRETPID-U", **extra)
    # four children with several series each are still four children
    few = [image(CTDIvol=30.0 + n, PatientBirthDate="20080301", PatientID=f"SECRETPID-F{n % 4}", **extra) for n in range(8)]
    typed = [
        image(CTDIvol=5.0, PatientBirthDate="20180301", PatientID=f"SECRETPID-T{n}", BodyPartExamined="SECRETPART WANG") for n in range(5)
    ]
    found.sent["4 – <10 y", "OTHER"] = [5.0] * 5
    rejected = image(CTDIvol=99.0, PatientBirthDate="20180301", PatientID="SECRETPID-R", **extra)
    undosed = image(PatientBirthDate="20180301", PatientID="SECRETPID-N", **extra)
    radiograph = image(CTDIvol=98.0, Modality="DX", PatientBirthDate="20180301", PatientID="SECRETPID-D", **extra)
    objects += [adult, unknown, *few, *typed, rejected, undosed, radiograph, note(SAFETY, [rejected])]
    node = RunningNode(folder / "node", Ed25519PrivateKey.generate(), **settings)
    node.start()
    try:
        send(node.dicom_port, "CT_A", *objects)
        count = len(objects) - 2  # the rejected image and its note are not shown

        def whole() -> bool:
            try:
                return bool(pq.read_metadata(read_published(found.published).files["instance"]).num_rows == count)
            except (PublishedError, FileNotFoundError):
                return False

        node.wait_for(whole, 40)
    finally:
        assert node.stop() == 0
    command = [sys.executable, "-m", "pipelines.research", str(found.published), str(found.target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout for secret in SECRETS)
    return found


def test_only_what_is_named_passes(research: Research) -> None:
    path = research.target / "dose.parquet"
    table = pd.read_parquet(path)
    assert tuple(table.columns) == COLUMNS
    groups = {key: sorted(rows["ctdivol"]) for key, rows in table.groupby(["age_band", "body_part"])}
    assert groups == {key: sorted(doses) for key, doses in research.sent.items()}
    assert table.equals(table.sort_values(list(COLUMNS), ignore_index=True))  # the order of arrival does not show
    whole = path.read_bytes()
    for secret in SECRETS:
        assert secret.encode() not in whole
    made = make_dose_table(research.published, research.target)
    assert (made.rows, made.adults, made.small) == (len(GROUPS) * CHILDREN + 5, 2, 8)
    assert make_dose_table(research.published, research.target / "all", least=1).small == 0
    assert path.read_bytes() == whole or pd.read_parquet(path).equals(table)


def test_the_published_tables_stay_with_the_pipelines(research: Research) -> None:
    assert stat.S_IMODE(research.published.stat().st_mode) == 0o700
    assert b"SECRETNAME" in read_published(research.published).files["study"].read_bytes()


def test_the_notebook_answers_its_question(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESEARCH_DATA", str(research.target))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(ROOT / "notebooks" / "dose.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "a notebook is kept without outputs"
    assert "？" in notebook.cells[0].source and "How much dose" in notebook.cells[0].source
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    pictures, tables = [], []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            data = output.get("data", {})
            pictures += [data["application/vnd.plotly.v1+json"]] if "application/vnd.plotly.v1+json" in data else []
            tables += [data["text/html"]] if "<table" in data.get("text/html", "") else []
    (picture,) = pictures
    assert {trace["name"] for trace in picture["data"]} == {"HEAD", "CHEST", "OTHER"}
    assert {trace["type"] for trace in picture["data"]} == {"box"}
    assert "年龄段" in json.dumps(picture["layout"], ensure_ascii=False)
    order = picture["layout"]["xaxis"]["categoryarray"]
    assert list(order) == list(GROUPS)
    levels = tables[-1]
    for doses in research.sent.values():
        assert f"<td>{statistics.median(doses):.2f}</td>" in levels
    whole = nbformat.writes(notebook)
    assert not any(secret in whole for secret in SECRETS)


def test_a_reader_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESEARCH_DATA", raising=False)
    with pytest.raises(NoTableError, match="RESEARCH_DATA"):
        read_dose()
    with pytest.raises(NoTableError, match="请联系管理员生成"):
        read_dose(tmp_path)
    command = [sys.executable, "-m", "pipelines.research", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "没有已发布的表" in done.stderr and "Traceback" not in done.stderr
