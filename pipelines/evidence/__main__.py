"""`python -m pipelines.evidence`: answer until SIGTERM or SIGINT. Keeps nothing: records and node have everything."""

from __future__ import annotations

import sys
import warnings
from zoneinfo import ZoneInfo

import structlog

from pipelines.evidence.access import Door
from pipelines.evidence.app import build
from pipelines.evidence.settings import PREFIX, Settings
from pipelines.serving.program import log_as_json, server_of, settings_or_words

log = structlog.get_logger("evidence")


def main() -> int:
    """Entry point: refuses wrong settings in words."""
    settings = settings_or_words(Settings, PREFIX)
    if settings is None:
        return 2
    log_as_json()
    warnings.simplefilter("ignore")  # what DICOM libraries say about values may repeat a patient's name
    server = server_of(build(Door(settings.ticket_key, settings.ris_url, settings.images_url), ZoneInfo(settings.timezone)), settings.port)
    log.info("evidence.started", port=settings.port)
    server.run()
    log.info("evidence.stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
