"""Extension of the notebook server: the viewer's bundle, and the project's images for the browser.

Switched on by `jupyter_server_config.d/hub_research.json`, which belongs into `etc/jupyter/jupyter_server_config.d/` of the environment.
"""

from __future__ import annotations

from typing import Any

from hub_research.server.relay import handlers


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hub_research.server"}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.add_handlers(".*$", handlers(app.web_app.settings["base_url"]))
    app.log.info("hub_research: images below %shub-research/", app.web_app.settings["base_url"])
