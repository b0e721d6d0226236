"""`python -m hub_config.hub`: JupyterHub, with what it needs seldom imported late."""

from __future__ import annotations

from hub_config import iri

if __name__ == "__main__":
    iri.postpone()
    from jupyterhub.app import main

    main()  # type: ignore[no-untyped-call]
