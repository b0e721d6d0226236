"""`python -m hub_config.lab`: the service that makes and keeps the researchers' rooms."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import structlog
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

from hub_config.lab.control import control_application
from hub_config.lab.door import door_application
from hub_config.lab.rooms import Rooms, forget_room_files
from hub_config.lab.sandbox import NO_NAME, Refusal, find_means
from hub_config.lab.settings import LabSettings

BODY_BYTES = 128 << 20
"""Of one request; JupyterLab sends large files in pieces of 1 MB."""


def configure_log() -> None:
    """One JSON object a line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )


async def run(settings: LabSettings) -> None:
    """Until SIGTERM."""
    log: Any = structlog.get_logger("lab")
    forget_room_files(settings.data)
    rooms = Rooms(settings)
    means = find_means(settings.environment) if settings.host else NO_NAME
    if isinstance(means, Refusal):
        log.warning("no_rooms", reason=str(means))
    else:
        log.info("rooms", means=means.value, host=settings.host)
    control = HTTPServer(control_application(rooms))
    control.add_socket(bind_unix_socket(str(settings.control), mode=0o600))
    door = HTTPServer(door_application(rooms), max_body_size=BODY_BYTES, max_buffer_size=BODY_BYTES, xheaders=False)
    door.listen(settings.port, "127.0.0.1")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    control.stop()
    door.stop()
    await rooms.stop_all()


if __name__ == "__main__":
    configure_log()
    asyncio.run(run(LabSettings()))
