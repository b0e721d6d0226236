"""JupyterLab inside the sandbox. Who comes in is decided outside, at the door: here there is one person only."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from traitlets.config import get_config

c: Any = get_config()


class OnePerson(IdentityProvider):
    """Every request that the door lets through is the researcher's."""

    def get_user(self, handler: Any) -> User:
        """Him."""
        del handler
        return User("researcher", "科研", "科研", "科")

    @property
    def auth_enabled(self) -> bool:
        """The door authenticates."""
        return True


c.ServerApp.identity_provider_class = OnePerson
c.IdentityProvider.token = ""
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_remote_access = True  # the host name is the Lab's, not localhost
c.ServerApp.quit_button = False
c.ServerApp.default_url = "/lab"
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}
c.ServerApp.tornado_settings = {"headers": {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}}
c.LanguageServerManager.autodetect = False  # would run npm at each start, and there are no language servers
c.LabApp.app_settings_dir = "/srv/lab/settings"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.FileContentsManager.delete_to_trash = False
c.KernelSpecManager.ensure_native_kernel = True
