"""What may leave: every column of every published table, by name. A column of the hospital that is not named here stays behind.

A column says where its value comes from and what is done to it; `making` turns that into queries and has no other way to a value. The
sources are: `studies` and `series` – the node's published tables, in the form that `making` reads; `exams` – the records feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipelines.research import terms
from pipelines.research.terms import BODY_PARTS


class Treatment(Enum):
    """What is done to a value on its way out."""

    KEEP = "keep"
    """A count or a yes or no, as it is."""
    PATIENT = "patient"
    """The project's pseudonym of the patient."""
    INSTITUTION = "institution"
    """The project's code of the institution."""
    UID = "uid"
    """The project's UID in the place of a UID."""
    EXAM = "exam"
    """The project's pseudonym of an exam."""
    SHIFT = "shift"
    """A day, moved by the patient's number of days."""
    BAND = "band"
    """An age in days as its band (`terms.AGE_BANDS`)."""
    YEARS = "years"
    """An age in days as whole years below 18; nothing above."""
    TERMS = "terms"
    """A word that is in `terms`, else OTHER."""
    WORDS = "words"
    """Several such words between backslashes, in order; others are left out."""
    BEGINS = "begins"
    """The name for how a text begins (`begins`), else OTHER."""
    NUMBER = "number"
    """A number between `least` and `most`, rounded to `digits`; nothing outside, where it is a slip of the keyboard or tells too much."""
    MINUTES = "minutes"
    """Whole minutes between two moments; nothing when negative or longer than `most`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One published column: its name, where it comes from, what is done, and what it means."""

    name: str
    source: str
    treatment: Treatment
    zh: str
    en: str
    unit: str = ""
    terms: frozenset[str] = frozenset()
    begins: tuple[tuple[str, str], ...] = ()
    least: float = 0
    most: float = 0
    digits: int = 0


TYPES: dict[Treatment, str] = {
    Treatment.KEEP: "int64", Treatment.SHIFT: "date", Treatment.YEARS: "int32", Treatment.NUMBER: "double", Treatment.MINUTES: "int32",
}  # fmt: skip
"""Type of a column by its treatment; text where none is named."""


def type_of(column: Column) -> str:
    """Type of a published column: `text`, `int32`, `int64`, `double`, `date` or `bool`."""
    if column.name in BOOLEANS:
        return "bool"
    if column.treatment is Treatment.NUMBER and column.digits == 0:
        return "int32"
    return TYPES.get(column.treatment, "text")


BOOLEANS = frozenset({"positive"})
_T = Treatment

STUDIES: tuple[Column, ...] = (
    Column("study_uid", "study_uid", _T.UID, "检查的项目编号", "the study's UID in this project"),
    Column("patient", "patient_key", _T.PATIENT, "患儿的项目代号", "the child's pseudonym in this project"),
    Column("institution", "institution", _T.INSTITUTION, "机构的项目代码", "the hospital's code in this project"),
    Column(
        "study_date",
        "study_date",
        _T.SHIFT,
        "检查日期，同一患儿的日期一起平移",
        "day of the study; all days of one child are moved together",
    ),
    Column("sex", "sex", _T.TERMS, "性别", "sex", terms=terms.SEXES),
    Column("age_band", "age_days", _T.BAND, "检查时的年龄段", "age band at the study"),
    Column("age_years", "age_days", _T.YEARS, "检查时的周岁", "whole years of age at the study", "a"),
    Column("modality", "modality", _T.TERMS, "主要设备类型", "main modality", terms=terms.MODALITIES),
    Column("modalities", "modalities", _T.WORDS, "全部成像设备类型", "all modalities that made images", terms=terms.MODALITIES),
    Column("body_part", "body_part", _T.TERMS, "检查部位（DICOM 术语）", "body part (DICOM defined term)", terms=BODY_PARTS),
    Column("series", "series", _T.KEEP, "序列数", "number of series"),
    Column("instances", "instances", _T.KEEP, "图像数", "number of images"),
)

SERIES: tuple[Column, ...] = (
    Column("series_uid", "series_uid", _T.UID, "序列的项目编号", "the series' UID in this project"),
    Column("study_uid", "study_uid", _T.UID, "检查的项目编号", "UID of its study in this project"),
    Column("number", "series_number", _T.NUMBER, "序列号", "series number", least=0, most=99_999),
    Column("modality", "modality", _T.TERMS, "设备类型", "modality", terms=terms.MODALITIES | terms.DERIVED),
    Column("instances", "instances", _T.KEEP, "图像数", "number of images"),
    Column("frames", "frames", _T.KEEP, "帧数", "number of frames"),
    Column("showable", "showable", _T.KEEP, "可显示的图像数", "images that can be shown"),
    Column("kvp", "kvp", _T.NUMBER, "管电压（中位数）", "tube voltage (median)", "kV", least=10, most=200, digits=0),
    Column("ctdivol", "ctdivol", _T.NUMBER, "容积 CT 剂量指数（中位数）", "CT dose index (median)", "mGy", least=0, most=500, digits=2),
    Column(
        "repetition_time",
        "repetition_time",
        _T.NUMBER,
        "重复时间（中位数）",
        "repetition time (median)",
        "ms",
        least=0,
        most=60_000,
        digits=1,
    ),
    Column("echo_time", "echo_time", _T.NUMBER, "回波时间（中位数）", "echo time (median)", "ms", least=0, most=10_000, digits=2),
    Column("thickness", "thickness", _T.NUMBER, "层厚（中位数）", "slice thickness (median)", "mm", least=0, most=100, digits=3),
    Column("spacing_row", "spacing_row", _T.NUMBER, "行间距（中位数）", "spacing of rows (median)", "mm", least=0, most=50, digits=4),
    Column(
        "spacing_column", "spacing_column", _T.NUMBER, "列间距（中位数）", "spacing of columns (median)", "mm", least=0, most=50, digits=4
    ),
    Column("rows", "rows", _T.NUMBER, "行数（最大值）", "rows (largest)", least=1, most=65_535),
    Column("columns", "columns", _T.NUMBER, "列数（最大值）", "columns (largest)", least=1, most=65_535),
    Column("maker", "manufacturer", _T.BEGINS, "设备厂商", "maker of the device", begins=tuple(terms.MAKERS.items())),
    Column("family", "model", _T.BEGINS, "设备系列", "family of the device", begins=tuple((k, v or k) for k, v in terms.FAMILIES.items())),
)

LONGEST_MINUTES = 30 * 24 * 60
EXAMS: tuple[Column, ...] = (
    Column("exam", "exam_id", _T.EXAM, "检查申请的项目代号", "the exam's pseudonym in this project"),
    Column("study_uid", "study_uid", _T.UID, "检查的项目编号", "UID of its study in this project"),
    Column("priority", "priority", _T.TERMS, "优先级", "priority", terms=frozenset(one.upper() for one in terms.PRIORITIES)),
    Column("positive", "positive", _T.KEEP, "报告阳性（已签发）", "the signed report is positive"),
    Column(
        "ordered_to_performed", "ordered_at,performed_at", _T.MINUTES, "申请到检查", "ordered to performed", "min", most=LONGEST_MINUTES
    ),
    Column(
        "performed_to_complete",
        "performed_at,complete_at",
        _T.MINUTES,
        "检查到图像完整",
        "performed to images complete",
        "min",
        most=LONGEST_MINUTES,
    ),
    Column(
        "complete_to_written",
        "complete_at,written_at",
        _T.MINUTES,
        "图像完整到报告写完",
        "images complete to written",
        "min",
        most=LONGEST_MINUTES,
    ),
    Column("written_to_signed", "written_at,signed_at", _T.MINUTES, "报告写完到签发", "written to signed", "min", most=LONGEST_MINUTES),
)

TABLES: dict[str, tuple[Column, ...]] = {"studies": STUDIES, "series": SERIES, "exams": EXAMS}
ORDER: dict[str, str] = {"studies": "study_uid", "series": "study_uid, series_uid", "exams": "exam"}
"""By what the rows are sorted: by pseudonyms, so that their order tells nothing and the same content is the same bytes."""

QUASI = ("institution", "modality", "modalities", "sex", "age_band", "age_years", "body_part")
"""What somebody may know of a child's study who is not of the hospital; a published combination stands for `least` children or more."""

LEVELS: tuple[tuple[str, ...], ...] = ((), ("institution",), ("age_years",), ("body_part",), ("sex",))
"""What is taken out of a study whose combination is too rare, one step after the other; a body part becomes OTHER. What is still too rare
after the last step is left out."""

SCHEMA = 1
"""Raised when the meaning of a column or a rule changes: every table is then made anew."""
