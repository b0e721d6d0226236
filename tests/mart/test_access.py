"""Who may see which figures: deny by default at every address."""

from __future__ import annotations

import time

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.mart.conftest import Furnished
from tests.mart.house import SAME, House, wait_for

pytestmark = pytest.mark.clause("S-9")
PATHS = (
    "/figures/exams",
    "/figures/turnaround",
    "/figures/accesses",
    "/figures/rejects",
    "/figures/overview",
    "/exams",
    "/choices",
    "/stream",
)


def bearer(house: House, path: str, ticket: str) -> httpx.Response:
    return httpx.get(house.mart + path, headers={"Authorization": f"Bearer {ticket}"}, timeout=10)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_good_ticket_nothing(furnished: Furnished, path: str) -> None:
    house = furnished.house
    stranger = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tickets = {
        "forged": house.forge(stranger),
        "expired": house.forge(exp=time.time() - 1),
        "of another issuer": house.forge(iss="somebody"),
        "for others": house.forge(aud="others"),
        "a browser's, outside its cookie": house.login("admin"),
        "nonsense": "a.b.c",
        "cut": house.forge()[:-8],
    }
    assert httpx.get(house.mart + path, timeout=10).json()["code"] == "ticket.missing"
    for what, ticket in tickets.items():
        answer = bearer(house, path, ticket)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), what
        assert answer.json()["words"]["zh"]["action"]
    kernel_in_cookie = httpx.get(house.mart + path, headers={"Cookie": f"hub-ticket={house.forge()}"}, timeout=10)
    assert kernel_in_cookie.status_code == 401


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("username", ["writer", "chief", "clinic", "desk1"])
def test_other_roles_are_refused(furnished: Furnished, username: str, path: str) -> None:
    answer = furnished.house.ask(username, path)
    assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")


@pytest.mark.clause("S-9", "A-4")
@pytest.mark.parametrize(("username", "own", "other"), [("boss1", "H01", "H02"), ("boss2", "H02", "H01"), ("both", "H01", "H02")])
def test_a_hospitals_administrator_sees_his_own_rows_only(furnished: Furnished, username: str, own: str, other: str) -> None:
    """Also when the same person is a doctor of the centre with a wide data scope ("both")."""
    house = furnished.house
    mine = [exam for exam in furnished.exams.values() if exam["institution"] == own]
    for path in ("/figures/exams", "/figures/turnaround", "/figures/accesses"):
        for by in ("institution", "modality", "day", "total"):
            for narrowed in ({}, {"institution": other}, {"institution": [own, other]}):
                answer = house.ask(username, path, by=by, **narrowed).json()
                assert other not in {row["key"] for row in answer["rows"]}
                if path == "/figures/exams":
                    assert sum(row["exams"] for row in answer["rows"]) == (0 if narrowed == {"institution": other} else len(mine))
    overview = house.ask(username, "/figures/overview").json()["rows"][0]
    assert overview["exams"] == len(mine)
    assert house.ask(username, "/figures/overview", institution=other).json()["rows"][0]["exams"] == 0
    assert house.ask(username, "/exams", institution=other).json()["total"] == 0
    assert {row["institution"] for row in house.ask(username, "/exams").json()["rows"]} == {own}
    choices = house.ask(username, "/choices")
    assert {row["key"] for row in choices.json()["rows"] if row["kind"] == "institution"} == {own}


def test_an_empty_or_odd_scope_sees_nothing(furnished: Furnished) -> None:
    house = furnished.house
    doctor = [{"role": "radiologist", "institution": "CENTRE"}]
    odd = [
        {"institutions": []},
        {"institutions": ["H01"], "assignments": []},
        {"assignments": doctor},
        {"institutions": ["H01' OR 1=1 --"]},
    ]
    for claims in odd:
        assert bearer(house, "/exams", house.forge(**claims)).json()["total"] == 0


def test_no_patient_reaches_the_mart(furnished: Furnished) -> None:
    house = furnished.house
    everything = "".join(
        house.ask("admin", path, limit=500).text if path == "/exams" else house.ask("admin", path).text for path in PATHS[:-1]
    )
    house_files = b"".join(path.read_bytes() for path in (house.folder / "mart").iterdir())
    for text in ("SECRETPID", "机密", "2025-03-01", "张三"):
        assert text not in everything
        assert text.encode() not in house_files
        assert text not in house.log("mart")


WRONG = ["from=yesterday", "from=2026-02-02&to=2026-02-01", "from=1900-01-01&to=2026-01-01", "by=patient", "institutions=H01"]


@pytest.mark.parametrize("query", [*WRONG, "limit=501&x", "institution=", f"institution={'x' * 65}"])
def test_what_cannot_be_asked_is_refused_in_words(furnished: Furnished, query: str) -> None:
    path = "/exams" if query.startswith("limit") else "/figures/exams"
    answer = httpx.get(
        f"{furnished.house.mart}{path}?{query}", headers={"Cookie": f"hub-ticket={furnished.house.login('admin')}"}, timeout=10
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert answer.json()["fields"]


def test_figures_can_only_be_read(furnished: Furnished) -> None:
    headers = {"Authorization": f"Bearer {furnished.house.forge()}"}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert httpx.request(method, f"{furnished.house.mart}/figures/exams", headers=headers, timeout=10).status_code == 405
    assert httpx.get(f"{furnished.house.mart}/docs", timeout=10).status_code == 404


def test_a_disabled_account_and_an_ended_session_are_dead(furnished: Furnished) -> None:
    house = furnished.house
    login = httpx.post(
        f"{house.ris}/internal/login",
        json={"username": "leaver", "password": "correct horse battery"},
        headers=house.service("hub"),
        timeout=20,
    )
    first, refresh = login.json()["ticket"], login.json()["refresh"]

    def status(ticket: str) -> int:
        return httpx.get(f"{house.mart}/figures/exams", headers={"Cookie": f"hub-ticket={ticket}"}, timeout=10).status_code

    assert status(first) == 200
    httpx.post(f"{house.ris}/internal/logout", json={"refresh": refresh}, headers=house.service("hub"), timeout=10).raise_for_status()
    wait_for(lambda: status(first) == 401, 10)
    second = house.login("leaver", fresh=True)
    assert status(second) == 200
    with httpx.stream("GET", f"{house.mart}/stream", headers={"Cookie": f"hub-ticket={second}"}, timeout=15) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: hello"
        house.call("admin", "PUT", "/accounts/leaver", json={"disabled": True}, headers=SAME)
        wait_for(lambda: status(second) == 401, 10)
        started = time.monotonic()
        assert all(not line.startswith("event: hello") for line in lines)
        assert time.monotonic() - started < 12
