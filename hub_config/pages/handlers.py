"""The routes of the pages service besides the kernel websocket: desk, kernel, shutdown hint, static files, health, and 404 for the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog
from jupyter_core.utils import ensure_async
from tornado import web
from tornado.iostream import StreamClosedError

from hub_config.pages.desks import ELSEWHERE
from hub_config.pages.frontend import HASHED, TYPES, VIEWER_TYPES
from hub_config.pages.identity import Person, own_origin, problem
from hub_config.pages.kernels import OpenDesk, TooManyDesksError, ZygoteAwayError
from hub_config.pages.page import FAILED_TAIL, SECURITY_HEADERS, VIEWER_POLICY, head, notice
from hub_config.pages.records import AwayError, RefusedError
from hub_config.pages.rendering import DeskRenderer
from hub_config.pages.settings import PREFIX

if TYPE_CHECKING:
    from hub_config.pages.service import PagesService

log = structlog.get_logger("pages")

HOME = ("/hub/", "回到首页", "Home")
PROBLEMS = {
    400: (
        "request.arguments",
        ("请求有误", "地址中有不认识的参数，请从工作台重新进入。"),
        ("Bad request", "The address has an unknown argument."),
    ),
    401: ("session.ended", ("登录已过期", "请重新登录。"), ("Your session has ended", "Sign in again.")),
    403: ("request.refused", ("没有权限", "这不属于您的登录。"), ("You may not do this", "This does not belong to your sign-in.")),
    404: ("request.missing", ("没有找到", "请从首页进入。"), ("Not found", "Start from the home page.")),
    405: ("request.method", ("不支持的操作", "请从首页进入。"), ("Not allowed", "Start from the home page.")),
}
_FAILED = (
    "service.failed",
    ("服务出错", "请重试；若仍出现，请联系管理员。"),
    ("The service failed", "Try again, then tell the administrator."),
)


class PagesHandler(web.RequestHandler):
    """What all our routes share: security headers, no unknown arguments, problems in words."""

    ARGUMENTS: frozenset[str] = frozenset()
    service: PagesService

    def initialize(self, service: PagesService) -> None:
        """The service this handler belongs to."""
        self.service = service

    def set_default_headers(self) -> None:
        """The same policy on every answer, errors included."""
        self.clear_header("Server")
        for name, value in SECURITY_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """Template, theme, token or anything else in the query: refused, not ignored."""
        if set(self.request.query_arguments) - self.ARGUMENTS:
            raise web.HTTPError(400)

    def check_xsrf_cookie(self) -> None:
        """Same origin is checked where something is changed (`own_origin`); there are no xsrf cookies here."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """An RFC 9457 body; never a traceback."""
        self.set_header("Content-Type", "application/problem+json")
        code, zh, en = PROBLEMS.get(status_code, _FAILED)
        self.finish(problem(status_code, code, zh, en))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Faults of ours with their traceback, refusals in one line."""
        if isinstance(value, web.HTTPError):
            log.info("request_refused", route=type(self).__name__, status=value.status_code)
        else:
            log.error("request_failed", path=self.request.path, exc_info=(typ, value, tb))

    def person(self) -> Person:
        """Who asks; 401 when nobody."""
        found = self.service.identity.person(self.request)
        if found is None:
            raise web.HTTPError(401)
        return found

    def own_desk(self, kernel_id: str) -> OpenDesk:
        """The caller's own open desk; 404 when there is no such kernel, 403 when it is another person's."""
        return self.service.own_desk(self.person(), kernel_id)


class MissingHandler(PagesHandler):
    """Everything that is not in the table of routes."""

    def prepare(self) -> None:
        """404, whatever the method."""
        raise web.HTTPError(404)


class HealthHandler(PagesHandler):
    """`healthz`: 200 when a desk could be opened now."""

    async def get(self) -> None:
        """The reason in words when it could not."""
        missing = None
        if "boot" not in self.service.front.entries():
            missing = "front end not built: npm run build"
        elif not await self.service.zygote.alive():
            missing = "zygote does not answer"
        self.set_status(503 if missing else 200)
        self.finish({"status": "unavailable", "reason": missing} if missing else {"status": "ok"})


class StaticHandler(PagesHandler):
    """Built files, immutable, in the compression the browser takes. Open without login: nothing of the hospital is in them."""

    def get(self, name: str) -> None:
        """One file of the build."""
        path = self.service.front.file(name)
        if path is None:
            raise web.HTTPError(404)
        accepted = self.request.headers.get("Accept-Encoding", "")
        for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
            side = path.with_name(path.name + suffix)
            if coding in accepted and side.is_file():
                self.set_header("Content-Encoding", coding)
                path = side
                break
        self.set_header("Content-Type", TYPES[name.rsplit(".", 1)[1]])
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if HASHED.search(name) else "no-cache")
        self.finish(path.read_bytes())

    def compute_etag(self) -> str | None:
        """The name is the tag."""
        return None


class ViewerAssetHandler(PagesHandler):
    """`itk/…`: the page of itk-vtk-viewer and its parts, with a policy of their own. Nothing of the hospital is in them."""

    def get(self, name: str) -> None:
        """One file, compressed where it is."""
        folder = self.service.own.viewer_assets
        path = None if folder is None else folder / name
        suffix = name.rsplit(".", 1)[-1]
        if folder is None or path is None or ".." in name.split("/") or suffix not in VIEWER_TYPES or not path.is_file():
            raise web.HTTPError(404)
        self.set_header("Content-Security-Policy", VIEWER_POLICY)
        self.set_header("Content-Type", VIEWER_TYPES[suffix])
        self.set_header("Vary", "Accept-Encoding")
        # the names do not change with their content; the tag says whether it has
        self.set_header("Cache-Control", "no-cache")
        packed = path.with_name(path.name + ".gz")
        if "gzip" in self.request.headers.get("Accept-Encoding", "") and packed.is_file():
            self.set_header("Content-Encoding", "gzip")
            path = packed
        self.finish(path.read_bytes())


class KernelHandler(PagesHandler):
    """`api/kernels/<id>`: whether my kernel still lives."""

    def get(self, kernel_id: str) -> None:
        """Only GET; who may not see it is told 401, 403 or 404."""
        opened = self.own_desk(kernel_id)
        self.finish({"id": opened.kernel_id, "desk": opened.desk, "connections": len(opened.sockets)})


class ShutdownHandler(PagesHandler):
    """The browser's hint that a page was left (`sendBeacon`)."""

    def post(self, kernel_id: str) -> None:
        """Ends the kernel in some seconds unless a websocket is still there."""
        if not own_origin(self.request):
            raise web.HTTPError(403)
        self.service.kernels.left(self.own_desk(kernel_id).kernel_id)
        self.set_status(204)


class WordsHandler(PagesHandler):
    """A page that a person opens: what is refused is said in words, and without a login the way goes there."""

    def _send_to_login(self) -> None:
        if self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            # After a link from another site the browser withholds SameSite=Strict cookies for the whole chain of redirects, even
            # one that has just been set: going through a page of ours makes the next request our own.
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(notice(("正在打开", "Opening"), ("请稍候。", "One moment."), refresh=True))
            return
        self.redirect(f"/hub/ticket?next={quote(self.request.path, safe='')}")

    def _say(self, status: int, title: tuple[str, str], text: tuple[str, str]) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(notice(title, text, link=HOME))

    def _not_built(self) -> None:
        self._say(
            503, ("页面尚未构建", "The pages are not built"), ("请管理员运行 npm run build。", "The administrator must run npm run build.")
        )


class WindowHandler(WordsHandler):
    """`window/<desk>`: a further window of an open desk. It has no kernel: what it shows it asks the services for, with the same cookie."""

    def get(self, name: str) -> None:
        """The window, or a page in words."""
        person = self.service.identity.person(self.request)
        if person is None:
            self._send_to_login()
            return
        window = self.service.windows.get(name)
        if window is None:
            self._say(404, ("没有这个窗口", "No such window"), ("请从工作台打开。", "Open it from the desk."))
        elif window.operation not in person.operations:
            self._say(
                403,
                ("没有权限打开此窗口", "You may not open this window"),
                (f"您的账号没有“{window.zh}”的权限。", f"Your account has no right to “{window.en}”."),
            )
        elif window.entry not in self.service.front.entries():
            self._not_built()
        else:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(head(window, self.service.front, kernel=False))


class DeskHandler(WordsHandler):
    """`desk/<name>`: decides everything that can be refused, then streams the page."""

    async def get(self, name: str) -> None:
        """The desk, or a page in words."""
        person = self.service.identity.person(self.request)
        if person is None:
            self._send_to_login()
            return
        if name in ELSEWHERE:
            self.redirect(ELSEWHERE[name])
            return
        desk = self.service.desks.get(name)
        if desk is None:
            self._say(404, ("没有这个工作台", "No such desk"), ("请从首页进入您的工作台。", "Start from the home page."))
            return
        front = self.service.front
        if desk.entry not in front.entries() or "boot" not in front.entries():
            self._not_built()
            return
        if desk.isolated and self.service.isolated_zygote is None:
            self._say(
                503,
                (f"未安装 {desk.zh}", f"{desk.en} is not installed"),
                (
                    "请管理员运行 make setup；其余三维功能（VR、MPR）照常可用。",
                    "The administrator must run make setup; VR and MPR work without it.",
                ),
            )
            return
        try:
            # Asked each time and before anything is sent: once the head is out, the status is 200 for good.
            ticket = await self.service.records.kernel_ticket(person, desk.part_of or name)
            opened = await self.service.kernels.claim(name, person.username, person.sid, ticket, isolated=desk.isolated)
        except RefusedError as refusal:
            if refusal.status == 401:
                self._send_to_login()
                return
            self._say(
                403,
                ("没有权限打开此工作台", "You may not open this desk"),
                (
                    f"您的账号没有“{desk.zh}”的权限。如需此权限，请联系管理员。",
                    f"Your account has no right to “{desk.en}”. Ask the administrator.",
                ),
            )
            return
        except TooManyDesksError:
            self._say(
                429,
                ("打开的工作台过多", "Too many open desks"),
                ("请先关闭一些工作台页面，然后重试。", "Close some desk pages first, then try again."),
            )
            return
        except ZygoteAwayError as fault:
            if not desk.isolated:
                raise
            log.warning("isolated_zygote_away", error=str(fault))
            self._say(503, (f"{desk.zh} 暂时无法启动", f"{desk.en} cannot start now"), ("请稍后重试。", "Try again in a moment."))
            return
        except AwayError as fault:
            log.warning("ris_away", error=str(fault))
            self._say(503, ("记录服务暂时没有应答", "The records service does not answer"), ("请稍后刷新。", "Reload in a moment."))
            return
        await self._stream(opened, head(desk, front))

    async def _stream(self, opened: OpenDesk, first: str) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(first)
        await self.flush()
        service = self.service
        renderer = DeskRenderer(
            desk=service.desks[opened.desk],
            exporter=service.exporter,
            voila_configuration=service.voila_configuration,
            traitlet_config=service.config,
        )
        try:
            manager = await ensure_async(service.kernels.get_kernel(opened.kernel_id))
            async with asyncio.timeout(60):
                async for part, _ in renderer.generate_content_generator(opened.kernel_id, manager):
                    self.write(part)
                    await self.flush()
        except StreamClosedError:
            service.kernels.left(opened.kernel_id)
            return
        except Exception:
            log.exception("desk_failed", desk=opened.desk, kernel=opened.kernel_id)
            self.write(FAILED_TAIL)
        await self.finish()


__all__ = [
    "PREFIX",
    "DeskHandler",
    "HealthHandler",
    "KernelHandler",
    "MissingHandler",
    "PagesHandler",
    "ShutdownHandler",
    "StaticHandler",
    "WindowHandler",
]
