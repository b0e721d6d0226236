"""Words inside the charts, which the kernel draws; the page around them has its own catalogue."""

from __future__ import annotations

from typing import Literal

Lang = Literal["zh", "en"]

WORDS: dict[str, dict[Lang, str]] = {
    "exams": {"zh": "检查量", "en": "Exams"},
    "accesses": {"zh": "调阅量", "en": "Image accesses"},
    "median": {"zh": "中位数", "en": "Median"},
    "p90": {"zh": "90% 以内", "en": "90th percentile"},
    "seconds": {"zh": "秒", "en": "Seconds"},
    "minutes": {"zh": "分钟", "en": "Minutes"},
    "hours": {"zh": "小时", "en": "Hours"},
    "days": {"zh": "天", "en": "Days"},
    "signed": {"zh": "已签发", "en": "Signed"},
    "waiting": {"zh": "待报告", "en": "Waiting"},
    "unknown": {"zh": "未注明", "en": "Not stated"},
    "n_exams": {"zh": "{n} 次检查", "en": "{n} exams"},
}


def say(key: str, lang: Lang) -> str:
    """The word in the language."""
    return WORDS[key][lang]
