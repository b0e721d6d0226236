"""Problems as RFC 9457 answers: a stable code, words in both languages, and what to do next."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ris.problem_words import WORDS

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger("ris")


class Problem(Exception):  # noqa: N818 - it is the domain's word, and RFC 9457's
    """Something the caller must hear about. `extra` members travel in the answer."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = WORDS[code][0]
        self.extra = extra


def body_of(code: str, language: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the members of the answer for a code; `language` is `zh` or `en`."""
    status, zh_title, zh_action, en_title, en_action = WORDS[code]
    words = {"zh": {"title": zh_title, "action": zh_action}, "en": {"title": en_title, "action": en_action}}
    chosen = words[language]
    return {
        "type": f"urn:hub:problem:{code}",
        "title": chosen["title"],
        "status": status,
        "code": code,
        "detail": chosen["action"],
        "words": words,
        **(extra or {}),
    }


def language_of(request: Request) -> str:
    """`en` when Accept-Language prefers English, else Chinese."""
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


def answer(request: Request, code: str, extra: dict[str, Any] | None = None) -> Response:
    """Make the HTTP answer of a problem."""
    headers = {"Cache-Control": "no-store", "Content-Language": language_of(request)}
    return Response(orjson.dumps(body_of(code, language_of(request), extra)), WORDS[code][0], headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Turn every failure of `app` into a problem answer."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - registered for this type
        return answer(request, error.code, error.extra)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        # `input` is left out: it may hold a password or a patient's name.
        fields = [{"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]} for one in error.errors()]
        return answer(request, "request.invalid", {"fields": fields})

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        known = {404: "request.not_found", 405: "request.method", 413: "request.too_large"}
        return answer(request, known.get(error.status_code, "request.invalid" if error.status_code < 500 else "ris.failed"))

    async def failed(request: Request, error: Exception) -> Response:
        # The message of a database error repeats its parameters, which may be a patient's name: only the type is logged.
        log.error("request failed", route=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        return answer(request, "ris.failed")

    app.add_exception_handler(Problem, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, failed)
