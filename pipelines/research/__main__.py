"""`python -m pipelines.research`: follow the records, make the tables of the approved projects, and answer (settings: docs/interfaces.md §1)."""

from __future__ import annotations

import sys

import structlog

from pipelines.research.settings import PREFIX, Settings
from pipelines.serving.program import log_as_json, server_of, settings_or_words

log = structlog.get_logger("research")


def main() -> int:
    """Answer until SIGTERM or SIGINT; refuses wrong settings in words."""
    settings = settings_or_words(Settings, PREFIX)
    if settings is None:
        return 2
    log_as_json()
    from pipelines.research.app import Service, build

    server = server_of(build(Service(settings)), settings.port)
    log.info("research.started", port=settings.port)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
