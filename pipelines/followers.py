"""`python -m pipelines.followers`: linking, annotations and access, each in a thread of its own; each fails and recovers alone.

    python -m pipelines.followers                     follow until SIGTERM
    python -m pipelines.followers status              print place and rows set aside, as JSON
    python -m pipelines.followers rebuild <follower>  read the feed again from its first row (while the process is stopped)

Settings by environment: `FOLLOWERS_DATA`, `RIS_URL`, `IMAGES_URL`, `SERVICE_NAME`, `SERVICE_SECRET_FILE`,
`FOLLOWERS_TIMEZONE` (Asia/Shanghai; local time of the worklist).
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import httpx
import structlog
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dicom_node.client import NodeClient
from pipelines.access import Access
from pipelines.annotations import Annotations
from pipelines.following import Follower, SqliteCursors
from pipelines.linking import Linking
from ris.client import RisClient, ServiceTicket

log = structlog.get_logger()

REPORT_EVERY = 60.0
"""Seconds between two lines in the log about every follower."""
GRACE = 4.0
"""Seconds a follower may use at SIGTERM to finish the batch it is applying; a long poll is not waited for."""


class Settings(BaseSettings):
    """Settings of this process (docs/interfaces.md §1)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    followers_data: Path
    ris_url: str = Field(pattern=r"^https?://")
    images_url: str = Field(pattern=r"^https?://")
    service_name: str = Field(min_length=1)
    service_secret_file: Path
    followers_timezone: str = "Asia/Shanghai"

    @field_validator("followers_timezone")
    @classmethod
    def known_timezone(cls, value: str) -> str:
        """Refuse a time zone the machine does not know."""
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"no such time zone: {value}") from error
        return value


def log_json_lines() -> None:
    """One JSON object a line to stdout."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )


def is_healthy(url: str) -> bool:
    """Whether a service says of itself that it can work."""
    try:
        return httpx.get(f"{url}/healthz", timeout=3, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def make_followers(settings: Settings, cursors: SqliteCursors) -> list[Follower]:
    """Make the three followers, each with clients of its own, so that none waits for another's connection."""
    ticket = ServiceTicket(settings.ris_url, settings.service_name, settings.service_secret_file)

    def clients() -> tuple[RisClient, NodeClient]:
        return RisClient(settings.ris_url, ticket), NodeClient(settings.images_url, ticket)

    (linking_ris, linking_node), (notes_ris, notes_node), (access_ris, access_node) = clients(), clients(), clients()

    def ris_alive() -> bool:
        return is_healthy(settings.ris_url)

    def node_alive() -> bool:
        return is_healthy(settings.images_url)

    return [
        Linking(linking_node.changes, cursors, linking_ris, alive=ris_alive),
        Annotations(notes_ris.feed, cursors, notes_node, zone=ZoneInfo(settings.followers_timezone), alive=node_alive),
        Access(access_node.changes, cursors, access_ris, alive=ris_alive),
    ]


def take_lock(folder: Path) -> IO[str]:
    """Hold `folder/lock`; two processes on the same cursors would do everything twice."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise SystemExit(f"{folder} 已有跟随进程在运行 / followers already run on {folder}: stop them first") from None
    return lock


def run(followers: list[Follower]) -> None:
    """Run every follower in its thread until SIGTERM or SIGINT, then let running batches finish."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=one.run, args=(stop,), name=one.name, daemon=True) for one in followers]
    for thread in threads:
        thread.start()
    while not stop.wait(REPORT_EVERY):
        for one in followers:
            log.info("follower.status", **one.health())
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(one.state == "working" for one in followers):
        time.sleep(0.02)
    log.info("followers.stopped")


def main(arguments: list[str]) -> int:
    """Entry point."""
    log_json_lines()
    try:
        settings = Settings()
    except ValidationError as error:
        missing = ", ".join(str(fault["loc"][0]).upper() for fault in error.errors())
        sys.stderr.write(f"跟随进程的设置缺失或有误：{missing} / settings missing or wrong: {missing}\n")
        return 2
    cursors_file = settings.followers_data / "cursors.sqlite"
    if arguments == ["status"]:
        cursors = SqliteCursors(cursors_file)
        places = {name: {"seq": seq, "aside": [vars(row) for row in cursors.aside(name)]} for name, seq in cursors.positions().items()}
        sys.stdout.write(json.dumps(places, ensure_ascii=False, indent=1) + "\n")
        return 0
    lock = take_lock(settings.followers_data)
    cursors = SqliteCursors(cursors_file)
    followers = make_followers(settings, cursors)
    if arguments[:1] == ["rebuild"] and len(arguments) == 2:
        chosen = [one for one in followers if one.name == arguments[1]]
        if not chosen:
            sys.stderr.write(f"没有这个跟随者 / no such follower: {arguments[1]} ({', '.join(one.name for one in followers)})\n")
            return 2
        chosen[0].rebuild()
        return 0
    if arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    run(followers)
    lock.close()
    sys.stdout.flush()
    os._exit(0)  # threads in a long poll hold nothing; everything applied is on disk


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
