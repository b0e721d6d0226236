"""`python -m pipelines.masks`: compute masks of bone and table on demand."""

from __future__ import annotations

import sys

import structlog

from pipelines.masks.app import Service, build
from pipelines.masks.settings import PREFIX, Settings
from pipelines.serving.program import log_as_json, server_of, settings_or_words

log = structlog.get_logger("masks")


def main() -> int:
    """Entry point: refuses wrong settings in words, answers until SIGTERM or SIGINT."""
    settings = settings_or_words(Settings, PREFIX)
    if settings is None:
        return 2
    log_as_json()
    server = server_of(build(Service(settings)), settings.port)
    log.info("masks.started", port=settings.port)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
