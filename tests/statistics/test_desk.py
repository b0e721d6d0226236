"""The desk object and its charts as plain Python: no kernel, no browser; the mart is the real one."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import plotly.io
import pytest

from apps.statistics import charts
from apps.statistics.desk import FiltersError, StatisticsDesk, change, checked
from pipelines.mart.client import MartClient
from tests.mart.conftest import Furnished

pytestmark = pytest.mark.clause("H-3")


@pytest.fixture
def desk(furnished: Furnished) -> StatisticsDesk:
    return StatisticsDesk(mart=MartClient(furnished.house.mart, furnished.house.forge))


def valid(text: str) -> dict[str, Any]:
    """The figure, checked by plotly's own schema."""
    plotly.io.from_json(text)  # raises on any property that is not in the schema
    read: dict[str, Any] = json.loads(text)
    return read


@pytest.mark.clause("H-3", "A-1")
def test_figures_row_and_charts_say_what_the_records_say(desk: StatisticsDesk, furnished: Furnished) -> None:
    desk.on_message({"type": "refresh"}, [])
    assert desk.state == "ready", desk.problem
    assert desk.summary["figures"]["exams"]["value"] == len(furnished.exams)
    by_code = {"H01": 0, "H02": 0}
    for exam in furnished.exams.values():
        by_code[exam["institution"]] += 1
    bars = valid(desk.figures["institutions"])["data"][0]
    assert {data[0]: count for data, count in zip(bars["customdata"], bars["x"], strict=True)} == by_code
    assert bars["x"] == sorted(bars["x"], reverse=True)
    columns = valid(desk.figures["modalities"])["data"][0]
    assert sum(columns["y"]) == len(furnished.exams)
    assert {data[0] for data in columns["customdata"]} == {"CT", "MR", "DX"}
    median, p90 = valid(desk.figures["turnaround"])["data"]
    assert all(low <= high for low, high in zip(median["x"], p90["x"], strict=True))
    assert {row["key"] for row in desk.tables["institutions"]} == {"H01", "H02"}


def test_language_and_theme_redraw_without_asking_again(desk: StatisticsDesk) -> None:
    desk.refresh()
    chinese = desk.figures["institutions"]
    desk._mart = None
    desk.lang = "en"
    assert "First Hospital" in desk.figures["institutions"]
    assert "第一医院" in json.loads(chinese)["layout"]["yaxis"]["ticktext"]
    light = json.loads(desk.figures["days"])["layout"]["template"]["layout"]["paper_bgcolor"]
    desk.theme = "dark"
    assert json.loads(desk.figures["days"])["layout"]["template"]["layout"]["paper_bgcolor"] != light


def test_filters_narrow_everything(desk: StatisticsDesk, furnished: Furnished) -> None:
    desk.filters = {"institution": ["H02"], "modality": ["CT"], "from": None, "to": None}
    desk.refresh()
    wanted = [exam for exam in furnished.exams.values() if exam == {"institution": "H02", "modality": "CT"}]
    assert desk.summary["figures"]["exams"]["value"] == len(wanted)
    assert [row["key"] for row in desk.tables["institutions"]] == (["H02"] if wanted else [])


def test_a_period_without_exams_is_empty_in_words_of_its_own(desk: StatisticsDesk) -> None:
    desk.filters = {"from": "2020-01-01", "to": "2020-01-31"}
    desk.refresh()
    assert desk.state == "empty"
    assert len(desk.tables["days"]) == 31
    assert desk.summary["figures"]["p50"]["value"] is None


@pytest.mark.parametrize(
    "filters", [{"from": "yesterday"}, {"from": 5}, {"from": "2026-02-02", "to": "2026-02-01"}, {"from": "1900-01-01", "to": "2026-01-01"},
                {"institution": "H01"}, {"modality": [1]}, {"institution": ["x" * 65]}, {"modality": ["CT"] * 51}],
)  # fmt: skip
@pytest.mark.clause("S-9")
def test_traits_are_user_input(desk: StatisticsDesk, filters: dict[str, Any]) -> None:
    desk.refresh()
    before = desk.summary
    with pytest.raises(FiltersError):
        checked(filters)
    desk.filters = filters
    desk.refresh()
    assert desk.state == "failed"
    assert desk.problem["code"] == "request.invalid"
    assert desk.summary == before


@pytest.mark.clause("S-9")
def test_a_refusal_is_said_in_words_and_shows_nothing(furnished: Furnished) -> None:
    desk = StatisticsDesk(mart=MartClient(furnished.house.mart, furnished.house.forge(operations=["exam.view"])))
    desk.refresh()
    assert (desk.state, desk.problem["code"], desk.figures) == ("failed", "right.missing", {})
    assert desk.problem["words"]["zh"]["title"]
    away = StatisticsDesk(mart=MartClient(f"http://127.0.0.1:{furnished.house.ports['away']}/services/mart", "x"))
    away.refresh()
    assert (away.state, away.problem["code"]) == ("failed", "mart.unreachable")


def test_changes_compare_with_something_or_say_nothing() -> None:
    assert change(12, 10) == pytest.approx(0.2)
    assert change(5, 10) == pytest.approx(-0.5)
    assert change(5, 0) is None
    assert change(None, 3) is None


def test_two_hospitals_of_one_name_keep_their_bars_and_long_names_fit() -> None:
    frame = pd.DataFrame(
        [
            {"key": code, "name": "人民医院", "name_en": "People's Hospital", "exams": 3, "signed": 1, "waiting": 2}
            for code in ("H07", "H08")
        ]
    )
    figure = charts.institutions(frame, "zh", "light").to_dict()
    assert len(set(figure["layout"]["yaxis"]["ticktext"])) == 2
    assert charts.short("滨海新区第三人民医院妇女儿童分院").endswith("…")
    assert charts.short("第一医院") == "第一医院"


def test_units_fit_the_numbers() -> None:
    assert [charts.unit(pd.Series([value]))[0] for value in (0.5, 100.0, 300.0, 6000.0)] == ["seconds", "minutes", "hours", "days"]
    assert charts.unit(pd.Series([None], dtype=float))[0] == "minutes"
