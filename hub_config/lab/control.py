"""What the Hub may ask of the rooms, over a unix socket that only the hub's own user can open.

`POST /room` `{user, base_url, ticket}` starts one · `GET /room?user=` `{open, locked}` · `GET /end?user=` answers when it has ended ·
`POST /enter` `{user, ticket}` → `{url}` for the person's browser · `DELETE /room?user=`.
"""

from __future__ import annotations

import json
from typing import Any

from tornado import web

from hub_config.lab.relay import quiet
from hub_config.lab.rooms import Room, RoomError, Rooms
from hub_config.lab.sandbox import NO_NAME


class Asked(web.RequestHandler):
    """One question of the Hub."""

    def initialize(self, rooms: Rooms) -> None:
        """Where rooms are found."""
        self.rooms = rooms

    @property
    def room(self) -> Room | None:
        """The one of `?user=`."""
        return self.rooms.open.get(self.get_query_argument("user"))

    def body(self) -> dict[str, Any]:
        """The JSON that was sent."""
        return dict(json.loads(self.request.body))

    def fault(self, error: RoomError) -> None:
        """Why there is no room."""
        self.set_status(409)
        self.write({"code": error.code, "values": error.values})


class RoomAsked(Asked):
    """A room's start, state, end."""

    def get(self) -> None:
        """Whether it runs."""
        room = self.room
        self.write({"open": room is not None, "locked": room is not None and room.ticket is None})

    async def post(self) -> None:
        """Start it; answers when JupyterLab answers."""
        wanted = self.body()
        if not self.rooms.settings.host:
            self.fault(RoomError("refused", zh=NO_NAME.zh, en=NO_NAME.en))
            return
        try:
            await self.rooms.start(wanted["user"], wanted["base_url"], wanted["ticket"])
        except RoomError as error:
            self.fault(error)
            return
        self.write({"port": self.rooms.settings.port})

    async def delete(self) -> None:
        """End it."""
        await self.rooms.stop(self.get_query_argument("user"), "asked by the Hub")
        self.set_status(204)


class EndAsked(Asked):
    """Waits for the end of a room."""

    async def get(self) -> None:
        """Answers when it has ended, at once when there is none."""
        room = self.room
        if room is not None:
            await room.ended.wait()
        self.write({"why": room.why if room is not None else ""})


class EnterAsked(Asked):
    """An invitation for the person's browser."""

    def post(self) -> None:
        """Bring the fresh ticket, get the address."""
        wanted = self.body()
        room = self.rooms.open.get(wanted["user"])
        if room is None:
            self.fault(RoomError("ended"))
            return
        room.renewed(wanted["ticket"])
        self.write({"url": f"{self.rooms.settings.url}{room.base_url}enter?code={room.invite()}"})


class LockAsked(Asked):
    """The end of a login."""

    def post(self) -> None:
        """Lock the room until its person has logged in again."""
        room = self.rooms.open.get(self.body()["user"])
        if room is not None:
            room.renewed(None)
        self.set_status(204)


def control_application(rooms: Rooms) -> web.Application:
    """All questions."""
    given = {"rooms": rooms}
    return web.Application(
        [(r"/room", RoomAsked, given), (r"/end", EndAsked, given), (r"/enter", EnterAsked, given), (r"/lock", LockAsked, given)],
        log_function=quiet,
    )
