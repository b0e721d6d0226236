"""The research service: routes under /services/research/api/v1. Each asks the door for the project first."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from dicom_node.client import NodeClient
from pipelines.research import results_api, tables_api
from pipelines.research.access import Door, Project
from pipelines.research.following import RecordsFollower
from pipelines.research.identities import Identities
from pipelines.research.images_api import images_router
from pipelines.research.library import Library
from pipelines.research.limits import Limits
from pipelines.research.problems import PROBLEMS
from pipelines.research.releases import Releases
from pipelines.research.results import Results
from pipelines.research.settings import Settings
from pipelines.research.store import ResearchStore
from pipelines.serving.problems import Problem
from ris.client import RisClient, ServiceTicket

PREFIX = "/services/research"
API = f"{PREFIX}/api/v1"
log = structlog.get_logger("research")
DESCRIPTION = """
去标识化科研数据接口。所有编号都是项目内的代号。请求头 `Authorization: Bearer <票据>`：科研工作台的票据、脚本票据，或管理员为项目签发的
平台令牌（`rt_…`，只对该项目有效，有到期日，可撤销）。下载支持 `Range` 与 `ETag`（断点续传）；分页用 `limit` 与 `after`；超出次数或数据量时
回答 429 与 `Retry-After`；每次提供数据都记入审计；送回的结果（SEG、SR）单独保存，状态为“未确认”。

De-identified research data. Every UID is a pseudonym of the project. Send `Authorization: Bearer <ticket>`: a ticket of the researcher's
room, a script's ticket, or a platform's token (`rt_…`, made by an administrator for one project, with a last day, revocable). Downloads
take `Range` and have an `ETag`; lists are paged by `limit` and `after`; too many requests or bytes are answered by 429 and `Retry-After`;
each release is in the audit; results sent back (SEG, SR) are kept apart as *not confirmed*.
"""


class Service:
    """What the routes share; is the `Research` of `access`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = ResearchStore(settings.data / "research.sqlite")
        ticket = ServiceTicket(settings.ris_url, settings.service_name, settings.service_secret_file)
        self._ris = RisClient(settings.ris_url, ticket)
        self.node = NodeClient(settings.images_url, ticket)
        self.follower = RecordsFollower(self._ris.feed, self.store)
        self.library = Library(settings.data, settings.published, self.store, lambda: datetime.now(settings.zone).date(), settings.minutes)
        self.door = Door(settings.ticket_key, self.store, settings.zone, self.library.pseudonyms)
        self.limits = Limits(self.store, settings.requests, settings.daily_bytes, settings.zone)
        self.releases = Releases(self.store, self._ris)
        self.results = Results(settings.data / "results", self.store, settings.published, settings.project_results)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to follow, to make, and to send the audit."""
        # Daemons: a long poll may still wait when the process is asked to end; what is not written is read again after the start.
        for work, name in ((self.follower.run, "records"), (self.releases.run, "audit")):
            threading.Thread(target=work, args=(self._stop,), name=name, daemon=True).start()
        self.library.start(self.follower.caught_up)

    def stop(self) -> None:
        """End the threads."""
        self._stop.set()
        self.library.stop()

    @property
    def ready(self) -> bool:
        """True once the records feed was read to its end: before that a revocation or an end of a project could still be unknown."""
        return self.follower.caught_up.is_set()

    # -- `access.Research` ------------------------------------------------------------------------------------------------------------

    def project_of(self, request: Request, code: str) -> Project:
        """The project for this caller, or a Problem."""
        if not self.ready:
            raise Problem("research.catching_up")
        caller = self.door.enter(request)
        self.limits.ask(caller.username)
        return self.door.project_of(caller, code)

    def identities(self, code: str) -> Identities:
        """What is behind the pseudonyms of a project."""
        return self.library.identities(code)

    def published(self) -> Path:
        """Folder of the node's published tables."""
        return self.settings.published

    def release(self, project: Project, kind: str, entity: str, size: int, **detail: Any) -> None:
        """Count bytes and write the audit, before they go out."""
        self.limits.give(project.username, size)
        self.releases.note(project.username, "research.released", kind, entity, project.code, **detail)


def build(service: Service) -> FastAPI:
    """The application; there are no pages of documentation here that would load scripts from elsewhere."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()
        log.info("research.stopped")

    app = FastAPI(
        title="科研数据接口 / Research data",
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    PROBLEMS.add_to(app)

    @app.get(f"{PREFIX}/healthz", summary="是否可用 / whether it can work")
    def healthz() -> JSONResponse:
        """200 when data can be given out; how far the records feed was read."""
        state = service.follower.health()
        told = {name: state[name] for name in ("follower", "seq", "state", "gaps", "failing_s")} | {"aside": len(state["aside"])}
        return JSONResponse({"status": "ok" if service.ready else "catching up", "followers": [told]}, 200 if service.ready else 503)

    app.include_router(tables_api.router(service), prefix=API)
    app.include_router(results_api.router(service), prefix=API)
    app.include_router(images_router(service, service.settings.data), prefix=f"{API}/projects/{{code}}")
    return app
