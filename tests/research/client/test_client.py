"""The researcher's client against the routes of the research service: what is asked, what is kept, what is said when something is wrong."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest

import hub_research as hub
from hub_research.places import place_of
from hub_research.progress import Progress
from hub_research.service import Service
from tests.research.client.stand_in import (
    BAR,
    BONE,
    COLUMN,
    DOSES,
    EACH,
    LOOKED_AT,
    ORIGIN,
    PROJECT,
    ROW,
    SHAPE,
    SLICE,
    TABLES,
    WATER,
    Research,
    StandIn,
)

pytestmark = pytest.mark.clause("H-4", "H-8")
STUDY, SERIES = LOOKED_AT
ROUTE = f"/projects/{PROJECT}/studies/{STUDY}/series/{SERIES}"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr("hub_research.service.time.sleep", lambda _seconds: None)


def test_a_cohort_is_asked_in_sql(research: Research) -> None:
    rows = hub.cohort(
        "SELECT body_part, count(*) AS series, median(ctdivol) AS dose FROM series JOIN studies USING (study_uid) "
        "WHERE age_years < $oldest GROUP BY body_part ORDER BY body_part",
        parameters={"oldest": 100_000},
    )
    assert rows["body_part"].tolist() == ["ABDOMEN", "CHEST", "HEAD"]
    assert rows["series"].tolist() == [EACH, EACH, EACH + 1]  # and the phantom that is looked at
    assert rows["dose"].iloc[0] == pytest.approx(DOSES["ABDOMEN"] * (1 + 0.02 * 19.5))  # numbers 3, 6 … 36
    # only the tables that the query names come over the line
    assert f"/projects/{PROJECT}/tables/exams" not in research.asked
    whole = hub.cohort()
    assert len(whole) == 3 * EACH + 1
    assert {"series_uid", "age_band", "ctdivol", "patient", "body_part"} <= set(whole.columns)
    arrow = hub.cohort("SELECT DISTINCT priority FROM exams ORDER BY 1", form="arrow")
    assert arrow.column("priority").to_pylist() == ["ROUTINE", "STAT"]


def test_a_table_is_fetched_once_until_it_changes(research: Research, tmp_path: Path) -> None:
    path = f"/projects/{PROJECT}/tables/exams"
    count = "SELECT count(*) FROM exams"
    assert hub.cohort(count).iloc[0, 0] == 3 * EACH + 1
    (kept,) = (tmp_path / "cache" / PROJECT).glob("exams.*.parquet")
    written = kept.stat().st_mtime_ns
    assert hub.cohort(count).iloc[0, 0] == 3 * EACH + 1
    assert research.asked.count(path) == 2  # asked, and not sent again
    assert kept.stat().st_mtime_ns == written
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    research.tables["exams"] = research.tables["exams"].head(3)
    research.changed()
    assert hub.cohort(count).iloc[0, 0] == 3
    # a project that is over gives nothing, whatever lies in the home
    research.projects = []
    with pytest.raises(hub.RefusedError, match="没有这项内容"):
        hub.cohort(count)
    assert hub.projects().empty
    with pytest.raises(hub.ProjectError, match="没有对您开放的研究项目"):
        hub.cohort(count)


def test_a_broken_download_goes_on_where_it_stopped(research: Research, tmp_path: Path) -> None:
    path = f"/projects/{PROJECT}/tables/series"
    research.cut[path] = 1000
    assert len(hub.cohort("SELECT * FROM series")) == 3 * EACH + 1
    assert research.ranges == ["bytes=1000-"]
    # what is there of something else is not continued
    research.cut[f"{ROUTE}/instances/{SERIES}.1"] = 500
    made = hub.export(LOOKED_AT, tmp_path / "out")
    assert pydicom.dcmread(made.files[0]).pixel_array.shape == SHAPE[1:]


def test_a_lost_service_is_tried_again_and_told_in_words(research: Research, stand_in: StandIn) -> None:
    research.fail["/projects"] = [503, 502]
    assert hub.projects()["code"].tolist() == [PROJECT]
    assert research.asked.count("/projects") == 3
    research.fail["/projects"] = [500]  # is no lost connection
    with pytest.raises(hub.RefusedError, match="科研服务未能回答") as told:
        hub.projects()
    assert told.value.status == 500
    assert research.asked.count("/projects") == 4
    research.fail["/projects"] = [429]
    research.retry_after = 3600  # the day's volume is used up: nobody waits for that
    with pytest.raises(hub.RefusedError, match="429"):
        hub.projects()
    assert research.asked.count("/projects") == 5
    with pytest.raises(hub.NoServiceError, match="没有回答"):
        Service("http://127.0.0.1:9/services/research").json("/projects")


def test_what_is_wrong_is_said_with_what_to_do(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(hub.QueryError, match="是否指 ctdivol") as told:
        hub.cohort("SELECT ctdvol FROM series")
    assert "did you mean ctdivol" in told.value.en
    assert told.value._render_traceback_() == [told.value.zh, told.value.en]
    with pytest.raises(hub.QueryError, match="是否指 modality"):  # `series` is a table and a column
        hub.cohort("SELECT series.modalty FROM series JOIN studies USING (study_uid)")
    with pytest.raises(hub.QueryError, match="是否指 series"):
        hub.cohort("SELECT * FROM serie")
    with pytest.raises(hub.QueryError, match="至少需要 9999 行"):
        hub.cohort("SELECT * FROM series", least=9999)
    assert len(hub.cohort("SELECT * FROM series", least=1, form="arrow")) > 1
    with pytest.raises(hub.QueryError, match="查询有误"):
        hub.cohort("SELEKT 1")
    with pytest.raises(hub.ProjectError, match=f"是否指“{PROJECT}”"):
        hub.cohort(project="P2026-1")
    with pytest.raises(hub.PlaceError, match="不是 UID"):
        hub.volume("../../tables/series")
    with pytest.raises(hub.PlaceError, match="没有序列 2\\.25\\.99"):
        hub.volume("2.25.99")
    with pytest.raises(hub.RefusedError, match="请核对项目与编号"):
        hub.volume((STUDY, "2.25.99"))
    with pytest.raises(hub.PlaceError, match="缺少 study_uid"):
        hub.volume({"series_uid": SERIES})
    research.projects = ["A", "B"]
    assert hub.projects()["code"].tolist() == ["A", "B"]
    with pytest.raises(hub.ProjectError, match="A, B"):
        hub.tables()
    monkeypatch.setenv("HUB_RESEARCH_PROJECT", "B")
    assert not hub.tables().empty
    research.token = "rt_right"
    with pytest.raises(hub.RefusedError, match="登录已失效"):
        hub.projects()
    monkeypatch.setenv("HUB_RESEARCH_TOKEN", "rt_right")
    assert hub.projects()["code"].tolist() == ["A", "B"]
    monkeypatch.delenv("HUB_RESEARCH")
    with pytest.raises(hub.NoServiceError, match="HUB_RESEARCH"):
        hub.projects()


def test_the_stand_in_has_the_columns_of_the_service() -> None:
    declared = pytest.importorskip("pipelines.research.tables", reason="the service's tables are not part of this build")
    assert {name: tuple(column.name for column in columns) for name, columns in declared.TABLES.items()} == TABLES


def test_tables_are_described_with_units(research: Research) -> None:
    told = hub.tables().set_index(["table", "column"])
    assert told.loc[("series", "ctdivol"), "unit"] == "mGy"
    assert told.loc[("exams", "written_to_signed"), ["zh", "en", "unit"]].tolist() == ["报告写完到签发", "written to signed", "min"]


def test_a_volume_lies_where_the_patient_lay(research: Research) -> None:
    research.cut[f"{ROUTE}/volume"] = 5000  # the whole comes again
    one = hub.volume(SERIES)
    assert one.shape == SHAPE and one.unit == "HU"
    assert one.spacing == (SLICE, ROW, COLUMN)
    row, first, last = BAR
    middle = SHAPE[0] // 2
    assert (one.array[middle, row, first : last + 1] == BONE).all()
    assert one.array[0, row, first] == WATER
    assert one.point(0, 0, 0).tolist() == list(ORIGIN)
    ends = one.point(middle, row, first), one.point(middle, row, last)
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(24.0)
    assert one.positions[middle].tolist() == [ORIGIN[0], ORIGIN[1], ORIGIN[2] + SLICE * middle]
    image = one.to_sitk()
    assert image.GetSize() == SHAPE[::-1] and image[first, row, middle] == BONE
    assert image.TransformIndexToPhysicalPoint((first, row, middle)) == pytest.approx(ends[0].tolist())
    picture = one.plot((40, 400))
    assert [trace.zmin for trace in picture.data] == [-160] * 3
    assert [note.text for note in picture.layout.annotations] == ["横断面 · axial", "冠状面 · coronal", "矢状面 · sagittal"]
    assert place_of(one) == place_of(hub.cohort(f"SELECT * FROM series WHERE series_uid = '{SERIES}'").iloc[0])


def test_studies_series_and_instances_are_tables(research: Research) -> None:
    assert len(hub.studies()) == 3 * EACH + 1
    assert len(hub.studies(limit=4, modality="CT")) == 4
    listed = hub.series(STUDY)
    assert listed[["study_uid", "series_uid", "frames"]].iloc[0].tolist() == [STUDY, SERIES, SHAPE[0]]
    found = hub.instances(listed.iloc[0])
    assert len(found) == SHAPE[0]
    assert found.attrs["blocked"][0]["zh"] == "影像中有文字"


def test_an_export_fetches_only_what_is_missing(research: Research, tmp_path: Path) -> None:
    first = hub.export(LOOKED_AT, tmp_path)
    assert first.fetched == SHAPE[0] and first.blocked[0]["count"] == 1
    read = [pydicom.dcmread(file) for file in first.files]
    assert [one.InstanceNumber for one in read] == list(range(1, SHAPE[0] + 1))
    assert {one.SeriesInstanceUID for one in read} == {SERIES}
    first.files[3].unlink()
    research.asked.clear()
    again = hub.export(LOOKED_AT, tmp_path)
    assert again.fetched == 1
    assert [path for path in research.asked if "/instances/" in path] == [f"{ROUTE}/instances/{SERIES}.4"]
    assert not list(tmp_path.rglob(".*part*"))


def test_the_widget_is_the_doctors_and_asks_the_notebook_server(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_research.viewer.bundle_name", lambda: "viewer-0123456789abcdef.js")
    viewer = hub.DicomViewer(SERIES, window=(40, 400), height="300px")
    assert (viewer.study, viewer.series) == LOOKED_AT
    assert viewer.base == f"server:hub-research/images/{PROJECT}"
    assert viewer.bundle == "server:hub-research/static/viewer-0123456789abcdef.js"
    viewer.set_window(300, 1500)
    assert viewer.window == {"center": 300, "width": 1500}
    assert hub.DicomViewer(study=STUDY).series == SERIES
    with pytest.raises(hub.PlaceError, match="没有检查"):
        hub.DicomViewer(study="2.25.99")
    one = hub.volume(viewer.place)
    viewer.add_mask(one.array == BONE, "骨 bone", positions=one.positions)
    shapes = viewer.overlay["shapes"]
    assert [shape["index"] for shape in shapes] == list(range(SHAPE[0]))
    assert [shape["pixels"] for shape in shapes] == (one.array == BONE).sum((1, 2)).tolist()
    shape = shapes[SHAPE[0] // 2]
    drawn = np.zeros(shape["rows"] * shape["columns"], bool)
    for start, length in zip(shape["runs"][::2], shape["runs"][1::2], strict=True):
        drawn[start : start + length] = True
    column, row = shape["origin"]
    part = (one.array[SHAPE[0] // 2] == BONE)[row : row + shape["rows"], column : column + shape["columns"]]
    assert (drawn.reshape(part.shape) == part).all()
    with pytest.raises(hub.PlaceError, match="层"):
        viewer.add_mask(np.zeros((3, *SHAPE[1:])), "x")
    with pytest.raises(hub.PlaceError, match="位置不符"):
        viewer.add_mask(one.array > 0, "x", positions=one.positions + 1)
    viewer.clear_masks()
    assert viewer.overlay == {}


def test_a_result_is_sent_back_once(research: Research, tmp_path: Path) -> None:
    assert hub.results().empty
    file = tmp_path / "result.dcm"
    file.write_bytes(research.phantoms[SERIES].dicom(0))
    research.fail[f"/projects/{PROJECT}/results"] = [503]
    told = hub.send_result(file)
    assert hub.send_result(pydicom.dcmread(file)) == told == {"sop_uid": f"{SERIES}.1", "state": "not confirmed"}
    assert hub.results()["sop_uid"].tolist() == [f"{SERIES}.1"]
    assert pydicom.dcmread(io.BytesIO(research.results[f"{SERIES}.1"])).pixel_array.shape == SHAPE[1:]


def test_progress_is_silent_unless_it_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("表", 10_000_000) as quick:
        quick.add(5_000_000)
    assert capsys.readouterr().err == ""
    with Progress("表", 10_000_000, patience=0) as slow:
        slow.add(5_000_000)
    assert "表: 5.0 / 10.0 MB (50 %)" in capsys.readouterr().err
