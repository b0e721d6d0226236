"""Matching rules of PS3.4 C.2.2.2 against a simple reference in Python, character sets, pinyin, order of a series."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_node.archive.identity import UnreadableError, identify, uid_fault
from dicom_node.index import charset
from dicom_node.index.geometry import middle_outwards, put_in_order
from dicom_node.index.pinyin import pinyin
from dicom_node.query.keys import BY_KEYWORD
from dicom_node.query.matching import QueryError, combined_condition, condition
from dicom_node.query.search import Scope

pytestmark = pytest.mark.clause("S-3", "H-5")
CONNECTION = duckdb.connect()
CONNECTION.execute(
    "CREATE TABLE study (study_uid VARCHAR, patient_id VARCHAR, patient_name VARCHAR, name_alphabetic VARCHAR, name_ideographic VARCHAR, "
    "name_phonetic VARCHAR, pinyin VARCHAR, "
    " study_date DATE, study_time VARCHAR, modalities VARCHAR[], series BIGINT, study_description VARCHAR)"
)


def matches(keyword: str, query: str, **row: object) -> bool:
    """Whether one study with the columns `row` matches."""
    found = condition(BY_KEYWORD[keyword], query)
    if found is None:
        return True
    CONNECTION.execute("DELETE FROM study")
    CONNECTION.execute(f"INSERT INTO study ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    return bool(CONNECTION.execute(f"SELECT count(*) FROM study s WHERE {found[0]}", found[1]).fetchone()[0])


def glob(pattern: str, value: str) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


DA = "%Y%m%d"
TEXT = st.text("ab%_!*?'", min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT)
def test_wildcards_match_as_the_reference_does(query: str, value: str) -> None:
    assert matches("PatientID", query, patient_id=value) == glob(query, value)


NAME = st.text("abAB^", min_size=1, max_size=6).filter(lambda s: s.strip("^") == s)


@settings(max_examples=100, deadline=None)
@given(NAME, st.text("abAB*?", min_size=1, max_size=5))
def test_names_match_in_any_case(value: str, query: str) -> None:
    expected = glob(query.lower(), value.lower()) or glob(query.lower(), value.lower().replace("^", ""))
    if not query.strip("*"):
        expected = True
    if not query.strip("*?"):
        expected = expected if query.strip("*") == "" else glob(query.lower(), value.lower())
    assert matches("PatientName", query, patient_name=value, name_alphabetic=value) == expected


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(-40, 40), st.integers(0, 60))
def test_date_ranges(day: date, shift: int, width: int) -> None:
    low = day + timedelta(shift)
    high = low + timedelta(width)
    assert matches("StudyDate", f"{low.strftime(DA)}-{high.strftime(DA)}", study_date=day) == (low <= day <= high)
    assert matches("StudyDate", f"-{high.strftime(DA)}", study_date=day) == (day <= high)
    assert matches("StudyDate", f"{low.strftime(DA)}-", study_date=day) == (low <= day)
    assert matches("StudyDate", low.strftime(DA), study_date=day) == (low == day)
    assert not matches("StudyDate", f"{low.strftime(DA)}-", study_date=None)


def test_written_out_dates_and_their_ranges() -> None:
    assert matches("StudyDate", "2024-03-01", study_date=date(2024, 3, 1))
    assert matches("StudyDate", "2024-02-01-2024-03-31", study_date=date(2024, 3, 1))
    assert not matches("StudyDate", "2024-02-01-2024-02-28", study_date=date(2024, 3, 1))


@pytest.mark.parametrize(
    ("query", "stored", "expected"),
    [("10", "101500", True), ("1015", "101559.5", True), ("1015", "101600", False), ("101500", "101500", True), ("09-11", "110000", True),
     ("09-11", "120000", False), ("-1015", "101530", True), ("1016-", "101530", False), ("101500.5-", "101500.25", False),
     ("10:15:00", "101500", True)],
)  # fmt: skip
def test_times(query: str, stored: str, expected: bool) -> None:
    assert matches("StudyTime", query, study_time=stored) == expected


MOMENTS = st.integers(0, 4 * 86400).map(lambda seconds: datetime(2024, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds))
TM = "%H%M%S"


@settings(max_examples=150, deadline=None)
@given(MOMENTS, MOMENTS, MOMENTS, st.sampled_from(["both", "from", "to"]))
def test_combined_ranges_are_ranges_of_moments(stored: datetime, low: datetime, high: datetime, form: str) -> None:
    first, last = form != "to", form != "from"
    dates = (low.strftime(DA) if first else "") + "-" + (high.strftime(DA) if last else "")
    times = (low.strftime(TM) if first else "") + "-" + (high.strftime(TM) if last else "")
    found = combined_condition(BY_KEYWORD["StudyDate"], BY_KEYWORD["StudyTime"], dates, times)
    assert found is not None
    CONNECTION.execute("DELETE FROM study")
    CONNECTION.execute("INSERT INTO study (study_date, study_time) VALUES (?, ?)", [stored.date(), stored.strftime(TM)])
    got = CONNECTION.execute(f"SELECT count(*) FROM study s WHERE {found[0]}", found[1]).fetchone() == (1,)
    assert got == ((not first or low <= stored) and (not last or stored <= high))


def test_other_forms_are_not_combined() -> None:
    pair = BY_KEYWORD["StudyDate"], BY_KEYWORD["StudyTime"]
    for dates, times in (
        ("20240301", "10-11"),
        ("20240301-", "-11"),
        ("20240301-20240302", "10-"),
        ("20240301-20240302", ""),
        ("", "10-11"),
    ):
        assert combined_condition(*pair, dates, times) is None
    with pytest.raises(QueryError, match="StudyTime"):
        combined_condition(*pair, "20240301-", "noon-")


def test_lists_and_groups() -> None:
    assert matches("StudyInstanceUID", "1.2\\1.3", study_uid="1.3")
    assert not matches("StudyInstanceUID", "1.2\\1.3", study_uid="1.23")
    assert not matches("StudyInstanceUID", "1.*", study_uid="1.3")  # no wildcard in a UID
    assert matches("ModalitiesInStudy", "MR\\CT", modalities=["CT", "SR"])
    assert matches("ModalitiesInStudy", "C?", modalities=["CT", "SR"])
    assert not matches("ModalitiesInStudy", "MR", modalities=["CT", "SR"])
    row = {
        "patient_name": "Wang^XiaoDong=王^小东",
        "name_alphabetic": "Wang^XiaoDong",
        "name_ideographic": "王^小东",
        "pinyin": "wang xiao dong",
    }
    for query in ("wang^xiaodong", "=王*", "*=王^小东", "WANG*=王*", "王小东", "wangxiaodong", "?ang*", "Wang^XiaoDong^^"):
        assert matches("PatientName", query, **row), query
    for query in ("=李*", "Li*", "wang", "WANG*=李*", "东"):
        assert not matches("PatientName", query, **row), query
    assert matches("NumberOfStudyRelatedSeries", "3", series=3)
    for keyword, bad in (("StudyDate", "soon"), ("StudyDate", "20240230"), ("StudyTime", "noon"), ("NumberOfStudyRelatedSeries", "x")):
        with pytest.raises(QueryError, match=keyword):
            condition(BY_KEYWORD[keyword], bad)


def test_an_empty_scope_reads_nothing() -> None:
    sql, parameters = Scope(frozenset()).sql("patient_id")
    CONNECTION.execute("DELETE FROM study")
    CONNECTION.execute("INSERT INTO study (patient_id) VALUES ('a')")
    assert CONNECTION.execute(f"SELECT count(*) FROM study WHERE {sql}", parameters).fetchone() == (0,)


HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(HAN, HAN)
def test_declared_chinese_is_never_lost(family: str, given_name: str) -> None:
    name = f"Wang^Xiao={family}^{given_name}"
    for term, codec in (("GB18030", "gb18030"), ("GBK", "gb18030"), ("ISO_IR 192", "utf-8")):
        raw = name.encode(codec)
        terms, guess = charset.effective([term], [raw])
        assert guess is None
        assert charset.name_groups(raw, terms)[:2] == ("Wang^Xiao", f"{family}^{given_name}")


@pytest.mark.parametrize("declared", [[], [""], ["ISO_IR 100"], ["ISO_IR 6"]])
@pytest.mark.parametrize("name", ["王^小东", "张伟", "欧阳^娜娜", "李^玥", "赵堃", "单^晓喆"])
def test_undeclared_gbk_is_guessed_and_flagged(declared: list[str], name: str) -> None:
    raw = name.encode("gb18030")
    terms, guess = charset.effective(declared, [raw])
    assert guess == "GB18030"
    assert charset.name_groups(raw, terms)[0] == name
    terms, guess = charset.effective(declared, [name.encode()])
    assert guess == "ISO_IR 192"
    assert charset.name_groups(name.encode(), terms)[0] == name


@pytest.mark.parametrize("name", ["Äneas^Rüdiger", "Buc^Jérôme", "Muñoz^José", "Åse^Bjørn", "Weiß^Jörg", "Noël^Zoë", "Plain^Name"])
def test_european_names_stay_european(name: str) -> None:
    raw = name.encode("latin-1")
    terms, guess = charset.effective(["ISO_IR 100"], [raw])
    assert guess is None
    assert charset.name_groups(raw, terms)[0] == name


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=40), st.sampled_from([[], ["GB18030"], ["ISO_IR 192"], ["ISO 2022 IR 58"], ["\\", "ISO 2022 IR 149"], ["nonsense"]])
)
def test_no_bytes_break_the_decoder(raw: bytes, terms: list[str]) -> None:
    used, _ = charset.effective(terms, [raw])
    assert all(isinstance(group, str) for group in charset.name_groups(raw, used))


@pytest.mark.parametrize(
    ("name", "syllables", "initials"),
    [("王^小东", "wang xiao dong", "wxd"), ("曾^单", "zeng dan", "zd"), ("单^雄信", "shan xiong xin", "sxx"), ("解^缙", "xie jin", "xj"),
     ("尉迟^恭", "yu chi gong", "ycg"), ("Wang^Xiao", "", "")],
)  # fmt: skip
def test_pinyin_knows_surnames(name: str, syllables: str, initials: str) -> None:
    assert pinyin(name) == (syllables, initials)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
)
def test_no_bytes_break_the_walker(data: bytes, syntax: str) -> None:
    with contextlib.suppress(UnreadableError):
        identify(data, syntax)


def test_deep_nesting_ends_in_words() -> None:
    item = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    with pytest.raises(UnreadableError, match="nested"):
        identify(item * 5000, "1.2.840.10008.1.2.1")


@given(st.text(max_size=70))
def test_only_digits_and_dots_identify(text: str) -> None:
    if uid_fault(text) is None:
        assert re.fullmatch(r"[0-9.]{1,64}", text)
        assert ".." not in text


@given(st.integers(0, 300))
def test_middle_outwards_is_every_index_once(count: int) -> None:
    order = middle_outwards(count)
    assert sorted(order) == list(range(count))
    distances = [abs(i - count // 2) for i in order]
    assert distances == sorted(distances)


def frame(number: int | None, position: list[float], **changed: object) -> dict:
    base = {"number": number, "frame": 1, "rows": 4, "columns": 4, "spacing": [1.0, 1.0], "position": position,
            "orientation": [1.0, 0, 0, 0, 1, 0], "frame_of_reference": "1", "thickness": 1.0}  # fmt: skip
    return base | changed


@pytest.mark.parametrize(
    ("frames", "codes"),
    [
        ([frame(i, [0, 0, i * 2.0]) for i in range(5)], []),
        ([frame(i, [0, i * 0.3, i * 2.0]) for i in range(5)], ["tilt"]),
        ([frame(i, [0, 0, z]) for i, z in enumerate([0, 2, 4, 8, 10])], ["irregular_spacing", "gaps"]),
        ([frame(i, [0, 0, z]) for i, z in enumerate([0, 2, 4, 4, 6])], ["duplicate_positions"]),
        ([frame(0, [0, 0, 0]), frame(1, [0, 0, 1], rows=8)], ["mixed_sizes"]),
        ([frame(0, [0, 0, 0]), frame(1, [0, 0, 1], orientation=[0, 1, 0, 0, 0, -1])], ["mixed_orientation"]),
        ([frame(0, [0, 0, 0]), frame(1, [0, 0, 1], spacing=None)], ["no_spacing"]),
    ],
)
def test_geometry_warnings(frames: list[dict], codes: list[str]) -> None:
    ordered, found = put_in_order(frames)
    assert found == codes
    assert [f["index"] for f in ordered] == list(range(len(frames)))


@given(st.permutations(list(range(1, 9))), st.booleans())
def test_a_stack_lies_in_space_in_the_direction_of_its_numbers(placed: list[int], falling: bool) -> None:
    """Neighbours are neighbours in space whatever the numbers say; the numbers only choose which end comes first."""
    frames = [frame(number, [0, 0, 3.0 * place]) for number, place in zip(range(1, 9), placed, strict=True)]
    heights = [f["position"][2] for f in put_in_order(frames)[0]]
    assert heights in (sorted(heights), sorted(heights, reverse=True))
    straight = [frame(number, [0, 0, -3.0 * number if falling else 3.0 * number]) for number in (4, 2, 3, 1)]
    assert [f["number"] for f in put_in_order(straight)[0]] == [1, 2, 3, 4]
    assert [f["position"][2] for f in put_in_order([frame(None, [0, 0, z]) for z in (4.0, 0.0, 2.0)])[0]] == [0.0, 2.0, 4.0]
