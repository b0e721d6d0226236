"""What the browser of a researcher may ask: `GET <base_url>hub-research/…`, as the person who is signed in to the notebook server.

The browser cannot reach `/services/` from the notebook server's host name, so that the images go through here. The routes are those that the
viewer knows from the node (docs/interfaces.md, §5); each stands for one of the research service (docs/research.md). Nothing else is handed on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.iostream import StreamClosedError

from apps.viewer.viewer import DIST, bundle_name
from hub_research.service import ADDRESS, API, TOKEN

PROJECT = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
UID = r"([0-9.]{1,64})"
ROUTES = {
    rf"images/{PROJECT}/studies/{UID}/summary": "/projects/{}/studies/{}",
    rf"images/{PROJECT}/series/{UID}/{UID}/header": "/projects/{}/studies/{}/series/{}",
    rf"images/{PROJECT}/series/{UID}/{UID}/stream": "/projects/{}/studies/{}/series/{}/stream",
}
"""What the viewer asks, and what it is called at the research service."""
PASSED = ("Content-Type", "Content-Length", "Retry-After")
CHUNK = 1 << 18
YEAR = 365 * 24 * 3600


class _Getting(JupyterHandler):
    """A handler that answers GET to the person signed in, and nothing else to anybody."""

    SUPPORTED_METHODS = ("GET",)

    def prepare_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-store")

    def say(self, status: int, zh: str, en: str, title_zh: str, title_en: str) -> None:
        """A problem document (RFC 9457) as the viewer reads it."""
        self.set_status(status)
        self.set_header("Content-Type", "application/problem+json")
        words = {"zh": {"title": title_zh, "action": zh}, "en": {"title": title_en, "action": en}}
        self.finish(json.dumps({"title": title_en, "status": status, "words": words}, ensure_ascii=False))

    def get_login_url(self) -> str:
        # a picture is no page that could lead to the sign-in
        raise web.HTTPError(403)


class ImagesHandler(_Getting):
    """One of `ROUTES`, handed on as it comes."""

    def initialize(self, path: str) -> None:
        """`path`: of the research service, with a place for each part of the route."""
        self.path = path

    @web.authenticated
    async def get(self, *parts: str) -> None:
        """The answer of the research service; 503 where there is none."""
        self.prepare_headers()
        address = os.environ.get(ADDRESS)
        if not address:
            self.say(
                503,
                "请从主页重新打开科研工作台",
                "open the research room again from the home page",
                "没有科研服务",
                "no research service",
            )
            return
        headers = {"Accept-Encoding": "identity"}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        url = address.rstrip("/") + API + self.path.format(*parts)
        try:
            async with (
                httpx.AsyncClient(timeout=httpx.Timeout(60, connect=10), trust_env=False) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                self.set_status(answer.status_code)
                for name in PASSED:
                    if name in answer.headers:
                        self.set_header(name, answer.headers[name])
                async for chunk in answer.aiter_raw(CHUNK):
                    self.write(chunk)
                    await self.flush()  # waits for a slow browser, and so does the service
        except StreamClosedError:
            return  # the page was left
        except httpx.HTTPError:
            if self._headers_written:
                self.log.warning("hub_research: images broke off")
                # a browser must not take half for the whole
                self.detach().close()
                return
            self.say(503, "请稍后重试", "try again later", "科研服务没有回答", "the research service does not answer")


class BundleHandler(_Getting):
    """The viewer's module: one file, whose name says what is in it."""

    @web.authenticated
    async def get(self, name: str) -> None:
        """The file, in the smallest form that the browser takes; 404 for any other name."""
        self.prepare_headers()
        if name != bundle_name():
            raise web.HTTPError(404)
        taken = {one.split(";")[0].strip() for one in self.request.headers.get("Accept-Encoding", "").split(",")}
        for ending, coding in ((".br", "br"), (".gz", "gzip"), ("", "")):
            file = DIST / f"{name}{ending}"
            if file.is_file() and (not coding or coding in taken):
                break
        else:
            raise web.HTTPError(404)
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", f"private, max-age={YEAR}, immutable")
        self.set_header("Vary", "Accept-Encoding")
        if coding:
            self.set_header("Content-Encoding", coding)
        for chunk in _read(file):
            self.write(chunk)
            await self.flush()


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """The routes below the base URL of a notebook server."""
    root = base_url.rstrip("/") + "/hub-research/"
    listed: list[tuple[Any, ...]] = [(rf"{root}static/(viewer-[0-9a-f]+\.js)", BundleHandler)]
    return listed + [(root + route, ImagesHandler, {"path": path}) for route, path in ROUTES.items()]
