"""Who may read what over HTTP: every route, without a ticket, with a bad one, without the right, from another institution."""

from __future__ import annotations

import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.routing import APIRoute
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image

from dicom_node.web.app import PARTS
from dicom_node.web.gate import PERMISSIONS, PREFIX, PUBLIC, WEB

pytestmark = pytest.mark.clause("S-9", "S-8")

CLOSED = sorted((method, path) for (method, path), operation in PERMISSIONS.items() if operation != PUBLIC)
EXACT = WEB + "/studies?StudyInstanceUID={study}"
"""A question that does not go through the application's routes (`quick_search`)."""
ASKED = [*CLOSED, ("GET", EXACT)]
VIEW = [EXACT] + [path for method, path in CLOSED if PERMISSIONS[method, path] == "image.view"]


class Place:
    """A stored image of H01 and the addresses that lead to it."""

    def __init__(self, node: RunningNode) -> None:
        self.node, self.ds = node, image()
        scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
        assert scu.store(1, CT, self.ds.SOPInstanceUID, encoded(self.ds))[0] == 0
        node.wait_instances(self.ds.StudyInstanceUID, 1)

    def url(self, path: str) -> str:
        ds = self.ds
        values = {"study": ds.StudyInstanceUID, "series": ds.SeriesInstanceUID, "instance": ds.SOPInstanceUID, "frames": "1",
                  "path": "7FE00010", "table": "grants", "arrival": "0"}  # fmt: skip
        query = "?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}" if path == PREFIX + "/wado" else ""
        return (path.removeprefix(PREFIX).replace(":path}", "}") + query).format(**values)


@pytest.fixture(scope="module")
def place(node: RunningNode) -> Place:
    return Place(node)


def call(node: RunningNode, method: str, url: str, ticket: str | None, **headers: str) -> httpx.Response:
    if ticket is not None:
        headers["Authorization"] = f"Bearer {ticket}"
    if method == "POST":
        body = {"rows": [{"table": "grants", "key": "k", "version": 1, "data": {}}]}
        return node.http.post(node.url + url, json=body, headers=headers)
    if url.endswith("/changes/stream"):
        with node.http.stream(method, node.url + url, headers=headers) as answer:
            content = answer.read() if answer.status_code != 200 else b""
            return httpx.Response(answer.status_code, headers={"Content-Type": answer.headers["content-type"]}, content=content)
    return node.http.request(method, node.url + url, headers=headers)


def test_every_route_of_the_application_is_in_the_table() -> None:
    routes = {(m, r.path) for part in PARTS for r in part.router.routes if isinstance(r, APIRoute) for m in r.methods}
    assert routes == set(CLOSED)


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_without_a_good_ticket_no_route_answers(place: Place, method: str, path: str) -> None:
    node, url = place.node, place.url(path)
    now = int(time.time())
    forged = RunningNode.ticket
    other = type("Other", (), {"key": Ed25519PrivateKey.generate()})()
    bad = {
        "ticket.missing": [None],
        "ticket.expired": [node.ticket(iat=now - 900, exp=now - 60)],
        "ticket.invalid": [
            "nonsense", forged(other), node.ticket(aud="elsewhere"), node.ticket(iss="me"), node.ticket(kind="browser"),
            node.ticket(kind="root"), node.ticket(institutions="*"), node.ticket(exp=None),
        ],
    }  # fmt: skip
    for code, tickets in bad.items():
        for ticket in tickets:
            answer = call(node, method, url, ticket)
            assert (answer.status_code, answer.json()["code"]) == (401, code), ticket


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_without_the_right_no_route_answers(place: Place, method: str, path: str) -> None:
    needed = PERMISSIONS[method, path.partition("?")[0]]
    for operations in ([], [o for o in ("image.view", "feed.follow", "node.annotate") if o != needed]):
        answer = call(place.node, method, place.url(path), place.node.ticket(operations=operations))
        assert answer.status_code == 403
        assert answer.json()["code"] == "right.missing"
        assert answer.json()["words"]["zh"]["action"]


@pytest.mark.parametrize("path", VIEW)
def test_another_institution_sees_nothing(place: Place, path: str) -> None:
    own = place.node.get(place.url(path), place.node.ticket(["H01"]))
    assert own.status_code == 200, own.text[:300]
    for institutions in (["H02"], [], ["H0"], ["h01"]):
        answer = place.node.get(place.url(path), place.node.ticket(institutions))
        assert place.ds.SOPInstanceUID not in answer.text
        assert place.ds.StudyInstanceUID not in answer.text
        assert answer.status_code == 404 or (answer.status_code == 200 and "json" in answer.headers["content-type"])
        if answer.status_code == 404:
            assert answer.json()["code"] == "image.unknown"


def test_the_feed_is_scoped_too(place: Place) -> None:
    rows = place.node.get("/changes", place.node.ticket(["H02"]), params={"limit": 5000}).json()["rows"]
    assert all(row["institution"] == "H02" for row in rows)
    assert any(row["study_uid"] == place.ds.StudyInstanceUID for row in place.node.feed())


def test_a_revoked_account_is_dead_at_once(place: Place) -> None:
    node = place.node
    now = int(time.time())
    old, ended = node.ticket(sub="dr.gone", iat=now - 30), node.ticket(sub="dr.else", sid="session-ended")
    assert node.get("/dicom-web/studies", old).status_code == 200
    rows = [
        {"table": "revocations", "key": "dr.gone", "version": 5, "data": {"not_before": now - 5}},
        {"table": "revocations", "key": "session:session-ended", "version": 1, "data": {}},
    ]
    assert node.http.post(node.url + "/annotations", json={"rows": rows}, headers={"Authorization": f"Bearer {node.ticket()}"}).json() == {
        "taken": 2
    }
    assert node.get("/dicom-web/studies", old).json()["code"] == "ticket.revoked"
    assert node.get(place.url(EXACT), old).json()["code"] == "ticket.revoked"
    assert node.get("/dicom-web/studies", ended).json()["code"] == "ticket.revoked"
    assert node.get("/dicom-web/studies", node.ticket(sub="dr.gone")).status_code == 200  # signed in anew
    rows[0]["version"], rows[0]["data"] = 4, {"not_before": 0}
    node.http.post(node.url + "/annotations", json={"rows": rows[:1]}, headers={"Authorization": f"Bearer {node.ticket()}"})
    assert node.get("/dicom-web/studies", old).json()["code"] == "ticket.revoked"  # an older version changes nothing


def test_cookie_writes_need_proof_of_origin(place: Place) -> None:
    node = place.node
    host = f"127.0.0.1:{node.http_port}"
    cookie = {"Cookie": "hub-ticket=" + node.ticket(kind="browser")}

    def code(**headers: str) -> int:
        return call(node, "POST", "/annotations", None, **cookie, **headers).status_code

    assert code() == 403
    assert code(Origin="http://evil.example") == 403
    assert code(**{"Sec-Fetch-Site": "cross-site", "Origin": f"http://{host}"}) == 403
    assert code(**{"Sec-Fetch-Site": "same-origin"}) == 200
    assert code(Origin=f"http://{host}") == 200
    assert code(Origin="https://hub.example", **{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example"}) == 200
    assert node.http.get(node.url + "/dicom-web/studies", headers=cookie).status_code == 200  # reading needs none


def test_open_routes_tell_nothing(place: Place) -> None:
    assert place.node.http.get(place.node.url + "/healthz").json() == {"status": "ok"}
    assert place.ds.StudyInstanceUID not in place.node.http.get(place.node.url + "/openapi.json").text
    assert place.node.http.get(place.node.url + "/docs").status_code == 404
    assert place.node.http.get(f"http://127.0.0.1:{place.node.http_port}/").status_code == 404


def test_opening_a_study_is_recorded_once_per_person_and_session(place: Place) -> None:
    node, ds = place.node, image()
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))
    node.wait_for(lambda: node.get(f"/studies/{ds.StudyInstanceUID}/summary", node.ticket(kind="service", sub="mart")).status_code == 200)
    for sub, sid in (("a", "1"), ("a", "1"), ("a", "2"), ("b", "1")):
        ticket = node.ticket(sub=sub, sid=sid)
        assert node.get(f"/studies/{ds.StudyInstanceUID}/summary", ticket).status_code == 200
        assert node.get(f"/series/{ds.StudyInstanceUID}/{ds.SeriesInstanceUID}/stream", ticket).status_code == 200
    opened = [
        (r["data"]["username"], r["data"]["sid"])
        for r in node.feed()
        if r["kind"] == "study.opened" and r["study_uid"] == ds.StudyInstanceUID
    ]
    assert opened == [("a", "1"), ("a", "2"), ("b", "1")]
