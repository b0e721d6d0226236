"""The Hub's page of the workbench: checks the right, starts the room, says how far it is, and sends the browser to the Lab's host name."""

# mypy: disable-error-code="no-untyped-call"
# JupyterHub has no type hints.
from __future__ import annotations

import os
from typing import Any

from tornado import web

from hub_config.front_handlers import WORKBENCH, FrontPage
from hub_config.lab.client import RoomRefusedError
from hub_config.lab.spawner import rooms
from hub_config.pages.identity import Person
from hub_config.pages.records import AwayError, Records, RefusedError
from hub_config.words import word

_records = Records.at(os.environ.get("RIS_URL", ""))


class Workbench(FrontPage):
    """`GET /hub/lab`: the way of a researcher into his room. Asked with `?again=1` after a failure it tries once more."""

    research_ticket: str | None = None

    async def get(self) -> None:
        """To the room when it is open; else start it and show how far it is, or why there is none."""
        self.keep_language()
        session = await self.fresh_session()
        if session is None:
            self.to_login(WORKBENCH)
            return
        user = self.current_user
        self.set_ticket(session.ticket)
        try:
            self.research_ticket = await _records.kernel_ticket(Person(user.name, "", "", session.ticket), "research")
        except RefusedError as fault:
            self.log.warning("workbench refused: %s has no right to it", user.name)
            raise web.HTTPError(403) from fault
        except AwayError as fault:
            raise web.HTTPError(503) from fault
        problem = None
        if not await self._runs(user):
            problem = await self._start(user)
        if problem is None and user.spawner.ready:
            try:
                url = await rooms.enter(user.name, self.research_ticket)
            except RoomRefusedError as fault:
                problem = fault
            else:
                await self._go(url)
                return
        await self._say(problem)

    async def _runs(self, user: Any) -> bool:
        """Whether his room runs; what the Hub still believes of a room that has ended is put right."""
        spawner = user.spawner
        if spawner.ready and await spawner.poll() is not None:
            await spawner.poll_and_notify()
        return bool(spawner.ready or spawner.pending)

    async def _start(self, user: Any) -> RoomRefusedError | None:
        """Begin; the reason when it cannot be done or has just failed and nobody asked to try again."""
        failed = self._failure(user)
        if failed is not None and not self.get_query_argument("again", ""):
            return failed
        try:
            await self.spawn_single_user(user)
        except RoomRefusedError as fault:
            return fault
        except web.HTTPError as fault:
            return RoomRefusedError("full" if fault.status_code == 429 else "failed")
        return self._failure(user)

    def _failure(self, user: Any) -> RoomRefusedError | None:
        future = user.spawner._spawn_future  # noqa: SLF001 - where JupyterHub keeps how the last start ended
        if future is None or not future.done() or future.cancelled() or future.exception() is None:
            return None
        fault = future.exception()
        return fault if isinstance(fault, RoomRefusedError) else RoomRefusedError("failed")

    async def _go(self, url: str) -> None:
        """By a page, not by a redirect: a form's redirects (the login's) may not leave this site."""
        self.set_header("Referrer-Policy", "no-referrer")
        await self.page("onward.html", target=url)

    async def _say(self, problem: RoomRefusedError | None) -> None:
        language = self.language
        text = ""
        if problem is not None:
            self.set_status(503)
            refused = problem.code == "refused"
            text = problem.values[language] if refused else word(f"lab.{problem.code}", language)
        await self.page("lab.html", problem=text, other_url=f"{WORKBENCH}?lang={'en' if language == 'zh' else 'zh'}")


class ToWorkbench(FrontPage):
    """JupyterLab's own links to the Hub's start page."""

    async def get(self) -> None:
        """The same as ours."""
        self.redirect(WORKBENCH)


LAB_HANDLERS: list[tuple[Any, ...]] = [(r"/lab", Workbench), (r"/spawn(?:/.*)?", ToWorkbench)]
