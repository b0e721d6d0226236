"""The Hub's own log like every other process's: one JSON object a line, no line with a patient's name."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
from typing import Any

from jupyterhub.handlers.base import PrefixRedirectHandler, Template404
from jupyterhub.metrics import prometheus_log_method
from tornado.log import access_log

_QUERY = re.compile(r"\?[^\s)\"']*")


class JsonLines(logging.Formatter):
    """Time, level, logger, text. Query strings are cut: a search may hold a name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "timestamp": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _QUERY.sub("", record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def log_request(handler: Any) -> None:
    """A request to the Hub in one line, counted in its metrics. An address that leads nowhere may hold anything: it is not repeated."""
    status, request = handler.get_status(), handler.request
    level = logging.DEBUG if status == 304 else logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
    where = type(handler).__name__ if isinstance(handler, PrefixRedirectHandler | Template404) else request.path
    access_log.log(level, "%d %s %s (@%s) %.0fms", status, request.method, where, request.remote_ip, 1000 * request.request_time())
    prometheus_log_method(handler)  # type: ignore[no-untyped-call]
