"""Kernels that are forks of the zygote, as jupyter_client sees them: a provisioner and a kernel manager over unix sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
from pathlib import Path
from typing import Any, ClassVar, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner


class ZygoteAwayError(RuntimeError):
    """The zygote does not answer (it is being restarted)."""


class ZygoteLink:
    """The pages service's connection to the zygote, reopened when the zygote was restarted."""

    def __init__(self, path: Path, patience: float = 10.0) -> None:
        self.path = path
        self._patience = patience
        self._socket: socket.socket | None = None
        self._lock = asyncio.Lock()
        # Every kernel holds the read end; when this process is gone, however it died, they all see the end of the pipe.
        self._lease, self._lease_held = os.pipe()

    async def fork(self, *, connection_file: str, folder: str, environment: dict[str, str]) -> int:
        """The process id of a new kernel."""
        request = {"op": "fork", "connection_file": connection_file, "folder": folder, "environment": environment}
        async with self._lock:
            for attempt in (1, 2):
                try:
                    answer = await asyncio.wait_for(self._ask(request), self._patience)
                    break
                except (OSError, EOFError, TimeoutError) as fault:
                    self._close()
                    if attempt == 2:
                        raise ZygoteAwayError(str(fault) or type(fault).__name__) from fault
        if "pid" not in answer:
            raise ZygoteAwayError(str(answer.get("error")))
        return int(answer["pid"])

    async def alive(self) -> bool:
        """Whether the zygote can be reached."""
        async with self._lock:
            try:
                await asyncio.wait_for(self._connect(), 2)
            except (OSError, EOFError, TimeoutError):
                self._close()
                return False
            return True

    def close(self) -> None:
        """Ends the connection and with it all kernels."""
        self._close()
        os.close(self._lease_held)
        os.close(self._lease)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            # A zygote that died leaves a readable, empty socket.
            if not select.select([self._socket], [], [], 0)[0]:
                return self._socket
            self._close()
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.setblocking(False)
        self._socket = link
        await loop.sock_connect(link, str(self.path))
        socket.send_fds(link, [b'{"op": "hello"}\n'], [self._lease])
        if not (await self._line(link)).get("ok"):
            raise EOFError("the zygote refused the lease")
        return link

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        link = await self._connect()
        await asyncio.get_running_loop().sock_sendall(link, json.dumps(request).encode() + b"\n")
        return await self._line(link)

    @staticmethod
    async def _line(link: socket.socket) -> dict[str, Any]:
        data = b""
        while not data.endswith(b"\n"):
            part = await asyncio.get_running_loop().sock_recv(link, 65536)
            if not part:
                raise EOFError("the zygote closed the connection")
            data += part
        answer: dict[str, Any] = json.loads(data)
        return answer


class ForkProvisioner(LocalProvisioner):
    """A kernel that is the zygote's child: watched by a pidfd, since it is not ours to wait for."""

    links: ClassVar[dict[bool, ZygoteLink]] = {}
    """Isolated or not → the zygote."""
    descriptor: int | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was forked and not yet waited for."""
        return self.descriptor is not None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Forks; `env` is the whole environment of the kernel, `cwd` its folder."""
        del cmd
        manager = cast("ForkedKernelManager", self.parent)  # traitlets allows none; ours is made by `_async_pre_start_kernel`
        link = self.links.get(manager.isolated)
        if link is None:
            raise ZygoteAwayError("no environment for isolated desks")
        pid = await link.fork(connection_file=manager.connection_file, folder=kwargs["cwd"], environment=kwargs["env"])
        self.descriptor = os.pidfd_open(pid)
        self.pid = self.pgid = pid
        return self.connection_info.copy()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """As the base class, but without its copy of this process's environment."""
        environment = dict(kwargs["env"])
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        prepared["env"] = environment
        return prepared

    async def poll(self) -> int | None:
        """None while it runs."""
        return 0 if self.descriptor is None or select.select([self.descriptor], [], [], 0)[0] else None

    async def wait(self) -> int | None:
        """Waits for the end."""
        if self.descriptor is not None:
            descriptor = self.descriptor
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[None] = loop.create_future()

            def mark() -> None:
                if not ended.done():
                    ended.set_result(None)

            loop.add_reader(descriptor, mark)
            try:
                await ended
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
                self.descriptor = None
        return 0

    async def send_signal(self, signum: int) -> None:
        """To the kernel and everything it started."""
        if signum and self.pid is not None and self.descriptor is not None and await self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    async def kill(self, restart: bool = False) -> None:
        """SIGKILL."""
        del restart
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """SIGTERM."""
        del restart
        await self.send_signal(signal.SIGTERM)


class ForkedKernelManager(AsyncIOLoopKernelManager):
    """One kernel: unix sockets, no automatic restart (an empty kernel under the old id would look like the desk)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autorestart = False
        self.isolated = False
        self.transport = "ipc"
        # Short: a unix socket's path has 107 characters at most.
        name = Path(self.connection_file).stem.removeprefix("kernel-")
        self.ip = str(Path(self.connection_file).with_name(name[:13]))

    @property
    def kernel_spec(self) -> KernelSpec:
        """The one kind of kernel there is; nothing is looked up in folders."""
        return KernelSpec(argv=["zygote"], display_name="Desk", language="python", name="desk")

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        self.shutting_down = False
        self.kernel_id = kwargs.pop("kernel_id", None) or self.kernel_id
        self._launch_args = kwargs.copy()
        self.provisioner = ForkProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        self.isolated = bool(kwargs["env"].get("DESK_ISOLATED"))
        prepared = await self.provisioner.pre_launch(**kwargs)
        return prepared.pop("cmd"), prepared

    @property
    def descriptor(self) -> int | None:
        """Pidfd of the kernel."""
        return self.provisioner.descriptor if isinstance(self.provisioner, ForkProvisioner) else None
