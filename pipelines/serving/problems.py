"""Errors of a service as RFC 9457 problems: a stable code, words in both languages, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA = "application/problem+json"
log = structlog.get_logger("serving")


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its status and its words `(title, action)` in each language."""

    status: int
    zh: tuple[str, str]
    en: tuple[str, str]


COMMON: dict[str, Kind] = {
    "ticket.missing": Kind(401, ("尚未登录", "请重新登录后再试。"), ("Not signed in", "Sign in again and retry.")),
    "ticket.invalid": Kind(
        401, ("登录凭证无效或已过期", "请重新登录后再试。"), ("The ticket is not valid or has expired", "Sign in again and retry.")
    ),
    "request.cross_site": Kind(
        403,
        ("请求不是来自本系统的页面", "请在本系统的页面中操作。"),
        ("The request does not come from a page of this system", "Use the pages of this system."),
    ),
    "request.invalid": Kind(422, ("请求内容不正确", "请检查后再试。"), ("The request is not right", "Check it, then retry.")),
    "request.unknown": Kind(404, ("没有这个地址", "请检查地址。"), ("No such address", "Check the address.")),
    "request.method": Kind(405, ("此地址不支持该操作", "请检查请求方法。"), ("Not possible at this address", "Check the method.")),
}
"""Problems of every service; a service may say them in its own words."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere below a route; answered as `application/problem+json`."""

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


class Problems:
    """The problems of one service, by code."""

    def __init__(self, kinds: Mapping[str, Kind], *, failed: str, retry_after: int = 2) -> None:
        """`failed`: the code for what nobody foresaw; `retry_after`: seconds told with a 503."""
        self._kinds = {**COMMON, **kinds}
        self._failed, self._retry_after = failed, retry_after

    def words(self, code: str) -> dict[str, dict[str, str]]:
        """Title and action in both languages."""
        kind = self._kinds[code]
        return {"zh": {"title": kind.zh[0], "action": kind.zh[1]}, "en": {"title": kind.en[0], "action": kind.en[1]}}

    def answer(self, request: Request, code: str, detail: str = "", extra: Mapping[str, Any] | None = None) -> JSONResponse:
        """The problem `code` as a response, in the language the caller wants first."""
        kind, both = self._kinds[code], self.words(code)
        own = both["en" if request.headers.get("accept-language", "zh").strip().lower().startswith("en") else "zh"]
        body = {"type": f"urn:hub:problem:{code}", "title": own["title"], "status": kind.status, "code": code, "words": both}
        return self.sent(kind.status, body | {"detail": detail or own["action"]} | dict(extra or {}))

    def sent(self, status: int, body: Mapping[str, Any]) -> JSONResponse:
        """A problem whose body is there already."""
        headers = {"Cache-Control": "no-store"}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if status == 503:
            headers["Retry-After"] = str(self._retry_after)
        if "retry_after" in body:
            headers["Retry-After"] = str(body["retry_after"])
        return JSONResponse(dict(body), status, headers, MEDIA)

    def add_to(self, app: FastAPI) -> None:
        """Let the application answer its problems, refused requests, the framework's own refusals, and failures."""
        app.add_exception_handler(Problem, self._on_problem)
        app.add_exception_handler(RequestValidationError, self._on_invalid)
        app.add_exception_handler(HTTPException, self._on_http)
        app.add_exception_handler(Exception, self._on_failure)

    async def _on_problem(self, request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, Problem)  # noqa: S101 - registered for this class only
        return self.answer(request, problem.code, problem.detail, problem.extra)

    async def _on_invalid(self, request: Request, error: Exception) -> JSONResponse:
        """Names the fields, never repeats their values."""
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
        fields = [{"field": ".".join(str(part) for part in fault["loc"][1:]), "reason": fault["type"]} for fault in error.errors()]
        said = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in fields)
        return self.answer(request, "request.invalid", said, {"fields": fields})

    async def _on_http(self, request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
        return self.answer(request, "request.method" if error.status_code == 405 else "request.unknown")

    async def _on_failure(self, request: Request, error: Exception) -> JSONResponse:
        # The kind and the place, not the text: that may repeat what stands in a header or a record.
        trace, at = error.__traceback__, ""
        while trace is not None:
            at = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
            trace = trace.tb_next
        log.error("request.failed", route=getattr(request.scope.get("route"), "path", ""), reason=type(error).__name__, at=at)
        return self.answer(request, self._failed)
