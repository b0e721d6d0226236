"""Problems of the evidence service: its own in words of both languages, those of node and ris as they came."""

from __future__ import annotations

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from dicom_node.client import NodeError
from pipelines.serving.problems import Kind, Problems
from ris.client import RisProblem

KINDS: dict[str, Kind] = {
    "request.invalid": Kind(
        422, ("请求不正确", "请检查检查号和序列后再试。"), ("The request is not right", "Check exam and series, then retry.")
    ),
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

PROBLEMS = Problems(KINDS, failed="evidence.failed")


def add_to(app: FastAPI) -> None:
    """Let the application answer its problems, and what node and ris said."""
    PROBLEMS.add_to(app)
    app.add_exception_handler(RisProblem, _on_records)
    app.add_exception_handler(NodeError, _on_node)
    app.add_exception_handler(httpx.HTTPError, _on_away)


async def _on_records(_request: Request, problem: Exception) -> JSONResponse:
    """What ris refused, in its own words."""
    assert isinstance(problem, RisProblem)  # noqa: S101 - registered for this class only
    return PROBLEMS.sent(problem.status, problem.body)


async def _on_node(_request: Request, problem: Exception) -> JSONResponse:
    """What the node refused, in its own words."""
    assert isinstance(problem, NodeError)  # noqa: S101 - registered for this class only
    title = problem.words.get("zh", {}).get("title", problem.code)
    body = {"type": f"urn:hub:problem:{problem.code}", "title": title, "status": problem.status, "code": problem.code}
    return PROBLEMS.sent(problem.status, body | {"detail": problem.detail, "words": dict(problem.words)})


async def _on_away(request: Request, error: Exception) -> JSONResponse:
    """Node or ris did not answer."""
    assert isinstance(error, httpx.HTTPError)  # noqa: S101 - registered for this class only
    return PROBLEMS.answer(request, "service.away", type(error).__name__)
