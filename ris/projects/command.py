"""`python -m ris project …`: research projects on the command line, through the same service as the API.

Who runs it is whoever can read the database file; it stands in the audit as `installer`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ris.projects import service
from ris.projects.rules import LEAST_ALLOWED, LEAST_USUAL, TABLES
from ris.setting_up import INSTALLER, open_database
from ris.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their words."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="所有项目 / all projects")
    add = actions.add_parser("add", help="新建草稿 / add a draft")
    add.add_argument("code")
    add.add_argument("--title", required=True)
    add.add_argument("--title-en")
    add.add_argument("--purpose", required=True)
    add.add_argument("--expires-on", required=True, type=date.fromisoformat, help="最后一天 / the last day, YYYY-MM-DD")
    add.add_argument("--member", action="append", default=[], help="成员用户名，可重复 / user name of a member, repeatable")
    add.add_argument("--table", action="append", choices=TABLES, help="可用的表，默认全部 / tables, all by default")
    add.add_argument("--pixels", action="store_true", help="可用影像 / images too")
    add.add_argument("--least", type=_size, default=LEAST_USUAL, help="最小分组人数 / smallest group")
    add.add_argument("--cut-on", type=date.fromisoformat, help="数据截止日 / last study day in the data")
    approve = actions.add_parser("approve", help="批准 / approve")
    approve.add_argument("code")
    approve.add_argument("--number", required=True, help="审批号 / number of the approval")
    approve.add_argument("--by", required=True, help="审批机构 / who approved it")
    approve.add_argument("--day", required=True, type=date.fromisoformat)
    actions.add_parser("close", help="关闭 / close").add_argument("code")
    token = actions.add_parser("token", help="为平台生成令牌，仅显示一次 / make a token for a platform, shown once")
    token.add_argument("code")
    token.add_argument("--label", required=True)
    token.add_argument("--expires-on", required=True, type=date.fromisoformat)
    revoke = actions.add_parser("revoke", help="撤销令牌 / revoke a token")
    revoke.add_argument("code")
    revoke.add_argument("token", help="令牌编号 / id of the token")


def _size(text: str) -> int:
    number = int(text)
    if number < LEAST_ALLOWED:
        raise argparse.ArgumentTypeError(f"至少为 {LEAST_ALLOWED} / at least {LEAST_ALLOWED}")
    return number


def _move(session: Session, given: argparse.Namespace, today: date, approval: dict[str, Any] | None) -> Any:
    row = service.project_in(session, INSTALLER, given.code)
    wish = {"action": given.action, "version": row.version, "approval": approval}
    return service.move_project(session, INSTALLER, given.code, wish, today)


def _add(session: Session, given: argparse.Namespace, today: date) -> Any:
    data = {name: getattr(given, name) for name in ("code", "title", "title_en", "purpose", "expires_on", "pixels", "least", "cut_on")}
    return service.add_project(session, INSTALLER, data | {"members": given.member, "tables": given.table or list(TABLES)}, today)


def _token(session: Session, given: argparse.Namespace, today: date) -> Any:
    return service.add_token(session, INSTALLER, given.code, {"label": given.label, "expires_on": given.expires_on}, today)


ACTIONS: dict[str, Callable[[Session, argparse.Namespace, date], Any]] = {
    "list": lambda session, _given, _today: service.list_projects(session, INSTALLER),
    "add": _add,
    "approve": lambda session, given, today: _move(session, given, today, {"number": given.number, "by": given.by, "day": given.day}),
    "close": lambda session, given, today: _move(session, given, today, None),
    "token": _token,
    "revoke": lambda session, given, _today: service.revoke_token(session, INSTALLER, given.code, given.token),
}


def run(settings: Settings, given: argparse.Namespace) -> str:
    """Do what was asked in one transaction; return the answer as JSON. A running service tells the feed within a second."""
    database = open_database(settings)
    try:
        with database.write() as session:
            return json.dumps(ACTIONS[given.action](session, given, service.today_in(ZoneInfo(settings.timezone))), ensure_ascii=False)
    finally:
        database.close()
