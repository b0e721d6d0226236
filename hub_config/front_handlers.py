"""The Hub's own pages: login, logout, ticket, tokens, and nothing else of JupyterHub's user interface."""

# mypy: disable-error-code="no-untyped-call"
# JupyterHub has no type hints.
from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import maybe_future
from tornado import web

from hub_config.lab.client import RoomRefusedError, RoomsSilentError
from hub_config.lab.spawner import rooms
from hub_config.pages.frontend import FrontEnd
from hub_config.records_login import RecordsUnreachableError, Refusal, Session
from hub_config.settings import ROOT
from hub_config.words import Language, choose_language, word

TICKET_COOKIE = "hub-ticket"
LANGUAGE_COOKIE = "hub-lang"
DESKS = "/services/pages/desk/"
WORKBENCH = "/hub/lab"
STATIC = Path(__file__).parent / "templates" / "static"
FORM_BYTES = 16_384
_front_end = FrontEnd(ROOT / "apps" / "dist")
_renewing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


def safe_service_path(wanted: str) -> str | None:
    """`wanted` when it is a path under /services/ of this very host, else None (open redirects, traversal, control characters)."""
    if len(wanted) > 2000 or not wanted.startswith("/services/"):
        return None
    plain = unquote(wanted)
    if "\\" in plain or "//" in plain.split("?")[0] or any(ord(sign) < 32 or ord(sign) == 127 for sign in plain):
        return None
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or ".." in unquote(parts.path).split("/"):
        return None
    return wanted


def landing_url(session: Session) -> str:
    """The desk of this account; a researcher's is his workbench."""
    if session.landing == "research":
        return WORKBENCH
    return DESKS + quote(session.landing, safe="")


def front_asset(name: str) -> str:
    """Address of one of our static files, changing with its content."""
    return f"/hub/front/{name}?v={_asset_digest(name)}"


def _asset_digest(name: str) -> str:
    if name not in _digests:
        _digests[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return _digests[name]


_digests: dict[str, str] = {}


def preloads() -> list[tuple[str, str]]:
    """(`modulepreload` | `prefetch`, address) of what the reading desk will need first; empty while the front end is not built.

    The login page loads these while somebody types, so that the desk finds them in the browser's cache.
    """
    entries = _front_end.entries()
    found: dict[str, str] = {}
    for entry in (entries[name] for name in ("boot", "reading") if name in entries):
        found |= dict.fromkeys((entry.js, *entry.imports), "modulepreload") | dict.fromkeys(entry.css, "prefetch")
    return [(kind, "/services/pages/static/" + file) for file, kind in found.items()]


class FrontPage(BaseHandler):
    """What our pages share: language, words, the ticket cookie."""

    @property
    def language(self) -> Language:
        """Chosen by `?lang=`, else the cookie, else the browser."""
        return choose_language(
            self.get_query_argument("lang", None) or self.get_cookie(LANGUAGE_COOKIE), self.request.headers.get("Accept-Language", "")
        )

    def set_default_headers(self) -> None:
        """Pages of the front door are never kept by a cache."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def keep_language(self) -> None:
        """Remember an explicit choice for a year, for the desks too."""
        if self.get_query_argument("lang", None) in {"zh", "en"}:
            self.set_cookie(LANGUAGE_COOKIE, self.language, path="/", max_age=31_536_000, samesite="Lax", secure=self.is_secure)

    @property
    def is_secure(self) -> bool:
        """Whether users come by https."""
        return bool(self.settings["front_secure"])

    def set_ticket(self, ticket: str) -> None:
        """The one cookie that opens /services/."""
        self.set_cookie(TICKET_COOKIE, ticket, path="/services/", httponly=True, samesite="Strict", secure=self.is_secure)

    async def fresh_session(self) -> Session | None:
        """Session of ris behind this browser, renewed; None (and no cookies any more) when it has ended. 503 while ris is away."""
        user = self.current_user
        if user is None:
            return None
        session_id = self.get_session_cookie() or ""
        authenticator = self.authenticator
        async with _renewing[session_id]:  # two tabs at once: one after the other, each with the newest secret
            secret = await authenticator.refresh_secret(user, session_id)
            try:
                answer = await authenticator.records.refresh(secret) if secret else None
            except RecordsUnreachableError as fault:
                self.log.warning("ticket: the records service is not reachable: %s", fault)
                raise web.HTTPError(503) from fault
            if isinstance(answer, Session) and answer.refresh != secret:
                await authenticator.keep_session(user, session_id, answer)
        _renewing.pop(session_id, None)
        if isinstance(answer, Session):
            return answer
        if secret:
            await authenticator.keep_session(user, session_id, None)
        self.clear_login_cookie()
        self.clear_cookie(TICKET_COOKIE, path="/services/")
        return None

    def to_login(self, wanted: str) -> None:
        """The login page, and back to `wanted` afterwards."""
        self.redirect(self.settings["login_url"] + (f"?{urlencode({'next': wanted})}" if wanted else ""))

    async def page(self, template: str, **values: Any) -> None:
        """Send one of our templates."""
        language = self.language

        def text(key: str, **filling: object) -> str:
            return word(key, language, **filling)

        self.finish(await self.render_template(template, lang=language, text=text, asset=front_asset, **values))


class Login(FrontPage, LoginHandler):
    """The login page and its form."""

    refusal: Refusal | None = None
    session: Session | None = None

    async def prepare(self) -> None:
        """A form of more than 16 kB is no login."""
        if len(self.request.body) > FORM_BYTES:
            self._jupyterhub_user = None
            self._resolve_roles_and_scopes()
            self.set_status(413)
            await self._form(Refusal("login.too_long", {}))
            return
        await super().prepare()

    def check_xsrf_cookie(self) -> None:
        """An old or foreign form is answered with the page itself (see `write_error`), not with a stack of words."""
        BaseHandler.check_xsrf_cookie(self)

    def write_error(self, status_code: int, **details: Any) -> None:
        """A refused form (expired xsrf token) goes back to a fresh page."""
        if status_code == 403 and self.request.method == "POST":
            self.redirect(f"{self.settings['login_url']}?{urlencode({'expired': 1, 'next': self._next()})}")
            return
        super().write_error(status_code, **details)

    def render_template(self, name: str, sync: bool = False, **values: Any) -> Any:
        """Without the stock handler's detour for failed forms."""
        return BaseHandler.render_template(self, name, sync, **values)

    def _next(self) -> str:
        """Where to go after the login: a path of ours, else empty (the desk of the role)."""
        wanted = self.get_argument("next", "")
        if safe_service_path(wanted) or wanted == WORKBENCH:
            return wanted
        if wanted.startswith(("/hub/token", "/hub/api/oauth2/authorize")) and "\\" not in wanted:
            return str(self._validate_next_url(wanted))
        return ""

    async def _form(self, refusal: Refusal | None = None, note: str = "") -> None:
        other = "en" if self.language == "zh" else "zh"
        wanted = self._next()
        if refusal is None and self.get_query_argument("expired", ""):
            refusal = Refusal("login.expired", {})
        name = self.get_body_argument("username", "") if len(self.request.body) <= FORM_BYTES else ""
        await self.page(
            "login.html",
            next=wanted,
            username=name[:64],
            problem=word(refusal.code, self.language, **refusal.values) if refusal else "",
            note=note,
            preloads=preloads(),
            other_language=other,
            other_url=f"{self.settings['login_url']}?{urlencode({'lang': other} | ({'next': wanted} if wanted else {}))}",
        )

    async def get(self) -> None:
        """The form; who is logged in already goes on to his desk."""
        if self.current_user:
            wanted = self._next()
            self.redirect(WORKBENCH if wanted == WORKBENCH else "/hub/ticket" + (f"?{urlencode({'next': wanted})}" if wanted else ""))
            return
        self.keep_language()
        self.set_fresh_xsrf()
        out = self.get_query_argument("out", "")
        note = {"1": "login.out", "late": "login.out_late"}.get(out, "")
        await self._form(note=word(note, self.language) if note else "")

    def set_fresh_xsrf(self) -> None:
        """A token as far from its end as possible, for people who leave the page open."""
        from jupyterhub._xsrf_utils import _set_xsrf_cookie

        _set_xsrf_cookie(self, self._xsrf_token_id, cookie_path=self.hub.base_url, xsrf_token=self.xsrf_token)

    async def post(self) -> None:
        """Check name and password; on success the ticket cookie and the desk, else the form with the reason in words.

        Names that failed are not logged: people type passwords into the wrong field.
        """
        if self._finished:
            return
        data = {"username": self.get_body_argument("username", ""), "password": self.get_body_argument("password", "", strip=False)}
        authenticated = await maybe_future(self.authenticator.get_authenticated_user(self, data))
        if not authenticated or self.session is None:
            refusal = self.refusal or Refusal("login.wrong", {})
            self.log.warning("login refused: %s", refusal.code)
            self.set_status({"login.unreachable": 503, "login.too_long": 413}.get(refusal.code, 403))
            await self._form(refusal)
            return
        user = await self.auth_to_user(authenticated)
        self.set_login_cookie(user)
        user._auth_refreshed = None  # noqa: SLF001 - the stock handler does the same: the next request asks ris
        self.log.info("User logged in: %s", user.name)
        self.set_ticket(self.session.ticket)
        self.redirect(self._next() or landing_url(self.session))


class Ticket(FrontPage):
    """`GET /hub/ticket?next=`: a fresh browser ticket from the Hub login; without one, the login page."""

    async def get(self) -> None:
        """Renew the ticket of this browser's session and go on; an ended session must log in again."""
        wanted = safe_service_path(self.get_query_argument("next", "")) or ""
        answer = await self.fresh_session()
        if answer is None:
            self.to_login(wanted)
            return
        self.set_ticket(answer.ticket)
        target = wanted or landing_url(answer)
        if self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A redirect would still count as coming from the other site and the browser would keep the strict cookie back, for ever.
            await self.page("onward.html", target=target)
        else:
            self.redirect(target)


class Logout(FrontPage):
    """End this browser's session in ris and in the Hub."""

    async def get(self) -> None:
        """Sign out. A link on another site only gets a question."""
        if self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            await self.page("logout.html")
            return
        user, out = self.current_user, "1"
        session_id = self.get_session_cookie() or ""
        if user is not None and session_id:
            secret = await self.authenticator.refresh_secret(user, session_id)
            if secret:
                try:
                    await self.authenticator.records.logout(secret)
                except RecordsUnreachableError as fault:
                    self.log.warning("logout: the records service is not reachable: %s", fault)
                    out = "late"
            await self.authenticator.keep_session(user, session_id, None)
            try:
                await rooms.lock(user.name)
            except RoomsSilentError:
                self.log.warning("logout: the service of the rooms is silent; the room of %s locks when its ticket ends", user.name)
            except RoomRefusedError:
                pass  # there is none
            self.log.info("User logged out: %s", user.name)
        self.clear_login_cookie()
        self.clear_cookie(TICKET_COOKIE, path="/services/")
        self.redirect(f"{self.settings['login_url']}?out={out}")


class Home(FrontPage):
    """`/hub/` and `/hub/home`: to the desk, or to the login."""

    async def get(self) -> None:
        """Send everybody to his place."""
        self.redirect("/hub/ticket" if self.current_user else self.settings["login_url"])


class Tokens(FrontPage):
    """A user's own tokens for scripts."""

    @web.authenticated
    async def get(self) -> None:
        """List them; making and revoking goes through the Hub's API by the page's script."""
        self.keep_language()
        user = self.current_user
        tokens = [token for token in user.api_tokens if token.client_id == "jupyterhub" or not token.client_id]
        await self.page("token.html", tokens=sorted(tokens, key=lambda token: token.created, reverse=True), username=user.name)


class Closed(BaseHandler):
    """Pages of JupyterHub that this hub does not have."""

    async def prepare(self) -> None:
        """404 for everything."""
        await super().prepare()
        raise web.HTTPError(404)


class FrontStatic(web.StaticFileHandler):
    """Style, script and mark of our pages; cached for ever, their address changes with their content."""

    def set_extra_headers(self, path: str) -> None:
        """Long life for addresses with the right digest."""
        del path
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.get_query_argument("v", None):
            self.set_header("Cache-Control", "public, max-age=31536000, immutable")


FRONT_HANDLERS: list[tuple[Any, ...]] = [
    (r"/", Home),
    (r"/home", Home),
    (r"/login", Login),
    (r"/logout", Logout),
    (r"/ticket", Ticket),
    (r"/token", Tokens),
    (r"/front/(.+)", FrontStatic, {"path": str(STATIC)}),
    (r"/(?:admin|spawn|spawn-pending|accept-share|user-redirect|user)(?:/.*)?", Closed),
]
