"""The HTTP application: routes behind the gate, problems as documents."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dicom_node import logs
from dicom_node.storage.recall import AwayError, NoRoomError
from dicom_node.web import metrics, qido, status, stow, viewing, wado, wado_uri
from dicom_node.web.answers import HeadAsGet
from dicom_node.web.context import Node
from dicom_node.web.gate import PREFIX, WEB, Gate
from dicom_node.web.problems import ProblemError, problem_response
from dicom_node.web.quick_search import QuickSearch
from dicom_node.web.tickets import Tickets

log = logs.get(__name__)
PARTS = (qido, wado, wado_uri, stow, viewing, metrics, status)  # the modules whose routes are served
__all__ = ["PARTS", "Node", "make_app"]


def make_app(node: Node) -> FastAPI:
    """The application over the parts of one node."""
    gate = Gate(Tickets(node.settings.public_key_file, node.annotations))
    app = FastAPI(title="Images", version="1", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(gate.__call__)])
    app.state.node = node
    app.add_middleware(QuickSearch, gate=gate)
    app.add_middleware(HeadAsGet, prefixes=(WEB + "/", PREFIX + "/wado"))

    @app.get(PREFIX + "/healthz", include_in_schema=False)
    def healthz() -> JSONResponse:
        alive = node.alive()
        return JSONResponse({"status": "ok" if alive else "follower stopped"}, 200 if alive else 503)

    @app.get(PREFIX + "/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    for part in PARTS:
        app.include_router(part.router)

    @app.exception_handler(ProblemError)
    async def problem(request: Request, error: ProblemError) -> Response:
        return problem_response(request, error)

    @app.exception_handler(AwayError)
    async def away(request: Request, error: AwayError) -> Response:
        log.error("image.away", reason=str(error))
        return problem_response(request, ProblemError("image.no_room" if isinstance(error, NoRoomError) else "image.away"))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults: list[dict[str, Any]] = [{"where": list(e["loc"]), "what": e["msg"]} for e in error.errors()]
        return problem_response(request, ProblemError("request.invalid", "; ".join(f"{f['where']}: {f['what']}" for f in faults)[:500]))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "route.unknown", 405: "method.wrong"}.get(error.status_code, "request.invalid")
        return problem_response(request, ProblemError(code))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        log.error("request.failed", route=getattr(request.scope.get("route"), "path", ""), exc_info=error)
        return problem_response(request, ProblemError("server.fault"))

    return app
