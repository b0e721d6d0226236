"""`python -m pipelines.evidence`: answer until SIGTERM or SIGINT. Keeps nothing: records and node have everything."""

from __future__ import annotations

import logging
import sys
import warnings
from zoneinfo import ZoneInfo

import structlog
import uvicorn
from pydantic import ValidationError

from pipelines.evidence.access import Door
from pipelines.evidence.app import build
from pipelines.evidence.settings import Settings

log = structlog.get_logger("evidence")


def _log_as_json() -> None:
    """One JSON object a line on stdout. What DICOM libraries say about values is left out: it may repeat a patient's name."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "library.warning"}'
    )
    warnings.simplefilter("ignore")


def main() -> int:
    """Entry point: refuses wrong settings in words."""
    try:
        settings = Settings.from_environment()
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"设置不完整或不正确 / settings are missing or wrong:\n{faults}\n")
        return 2
    _log_as_json()
    door = Door(settings.ticket_key, settings.ris_url, settings.images_url)
    server = uvicorn.Server(
        uvicorn.Config(
            build(door, ZoneInfo(settings.timezone)),
            host="127.0.0.1",
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    )
    log.info("evidence.started", port=settings.port)
    server.run()
    log.info("evidence.stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
