"""`python -m dicom_node [config.toml]`: the node. Further: `reindex [config.toml]`, `volumes …`, `delete …`, `ticket …`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from dicom_node import logs
from dicom_node.settings import Settings, SettingsError, load

VIEWER_RIGHTS = "image.view"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code says whether it worked."""
    words = sys.argv[1:] if arguments is None else arguments
    command = words[0] if words and words[0] in {"receive", "index", "reindex", "ticket", "volumes", "delete"} else "node"
    try:
        return _COMMANDS[command](words if command == "node" else words[1:])
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _settings(words: list[str], about: str) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m dicom_node", description=about)
    parser.add_argument("config", nargs="?", type=Path, help="TOML file; environment variables NODE_… win over it")
    return load(parser.parse_args(words).config)


def _node(words: list[str]) -> int:
    from dicom_node.receive.devices import check_devices
    from dicom_node.supervisor import AlreadyRunningError, Supervisor

    settings = _settings(words, __doc__ or "")
    authority = settings.tls_ca is not None
    # imported only where they are needed: the parent stays small, and its children start a second earlier
    if settings.dicom_tls_port or authority:
        from dicom_node.receive.tls import client_context, server_context

        server_context(settings)
        if authority:
            client_context(settings)
    check_devices(settings.devices_file, mutual_tls=bool(settings.dicom_tls_port) and authority, authority=authority)
    logs.configure("node")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.ticket_key is None and not settings.public_key_file.exists():
        from dicom_node.web.tickets import make_pair

        make_pair(settings.private_key_file, settings.public_key_file)
    try:
        return Supervisor(settings).run()
    except AlreadyRunningError as error:
        sys.stderr.write(f"{error}\n")
        return 3


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """What is imported here stays for good: looking through it for garbage, again and again, is a quarter of a child's start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _receive(words: list[str]) -> int:
    with _importing():
        from dicom_node.receive.server import Receiver
        from dicom_node.supervisor import RUN_FOLDER

    settings = _settings(words, "the receive process (started by the node)")
    logs.configure("node.receive")
    Receiver(settings, Path(os.environ[RUN_FOLDER])).run()
    return 0


def _index(words: list[str]) -> int:
    with _importing():
        from dicom_node.index.process import run
        from dicom_node.supervisor import RUN_FOLDER

    settings = _settings(words, "the index process (started by the node)")
    logs.configure("node.index")
    run(settings, Path(os.environ[RUN_FOLDER]))
    return 0


def _reindex(words: list[str]) -> int:
    from dicom_node.index.places import index_file, journal_file
    from dicom_node.index.writer import rebuild
    from dicom_node.storage.parts import Storage
    from dicom_node.supervisor import AlreadyRunningError, lock

    settings = _settings(words, "rebuild the index from journal and files; the node must be stopped")
    logs.configure("node.reindex")
    try:
        with lock(settings.data):
            target = index_file(settings)
            target.parent.mkdir(parents=True, exist_ok=True)
            storage = Storage(settings)
            count = rebuild(target, journal_file(settings), storage.archive(), storage.tombstones)
    except AlreadyRunningError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    logs.get(__name__).info("reindex.done", entries=count)
    return 0


def _ticket(words: list[str]) -> int:
    from dicom_node.web.tickets import make_pair, make_ticket

    parser = argparse.ArgumentParser(prog="python -m dicom_node ticket", description="make a ticket with the node's own key (standalone)")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--user", required=True)
    parser.add_argument("--institutions", required=True, help="codes separated by commas, or *")
    parser.add_argument("--operations", default=VIEWER_RIGHTS, help="separated by commas")
    parser.add_argument("--kind", default="script", choices=["browser", "kernel", "script", "service"])
    parser.add_argument("--minutes", type=float, default=60)
    found = parser.parse_args(words)
    settings = load(found.config)
    if settings.ticket_key is not None and not settings.private_key_file.exists():
        sys.stderr.write("票据由 ris 签发 (设置了 NODE_TICKET_KEY) | tickets are made by ris here (NODE_TICKET_KEY is set)\n")
        return 2
    if not settings.private_key_file.exists():
        make_pair(settings.private_key_file, settings.public_key_file)
    ticket = make_ticket(
        settings.private_key_file, found.user, found.institutions.split(","), found.operations.split(","),
        kind=found.kind, minutes=found.minutes,
    )  # fmt: skip
    sys.stdout.write(ticket + "\n")
    return 0


def _volumes(words: list[str]) -> int:
    from dicom_node.storage.commands import volumes

    return volumes(words)


def _delete(words: list[str]) -> int:
    from dicom_node.storage.commands import delete

    return delete(words)


_COMMANDS = {
    "node": _node, "receive": _receive, "index": _index, "reindex": _reindex, "ticket": _ticket, "volumes": _volumes, "delete": _delete,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
