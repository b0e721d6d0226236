"""`python -m hub_config.pages`."""

from __future__ import annotations

import asyncio
import os

from hub_config import iri
from hub_config.pages.log import set_up_logging
from hub_config.pages.settings import PagesSettings, read_settings


def main() -> None:
    """Runs the service until SIGTERM."""
    set_up_logging()
    settings = read_settings(PagesSettings)
    # No configuration, data or runtime folder of the machine's Jupyter is looked at.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = str(settings.run / "jupyter")
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    iri.postpone()
    from hub_config.pages.service import PagesService

    service = PagesService(settings)
    service.set_up()
    asyncio.run(service.serve())


if __name__ == "__main__":
    main()
