"""Problems of the figures service in words."""

from __future__ import annotations

from pipelines.serving.problems import Kind, Problems

KINDS: dict[str, Kind] = {
    "right.missing": Kind(
        403,
        ("没有查看统计的权限", "如工作需要，请联系管理员授权。"),
        ("No right to see statistics", "Ask an administrator if your work needs it."),
    ),
    "request.invalid": Kind(
        422,
        ("筛选条件不正确", "请检查日期、机构和类型后再试。"),
        ("The filters are not right", "Check dates, institution and modality, then retry."),
    ),
    "request.method": Kind(405, ("统计数据只能读取", "请使用 GET。"), ("Figures can only be read", "Use GET.")),
    "mart.catching_up": Kind(
        503, ("统计库正在读取数据", "请稍候几秒再试。"), ("The statistics are still being read in", "Wait some seconds, then retry.")
    ),
    "mart.failed": Kind(
        500,
        ("统计查询失败", "请重试；若仍失败，请联系运维。"),
        ("The figures could not be counted", "Retry; tell the operator if it fails again."),
    ),
}

PROBLEMS = Problems(KINDS, failed="mart.failed", retry_after=2)
