"""The kernel websocket: Voilà's handler behind our guard."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import structlog
from jupyter_server.auth.identity import IdentityProvider, User
from tornado import web
from traitlets import Unicode
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from hub_config.pages.identity import own_origin

if TYPE_CHECKING:
    from hub_config.pages.service import PagesService

PROTOCOL = "v1.kernel.websocket.jupyter.org"
PING_MS = 10_000
FEWEST_OFFSETS = 6
MOST_OFFSETS = 262
"""A page has at most 256 binary buffers in one message."""

log = structlog.get_logger("channels")


def is_v1_frame(frame: bytes) -> bool:
    """Whether the offset table (count, then offsets of channel, four JSON parts, buffers, and the end; u64 little endian) is sound."""
    count = int.from_bytes(frame[:8], "little")
    if not FEWEST_OFFSETS <= count <= MOST_OFFSETS or len(frame) < 8 * (count + 1):
        return False
    offsets = [int.from_bytes(frame[8 * (n + 1) : 8 * (n + 2)], "little") for n in range(count)]
    return offsets[0] == 8 * (count + 1) and offsets[-1] == len(frame) and all(a <= b for a, b in itertools.pairwise(offsets))


class TicketIdentityProvider(IdentityProvider):
    """jupyter_server's view of our tickets; passwords, tokens and login pages do not exist."""

    token = Unicode("")

    def get_user(self, handler: web.RequestHandler) -> User | None:
        """The person of the ticket cookie."""
        service: PagesService = handler.settings["pages"]
        person = service.identity.person(handler.request)
        return None if person is None else User(username=person.username, name=person.name)

    def get_handlers(self) -> list[Any]:
        """No login, no logout, no identity routes."""
        return []


class ChannelsHandler(VoilaKernelWebsocketHandler):
    """`api/kernels/<id>/channels`: own origin, own kernel, v1 protocol; everything is decided before the upgrade."""

    desk_id = ""

    def initialize(self, service: PagesService) -> None:
        """The service this handler belongs to."""
        self.service = service

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuses with a plain HTTP status."""
        if set(self.request.query_arguments) - {"session_id"}:
            raise web.HTTPError(400)
        if not own_origin(self.request):
            raise web.HTTPError(403)
        person = self.service.identity.person(self.request)
        if person is None:
            raise web.HTTPError(401)
        self.service.own_desk(person, self.path_kwargs["kernel_id"])
        self.current_user = User(username=person.username, name=person.name)
        offered = [each.strip() for each in self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if PROTOCOL not in offered:
            # Voilà reads every binary frame as v1: one of the old layout would keep its event loop busy for ever.
            raise web.HTTPError(400)

    def check_origin(self, origin: str | None = None) -> bool:
        """Decided in `prepare`; tornado asks again."""
        del origin
        return own_origin(self.request)

    async def open(self, kernel_id: str) -> None:
        """Registers the page with its desk. Without nodelay each message would wait 40 ms for more."""
        self.set_nodelay(True)
        self.desk_id = kernel_id
        if kernel_id not in self.service.kernels.desks:
            self.close(4404, "gone")
            return
        self.service.kernels.connected(kernel_id, self)
        await super().open(kernel_id)

    def on_message(self, ws_message: str | bytes) -> None:
        """Only whole v1 frames go on: the parser behind trusts the offset table, and a wild one would keep the event loop busy for ever."""
        if not isinstance(ws_message, bytes) or not is_v1_frame(ws_message):
            log.warning("bad_frame", kernel=self.desk_id, size=len(ws_message))
            self.close(1003, "v1 frames only")
            return
        if self.connection is not None:
            super().on_message(ws_message)

    def on_close(self) -> None:
        """The desk lives on for the grace time."""
        if self.desk_id:
            self.service.kernels.disconnected(self.desk_id, self)
        if self.connection is not None:
            super().on_close()

    def write_error(self, status_code: int, **_: Any) -> None:
        """A status is enough for a refused upgrade."""
        self.finish(str(status_code))


__all__ = ["PING_MS", "PROTOCOL", "ChannelsHandler", "TicketIdentityProvider", "is_v1_frame"]
