"""Errors of the figures service as RFC 9457 problems: a stable code, words in both languages, and what to do next."""

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
        ("没有查看统计的权限", "如工作需要,请联系管理员授权。"),
        ("No right to see statistics", "Ask an administrator if your work needs it."),
    ),
    "request.invalid": Kind(
        422,
        ("筛选条件不正确", "请检查日期、机构和类型后再试。"),
        ("The filters are not right", "Check dates, institution and modality, then retry."),
    ),
    "request.unknown": Kind(404, ("没有这个地址", "请检查地址。"), ("No such address", "Check the address.")),
    "request.method": Kind(405, ("统计数据只能读取", "请使用 GET。"), ("Figures can only be read", "Use GET.")),
    "mart.catching_up": Kind(
        503, ("统计库正在读取数据", "请稍候几秒再试。"), ("The statistics are still being read in", "Wait some seconds, then retry.")
    ),
    "mart.failed": Kind(
        500,
        ("统计查询失败", "请重试;若仍失败,请联系运维。"),
        ("The figures could not be counted", "Retry; tell the operator if it fails again."),
    ),
}
MEDIA = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere below a route; answered as `application/problem+json`."""

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


def language(request: Request) -> str:
    """`en` when the first wanted language is English, else `zh`."""
    return "en" if request.headers.get("accept-language", "zh").strip().lower().startswith("en") else "zh"


def answer(request: Request, code: str, detail: str = "", extra: dict[str, Any] | None = None) -> JSONResponse:
    """The problem `code` as a response."""
    kind = KINDS[code]
    words = {"zh": {"title": kind.zh[0], "action": kind.zh[1]}, "en": {"title": kind.en[0], "action": kind.en[1]}}
    own = words[language(request)]
    body = {
        "type": f"urn:hub:problem:{code}",
        "title": own["title"],
        "status": kind.status,
        "code": code,
        "detail": detail or own["action"],
        "words": words,
        **(extra or {}),
    }
    headers = {"Cache-Control": "no-store"}
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if kind.status == 503:
        headers["Retry-After"] = "2"
    return JSONResponse(body, kind.status, headers, MEDIA)


async def on_problem(request: Request, problem: Exception) -> JSONResponse:
    """Handler of `Problem`."""
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class only
    return answer(request, problem.code, problem.detail, problem.extra)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Handler of a refused query: names the parameters, never repeats their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    fields = [{"field": ".".join(str(part) for part in fault["loc"][1:]), "reason": fault["type"]} for fault in error.errors()]
    return answer(request, "request.invalid", "; ".join(f"{fault['field']}: {fault['reason']}" for fault in fields), {"fields": fields})


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Handler of the framework's own refusals."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return answer(request, "request.method" if error.status_code == 405 else "request.unknown")
