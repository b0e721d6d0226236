"""Coming in: login, locks, tickets, sessions, same-origin proof, accounts."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.access.hub import HubTokens
from ris.access.model import Account, LoginAttempt
from ris.access.rules import OPERATIONS, Assignment, normal_username, operations_of, reach_of
from ris.app import API, PREFIX
from ris.clock import now
from ris.problems import Problem
from ris.tickets import TicketSigner
from tests.ris.conftest import COUNTER, PASSWORD, House, new_key, secret_of


def new_account(house: House, role: str = "clinician", place: str = "HA") -> str:
    username = f"someone{next(COUNTER)}"
    body = {"username": username, "name": "某人", "password": PASSWORD, "assignments": [{"role": role, "institution": place}]}
    house.as_("administrator.c").post("/accounts", body)
    return username


def me(house: House, **headers: str) -> httpx.Response:
    answer: httpx.Response = house.http.get(f"{API}/me", headers=headers)
    return answer


@pytest.mark.clause("H-1", "S-7")
def test_login_says_who_and_where(house: House) -> None:
    answer = house.internal("login", {"username": " ＲADIOLOGIST.c ", "password": PASSWORD}).json()
    assert (answer["username"], answer["roles"], answer["landing"]) == ("radiologist.c", ["radiologist"], "reading")
    assert answer["assignments"] == [{"role": "radiologist", "institution": "C"}]
    landings = {"reviewer.c": "reading", "administrator.c": "statistics", "registrar.ha": "registration", "technician.ha": "technician"}
    landings |= {
        "clinician.hb": "clinical",
        "nurse.hb": "clinical",
        "operator": "operations",
        "patient": "patient",
        "researcher": "research",
    }
    for username, landing in landings.items():
        assert house.as_(username).get("/me")["landing"] == landing
    assert house.as_("administrator.c").get("/me")["desks"] == ["statistics", "knowledge"]
    assert house.as_("clinician.hb").get("/me")["institutions"] == ["HB"]
    assert house.as_("patient").get("/me")["institutions"] == []


@pytest.mark.clause("S-9")
def test_wrong_password_and_unknown_name_are_the_same(house: House) -> None:
    username = new_account(house)
    wrong = house.internal("login", {"username": username, "password": "wrong-password"})
    unknown = house.internal("login", {"username": f"nobody{next(COUNTER)}", "password": "wrong-password"})
    assert (wrong.status_code, wrong.json()) == (401, unknown.json())
    assert wrong.json()["code"] == "login.wrong"
    assert wrong.headers["content-type"] == "application/problem+json"
    assert {"zh", "en"} == set(wrong.json()["words"])
    for body in ({"username": "a" * 300, "password": "x"}, {"username": "a", "password": "x" * 300}, {"username": "a\nb", "password": "x"}):
        assert house.internal("login", body).status_code in {401, 422}
    huge = house.internal("login", {"username": "a" * 9_000_000, "password": "x"})
    assert (huge.status_code, huge.json()["code"]) == (413, "request.too_large")


@pytest.mark.clause("S-9")
def test_five_wrong_tries_lock_even_the_right_password(house: House) -> None:
    username = new_account(house)
    for _ in range(5):
        assert house.internal("login", {"username": username, "password": "wrong-password"}).status_code == 401
    locked = house.internal("login", {"username": username.upper(), "password": PASSWORD})
    assert (locked.status_code, locked.json()["code"]) == (403, "login.locked")
    assert locked.json()["until"] > "2026"
    with house.database.write() as session:  # fifteen minutes later
        session.get_one(LoginAttempt, username).locked_until = now() - timedelta(seconds=1)
    assert house.login(username).username == username


@pytest.mark.clause("S-9")
def test_disabled_account_is_dead_at_once(house: House) -> None:
    username = new_account(house, "radiologist", "C")
    person = house.login(username)
    kernel = person.post("/tickets/kernel", {"desk": "reading"})["ticket"]
    bearer = {"Authorization": f"Bearer {kernel}"}
    assert me(house, **bearer).status_code == 200
    since = house.feed()[-1]["seq"]
    disabled = house.as_("administrator.c").ask("PUT", f"/accounts/{username}", json={"disabled": True})
    assert disabled.json()["disabled"] is True
    assert person.ask("GET", "/me").status_code == 401
    assert me(house, **bearer).status_code == 401
    assert house.internal("refresh", {"refresh": person.refresh}).status_code == 401
    wrong = house.internal("login", {"username": username, "password": PASSWORD})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "login.disabled")
    assert house.internal("active", {"usernames": [username, "radiologist.c", "nobody"]}).json() == {
        username: False,
        "radiologist.c": True,
        "nobody": False,
    }
    rows = [row for row in house.feed(since) if row["kind"] in {"account.changed", "session.ended"}]
    assert {row["kind"] for row in rows} == {"account.changed", "session.ended"}
    assert all(abs(row["data"]["not_before"] - time.time()) < 120 for row in rows)
    house.as_("administrator.c").ask("PUT", f"/accounts/{username}", json={"disabled": False})
    assert person.ask("GET", "/me").status_code == 401  # old tickets stay dead
    assert house.login(username).ask("GET", "/me").status_code == 200


@pytest.mark.clause("S-9")
def test_logout_kills_only_its_own_session(house: House) -> None:
    one, two = house.login("nurse.ha"), house.login("nurse.ha")
    assert house.internal("logout", {"refresh": one.refresh}).status_code == 204
    assert house.internal("logout", {"refresh": one.refresh}).status_code == 204
    ended = one.ask("GET", "/me")
    assert (ended.status_code, ended.json()["code"]) == (401, "session.ended")
    assert two.ask("GET", "/me").status_code == 200
    assert house.internal("refresh", {"refresh": one.refresh}).status_code == 401
    assert house.internal("refresh", {"refresh": two.refresh}).json()["username"] == "nurse.ha"


@pytest.mark.clause("S-9")
def test_forged_expired_and_foreign_tickets(house: House) -> None:
    signer = house.http.app.state.parts.office.signer  # type: ignore[attr-defined]
    good = house.as_("radiologist.c")
    claims = jwt.decode(good.ticket, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"], claims["kind"], claims["sub"]) == ("ris", "hub", "browser", "radiologist.c")
    foreign = TicketSigner(new_key()[0]).sign("browser", "radiologist.c", 600, sid=claims["sid"])[0]
    expired = signer.sign("browser", "radiologist.c", -1, sid=claims["sid"])[0]
    public = (house.settings.ticket_key.parent / "public.pem").read_bytes()  # type: ignore[union-attr]
    head, body, signature = good.ticket.split(".")
    forged = [
        foreign,
        jwt.encode(claims, None, algorithm="none"),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        jwt.encode({**claims, "aud": "other"}, signer._key, algorithm="EdDSA"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, signer._key, algorithm="EdDSA"),
        jwt.encode({**claims, "kind": "root"}, signer._key, algorithm="EdDSA"),
        "x" * 20_000,
        "x",
    ]
    import base64
    import hashlib
    import hmac

    unsigned = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode() + "." + body
    with_public = base64.urlsafe_b64encode(hmac.new(public, unsigned.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    for ticket in [*forged, f"{unsigned}.{with_public}"]:
        answer = me(house, Cookie=f"hub-ticket={ticket}")
        assert answer.status_code == 401, ticket[:60]
    answer = me(house, Cookie=f"hub-ticket={expired}")
    assert (answer.status_code, answer.json()["code"]) == (401, "ticket.expired")
    assert me(house).json()["code"] == "ticket.missing"


@pytest.mark.clause("S-9")
def test_each_kind_of_ticket_travels_its_own_way(house: House) -> None:
    person = house.as_("radiologist.c")
    kernel = person.post("/tickets/kernel", {"desk": "reading"})["ticket"]
    for headers in ({"Authorization": f"Bearer {person.ticket}"}, {"Cookie": f"hub-ticket={kernel}"}):
        answer = me(house, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "ticket.transport")
    assert me(house, Authorization=f"Bearer {kernel}").json()["username"] == "radiologist.c"
    other = person.ask("POST", "/tickets/kernel", json={"desk": "statistics"})
    assert (other.status_code, other.json()["code"]) == (403, "desk.forbidden")
    again = house.http.post(f"{API}/tickets/kernel", json={"desk": "reading"}, headers={"Authorization": f"Bearer {kernel}"})
    assert again.status_code == 403  # a kernel makes no further tickets
    renewed = house.http.post(f"{API}/tickets/renew", headers={"Authorization": f"Bearer {kernel}"}).json()["ticket"]
    claims = jwt.decode(renewed, options={"verify_signature": False})
    assert (claims["kind"], claims["desk"]) == ("kernel", "reading")


@pytest.mark.clause("S-9")
def test_writes_need_the_proof_of_the_same_origin(house: House) -> None:
    person = house.as_("radiologist.c")
    cookie = {"Cookie": f"hub-ticket={person.ticket}"}
    bad = [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://testserver"},
        {"Origin": "null"},
    ]
    for headers in bad:
        answer = house.http.put(f"{API}/me/preferences", json={}, headers={**cookie, **headers})
        assert (answer.status_code, answer.json()["code"]) == (403, "request.cross_site"), headers
    good = [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://testserver"},
        {"Origin": "https://hub.example", "X-Forwarded-Proto": "https,http", "X-Forwarded-Host": "hub.example"},
    ]
    for headers in good:
        assert house.http.put(f"{API}/me/preferences", json={"a": 1}, headers={**cookie, **headers}).status_code == 204, headers
    assert person.get("/me")["preferences"] == {"a": 1}


@pytest.mark.clause("H-1")
def test_the_cookie_slides_in_the_second_half_of_its_life(house: House) -> None:
    person = house.as_("clinician.ha")
    claims = jwt.decode(person.ticket, options={"verify_signature": False})
    signer = house.http.app.state.parts.office.signer  # type: ignore[attr-defined]
    young = person.ask("GET", "/me")
    assert "set-cookie" not in young.headers
    old = jwt.encode({**claims, "iat": time.time() - 600, "exp": time.time() + 300}, signer._key, algorithm="EdDSA")
    for path in ("/me", "/worklist", "/exams/999999"):  # any answer, also a refusal
        answer = house.http.get(API + path, headers={"Cookie": f"hub-ticket={old}"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("hub-ticket=ey")
        assert "Path=/services/;" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "no-store" in answer.headers["cache-control"]
    fresh = cookie.split(";")[0].partition("=")[2]
    assert me(house, Cookie=f"hub-ticket={fresh}").status_code == 200
    renewed = person.ask("POST", "/tickets/renew")
    assert renewed.json()["ticket"] in renewed.headers["set-cookie"]


@pytest.mark.clause("S-9")
def test_internal_routes_believe_only_the_secret(house: House) -> None:
    body = {"username": "radiologist.c", "password": PASSWORD}
    for header in (
        None,
        "Service hub:wrong",
        "Service nobody:x",
        f"Service pages:{secret_of('pages')}",
        f"Bearer {house.as_('administrator.c').ticket}",
    ):
        answer = house.http.post(f"{PREFIX}/internal/login", json=body, headers={"Authorization": header} if header else {})
        assert answer.status_code in {401, 403}, header
    stranger = house.internal("service-ticket", service="stranger").json()["ticket"]  # a secret, but no operation
    assert house.http.get(f"{API}/feed", headers={"Authorization": f"Bearer {stranger}"}).status_code == 403
    assert house.service("pages", "POST", "/audit/entries", json={"entries": []}).status_code == 403
    assert house.service("mart", "POST", "/studies/arrivals", json={"arrivals": []}).status_code == 403
    assert house.service("followers", "GET", "/worklist").status_code == 403
    for username in ("administrator.c", "technician.ha"):
        assert house.as_(username).ask("GET", "/feed").status_code == 403
        assert house.as_(username).ask("POST", "/studies/arrivals", json={"arrivals": []}).status_code == 403


@pytest.mark.clause("S-9")
def test_script_ticket_from_a_hub_token(house: House) -> None:
    asked: list[str] = []

    def hub(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["authorization"])
        known: dict[str, Any] = {
            "token good-token-1": (
                200,
                {"kind": "user", "name": "reviewer.c", "scopes": ["access:services!service=ris", "read:users!user=reviewer.c"]},
            ),
            "token narrow-token": (200, {"kind": "user", "name": "reviewer.c", "scopes": ["read:users!user=reviewer.c"]}),
            "token broken-hub-1": (500, {}),
        }
        status, model = known.get(request.headers["authorization"], (403, {}))
        return httpx.Response(status, json=model)

    house.http.app.state.hub_tokens = HubTokens("http://hub.invalid/hub/api", httpx.MockTransport(hub))  # type: ignore[attr-defined]
    try:
        ask = lambda token: house.http.post(f"{API}/tickets/script", headers={"Authorization": f"token {token}"})
        ticket = ask("good-token-1").json()["ticket"]
        assert ask("good-token-1").status_code == 200
        assert asked.count("token good-token-1") == 1  # believed for 15 s
        assert me(house, Authorization=f"Bearer {ticket}").json()["username"] == "reviewer.c"
        assert (
            house.http.post(f"{API}/tickets/renew", headers={"Authorization": f"Bearer {ticket}"}).json()["code"] == "ticket.script_renew"
        )
        for token, code in (
            ("narrow-token", "hub.token"),
            ("unknown-token", "hub.token"),
            ("broken-hub-1", "hub.away"),
            ("x", "hub.token"),
        ):
            assert ask(token).json()["code"] == code
    finally:
        house.http.app.state.hub_tokens = None  # type: ignore[attr-defined]


@pytest.mark.clause("S-8")
def test_an_administrator_reaches_only_his_institution(house: House) -> None:
    local = house.as_("administrator.ha")
    names = {one["username"] for one in local.get("/accounts")}
    assert "clinician.ha" in names
    assert not names & {"clinician.hb", "radiologist.c", "operator"}
    target = new_account(house, "clinician", "HA")
    assert local.ask("PUT", f"/accounts/{target}", json={"assignments": [{"role": "nurse", "institution": "HA"}]}).status_code == 200
    beyond = [{"role": "administrator", "institution": "C"}], [{"role": "clinician", "institution": "HB"}], []
    for assignments in beyond:
        answer = local.ask("PUT", f"/accounts/{target}", json={"assignments": assignments})
        assert (answer.status_code, answer.json()["code"]) == (403, "account.beyond")
    assert local.ask("PUT", "/accounts/radiologist.c", json={"password": "another-password"}).status_code == 404
    own = local.ask("PUT", "/accounts/administrator.ha", json={"assignments": [{"role": "administrator", "institution": "HA"}]})
    assert own.json()["code"] == "account.self"
    assert local.ask("POST", "/institutions", json={"code": "HX", "name": "x"}).status_code == 403
    assert house.as_("clinician.ha").ask("GET", "/accounts").status_code == 403
    double = {"username": target.upper(), "password": PASSWORD, "assignments": [{"role": "nurse", "institution": "HA"}]}
    assert local.ask("POST", "/accounts", json=double).json()["code"] == "row.exists"


@pytest.mark.clause("S-8")
def test_new_assignments_kill_old_tickets(house: House) -> None:
    username = new_account(house, "clinician", "HA")
    person = house.login(username)
    house.as_("administrator.c").ask("PUT", f"/accounts/{username}", json={"assignments": [{"role": "clinician", "institution": "HB"}]})
    assert person.ask("GET", "/me").json()["code"] == "ticket.revoked"
    refreshed = house.internal("refresh", {"refresh": person.refresh}).json()
    assert jwt.decode(refreshed["ticket"], options={"verify_signature": False})["institutions"] == ["HB"]
    with house.database.read() as session:
        assert session.get_one(Account, username).version == 2


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.sampled_from(["C", "HA", "HB"]))), st.sampled_from(["HA", "HB"]))
@pytest.mark.clause("S-8", "S-9")
def test_scope_never_exceeds_the_assignments(given_roles: list[tuple[str, str]], place: str) -> None:
    assignments = [Assignment(role, institution, centre=institution == "C") for role, institution in given_roles]
    for operation in operations_of(assignments):
        reach = reach_of(assignments, operation)
        entitled = any(operation in OPERATIONS[one.role] and (one.centre or one.institution == place) for one in assignments)
        rows = any(one.role not in {"operator", "researcher", "patient"} and operation in OPERATIONS[one.role] for one in assignments)
        assert reach.covers(place) == (entitled and rows)
    assert reach_of(assignments, "no.such.operation").claim() == ()


@pytest.mark.clause("S-7")
def test_one_account_for_all_spellings_of_a_name() -> None:
    assert {normal_username(typed) for typed in ("Wang", "wang", "ＷＡＮＧ", " wang ", "WANG\u3000")} == {"wang"}
    for bad in ("", " ", "a b", "a\nb", "../x", "a/b", "<b>", "x" * 65, "\u202ewang", "."):
        assert normal_username(bad) is None, bad
    assert normal_username("王医生") == "王医生"


def test_problem_words_are_complete() -> None:
    from ris.problem_words import WORDS

    for code, (status, *words) in WORDS.items():
        assert 400 <= status < 600
        assert all(word.strip() for word in words), code
        assert any("\u4e00" <= one <= "\u9fff" for one in words[0])
    assert Problem("login.wrong").status == 401


@pytest.mark.clause("S-8", "V-3", "V-29")
def test_functions_of_the_viewer_by_institution(house: House) -> None:
    def functions(username: str) -> list[str]:
        person = house.as_(username)
        told = list(person.get("/me")["image_functions"])
        assert jwt.decode(person.ticket, options={"verify_signature": False})["functions"] == told, "services are told the same"
        return told

    assert functions("radiologist.c") == ["*"]
    # I-1 to I-22 of the contract (2.3), in its order
    numbers = (1, 2, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 19, 20, 22, 23, 24, 25, 27, 32, 33, 37)
    hospital = [f"V-{number}" for number in numbers]
    assert len(hospital) == 22
    assert functions("clinician.hb") == hospital
    assert functions("radiologist.ha") == hospital
    assert functions("patient") == []
    assert functions("operator") == []
