"""The process tree: starts everything in order, watches it, stops it in the other order.

Start: records and zygote; the demo's accounts; then the public port and everything behind it. Ready means that every health page answers
through the public port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterable

import httpx

from hub_config.keys import ensure_secrets, write_private
from hub_config.lab.sandbox import NO_NAME, Refusal, find_means
from hub_config.places import PrivatePorts, check_public_ports
from hub_config.process import RotatingLog, Supervised, become_subreaper, end_orphans
from hub_config.services import (
    PRIVATE_PORT_NAMES,
    Plan,
    Process,
    demo_environment,
    process_table,
    records_environment,
    write_routes,
)
from hub_config.settings import ROOT, Settings, SettingsError

START_SECONDS = 300.0
ASKING_SECONDS = 5.5
SERVING_SECONDS = 3.5
"""What the two stages of stopping may take before SIGKILL."""


def say(line: str) -> None:
    """One line for the person at the terminal; a terminal that has gone away is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(time.strftime("%H:%M:%S"), line, flush=True)  # noqa: T201 - this is the program's output


class StoppedError(Exception):
    """Somebody asked to stop while the hub was starting."""


class Tree:
    """One running hub."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.plan = Plan(settings, ensure_secrets(settings.data_dir), PrivatePorts(PRIVATE_PORT_NAMES))
        self._kept: list[Supervised] = []
        self._asked_to_stop = asyncio.Event()
        self._asked_at: list[float] = []
        self._helpers: set[asyncio.Task[None]] = set()
        self._extra_pids: set[int] = set()

    def ask_to_stop(self) -> None:
        """Stop cleanly; asked again after more than a second, stop at once."""
        now = time.monotonic()
        self._asked_at.append(now)
        if now - self._asked_at[0] > 1:
            for kept in self._kept:
                kept.signal(signal.SIGKILL)
        if not self._asked_to_stop.is_set():
            say("正在停止 / stopping")
            self._asked_to_stop.set()

    async def run(self) -> int:
        """Start, keep, stop; the exit code of the program."""
        became_ready = False
        try:
            await self._start()
            became_ready = True
            while not self._asked_to_stop.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._asked_to_stop.wait(), 5)
                self._reap()
        except StoppedError:
            became_ready = True
        except SettingsError as fault:
            say(str(fault))
        finally:
            await self._stop()
        return 0 if became_ready else 1

    async def _start(self) -> None:
        began = time.monotonic()
        write_routes(self.plan)
        table = process_table(self.plan)
        known_devices = self.settings.devices.exists()
        if not known_devices and not self.settings.demo:
            write_private(self.settings.devices, "[]")
        early = [process for process in table if process.first or (process.name == "node" and known_devices)]
        self._launch(early)
        await self._wait_ready({process.health: process.name for process in early if process.name == "ris"}, began)
        if self.settings.demo:
            await self._run_demo("prepare")
        else:
            await self._first_administrator()
        self._launch(process for process in table if process not in early)
        # first each on its own port, so that the proxy's log is not filled with refusals, then all of it as users will see it
        await self._wait_ready({process.health: process.name for process in table if process.health and process.name != "ris"}, began)
        await self._wait_ready(self.plan.public_health(), began, silent=True)
        if self.settings.demo:
            task = asyncio.create_task(self._send_demo())
            self._helpers.add(task)
        self._announce(time.monotonic() - began)

    def _launch(self, processes: Iterable[Process]) -> None:
        for process in processes:
            kept = Supervised(process, self.plan.data / "logs", say, self._write_process_list)
            self._kept.append(kept)
            kept.start()

    def _write_process_list(self) -> None:
        """`run/processes.json`: which process is which, for the operator and the tests."""
        ids = {kept.process.name: kept.pid for kept in self._kept}
        write_private(self.plan.data / "run" / "processes.json", json.dumps({"supervisor": os.getpid()} | ids))

    async def _wait_ready(self, pages: dict[str, str], began: float, *, silent: bool = False) -> None:
        """Poll until every page answers 200; says each arrival; `SettingsError` names what is missing after five minutes."""
        waiting = dict(pages)
        trust_nobody_else = ssl.create_default_context()
        trust_nobody_else.check_hostname = False  # our own port, by number
        trust_nobody_else.verify_mode = ssl.CERT_NONE
        async with httpx.AsyncClient(verify=trust_nobody_else, timeout=5, trust_env=False) as client:
            while waiting:
                if self._asked_to_stop.is_set():
                    raise StoppedError
                for url, name in list(waiting.items()):
                    with contextlib.suppress(httpx.HTTPError):
                        if (await client.get(url)).status_code == 200:
                            del waiting[url]
                            if not silent:
                                say(f"  {name}: 就绪 / ready ({time.monotonic() - began:.1f} s)")
                if waiting and time.monotonic() - began > START_SECONDS:
                    names = ", ".join(sorted(waiting.values()))
                    raise SettingsError(
                        f"启动失败：{names} 没有就绪，请看 {self.plan.data / 'logs'} / {names} did not become ready: see the logs there"
                    )
                await asyncio.sleep(0.1)

    async def _program(self, name: str, module: str, *arguments: str, environment: dict[str, str]) -> int:
        """Run one program to its end, its output in the terminal and in its log."""
        log = RotatingLog(self.plan.data / "logs" / f"{name}.log")
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            env=environment,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._extra_pids.add(child.pid)
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        try:
            async for line in child.stdout:
                log.write(line)
                text = line.decode(errors="replace").rstrip()
                if text and not text.startswith("{"):
                    say(f"  {name}: {text}")
            return await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            self._extra_pids.discard(child.pid)
            log.close()

    async def _run_demo(self, step: str) -> None:
        work = asyncio.create_task(self._program("demo", "hub_config.demo", step, environment=demo_environment(self.plan)))
        stop = asyncio.create_task(self._asked_to_stop.wait())
        await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
            raise StoppedError
        if work.result() != 0:
            words = f"演示数据未能完成（{step}），请看 {self.plan.data / 'logs' / 'demo.log'} / the demo step {step} failed: see its log"
            if step == "prepare":
                raise SettingsError(words)
            say(words)

    async def _send_demo(self) -> None:
        with contextlib.suppress(StoppedError):
            await self._run_demo("send")

    async def _first_administrator(self) -> None:
        """Without the demo somebody must be able to come in: asked at the terminal, else the one command is named."""
        marker = self.plan.data / "run" / "administrator-made"
        if marker.exists():
            return
        command = [sys.executable, "-m", "ris", "administrator", "--username", "admin"]
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            say(
                "若尚无管理员，请在终端输入 / if there is no administrator yet, type:\n"
                f"  RIS_DATABASE='{self.settings.records_database}' {' '.join(command)}"
            )
            return
        say("请设置第一位管理员，用户名为 admin / the first administrator, user name admin:")
        child = await asyncio.create_subprocess_exec(*command, env=records_environment(self.plan), cwd=ROOT)
        self._extra_pids.add(child.pid)
        try:
            if await child.wait() == 0:
                marker.touch()
        finally:
            self._extra_pids.discard(child.pid)

    def _announce(self, seconds: float) -> None:
        say(f"就绪（{seconds:.1f} 秒）/ ready in {seconds:.1f} s")
        say(f"  地址 / address:   {self.settings.public_url}")
        say(f"  DICOM:            {self.settings.dicom_aet} @ {self.settings.dicom_host}:{self.settings.dicom_port}")
        if self.settings.demo:
            say(f"  账号 / accounts:  {self.plan.data / 'demo-accounts.json'}")
        means = find_means(self.settings.lab_environment) if self.settings.lab_name else NO_NAME
        say(f"  科研 / Lab:       {means if isinstance(means, Refusal) else self.settings.lab_url}")
        say(f"  日志 / logs:      {self.plan.data / 'logs'}")
        say("  停止 / stop:      ctrl-C")

    def _reap(self) -> None:
        """End what fell to us from a dead program's descendants (kernels of a killed zygote, for example)."""
        end_orphans({kept.pid for kept in self._kept if kept.pid is not None} | self._extra_pids)

    async def _stop(self) -> None:
        for helper in list(self._helpers):
            helper.cancel()
        if self._helpers:
            await asyncio.wait(self._helpers, timeout=2)
        # first who asks and follows, last what is asked: nothing loses the other end of a call; both stages fit into ten seconds
        last = {"node", "ris"}
        await asyncio.gather(*(kept.stop(ASKING_SECONDS) for kept in self._kept if kept.process.name not in last))
        await asyncio.gather(*(kept.stop(SERVING_SECONDS) for kept in self._kept if kept.process.name in last))
        end_orphans()
        say("已停止 / stopped")


async def _serve(settings: Settings, install: Callable[[Tree], None]) -> int:
    tree = Tree(settings)
    install(tree)
    return await tree.run()


def run_tree(settings: Settings) -> int:
    """Run one hub to its end in this process, which must hold the lock of the data folder."""
    become_subreaper()

    def install(tree: Tree) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup
            loop.add_signal_handler(number, tree.ask_to_stop)

    check_public_ports(settings)
    return asyncio.run(_serve(settings, install))
