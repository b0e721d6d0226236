"""JupyterHub as the front door: one login for everything behind it. Settings come from the supervisor (`hub_config.services`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import event
from tornado.httpserver import HTTPServer
from traitlets.config import get_config

from hub_config.authenticator import RecordsAuthenticator
from hub_config.lab.spawner import RoomSpawner
from hub_config.logs import log_request

c: Any = get_config()

here = Path(__file__).resolve().parent
secrets = Path(os.environ["FRONT_SECRETS"])
data = Path(os.environ["FRONT_DATA"])
secure = os.environ["FRONT_SECURE"] == "1"
hub_url = f"http://127.0.0.1:{os.environ['FRONT_HUB_PORT']}"


def secret(name: str) -> str:
    """Text of one secret file."""
    return (secrets / name).read_text(encoding="utf-8").strip()


# --- places -----------------------------------------------------------------------------------------------------------------------
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['FRONT_PUBLIC_PORT']}/"
c.JupyterHub.hub_bind_url = hub_url
c.JupyterHub.hub_connect_url = hub_url
c.JupyterHub.db_url = f"sqlite:///{data / 'hub.sqlite'}"
c.JupyterHub.upgrade_db = True
c.JupyterHub.cookie_secret = bytes.fromhex(secret("hub-cookie"))
c.CryptKeeper.keys = [bytes.fromhex(secret("hub-crypt"))]


@event.listens_for(sqlalchemy.Engine, "connect")
def write_ahead(connection: Any, record: object) -> None:
    """Readers of the Hub's SQLite never wait for a writer."""
    del record
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


# --- the proxy is the supervisor's; its fixed routes too ------------------------------------------------------------------------------
c.JupyterHub.proxy_class = "configurable-http-proxy"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = os.environ["FRONT_PROXY_API"]
c.ConfigurableHTTPProxy.auth_token = secret("proxy-token")
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.cleanup_servers = False
c.JupyterHub.last_activity_interval = 30

# --- who comes in ---------------------------------------------------------------------------------------------------------------------
c.JupyterHub.authenticator_class = RecordsAuthenticator
c.Authenticator.allow_all = True  # ris decides; everyone it lets in has come in
c.Authenticator.enable_auth_state = True
c.Authenticator.auth_refresh_age = 15
c.Authenticator.auth_refresh_strict = True
c.JupyterHub.cookie_max_age_days = int(os.environ["FRONT_LOGIN_HOURS"]) / 24
c.JupyterHub.default_url = "/hub/ticket"
c.JupyterHub.redirect_to_server = False

# --- what a user may do in the Hub itself: see himself, make tokens for scripts. No sharing, nobody is admin. A server is started only by
# our page /hub/lab, for who has the right in ris; through the Hub's API nobody can --------------------------------------------------------
c.JupyterHub.services = [{"name": "ris", "display": False}]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["read:users!user", "tokens!user", "access:services!service=ris"]},
    {"name": "token", "scopes": ["read:users!user", "access:services!service=ris"]},
]
c.JupyterHub.token_expires_in_default_seconds = 30 * 86_400
c.JupyterHub.token_expires_in_max_seconds = 365 * 86_400
c.JupyterHub.allow_named_servers = False
c.JupyterHub.concurrent_spawn_limit = 4
c.JupyterHub.spawner_class = RoomSpawner
c.Spawner.start_timeout = 130
c.Spawner.http_timeout = 10
c.Spawner.poll_interval = 15
c.Spawner.consecutive_failure_limit = 0  # a Lab that does not start is no reason for the Hub to end

# --- pages ------------------------------------------------------------------------------------------------------------------------------
c.JupyterHub.template_paths = [str(here / "templates")]
c.JupyterHub.logo_file = str(here / "templates" / "static" / "mark.svg")
headers = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-JupyterHub-Version": "",  # which faults to try is nobody's business
    "Server": "hub",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
if secure:
    headers["Strict-Transport-Security"] = "max-age=31536000"
c.JupyterHub.tornado_settings = {
    "log_function": log_request,
    "headers": headers,
    "front_secure": secure,
    "slow_spawn_timeout": 1,  # our page says how far it is meanwhile
    "cookie_options": {"samesite": "Lax", "secure": secure, "expires_days": None},  # gone with the browser
    "xsrf_cookie_kwargs": {"samesite": "Lax", "secure": secure, "httponly": False},
}

# A login form has a few hundred bytes: nobody may fill the memory before he is known (stock: 100 MB).
# Up to here the login page answers in words.
HTTPServer.configure(None, max_body_size=16 * 1024 * 1024)

# --- logs -------------------------------------------------------------------------------------------------------------------------------
c.JupyterHub.log_level = "INFO"
c.JupyterHub.logging_config = {"formatters": {"console": {"class": "hub_config.logs.JsonLines"}}}
