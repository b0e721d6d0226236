"""What can go wrong for a researcher, in words: Chinese first, then English, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ResearchError(RuntimeError):
    """Something that a researcher can read and act upon. `zh`, `en`: the same words in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}\n{en}")
        self.zh = zh
        self.en = en

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the notebook: the words, without the lines of this package."""
        return [self.zh, self.en]


class NoServiceError(ResearchError):
    """The research service is not known or does not answer."""


class ProjectError(ResearchError):
    """No project, several of them, or one that is not open to this person."""


class QueryError(ResearchError):
    """An SQL query that the tables cannot answer."""


class PlaceError(ResearchError):
    """Something that names no series or study of the project."""


class DamagedError(ResearchError):
    """What the service sent is not what it says."""


class RefusedError(ResearchError):
    """The service refused or failed. `status`: HTTP status; `code`: the service's own code of the problem, or empty."""

    def __init__(self, zh: str, en: str, status: int, code: str) -> None:
        super().__init__(zh, en)
        self.status = status
        self.code = code


PLAIN = {
    401: ("登录已失效：请从主页重新打开科研工作台", "the sign-in has ended: open the research room again from the home page"),
    403: ("没有权限：请向项目管理员申请", "not allowed: ask the administrator of the project"),
    404: (
        "没有这项内容，或它不在您的项目之内：请核对项目与编号",
        "there is no such thing, or it is not in a project of yours: check project and UID",
    ),
    413: ("内容太大：请缩小范围", "too large: ask for less"),
}


def _actions(words: Mapping[str, Any]) -> list[Any]:
    """What to do, in every language: where a service has no detail it repeats one of these."""
    return [one.get("action") for one in words.values() if isinstance(one, Mapping)]


def refusal(status: int, body: Mapping[str, Any] | None) -> RefusedError:
    """The problem document (RFC 9457) of the service as an exception; where it has no words of its own, ours for the status."""
    body = body or {}
    code = str(body.get("code") or "")
    told = body.get("words")
    words = told if isinstance(told, Mapping) else {}
    said = []
    for language in ("zh", "en"):
        one = words.get(language)
        parts = [str(one[name]) for name in ("title", "action") if one.get(name)] if isinstance(one, Mapping) else []
        detail = str(body.get("detail") or "") if isinstance(one, Mapping) and body.get("detail") not in _actions(words) else ""
        said.append(("：" if language == "zh" else ": ").join(parts) + (f" [{detail}]" if parts and detail else ""))
    if not all(said):
        detail = str(body.get("detail") or body.get("title") or "")
        zh, en = PLAIN.get(
            status,
            (
                "科研服务未能回答：请稍后重试，仍不行请联系管理员",
                "the research service could not answer: try again later, then ask an administrator",
            ),
        )
        said = [f"{zh}（{status}{'，' + detail if detail else ''}）", f"{en} ({status}{', ' + detail if detail else ''})"]
    return RefusedError(said[0], said[1], status, code)
