"""The Hub's authenticator: accounts, passwords and rights are the records service's; the Hub keeps only who is logged in.

Each login is one session of ris. Its refresh secret lies in the user's encrypted auth_state under the Hub's session id, so that
two browsers of one user have a session each and end it each on its own.
"""

# mypy: disable-error-code="no-untyped-call"
# JupyterHub has no type hints.
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator

from hub_config.records_login import RecordsLogin, RecordsUnreachableError, Refusal, Session

NAME_LENGTH = 64
PASSWORD_LENGTH = 256
SESSIONS_KEPT = 20
"""Logins of one user at the same time; the oldest is forgotten (and asked to log in again) beyond that."""


def merge_sessions(authenticator: RecordsAuthenticator, auth_model: dict[str, Any], existing: dict[str, Any] | None) -> dict[str, Any]:
    """`reconcile_auth_state_hook`: add this login's session to those of the user's other browsers."""
    name = auth_model["name"]
    sessions = dict((existing or {}).get("sessions", {})) | authenticator.fresh.get(name, {})
    kept = dict(list(sessions.items())[-SESSIONS_KEPT:])
    authenticator.fresh[name] = {key: value for key, value in authenticator.fresh.get(name, {}).items() if key in kept}
    return {"sessions": kept}


class RecordsAuthenticator(Authenticator):
    """Login by ris; see `records_login`."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        secrets = Path(os.environ["FRONT_SECRETS"])
        self.records = RecordsLogin(os.environ["RIS_URL"], secrets / "service-hub")
        self.fresh: dict[str, dict[str, str]] = {}
        """user → Hub session → refresh secret, of logins since the Hub started (auth_state is written a moment later)."""
        self.reconcile_auth_state_hook = merge_sessions

    def normalize_username(self, username: str) -> str:
        """The records' spelling is the spelling: no folding that could make two accounts one."""
        return username

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """Our pages in front of the Hub's own of the same address."""
        del app
        from hub_config.front_handlers import FRONT_HANDLERS
        from hub_config.lab.front import LAB_HANDLERS

        return [*LAB_HANDLERS, *FRONT_HANDLERS]

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Ask ris. A refusal is left on the handler for its page; success starts a new Hub session (no fixation)."""
        username, password = data.get("username", ""), data.get("password", "")
        if not username or not password:
            handler.refusal = Refusal("login.empty", {})
            return None
        if len(username) > NAME_LENGTH or len(password) > PASSWORD_LENGTH:
            handler.refusal = Refusal("login.too_long", {})
            return None
        try:
            answer = await self.records.login(username, password)
        except RecordsUnreachableError as fault:
            self.log.warning("login: the records service is not reachable: %s", fault)
            handler.refusal = Refusal("login.unreachable", {})
            return None
        if isinstance(answer, Refusal):
            handler.refusal = answer
            return None
        handler.session = answer
        self.fresh.setdefault(answer.username, {})[handler.set_session_cookie()] = answer.refresh
        return {"name": answer.username, "admin": False, "auth_state": {"sessions": {}}}

    async def refresh_user(self, user: Any, handler: Any = None) -> bool:
        """False ends a Hub login (and refuses Hub tokens): the account is disabled or gone, or this browser's session has ended."""
        try:
            if not await self.records.is_active(user.name):
                self.fresh.pop(user.name, None)
                return False
        except RecordsUnreachableError as fault:
            self.log.warning("records service not reachable, login of %s not checked: %s", user.name, fault)
            return True  # the Hub alone opens nothing: every ticket is made by ris
        if handler is None or getattr(handler, "_token_authenticated", False):
            return True
        session_id = handler.get_session_cookie()
        return bool(session_id) and await self.refresh_secret(user, session_id) is not None

    async def refresh_secret(self, user: Any, session_id: str) -> str | None:
        """The refresh secret of one browser's session."""
        secret = self.fresh.get(user.name, {}).get(session_id)
        if secret is None:
            state = await user.get_auth_state() or {}
            secret = state.get("sessions", {}).get(session_id)
        return secret

    async def keep_session(self, user: Any, session_id: str, session: Session | None) -> None:
        """Replace the refresh secret of one session, or forget the session (None)."""
        state = await user.get_auth_state() or {}
        sessions = dict(state.get("sessions", {})) | self.fresh.get(user.name, {})
        if session is None:
            sessions.pop(session_id, None)
            self.fresh.get(user.name, {}).pop(session_id, None)
        else:
            sessions[session_id] = session.refresh
            self.fresh.setdefault(user.name, {})[session_id] = session.refresh
        await user.save_auth_state({"sessions": sessions})
