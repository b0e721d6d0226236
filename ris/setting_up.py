"""First steps on the command line: the first administrator, and a whole catalogue from a file. Through the same services as the API."""

from __future__ import annotations

import getpass
import json
import secrets
import sys
from collections.abc import Callable
from typing import Any

from ris.access import service as access
from ris.access.model import Account
from ris.access.rules import Assignment, normal_username
from ris.access.scope import Caller
from ris.catalogue import service as catalogue
from ris.catalogue.model import Institution
from ris.database import Database
from ris.migrate import upgrade
from ris.problems import Problem
from ris.settings import Settings

INSTALLER = Caller("installer", "installer", "script", "", (Assignment("administrator", "*", centre=True),))
"""Who acts on the command line: whoever can read the database file may do all of it anyway. It stands in the audit."""


def open_database(settings: Settings) -> Database:
    """Open the database in its newest shape."""
    database = Database(settings.database)
    upgrade(database.engine)
    return database


def make_administrator(settings: Settings, username: str, institution: str, institution_name: str) -> dict[str, Any]:
    """Add an administrator of the centre (added, too, if there is none); the password comes from stdin or is made."""
    if sys.stdin.isatty():
        password = getpass.getpass("密码 / password (空 = 随机 / empty = random): ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    made = password or secrets.token_urlsafe(12)
    database = open_database(settings)
    try:
        with database.write() as session:
            if session.get(Institution, institution) is None:
                catalogue.add_institution(session, INSTALLER, {"code": institution, "name": institution_name, "kind": "centre"})
            roles = [{"role": "administrator", "institution": institution}]
            account = access.add_account(
                session, INSTALLER, {"username": username, "name": username, "password": made, "assignments": roles}
            )
    finally:
        database.close()
    return {"username": account["username"], **({} if password else {"password": made})}


def bootstrap(settings: Settings, data: dict[str, Any]) -> dict[str, int]:
    """Add what is missing of `{institutions, departments, accounts}`; what is there already stays as it is."""
    database = open_database(settings)
    counts = {"institutions": 0, "departments": 0, "accounts": 0}
    steps: list[tuple[str, Callable[..., Any]]] = [
        ("institutions", catalogue.add_institution),
        ("departments", catalogue.add_department),
        ("accounts", access.add_account),
    ]
    try:
        for name, add in steps:
            for one in data.get(name) or []:
                with database.write() as session:
                    if name == "accounts" and session.get(Account, normal_username(one["username"]) or "") is not None:
                        continue
                    try:
                        add(session, INSTALLER, {"kind": "hospital", **one} if name == "institutions" else one)
                    except Problem as problem:
                        if problem.code != "row.exists":
                            raise
                        continue
                    counts[name] += 1
    finally:
        database.close()
    return counts


def read_json(file: str) -> dict[str, Any]:
    """Read a JSON object from a file, or from stdin for `-`."""
    if file == "-":
        data: dict[str, Any] = json.load(sys.stdin)
        return data
    with open(file, encoding="utf-8") as given:  # noqa: PTH123 - a name given on the command line
        read: dict[str, Any] = json.load(given)
        return read
