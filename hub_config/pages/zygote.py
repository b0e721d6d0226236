"""Fork server for desk kernels: imports everything once, then forks a kernel in milliseconds instead of starting one in seconds.

Protocol on a unix stream socket (0600, same user only), one JSON object a line. The first message carries, as ancillary data, the
read end of a pipe whose write end only the pages service holds (the *lease*): it is inherited by every kernel, which ends itself when the
pipe closes. So no kernel outlives its pages service, even if the zygote was killed too.

    {"op": "hello"} + fd            → {"ok": true, "pid": …}
    {"op": "fork", "connection_file": …, "folder": …, "environment": {…}} → {"pid": …}
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import logging
import os
import pkgutil
import random
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import structlog

from hub_config.pages.log import set_up_logging
from hub_config.pages.settings import ZygoteSettings, read_settings

log = structlog.get_logger("zygote")

LEASE_FD = 3
"""Number of the lease's file descriptor in a kernel."""

SINGLE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pandas brings pyarrow, whose allocator would start a thread
}


@dataclass
class Client:
    """One connected pages service and the kernels forked for it."""

    connection: socket.socket
    lease: int | None = None
    kernels: set[int] = field(default_factory=set)
    buffer: bytes = b""


def import_desks(*, isolated: bool = False) -> None:
    """Imports what kernels need, with the module of every desk, isolated ones or the others.

    A desk that cannot be imported is logged and fails when it is opened.
    """
    from ipywidgets.widgets.widget_string import Label

    for name in ("IPython.core.completer", "ipykernel.ipkernel", "ipykernel.kernelapp", "apps.desk"):
        importlib.import_module(name)
    import apps
    from hub_config.pages.desks import ISOLATED

    for module in pkgutil.iter_modules(apps.__path__):
        name = f"apps.{module.name}.desk"
        if not module.ispkg or (module.name in ISOLATED) is not isolated or importlib.util.find_spec(name) is None:
            continue
        try:
            importlib.import_module(name)
        except Exception:
            log.exception("desk_not_importable", desk=module.name)
    if isolated:
        importlib.import_module("itkwidgets")
        importlib.import_module("apps.itk.bridge.store")
    # The first widget of a process builds class tables; done here, they are shared by all kernels.
    Label().close()


def assert_single_thread() -> None:
    """A fork copies only the calling thread: locks held by others would stay locked for ever in the kernel."""
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads != 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        sys.exit(
            f"预热程序多出线程，无法安全派生 / zygote: {threads} threads after the imports ({names}); an imported module must not start any"
        )


class Zygote:
    """The server: a single-threaded loop over connections."""

    def __init__(self, path: Path, prepare: Callable[[], None] | None = None) -> None:
        self.path = path
        self._prepare = prepare
        self.selector = selectors.DefaultSelector()
        self.clients: dict[int, Client] = {}
        self.ending = False

    def listen(self) -> None:
        """Opens the socket, 0600, replacing what a killed predecessor left."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            server.bind(str(self.path))
        finally:
            os.umask(old)
        server.listen(8)
        self.server = server
        self.selector.register(server, selectors.EVENT_READ, None)

    def run(self) -> None:
        """Serves until SIGTERM, then ends all kernels."""
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGINT, self._on_end)
        while not self.ending:
            for key, _ in self.selector.select(timeout=0.5):
                if key.data is None:
                    self._accept()
                else:
                    self._read(key.data)
            self._reap()
        for client in list(self.clients.values()):
            self._drop(client)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def _on_end(self, _signal: int, _frame: object) -> None:
        self.ending = True

    def _accept(self) -> None:
        connection, _ = self.server.accept()
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            prepare()
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _gid = struct.unpack("3i", credentials)
        if uid != os.getuid():
            log.warning("stranger_refused", pid=pid, uid=uid)
            connection.close()
            return
        client = Client(connection)
        self.clients[connection.fileno()] = client
        self.selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: Client) -> None:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(client.connection, 65536, 1)
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            if client.lease is None:
                client.lease = descriptor
            else:
                os.close(descriptor)
        if not data:
            self._drop(client)
            return
        client.buffer += data
        while b"\n" in client.buffer:
            line, client.buffer = client.buffer.split(b"\n", 1)
            try:
                answer = self._answer(client, json.loads(line))
            except (ValueError, KeyError, OSError) as fault:
                answer = {"error": str(fault)}
            try:
                client.connection.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                self._drop(client)
                return

    def _answer(self, client: Client, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "hello":
            # A new pages service: whatever a dead one left must not live on.
            for other in list(self.clients.values()):
                if other is not client and other.lease is not None:
                    self._drop(other)
            return {"ok": client.lease is not None, "pid": os.getpid()}
        if request["op"] == "fork":
            if client.lease is None:
                raise ValueError("say hello first")
            return {"pid": self._fork(client, request)}
        raise ValueError(f"unknown op {request['op']}")

    def _fork(self, client: Client, request: dict[str, Any]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                become_kernel(request, client.lease)
            except BaseException:
                log.exception("kernel_failed")
            finally:
                os._exit(1)
        client.kernels.add(pid)
        return pid

    def _drop(self, client: Client) -> None:
        """The pages service is gone: its kernels end."""
        if self.clients.pop(client.connection.fileno(), None) is None:
            return
        self.selector.unregister(client.connection)
        client.connection.close()
        if client.lease is not None:
            os.close(client.lease)
        for pid in client.kernels:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        if client.kernels:
            log.info("kernels_ended", count=len(client.kernels))

    def _reap(self) -> None:
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for client in self.clients.values():
                client.kernels.discard(pid)


def become_kernel(request: dict[str, Any], lease: int | None) -> NoReturn:
    """In the forked child: sheds everything of the zygote and runs an IPython kernel on the given connection file."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    if lease is not None:
        os.dup2(lease, LEASE_FD + 1)
        os.dup2(LEASE_FD + 1, LEASE_FD)
    os.closerange(LEASE_FD + 1, 65536)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # ipykernel prints a notice there that is not a line of our log
    os.close(nothing)
    handler = logging.getLogger().handlers[0]
    if isinstance(handler, logging.StreamHandler):
        handler.setStream(os.fdopen(2, "w", closefd=False))
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.umask(0o077)
    random.seed()
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed()  # noqa: NPY002 - the legacy generator is the one whose state the fork copied
    threading.Thread(target=_end_with_lease, name="lease", daemon=True).start()

    import ipykernel.kernelapp
    import ipywidgets
    from ipykernel.iostream import IOPubThread

    class SocketOnlyIOPubThread(IOPubThread):
        """Without the TCP port that ipykernel opens for the output of child processes: a kernel listens on unix sockets only."""

        def __init__(self, socket: Any, pipe: bool = False, session: Any = False) -> None:
            del pipe
            super().__init__(socket, pipe=False, session=session)

    ipykernel.kernelapp.IOPubThread = SocketOnlyIOPubThread  # type: ignore[attr-defined] # the application takes the class from there
    app = ipykernel.kernelapp.IPKernelApp.instance(capture_fd_output=False)
    app.log.handlers.clear()
    app.log.propagate = True
    app.initialize(["-f", request["connection_file"], "--HistoryManager.enabled=False"])
    # traitlets leaves the logger at DEBUG and filters in the handler it had: every message of a desk would be logged, patients and all.
    app.log.setLevel(logging.WARNING)
    # ipywidgets registers these when it is imported inside a kernel; here it was imported before there was one.
    ipywidgets.register_comm_target()
    app.start()
    os._exit(0)


def _end_with_lease() -> None:
    with contextlib.suppress(OSError):
        os.read(LEASE_FD, 1)
    os._exit(0)


def main() -> None:
    """`python -m hub_config.pages.zygote`."""
    set_up_logging()
    settings = read_settings(ZygoteSettings)
    os.environ.update(SINGLE_THREAD)

    def prepare() -> None:
        import_desks(isolated=settings.isolated)
        gc.collect()
        gc.freeze()
        assert_single_thread()

    # Isolated desks are opened now and then: until the first one is, their zygote is only an interpreter.
    if not settings.isolated:
        prepare()
    zygote = Zygote(settings.zygote, prepare if settings.isolated else None)
    zygote.listen()
    log.info("zygote_ready", pid=os.getpid())
    zygote.run()


if __name__ == "__main__":
    main()
