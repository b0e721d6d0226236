"""Errors of the evidence service as RFC 9457 problems: its own in words of both languages, those of node and ris as they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dicom_node.client import NodeError
from ris.client import RisProblem

MEDIA = "application/problem+json"


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
    "request.invalid": Kind(
        422, ("请求不正确", "请检查检查号和序列后再试。"), ("The request is not right", "Check exam and series, then retry.")
    ),
    "request.unknown": Kind(404, ("没有这个地址", "请检查地址。"), ("No such address", "Check the address.")),
    "evidence.none": Kind(
        409,
        ("没有可以导出的标注", "请先在图像上测量或标注。"),
        ("There are no markings to export", "Measure or annotate on the images first."),
    ),
    "evidence.refused": Kind(
        409, ("这些标注无法导出为 DICOM", "原因见详情。"), ("These markings cannot be exported as DICOM", "The detail says why.")
    ),
    "document.none": Kind(
        422,
        ("这个对象里没有文档", "请下载原文件，或联系发送方重新发送。"),
        ("There is no document in this object", "Download the object, or ask its sender to send it again."),
    ),
    "overlay.unreadable": Kind(
        422,
        ("这个序列的内容无法可靠读取", "未显示任何轮廓；请下载原文件，用原软件打开。"),
        ("The content of this series cannot be read reliably", "Nothing is drawn; download the file and open it where it was made."),
    ),
    "overlay.too_large": Kind(
        422, ("这个序列太大，无法叠加显示", "请下载原文件。"), ("This series is too large to lay over images", "Download its file.")
    ),
    "service.away": Kind(
        503, ("影像或记录服务暂时无法连接", "请稍候再试。"), ("Images or records cannot be reached", "Wait some seconds, then retry.")
    ),
    "evidence.failed": Kind(
        500, ("处理失败", "请重试；若仍失败，请联系运维。"), ("It failed", "Retry; tell the operator if it fails again.")
    ),
}


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere below a route; answered as `application/problem+json`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def _sent(status: int, body: dict[str, Any]) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = "2"
    return JSONResponse(body, status, headers, MEDIA)


def answer(request: Request, code: str, detail: str = "") -> JSONResponse:
    """The problem `code` as a response."""
    kind = KINDS[code]
    words = {"zh": {"title": kind.zh[0], "action": kind.zh[1]}, "en": {"title": kind.en[0], "action": kind.en[1]}}
    own = words["en" if request.headers.get("accept-language", "zh").strip().lower().startswith("en") else "zh"]
    body = {"type": f"urn:hub:problem:{code}", "title": own["title"], "status": kind.status, "code": code, "words": words}
    return _sent(kind.status, body | {"detail": detail or own["action"]})


async def on_problem(request: Request, problem: Exception) -> JSONResponse:
    """Handler of `Problem`."""
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class only
    return answer(request, problem.code, problem.detail)


async def on_records(_request: Request, problem: Exception) -> JSONResponse:
    """What ris refused, in its own words."""
    assert isinstance(problem, RisProblem)  # noqa: S101 - registered for this class only
    return _sent(problem.status, problem.body)


async def on_node(_request: Request, problem: Exception) -> JSONResponse:
    """What the node refused, in its own words."""
    assert isinstance(problem, NodeError)  # noqa: S101 - registered for this class only
    title = problem.words.get("zh", {}).get("title", problem.code)
    body = {"type": f"urn:hub:problem:{problem.code}", "title": title, "status": problem.status, "code": problem.code}
    return _sent(problem.status, body | {"detail": problem.detail, "words": dict(problem.words)})


async def on_away(request: Request, error: Exception) -> JSONResponse:
    """Node or ris did not answer."""
    assert isinstance(error, httpx.HTTPError)  # noqa: S101 - registered for this class only
    return answer(request, "service.away", type(error).__name__)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """A refused path or query: names the parameters, never repeats their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    return answer(request, "request.invalid", "; ".join(".".join(str(part) for part in fault["loc"][1:]) for fault in error.errors()))


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """The framework's own refusals."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return answer(request, "request.unknown")
