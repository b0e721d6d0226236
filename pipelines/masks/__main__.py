"""`python -m pipelines.masks`: compute masks of bone and table on demand."""

from __future__ import annotations

import logging
import sys

import structlog
import uvicorn
from pydantic import ValidationError

from pipelines.masks.app import Service, build
from pipelines.masks.settings import Settings, unknown_names

log = structlog.get_logger("masks")


def _log_as_json() -> None:
    """One JSON object a line on stdout; libraries speak from warnings on. Access lines are left out: they hold study UIDs."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "library.warning"}'
    )


def main() -> int:
    """Entry point: refuses unknown settings in words, answers until SIGTERM or SIGINT."""
    if unknown := unknown_names():
        sys.stderr.write(f"未知设置 / unknown settings: {', '.join(unknown)}. 请改正或删除 / correct or remove them.\n")
        return 2
    try:
        settings = Settings.from_environment()
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"设置不完整或不正确 / settings are missing or wrong:\n{faults}\n")
        return 2
    _log_as_json()
    service = Service(settings)
    server = uvicorn.Server(
        uvicorn.Config(build(service), host="127.0.0.1", port=settings.port, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    )
    log.info("masks.started", port=settings.port)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
