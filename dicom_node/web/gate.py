"""The one place where a request is let in. Every route names its operation here; a route that is not named is closed."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import Reader, Tickets

PREFIX = "/services/images"
PUBLIC = ""
VIEW, STORE = "image.view", "image.store"
OPERATE = "system.operate"
WEB = PREFIX + "/dicom-web"
_SERIES = WEB + "/studies/{study}/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"

# (method, route) → operation; PUBLIC: open to all
PERMISSIONS: dict[tuple[str, str], str] = {
    ("GET", PREFIX + "/healthz"): PUBLIC,
    ("GET", PREFIX + "/openapi.json"): PUBLIC,
    ("GET", WEB + "/studies"): VIEW,
    ("GET", WEB + "/series"): VIEW,
    ("GET", WEB + "/instances"): VIEW,
    ("GET", WEB + "/studies/{study}"): VIEW,
    ("GET", WEB + "/studies/{study}/metadata"): VIEW,
    ("GET", WEB + "/studies/{study}/series"): VIEW,
    ("GET", WEB + "/studies/{study}/instances"): VIEW,
    ("GET", WEB + "/studies/{study}/thumbnail"): VIEW,
    ("GET", WEB + "/studies/{study}/rendered"): VIEW,
    ("GET", _SERIES): VIEW,
    ("GET", _SERIES + "/metadata"): VIEW,
    ("GET", _SERIES + "/instances"): VIEW,
    ("GET", _SERIES + "/thumbnail"): VIEW,
    ("GET", _SERIES + "/rendered"): VIEW,
    ("GET", _INSTANCE): VIEW,
    ("GET", _INSTANCE + "/metadata"): VIEW,
    ("GET", _INSTANCE + "/rendered"): VIEW,
    ("GET", _INSTANCE + "/thumbnail"): VIEW,
    ("GET", _INSTANCE + "/bulkdata/{path:path}"): VIEW,
    ("GET", _INSTANCE + "/frames/{frames}"): VIEW,
    ("GET", _INSTANCE + "/frames/{frames}/rendered"): VIEW,
    ("GET", _INSTANCE + "/frames/{frames}/thumbnail"): VIEW,
    ("GET", PREFIX + "/wado"): VIEW,
    ("POST", WEB + "/studies"): STORE,
    ("POST", WEB + "/studies/{study}"): STORE,
    ("GET", PREFIX + "/studies/{study}/summary"): VIEW,
    ("GET", PREFIX + "/series/{study}/{series}/header"): VIEW,
    ("GET", PREFIX + "/series/{study}/{series}/planes"): VIEW,
    ("GET", PREFIX + "/series/{study}/{series}/stream"): VIEW,
    ("GET", PREFIX + "/changes"): "feed.follow",
    ("GET", PREFIX + "/changes/stream"): "feed.follow",
    ("POST", PREFIX + "/annotations"): "node.annotate",
    ("GET", PREFIX + "/annotations/{table}"): "node.annotate",
    ("GET", PREFIX + "/metrics"): OPERATE,
    ("GET", PREFIX + "/status"): OPERATE,
    ("POST", PREFIX + "/quarantine/{arrival}/retry"): OPERATE,
}


class Gate:
    """Checks each request before its route runs; leaves the reader in `request.state.reader`."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    async def __call__(self, request: Request) -> None:
        """Let the request pass or raise the problem."""
        self.admit(request, getattr(request.scope.get("route"), "path", ""))

    def admit(self, request: Request, route: str) -> None:
        """As a call, for a request that is known to be for `route`."""
        method = "GET" if request.method == "HEAD" else request.method
        operation = PERMISSIONS.get((method, route))
        if operation == PUBLIC:
            return
        reader: Reader = self._tickets.reader(request)
        if operation is None or operation not in reader.operations:
            raise ProblemError("right.missing", operation=operation)
        if method not in {"GET", "HEAD", "OPTIONS"} and reader.kind == "browser" and not same_origin(request):
            raise ProblemError("request.cross_site")
        request.state.reader = reader


def same_origin(request: Request) -> bool:
    """Proof that a page of our own sent a request that carries the cookie."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", "")).split(",")[0].strip()
    found = urlsplit(origin)
    return (found.scheme, found.netloc) == (scheme, host)
