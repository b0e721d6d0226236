"""The projects open to this person, and the one that is meant."""

from __future__ import annotations

import difflib
import os
import time
from typing import TYPE_CHECKING, Any

from hub_research.problems import ProjectError
from hub_research.service import service

if TYPE_CHECKING:
    import pandas as pd

PROJECT = "HUB_RESEARCH_PROJECT"
"""Environment variable that names the project where a call does not."""
COLUMNS = ["code", "title", "title_en", "purpose", "expires_on", "pixels", "tables"]


FRESH = 30.0
"""Seconds for which the list is believed when a call only wants to know which project is meant; the service checks each request itself."""
_known: dict[str, tuple[float, list[dict[str, Any]]]] = {}


def _listed() -> list[dict[str, Any]]:
    asked = service()
    found = list(asked.json("/projects")["projects"])
    _known[asked.name] = (time.monotonic(), found)
    return found


def _recent() -> list[dict[str, Any]]:
    told, found = _known.get(service().name, (-FRESH, []))
    return found if time.monotonic() - told < FRESH else _listed()


def projects() -> pd.DataFrame:
    """The projects open to you, one a row.

    `code`, `title`, `title_en`, `purpose`, `expires_on` (the day after which it is shut), `pixels` (whether images may be read),
    `tables` (their names).
    """
    import pandas as pd

    return pd.DataFrame(_listed(), columns=COLUMNS)


def code_of(project: str | None = None) -> str:
    """Code of the project that is meant: the one given, else that of `HUB_RESEARCH_PROJECT`, else the only one there is.

    ProjectError: there is none, there are several, or the one given is not open to you.
    """
    wanted = project or os.environ.get(PROJECT)
    known = [str(one["code"]) for one in _recent() or _listed()]
    if not known:
        raise ProjectError(
            "没有对您开放的研究项目：请向管理员申请加入项目（项目可能尚未批准或已到期）",
            "no research project is open to you: ask an administrator to be made a member (a project may not be approved yet, or be over)",
        )
    if wanted is None:
        if len(known) == 1:
            return known[0]
        listed = ", ".join(known)
        raise ProjectError(
            f"您有多个项目（{listed}）：请用 project= 指明，或设置环境变量 {PROJECT}",
            f"you have several projects ({listed}): name one with project=, or set {PROJECT}",
        )
    if wanted in known:
        return wanted
    known = [str(one["code"]) for one in _listed()]
    if wanted in known:
        return wanted
    near = difflib.get_close_matches(wanted, known, 1, 0.5)
    listed = ", ".join(known)
    raise ProjectError(
        f"没有对您开放的项目“{wanted}”" + (f"，是否指“{near[0]}”？" if near else "。") + f"您的项目：{listed}",
        f"no project {wanted!r} is open to you" + (f"; did you mean {near[0]!r}?" if near else ".") + f" Yours: {listed}",
    )
