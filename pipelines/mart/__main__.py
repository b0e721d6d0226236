"""`python -m pipelines.mart [run | rebuild | digest]`.

run      follow both feeds and answer figures (the default)
rebuild  empty the tables, read both feeds from the first row to their end, and stop; the service must be stopped
digest   print a digest of each table, to compare two marts; the service must be stopped
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable

import structlog

from dicom_node.client import NodeClient
from pipelines.following import reason_of
from pipelines.mart.access import Door
from pipelines.mart.app import Service, build
from pipelines.mart.following import MartFollower
from pipelines.mart.settings import PREFIX, Settings
from pipelines.mart.store import BusyError, MartStore
from pipelines.serving.program import log_as_json, server_of, settings_or_words
from ris.client import RisClient, ServiceTicket

log = structlog.get_logger("mart")


def followers_of(settings: Settings, store: MartStore) -> list[MartFollower]:
    """The two followers, each with the client of its feed."""
    ticket = ServiceTicket(settings.ris_url, settings.service_name, settings.service_secret_file)
    return [
        MartFollower("records", RisClient(settings.ris_url, ticket).feed, store, settings.zone),
        MartFollower("images", NodeClient(settings.images_url, ticket).changes, store, settings.zone),
    ]


def run(settings: Settings, store: MartStore) -> int:
    """Follow and answer until SIGTERM or SIGINT."""
    stop = threading.Event()
    followers = followers_of(settings, store)
    service = Service(store, Door(settings.ticket_key, store), settings.zone, followers)
    server = server_of(build(service), settings.port)
    # Daemons: a long poll may still wait when the process is asked to end; what it has not written is read again after the start.
    threads = [threading.Thread(target=follower.run, args=(stop,), name=follower.name, daemon=True) for follower in followers]
    for thread in threads:
        thread.start()
    log.info("mart.started", port=settings.port, positions=store.cursors())
    try:
        server.run()
    finally:
        stop.set()
        store.close()
        log.info("mart.stopped")
    return 0 if server.started else 1


def rebuild(settings: Settings, store: MartStore) -> int:
    """Read everything again. Killed in the middle, the next start simply goes on reading."""
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    for follower in followers_of(settings, store):
        follower.rebuild()
        while not (follower.caught_up.is_set() or stop.is_set()):
            try:
                follower.step()
            except Exception as error:
                log.warning("mart.rebuild_failed", feed=follower.name, reason=reason_of(error))
                sys.stderr.write(
                    f"读取 {follower.name} 事件流失败,重建未完成;请确认其服务在运行后重试,或直接启动统计库,它会接着读取 / "
                    f"the {follower.name} feed could not be read: check that its service runs and repeat, or start the mart\n"
                )
                store.close()
                return 1
        log.info("mart.rebuilt", feed=follower.name, seq=store.position(follower.name))
    store.close()
    return 1 if stop.is_set() else 0


def digest(_settings: Settings, store: MartStore) -> int:
    """Print table → digest as one JSON object."""
    sys.stdout.write(json.dumps(store.digest(), indent=1) + "\n")
    store.close()
    return 0


COMMANDS: dict[str, Callable[[Settings, MartStore], int]] = {"run": run, "rebuild": rebuild, "digest": digest}


def main(arguments: list[str]) -> int:
    """Entry point: refuses unknown commands and settings in words."""
    command = arguments[0] if arguments else "run"
    if command not in COMMANDS or len(arguments) > 1:
        sys.stderr.write(f"未知命令 / unknown command {' '.join(arguments)!r}.\n{__doc__}")
        return 2
    settings = settings_or_words(Settings, PREFIX)
    if settings is None:
        return 2
    log_as_json()
    try:
        store = MartStore(settings.database, settings.timezone)
    except BusyError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return COMMANDS[command](settings, store)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
