"""Why an object does not leave the house, in words: each block has one of these codes, and is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

WORDS: dict[str, tuple[str, str]] = {
    "burnt_in": ("画面中可能有姓名等文字，须由管理员查看后放行", "the picture may show a name: an administrator must look at it first"),
    "burnt_in_said": ("文件标明画面中有文字", "the file says that text is burnt into the picture"),
    "secondary_capture": ("翻拍或截屏图像，须由管理员查看后放行", "a screen or film was captured: an administrator must look at it first"),
    "screen": ("剂量报告或检查方案截图，一律不提供", "a dose report or protocol screen: never given out"),
    "dose_report": ("剂量报告，一律不提供", "a dose report: never given out"),
    "document": ("封装的文档（PDF、CDA、模型）不提供", "an encapsulated document is not given out"),
    "structured_report": ("结构化报告含自由文本，不提供", "a structured report holds free text and is not given out"),
    "presentation": (
        "显示状态或关键图像含自由文本，不提供",
        "a presentation state or key object selection holds free text and is not given out",
    ),
    "waveform": ("波形不提供", "waveforms are not given out"),
    "video": ("视频不提供", "videos are not given out"),
    "kind": ("此类对象未列入可提供的种类", "this kind of object is not among those that are given out"),
    "overlay_in_pixels": ("压缩像素中嵌有叠加层，无法去除", "an overlay is embedded in compressed pixels and cannot be taken out"),
    "pixels": ("像素数据无法可靠处理", "the pixel data cannot be handled reliably"),
    "too_large": ("对象过大", "the object is too large"),
    "unreadable": ("文件无法读取", "the file cannot be read"),
    "no_identity": ("缺少对象、序列或检查的唯一编号", "the object lacks its own UID, or that of its series or study"),
}
"""Code → (Chinese, English)."""
NEVER = frozenset(WORDS) - {"burnt_in", "burnt_in_said", "secondary_capture"}
"""Reasons that no release of a series lifts."""


class BlockedError(RuntimeError):
    """The object is not given out; `reason` is a code of `WORDS`."""

    def __init__(self, reason: str) -> None:
        zh, en = WORDS[reason]
        super().__init__(f"{zh} | {en}")
        self.reason = reason


def counted(reasons: Iterable[str]) -> list[dict[str, Any]]:
    """`[{reason, zh, en, count}]` of the contract, by code."""
    return [
        {"reason": reason, "zh": WORDS[reason][0], "en": WORDS[reason][1], "count": count}
        for reason, count in sorted(Counter(reasons).items())
    ]
