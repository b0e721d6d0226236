"""The API page, served from this machine only: swagger-ui's files where npm has put them, a strict content policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ris.access.guard import Public
from ris.problems import Problem

page = APIRouter(include_in_schema=False)
FILES = Path(__file__).resolve().parent.parent / "node_modules" / "swagger-ui-dist"
SERVED = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "favicon-32x32.png": "image/png"}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_START = """SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null});"""
_PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>ris – API</title>
<link rel="stylesheet" href="docs/swagger-ui.css"><link rel="icon" href="docs/favicon-32x32.png"></head>
<body><div id="page"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>"""
_BARE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>ris – API</title></head><body>
<p>未安装 swagger-ui-dist（npm ci）；接口说明见 <a href="openapi.json">openapi.json</a>。
swagger-ui-dist is not installed (npm ci); the description is in <a href="openapi.json">openapi.json</a>.</p></body></html>"""


@page.get("/openapi.json")
def openapi(request: Request, _all: Annotated[None, Depends(Public())]) -> JSONResponse:
    """Return the description of the API."""
    description: dict[str, Any] = request.app.openapi()
    return JSONResponse(description)


@page.get("/docs")
def docs(_all: Annotated[None, Depends(Public())]) -> HTMLResponse:
    """Return the API page."""
    there = all((FILES / name).is_file() for name in SERVED)
    return HTMLResponse(_PAGE if there else _BARE, headers={"Content-Security-Policy": POLICY})


@page.get("/docs/{name}")
def docs_file(name: str, _all: Annotated[None, Depends(Public())]) -> Response:
    """Return one of the page's files."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in SERVED or not (FILES / name).is_file():
        raise Problem("request.not_found")
    return Response((FILES / name).read_bytes(), media_type=SERVED[name], headers={"Cache-Control": "public, max-age=3600"})
