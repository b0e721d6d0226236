"""Problems of the research service in words."""

from __future__ import annotations

from pipelines.research.image_problems import IMAGE_KINDS
from pipelines.serving.problems import Kind, Problems

KINDS: dict[str, Kind] = {
    "right.missing": Kind(
        403,
        ("没有使用科研数据的权限", "请从科研工作台进入，或联系管理员。"),
        ("No right to research data", "Come from the researcher's room, or ask an administrator."),
    ),
    "token.invalid": Kind(
        401,
        ("项目令牌无效、已过期或已撤销", "请向管理员申请新的令牌。"),
        ("The project's token is not valid, has expired or was revoked", "Ask an administrator for a new one."),
    ),
    "project.unknown": Kind(
        404,
        ("没有这个项目，或您不是其成员", "请检查项目代码；项目也可能尚未批准、已到期或已关闭。"),
        ("No such project, or you are no member", "Check its code; it may not be approved, or have expired or closed."),
    ),
    "project.no_pixels": Kind(
        403,
        ("该项目未获准使用影像", "如研究需要影像，请由管理员修改批准内容。"),
        ("This project has no approval for images", "Let an administrator change what is approved if the study needs them."),
    ),
    "table.unknown": Kind(
        404,
        ("该项目没有这个表", "请用 tables 查看可用的表。"),
        ("The project has no such table", "See which there are with `tables`."),
    ),
    "table.not_ready": Kind(
        503,
        ("项目数据正在准备", "请稍候几分钟再试。"),
        ("The project's data are being made", "Wait some minutes, then retry."),
    ),
    "study.unknown": Kind(
        404,
        ("该项目没有这个检查", "请使用项目中的编号。"),
        ("The project has no such study", "Use a UID of this project."),
    ),
    "series.unknown": Kind(
        404,
        ("该项目没有这个序列", "请使用项目中的编号。"),
        ("The project has no such series", "Use a UID of this project."),
    ),
    "result.unknown": Kind(
        404,
        ("没有这个结果", "请用 results 查看已提交的结果。"),
        ("No such result", "See which there are with `results`."),
    ),
    "result.invalid": Kind(
        422,
        ("提交的结果不能接收", "请按说明修改后重新提交。"),
        ("The result cannot be taken", "Correct what is named, then send it again."),
    ),
    "result.exists": Kind(
        409,
        ("已有同一编号而内容不同的结果", "请为新结果使用新的 SOP Instance UID。"),
        ("There is another result under this UID", "Give a new result a new SOP Instance UID."),
    ),
    "result.too_large": Kind(
        413,
        ("提交的结果过大", "请减小后重新提交。"),
        ("The result is too large", "Send a smaller one."),
    ),
    "result.no_room": Kind(
        507,
        ("该项目的结果空间已满", "请联系管理员。"),
        ("There is no more room for the project's results", "Ask an administrator."),
    ),
    "limit.requests": Kind(
        429,
        ("请求过于频繁", "请按 Retry-After 所示的秒数等待后再试。"),
        ("Too many requests", "Wait the seconds of Retry-After, then retry."),
    ),
    "limit.bytes": Kind(
        429,
        ("今日的数据量已用完", "请按 Retry-After 所示的秒数等待，或联系管理员。"),
        ("Today's volume is used up", "Wait the seconds of Retry-After, or ask an administrator."),
    ),
    "research.catching_up": Kind(
        503,
        ("科研服务正在读取数据", "请稍候几秒再试。"),
        ("The research service is still reading", "Wait some seconds, then retry."),
    ),
    "images.away": Kind(
        503,
        ("影像服务暂时无法连接", "请稍候再试。"),
        ("The image service cannot be reached", "Wait a moment, then retry."),
    ),
    "research.failed": Kind(
        500,
        ("科研服务出错", "请重试；若仍失败，请联系运维。"),
        ("The research service failed", "Retry; tell the operator if it fails again."),
    ),
}

PROBLEMS = Problems(KINDS | IMAGE_KINDS, failed="research.failed", retry_after=5)
