"""The shared Voilà: its own table of routes, identity and kernel manager; everything else of stock Voilà is not mounted."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from typing import Any, cast

import structlog
from tornado import web
from tornado.httpserver import HTTPServer
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration

from hub_config.pages.channels import PING_MS, ChannelsHandler, TicketIdentityProvider
from hub_config.pages.desks import read_desks, read_windows
from hub_config.pages.forking import ForkProvisioner, ZygoteLink
from hub_config.pages.frontend import FrontEnd
from hub_config.pages.handlers import (
    DeskHandler,
    HealthHandler,
    KernelHandler,
    MissingHandler,
    ShutdownHandler,
    StaticHandler,
    ViewerAssetHandler,
    WindowHandler,
)
from hub_config.pages.identity import Person, TicketCookies
from hub_config.pages.kernels import DeskKernels, OpenDesk
from hub_config.pages.records import AwayError, Records, RefusedError
from hub_config.pages.rendering import TEMPLATE, make_exporter
from hub_config.pages.settings import PREFIX, PagesSettings

log = structlog.get_logger("pages")

FIRST_IMPORT = 60.0
"""Seconds that the first kernel of an isolated desk may take: its fork server imports only now."""

KERNEL_ID = r"(?P<kernel_id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"


class PagesService(Voila):
    """One process for all users' desks."""

    def __init__(self, settings: PagesSettings) -> None:
        super().__init__()
        self.own = settings
        self.identity = TicketCookies(settings.ticket_key)
        self.records = Records.at(settings.ris_url)
        self.front = FrontEnd(settings.dist)
        self.desks = read_desks()
        self.windows = read_windows()
        self.zygote = ZygoteLink(settings.zygote)
        ForkProvisioner.links = {False: self.zygote}
        self.isolated_zygote = ZygoteLink(settings.isolated_zygote, FIRST_IMPORT) if settings.isolated_zygote else None
        if self.isolated_zygote is not None:
            ForkProvisioner.links[True] = self.isolated_zygote

    def set_up(self) -> None:
        """What `initialize` does in stock Voilà, without command line, configuration files and template search."""
        self.config = Config(
            {
                "VoilaConfiguration": {
                    "allow_template_override": "NO",
                    "allow_theme_override": "NO",
                    "http_header_envs": [],
                    "file_allowlist": [],
                    "show_tracebacks": False,
                    "strip_sources": True,
                    "attempt_fix_notebook": False,
                    "multi_kernel_manager_class": DeskKernels,
                },
                "DeskKernels": {"buffer_offline_messages": True},
            }
        )
        # traitlets gives every application a handler of its own; ours are JSON lines and sit at the root.
        self.log.handlers.clear()
        self.log.propagate = True
        self.log.setLevel("WARNING")
        self.base_url = self.server_url = PREFIX
        self.identity_provider_class = TicketIdentityProvider
        self.auto_token = False
        self.template_paths = [str(TEMPLATE)]
        self.static_paths = []
        self.own.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own.run.chmod(0o700)
        # What an earlier process left: its kernels are dead, their tickets and keys must not lie about.
        shutil.rmtree(self.own.run / "desks", ignore_errors=True)
        shutil.rmtree(self.own.run / "sockets", ignore_errors=True)
        (self.own.run / "desks").mkdir(mode=0o700)
        self.connection_dir = str(self.own.socket_folder())
        self.root_dir = str(self.own.run)
        self.voila_configuration = VoilaConfiguration(parent=self)

    def make_application(self) -> web.Application:
        """The tornado application with our routes and nothing else."""
        # annotated as the trait, but a plain dict
        settings = cast("dict[str, Any]", self.init_settings())
        self.kernels: DeskKernels = self.kernel_manager
        self.kernels.settings = self.own
        self.exporter = make_exporter(self.config, self.base_url, self.contents_manager)
        settings |= {
            "pages": self,
            "cookie_secret": b"unused: no cookie is set here",
            "login_url": "/hub/login",
            "xsrf_cookies": False,
            "disable_check_xsrf": True,
            "ws_ping_interval": PING_MS,
            "ws_ping_timeout": 2 * PING_MS,
            "websocket_max_message_size": self.own.message_limit,
            "kernel_manager": self.kernels,
            "log_function": lambda _handler: None,
            "default_handler_class": MissingHandler,
            "default_handler_args": {"service": self},
        }
        return web.Application(self.routes(), **settings)

    def routes(self) -> list[Any]:
        """The whole table of routes."""
        mine = {"service": self}
        return [
            (PREFIX + r"healthz", HealthHandler, mine),
            (PREFIX + r"static/([A-Za-z0-9_.-]+)", StaticHandler, mine),
            (PREFIX + r"itk/([A-Za-z0-9_./-]+)", ViewerAssetHandler, mine),
            (PREFIX + r"desk/([a-z]+)", DeskHandler, mine),
            (PREFIX + r"window/([a-z]+)", WindowHandler, mine),
            (PREFIX + rf"api/kernels/{KERNEL_ID}", KernelHandler, mine),
            (PREFIX + rf"api/kernels/{KERNEL_ID}/channels", ChannelsHandler, mine),
            (PREFIX + rf"voila/api/shutdown/{KERNEL_ID}", ShutdownHandler, mine),
            (r".*", MissingHandler, mine),
        ]

    def own_desk(self, person: Person, kernel_id: str) -> OpenDesk:
        """The person's own open desk; 404 for an unknown kernel, 403 for another person's."""
        opened = self.kernels.desks.get(kernel_id)
        if opened is None:
            raise web.HTTPError(404)
        if opened.username != person.username:
            log.warning("foreign_kernel", user=person.username, kernel=kernel_id)
            raise web.HTTPError(403)
        return opened

    async def keep_tickets(self) -> None:
        """Renews every open desk's ticket; a desk whose account or session ris no longer knows ends. Runs for ever."""
        while True:
            await asyncio.sleep(self.own.check)
            await asyncio.gather(*(self._renew(opened) for opened in list(self.kernels.desks.values())))

    async def _renew(self, opened: OpenDesk) -> None:
        try:
            ticket = await self.records.renew(opened.ticket)
        except RefusedError as refusal:
            await self.kernels.end(opened.kernel_id, f"ticket_refused_{refusal.status}")
        except AwayError as fault:
            # The old ticket lives ten minutes; ris will be back before.
            log.warning("ticket_not_renewed", kernel=opened.kernel_id, error=str(fault))
        except Exception:
            log.exception("ticket_not_renewed", kernel=opened.kernel_id)
        else:
            if opened.kernel_id in self.kernels.desks:
                self.kernels.write_ticket(opened, ticket)

    async def serve(self) -> None:
        """Listens until SIGTERM or SIGINT, then ends all kernels."""
        application = self.make_application()
        server = HTTPServer(application, xheaders=False)
        server.listen(self.own.port, "127.0.0.1")
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = [asyncio.create_task(self.kernels.keep_pool()), asyncio.create_task(self.keep_tickets())]
        log.info("pages_ready", port=self.own.port)
        await stop.wait()
        server.stop()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.kernels.stop(), 6)
        self.zygote.close()
        if self.isolated_zygote is not None:
            self.isolated_zygote.close()
        shutil.rmtree(self.connection_dir, ignore_errors=True)
        log.info("pages_stopped")
