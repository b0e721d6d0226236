"""The three ticket addresses of ris and `/hub/ticket`, with real signatures, for tests of the pages service alone.

`python stand_in_records.py <port> <private key PEM>`. What it knows is set by `POST /control`: `{"disabled": [usernames]}`.
"""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

DESKS = {"anna": ["registration", "clinical"], "bob": ["clinical"], "tina": ["technician"], "paul": ["patient"]}
NAMES = {"anna": "安娜", "bob": "鲍勃", "tina": "田娜", "paul": "保罗"}

app = FastAPI()
state: dict[str, Any] = {"disabled": [], "key": "", "kernel_tickets": [], "preferences": {}, "hub_login": None}


def sign(username: str, kind: str, *, life: float = 600, key: str = "", **more: Any) -> str:
    """A ticket as docs/interfaces.md §2 describes it."""
    now = time.time()
    claims = {"iss": "ris", "aud": "hub", "iat": int(now), "exp": int(now + life), "jti": uuid.uuid4().hex, "kind": kind, "sub": username}
    claims |= {"name": NAMES.get(username, username), "sid": f"s-{username}", "assignments": [], "operations": [], "institutions": ["*"]}
    return jwt.encode(claims | more, key or state["key"], algorithm="EdDSA")


def caller(request: Request) -> dict[str, Any] | None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    ticket = bearer or request.cookies.get("hub-ticket", "")
    try:
        claims = jwt.decode(ticket, state["public"], algorithms=["EdDSA"], audience="hub", issuer="ris")
    except jwt.InvalidTokenError:
        return None
    return None if claims["sub"] in state["disabled"] else claims


@app.post("/services/ris/api/v1/tickets/kernel")
async def kernel(request: Request) -> Response:
    who = caller(request)
    if who is None:
        return JSONResponse({"code": "session.ended"}, 401)
    if request.headers.get("sec-fetch-site") != "same-origin":
        return JSONResponse({"code": "request.cross_site"}, 403)
    desk = (await request.json())["desk"]
    if desk not in DESKS.get(who["sub"], []):
        return JSONResponse({"code": "access.refused"}, 403)
    ticket = sign(who["sub"], "kernel", desk=desk)
    state["kernel_tickets"].append(ticket)
    return JSONResponse({"ticket": ticket, "expires_at": ""})


@app.post("/services/ris/api/v1/tickets/renew")
async def renew(request: Request) -> Response:
    who = caller(request)
    if who is None:
        return JSONResponse({"code": "session.ended"}, 401)
    desk = {"desk": who["desk"]} if "desk" in who else {}  # as ris: a renewed kernel ticket is still for its desk
    ticket = sign(who["sub"], who["kind"], **desk)
    response = JSONResponse({"ticket": ticket, "expires_at": ""})
    if who["kind"] == "browser":
        response.set_cookie("hub-ticket", ticket, path="/services/", httponly=True, samesite="strict")
    return response


@app.get("/services/ris/api/v1/me")
async def me(request: Request) -> Response:
    who = caller(request)
    if who is None:
        return JSONResponse({"code": "session.ended"}, 401)
    desks = DESKS.get(who["sub"], [])
    return JSONResponse(
        {
            "username": who["sub"],
            "name": NAMES.get(who["sub"]),
            "assignments": [],
            "operations": [],
            "institutions": ["*"],
            "desks": desks,
            "image_functions": ["*"],
            "landing": desks[0],
            "preferences": state["preferences"],
        }
    )


@app.put("/services/ris/api/v1/me/preferences")
async def preferences(request: Request) -> dict[str, Any]:
    state["preferences"] = await request.json()
    return {}


@app.get("/hub/ticket")
async def hub_ticket(next: str) -> Response:  # noqa: A002
    if state["hub_login"] is None:
        return RedirectResponse("/hub/login", 302)
    response = RedirectResponse(next, 302)
    response.set_cookie("hub-ticket", sign(state["hub_login"], "browser"), path="/services/", httponly=True, samesite="strict")
    return response


@app.get("/hub/login")
async def hub_login() -> Response:
    return Response("<title>login</title>", media_type="text/html")


@app.post("/control")
async def control(request: Request) -> dict[str, Any]:
    state.update(await request.json())
    return {}


if __name__ == "__main__":
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    state["key"] = Path(sys.argv[2]).read_text()
    private = load_pem_private_key(state["key"].encode(), None)
    state["public"] = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
