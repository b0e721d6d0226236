"""What each figure counts, in words: shown beside the figure, kept beside the queries that must agree with it."""

from __future__ import annotations

from typing import TypedDict
from zoneinfo import ZoneInfo


class Words(TypedDict):
    """One text in both languages of the pages."""

    zh: str
    en: str


def _days(zone: ZoneInfo) -> Words:
    return {"zh": f"日期为 {zone.key} 当地日历日。", "en": f"Days are local calendar days of {zone.key}."}


def joined(*parts: Words) -> Words:
    """Several texts as one."""
    return {"zh": "".join(part["zh"] for part in parts), "en": " ".join(part["en"] for part in parts)}


EXAMS: Words = {
    "zh": "检查量：所选期间内首幅影像到达的检查数；没有影像的检查按检查完成日计；已取消和尚未检查的预约不计。"
    "日均 = 检查量 ÷ 期间的日历天数。",
    "en": "Exams: exams whose first image arrived within the period; an exam without images counts on the day it was performed; "
    "cancelled exams and bookings not yet performed do not count. Per day = exams ÷ calendar days of the period.",
}
TURNAROUND: Words = {
    "zh": "报告时效：首幅影像到达至报告签发的分钟数，取期间内的检查中报告已签发者；"
    "p50 为中位数，p90 为 90% 的检查不超过的时间（线性插值）。"
    "签发时间取最近一次召回之后的首次签发（补充报告不改变时效）；已召回的报告视为未签发。待报告 = 期间内尚无签发报告的检查数。",
    "en": "Turnaround: minutes from the arrival of the first image to the signature of the report, over the exams of the period "
    "that have a signed report; p50 is the median, p90 the time not exceeded by 90 % (linear interpolation). "
    "The first signature since "
    "the last recall counts (an addendum does not change it); a recalled report counts as unsigned. "
    "Waiting = exams of the period without a signed report.",
}
ACCESSES: Words = {
    "zh": "调阅量：同一人在同一次登录中打开同一检查的影像，无论多少次，计一次；按打开的日期计入期间，按影像所属机构归类。",
    "en": "Image accesses: a study opened by one person in one login session counts once, however often; counted on the day it was "
    "opened, under the institution that owns the images.",
}
REJECTS: Words = {
    "zh": "废片：被设备或工作站以剔除说明（IHE IOCM）标为图像质量不合格、患者安全原因或设备工作列表条目选错的影像数（每幅计一次）；"
    "按剔除的日期计入期间，按影像所属机构归类。因保存期满而隐藏的影像不计。质量 = 其中因图像质量被剔除者；检查 = 涉及的影像检查数。"
    "废片率 = 废片 ÷（废片 + 期间内检查的在用影像数）。",
    "en": "Rejects: images that a rejection note (IHE IOCM) has marked as rejected for quality, for patient safety, or as made under the "
    "wrong worklist entry, each once; counted on the day of the rejection, under the institution that owns the images. What was hidden "
    "because its retention had expired does not count. Quality = those rejected for quality; studies = how many studies they were in. "
    "Reject rate = rejects ÷ (rejects + images in use of the exams of the period).",
}
POSITIVE: Words = {
    "zh": "阳性率：期间内已签发且注明阴阳性的检查中，阳性所占比例。",
    "en": "Positive rate: share of positive exams among the exams of the period that are signed and marked positive or negative.",
}
ROWS: Words = {
    "zh": "图中数字所含的检查，逐条列出；不含患者姓名和编号。年龄为检查时的天数。",
    "en": "The exams counted in the figure, one by one; without patients' names or numbers. Age is in days at the time of the exam.",
}


def exams(zone: ZoneInfo) -> Words:
    """Definition of exam counts."""
    return joined(EXAMS, _days(zone))


def turnaround(zone: ZoneInfo) -> Words:
    """Definition of report turnaround."""
    return joined(TURNAROUND, _days(zone))


def accesses(zone: ZoneInfo) -> Words:
    """Definition of image accesses."""
    return joined(ACCESSES, _days(zone))


def rejects(zone: ZoneInfo) -> Words:
    """Definition of rejected images."""
    return joined(REJECTS, _days(zone))


CHANGE: Words = {
    "zh": "变化：与紧接在前、天数相同的期间相比。",
    "en": "Change: against the period of the same number of days just before.",
}


def overview(zone: ZoneInfo) -> dict[str, Words]:
    """Definition of each figure of the figures row."""
    parts = {"exams": EXAMS, "accesses": ACCESSES, "turnaround": TURNAROUND, "positive": POSITIVE, "rejects": REJECTS}
    return {name: joined(words, CHANGE, _days(zone)) for name, words in parts.items()}


def rows(zone: ZoneInfo) -> Words:
    """Definition of the table behind a bar."""
    return joined(ROWS, EXAMS, _days(zone))
