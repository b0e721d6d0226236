"""Assembles the service: parts, routes, the gate's check, start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware

from ris import live, problems
from ris.access import api as access
from ris.access.guard import Parts, Public, parts_of, refuse_undeclared
from ris.access.hub import HubTokens
from ris.access.sessions import TicketOffice
from ris.atlas import api as atlas
from ris.atlas.service import AtlasFolder
from ris.audit import api as audit
from ris.catalogue import api as catalogue
from ris.database import Database
from ris.displays import api as displays
from ris.exams import api as exams
from ris.feed import Sequencer
from ris.keyimages import api as keyimages
from ris.knowledge import api as knowledge
from ris.markings import api as markings
from ris.migrate import upgrade
from ris.orders import api as orders
from ris.patients import api as patients
from ris.preferences import api as preferences
from ris.projects import api as projects
from ris.reference import page as reference
from ris.reports import api as reports
from ris.reports import pdf_api
from ris.reports.press import Press
from ris.settings import Settings
from ris.tables import MODELS
from ris.templates import api as templates
from ris.tickets import TicketSigner
from ris.wire import Wire

PREFIX = "/services/ris"
API = f"{PREFIX}/api/v1"
CONCEPTS = (
    live.router,
    access.router,
    preferences.router,
    displays.router,
    catalogue.router,
    patients.router,
    orders.router,
    exams.router,
    reports.router,
    pdf_api.router,
    markings.router,
    keyimages.router,
    templates.router,
    knowledge.router,
    atlas.router,
    projects.router,
    audit.router,
)

door = APIRouter(tags=["service"])


@door.get("/healthz")
def healthz(request: Request, _all: Annotated[None, Depends(Public())]) -> Response:
    """Say whether the service can work: it can when the database answers."""
    try:
        well = parts_of(request).database.healthy()
    except Exception:
        well = False
    return Response('{"status":"ok"}' if well else '{"status":"down"}', 200 if well else 503, media_type="application/json")


def make_app(settings: Settings) -> FastAPI:
    """Make the application; the database is brought to the newest shape before it starts."""
    if settings.ticket_key is None:
        raise ValueError("必须设置 RIS_TICKET_KEY。 Set RIS_TICKET_KEY to the PEM file of the Ed25519 private key")
    assert MODELS  # noqa: S101 - every table is known
    database = Database(settings.database)
    office = TicketOffice(TicketSigner(settings.ticket_key.read_bytes()), settings)
    sequencer = Sequencer(database)
    press = Press()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(upgrade, database.engine)
        app.state.hub_tokens = HubTokens(settings.hub_api) if settings.hub_api else None
        sequencer.start(asyncio.get_running_loop())
        press.warm()
        try:
            yield
        finally:
            await asyncio.to_thread(sequencer.stop)
            press.close()
            if app.state.hub_tokens is not None:
                app.state.hub_tokens.close()
            database.close()

    app = FastAPI(title="ris", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.parts = Parts(settings, database, office, sequencer)
    app.state.press = press
    app.state.hub_tokens = None
    app.state.atlas = AtlasFolder(settings.atlas / "bone-age" if settings.atlas else None)
    problems.install(app)
    app.include_router(door, prefix=PREFIX)
    app.include_router(reference, prefix=PREFIX)
    app.include_router(access.internal, prefix=PREFIX)
    for router in CONCEPTS:
        app.include_router(router, prefix=API)
    refuse_undeclared(app)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.add_middleware(Wire, cookie_life=settings.browser_ticket_seconds, secure=settings.secure_cookies)
    return app
