"""One JSON object a line for the Hub's own log, like every other process."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re

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
