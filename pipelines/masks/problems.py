"""Errors of the masks service as RFC 9457 problems: a stable code, words in both languages, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its status and its words `(title, action)` in each language."""

    status: int
    zh: tuple[str, str]
    en: tuple[str, str]


KINDS: dict[str, Kind] = {
    "ticket.missing": Kind(401, ("尚未登录", "请重新登录后再试。"), ("Not signed in", "Sign in again and retry.")),
    "ticket.invalid": Kind(
        401, ("登录凭证无效或已过期", "请重新登录后再试。"), ("The ticket is not valid or has expired", "Sign in again and retry.")
    ),
    "right.missing": Kind(
        403,
        ("没有查看影像的权限", "如工作需要,请联系管理员授权。"),
        ("No right to see images", "Ask an administrator if your work needs it."),
    ),
    "request.cross_site": Kind(
        403, ("请求来自其他网站,已拒绝", "请从本系统页面操作。"), ("Cross-site request refused", "Work from the hub's own pages.")
    ),
    "request.invalid": Kind(422, ("请求内容不正确", "请检查后再试。"), ("The request is not right", "Check it, then retry.")),
    "request.unknown": Kind(404, ("没有这个地址", "请检查地址。"), ("No such address", "Check the address.")),
    "request.method": Kind(405, ("此地址不支持该操作", "请检查请求方法。"), ("Not possible at this address", "Check the method.")),
    "series.unknown": Kind(
        404,
        ("没有这个序列", "请确认序列仍在,且属于您可以查看的机构。"),
        ("No such series", "Check that it is there and in your data scope."),
    ),
    "mask.unknown": Kind(404, ("没有这个结果", "请重新计算。"), ("No such mask", "Ask for it again.")),
    "mask.not_ready": Kind(409, ("尚未计算完成", "请等待计算完成。"), ("The mask is not ready", "Wait until it is done.")),
    "mask.not_ct": Kind(
        422, ("此序列不是CT灰度图像,不能去骨或去床板", "请选择CT横断面序列。"), ("Not a grey CT series", "Choose an axial CT series.")
    ),
    "mask.few_images": Kind(
        422,
        ("此序列图像太少,不能去骨或去床板", "请选择至少10层的CT序列。"),
        ("Too few images", "Choose a CT series of at least 10 images."),
    ),
    "mask.no_geometry": Kind(
        422,
        ("此序列缺少空间位置,或各层大小不同", "请选择有完整位置信息的CT序列。"),
        ("Positions are missing or images differ in size", "Choose a CT series with complete geometry."),
    ),
    "mask.not_axial": Kind(
        422,
        ("此序列不是横断面", "请选择CT横断面序列;重建平面请由其横断面得到。"),
        ("Not an axial series", "Choose the axial CT series; make other planes from it."),
    ),
    "mask.irregular": Kind(
        422,
        ("层间距不均匀,或同一位置有多幅图像", "请选择层间距均匀的单期CT序列。"),
        ("Distances between images differ, or positions repeat", "Choose an evenly spaced CT series of one phase."),
    ),
    "mask.too_large": Kind(
        422,
        ("此序列太大,超出内存限制", "请选择较厚或范围较小的重建序列。"),
        ("The series is too large", "Choose a thicker or smaller reconstruction."),
    ),
    "mask.undecodable": Kind(
        422,
        ("部分图像无法解码", "请联系技师重新发送该序列。"),
        ("Some images cannot be decoded", "Ask the technician to send the series again."),
    ),
    "mask.busy": Kind(503, ("等待计算的任务过多", "请稍候几分钟再试。"), ("Too many masks are waiting", "Retry in some minutes.")),
    "mask.failed": Kind(
        500, ("计算失败", "请重试;若仍失败,请联系运维。"), ("The computation failed", "Retry; tell the operator if it fails again.")
    ),
    "images.away": Kind(503, ("影像服务暂时无法连接", "请稍候再试。"), ("The image service cannot be reached", "Retry in some seconds.")),
    "masks.failed": Kind(
        500, ("服务出错", "请重试;若仍失败,请联系运维。"), ("The service failed", "Retry; tell the operator if it fails again.")
    ),
}
MEDIA = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere below a route; answered as `application/problem+json`."""

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


def words(code: str) -> dict[str, dict[str, str]]:
    """Title and action in both languages."""
    kind = KINDS[code]
    return {"zh": {"title": kind.zh[0], "action": kind.zh[1]}, "en": {"title": kind.en[0], "action": kind.en[1]}}


def answer(request: Request, code: str, detail: str = "", extra: dict[str, Any] | None = None) -> JSONResponse:
    """The problem `code` as a response."""
    kind, both = KINDS[code], words(code)
    own = both["en" if request.headers.get("accept-language", "zh").strip().lower().startswith("en") else "zh"]
    body = {
        "type": f"urn:hub:problem:{code}",
        "title": own["title"],
        "status": kind.status,
        "code": code,
        "detail": detail or own["action"],
        "words": both,
        **(extra or {}),
    }
    headers = {"Cache-Control": "no-store"}
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if kind.status == 503:
        headers["Retry-After"] = "5"
    return JSONResponse(body, kind.status, headers, MEDIA)


async def on_problem(request: Request, problem: Exception) -> JSONResponse:
    """Handler of `Problem`."""
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class only
    return answer(request, problem.code, problem.detail, problem.extra)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Handler of a refused request: names the fields, never repeats their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    fields = [{"field": ".".join(str(part) for part in fault["loc"][1:]), "reason": fault["type"]} for fault in error.errors()]
    return answer(request, "request.invalid", "; ".join(f"{fault['field']}: {fault['reason']}" for fault in fields), {"fields": fields})


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Handler of the framework's own refusals."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return answer(request, "request.method" if error.status_code == 405 else "request.unknown")
