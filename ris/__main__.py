"""`python -m ris`: serve; `administrator --username …`; `bootstrap --file accounts.json`; `project …`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from ris.access.guard import Parts
from ris.app import make_app
from ris.logs import configure
from ris.problem_words import WORDS
from ris.problems import Problem
from ris.projects import command as projects
from ris.setting_up import bootstrap, make_administrator, read_json
from ris.settings import Settings, UnknownSettingError, load


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ris", description="记录服务 / the records service")
    commands = parser.add_subparsers(dest="command")
    administrator = commands.add_parser("administrator", help="新增第一个管理员 / add the first administrator")
    administrator.add_argument("--username", required=True)
    administrator.add_argument("--institution", default="CENTRE", help="中心机构代码 / code of the centre")
    administrator.add_argument("--institution-name", default="诊断中心")
    filling = commands.add_parser("bootstrap", help="从 JSON 导入机构、科室、账号 / add institutions, departments, accounts from JSON")
    filling.add_argument("--file", default="-", help="JSON 文件，- 为标准输入 / JSON file, - for stdin")
    projects.add_arguments(commands.add_parser("project", help="科研项目 / research projects"))
    return parser.parse_args()


class _Server(uvicorn.Server):
    """Ends open streams when it is told to stop; otherwise they would hold up the end until the time limit."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take SIGTERM or SIGINT."""
        cast("Parts", cast("FastAPI", self.config.app).state.parts).sequencer.dismiss()
        super().handle_exit(sig, frame)


def _serve(settings: Settings) -> None:
    configure()
    # uvicorn sends itself the signal again after a clean end; that must not look like a death.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = _Server(
        uvicorn.Config(
            make_app(settings),
            host="127.0.0.1",
            port=settings.port,
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=3600,  # the Hub's proxy uses idle connections again; one that closes just then is a 503 for whoever asked
            backlog=512,
        )
    )
    server.run()
    if not server.started:
        raise OSError(f"端口 {settings.port} 无法使用。 Port {settings.port} cannot be used, or the start failed: see the log")


def main() -> int:
    """Run; return the exit code."""
    arguments = _arguments()
    try:
        settings = load()
        if arguments.command == "administrator":
            print(json.dumps(make_administrator(settings, arguments.username, arguments.institution, arguments.institution_name)))  # noqa: T201
        elif arguments.command == "bootstrap":
            print(json.dumps(bootstrap(settings, read_json(arguments.file))))  # noqa: T201
        elif arguments.command == "project":
            print(projects.run(settings, arguments))  # noqa: T201
        else:
            _serve(settings)
    except Problem as problem:
        _, zh, zh_action, en, en_action = WORDS[problem.code]
        print(f"{zh}：{zh_action}。 {en}. {en_action}. {problem.extra or ''}", file=sys.stderr)  # noqa: T201
        return 1
    except (UnknownSettingError, ValidationError, OSError, ValueError, TypeError) as error:
        print(f"无法启动：{error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
