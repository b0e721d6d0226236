"""QIDO-RS of studies by one exact key, the question desks and viewers put most, answered before the framework takes it apart.

The register finds it by its own index within microseconds, so neither a thread nor routing is worth their price. The gate is
asked as for any request; whatever is not this question, or is refused, goes on to the application, which answers it in full.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from dicom_node.web.context import context
from dicom_node.web.gate import WEB, Gate
from dicom_node.web.problems import ProblemError
from dicom_node.web.qido import from_register_at_once

ROUTE = WEB + "/studies"


class QuickSearch:
    """Middleware around the application."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the one question; pass on everything else."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == ROUTE:
            request = Request(scope)
            try:
                self._gate.admit(request, ROUTE)
                response = from_register_at_once(await context(request), request)
            except ProblemError:
                response = None  # said by the application, in one place
            if response is not None:
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
