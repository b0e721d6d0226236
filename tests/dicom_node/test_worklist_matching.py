"""The worklist's matching over JSON is that of the index in SQL (PS3.4 C.2.2.2), and dates with times are one range."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_matching import matches as matches_in_sql

from dicom_node.index.pinyin import pinyin
from dicom_node.worklist.matching import START_DATE, START_TIME, date_matches, matches, name_matches, text_matches, time_matches

pytestmark = pytest.mark.clause("S-2")
DA, TM = "%Y%m%d", "%H%M%S"
MOMENTS = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-01-04"))
DATE, TIME = "00080020", "00080030"


@settings(max_examples=150, deadline=None)
@given(st.text("ab%_!*?'\\", min_size=1, max_size=8).filter(lambda s: "\\" not in s), st.text("ab%_!?'", min_size=1, max_size=8))
def test_text(asked: str, value: str) -> None:
    assert text_matches(asked, value) == matches_in_sql("PatientID", asked, patient_id=value)


@settings(max_examples=200, deadline=None)
@given(st.text("aBwangxio王小^ *?=", min_size=1, max_size=7).map(str.strip).filter(bool), st.sampled_from([
    ("Wang^Xiao", ""), ("WANG^XIAO", "王^小"), ("", "王^小东"), ("王^小", ""), ("ab^", ""), ("Zhang^San^", "张^三"),
]))  # fmt: skip
def test_names(asked: str, groups: tuple[str, str]) -> None:
    alphabetic, ideographic = (group.rstrip("^ ") for group in groups)
    row = {"name_alphabetic": alphabetic or None, "name_ideographic": ideographic or None, "name_phonetic": None,
           "pinyin": pinyin(ideographic or alphabetic)[0] or None}  # fmt: skip
    assert name_matches(asked, "=".join(groups)) == matches_in_sql("PatientName", asked, **row)


@settings(max_examples=150, deadline=None)
@given(st.dates(date(2020, 1, 1), date(2021, 1, 1)), st.integers(-3, 3), st.integers(0, 4), st.integers(0, 5))
def test_dates(day: date, shift: int, width: int, form: int) -> None:
    low, high = day + timedelta(shift), day + timedelta(shift + width)
    asked = [
        f"{low:{DA}}",
        f"{low:{DA}}-",
        f"-{high:{DA}}",
        f"{low:{DA}}-{high:{DA}}",
        f"{low:%Y-%m-%d}",
        f"{low:%Y-%m-%d}-{high:%Y-%m-%d}",
    ][form]
    assert date_matches(DATE, asked, f"{day:{DA}}") == matches_in_sql("StudyDate", asked, study_date=day)
    assert not date_matches(DATE, asked, "")


@settings(max_examples=150, deadline=None)
@given(st.times(), st.times(), st.times(), st.integers(0, 6), st.booleans())
def test_times(moment: time, low: time, high: time, form: int, fraction: bool) -> None:
    asked = [f"{low:%H%M%S}", f"{low:%H%M}", f"{moment:%H}", f"{low:%H%M}-", f"-{high:%H%M%S}", f"{low:%H}-{high:%H%M}", f"{moment:%H%M}"][
        form
    ]
    value = f"{moment:%H%M%S.%f}" if fraction else f"{moment:%H%M%S}"
    assert time_matches(TIME, asked, value) == matches_in_sql("StudyTime", asked, study_time=value)


@settings(max_examples=200, deadline=None)
@given(MOMENTS, MOMENTS, st.timedeltas(timedelta(), timedelta(days=2)))
def test_two_ranges_are_one_span_of_time(moment: datetime, low: datetime, width: timedelta) -> None:
    moment, low = moment.replace(microsecond=0), low.replace(microsecond=0)
    high = (low + width).replace(microsecond=0)

    def step(days: str, times: str) -> dict:
        return {START_DATE: {"vr": "DA", "Value": [days]}, START_TIME: {"vr": "TM", "Value": [times]}}

    entry = step(f"{moment:{DA}}", f"{moment:{TM}}")
    assert matches(step(f"{low:{DA}}-{high:{DA}}", f"{low:{TM}}-{high:{TM}}"), entry) == (low <= moment <= high)
    assert matches(step(f"{low:{DA}}-", f"{low:{TM}}-"), entry) == (low <= moment)
    assert matches(step(f"-{high:{DA}}", f"-{high:{TM}}"), entry) == (moment <= high)
