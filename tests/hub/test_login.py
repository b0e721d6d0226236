"""Login through real HTTP: who comes in, where he lands, what is said to who may not, and how it ends."""

from __future__ import annotations

import re
import time

import httpx
import pytest

from tests.running_hub import RunningHub, wait_until

LANDING = {
    "radiologist": "reading",
    "reviewer": "reading",
    "administrator": "statistics",
    "registrar": "registration",
    "technician": "technician",
    "clinician": "clinical",
    "nurse": "clinical",
    "operator": "operations",
    "patient": "patient",
    "researcher": "research",
}
API = "/services/ris/api/v1"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def problem_of(page: httpx.Response) -> str:
    """What the login page says is wrong."""
    found = re.search(r'<p class="problem" role="alert">([^<]+)</p>', page.text)
    return found[1] if found else ""


@pytest.mark.clause("S-7", "H-1")
@pytest.mark.parametrize("role", LANDING)
def test_each_role_lands_on_its_desk(hub: RunningHub, role: str) -> None:
    account = hub.account(role)
    with hub.visitor() as client:
        answer = hub.try_login(client, account["username"], account["password"])
        assert answer.status_code == 302
        assert answer.headers["location"] == ("/hub/lab" if role == "researcher" else f"/services/pages/desk/{LANDING[role]}")
        if role == "researcher":  # his room has tests of its own; links to his desk lead there
            assert client.get("/services/pages/desk/research").headers["location"] == "/hub/lab"
        else:
            assert client.get(answer.headers["location"]).status_code == 200
        me = client.get(f"{API}/me").json()
        assert me["username"] == account["username"]


@pytest.mark.clause("S-9")
def test_the_ticket_cookie_is_closed_to_scripts_and_other_sites(hub: RunningHub) -> None:
    account = hub.account("radiologist")
    with hub.visitor() as client:
        cookies = hub.try_login(client, account["username"], account["password"]).headers.get_list("set-cookie")
        ticket = next(cookie for cookie in cookies if cookie.startswith("hub-ticket="))
        assert {"Path=/services/", "HttpOnly", "SameSite=Strict"} <= set(ticket.split("; "))
        assert all("SameSite=" in cookie for cookie in cookies)
        assert client.get("/hub/token").request.headers["cookie"].find("hub-ticket") == -1


@pytest.mark.clause("H-1")
def test_wrong_passwords_and_names_are_told_alike(hub: RunningHub) -> None:
    account = hub.account("radiologist")
    with hub.visitor() as client:
        client.headers["Accept-Language"] = "zh-CN"
        wrong = hub.try_login(client, account["username"], "not this one")
        nobody = hub.try_login(client, "nobody.here", "not this one")
        assert wrong.status_code == nobody.status_code == 403
        assert problem_of(wrong) == problem_of(nobody) == "用户名或密码不正确，请重新输入。"
        client.headers["Accept-Language"] = "en-GB"
        assert problem_of(hub.try_login(client, "nobody.here", "x")).startswith("User name or password is not right")
        assert "hub-ticket" not in client.cookies
        # the right one still comes in
        assert hub.try_login(client, account["username"], account["password"]).status_code == 302


@pytest.mark.clause("H-1")
def test_an_account_is_locked_after_five_wrong_passwords(hub: RunningHub) -> None:
    account = hub.account("nurse", "H02")
    with hub.visitor() as client:
        for _ in range(5):
            hub.try_login(client, account["username"], "wrong")
        locked = hub.try_login(client, account["username"], account["password"])
        assert locked.status_code == 403
        minutes = re.search(r"账号已临时锁定，请 (\d+) 分钟后再试", problem_of(locked))
        assert minutes
        assert 1 <= int(minutes[1]) <= 15


@pytest.mark.clause("H-1")
@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/services/",
        "/\\evil.example",
        "/services/\\evil.example",
        "/services//evil.example",
        "/services/../../evil",
        "/services/%2e%2e/hub/logout",
        "javascript:alert(1)",
        "/services/x\r\nSet-Cookie: a=b",
        "///evil.example",
    ],
)
def test_nobody_is_sent_elsewhere_after_the_login(hub: RunningHub, wanted: str) -> None:
    account = hub.account("radiologist")
    with hub.visitor() as client:
        answer = hub.try_login(client, account["username"], account["password"], next=wanted)
        assert answer.headers["location"] == "/services/pages/desk/reading"
        assert client.get("/hub/ticket", params={"next": wanted}).headers["location"] == "/services/pages/desk/reading"
        assert client.get("/hub/login", params={"next": wanted}).headers["location"] == "/hub/ticket"
    with hub.visitor() as client:
        assert client.get("/hub/ticket", params={"next": wanted}).headers["location"] == "/hub/login"


@pytest.mark.clause("H-1")
def test_a_wanted_page_is_reached_through_the_login(hub: RunningHub) -> None:
    account = hub.account("radiologist")
    wanted = "/services/pages/desk/knowledge?q=a%26b"
    with hub.visitor() as client:
        first = client.get("/services/pages/desk/knowledge")
        assert first.status_code == 302
        assert first.headers["location"].startswith("/hub/ticket?next=")
        assert client.get(first.headers["location"]).headers["location"].startswith("/hub/login?next=")
        assert hub.try_login(client, account["username"], account["password"], next=wanted).headers["location"] == wanted
        # the ticket has ended, the Hub login has not: a new ticket without a question
        client.cookies.delete("hub-ticket")
        assert client.get(f"{API}/me").status_code == 401
        assert client.get("/hub/ticket", params={"next": wanted}).headers["location"] == wanted
        assert client.get(f"{API}/me").status_code == 200
        # by a link from another site a redirect would keep the strict cookie back for ever: a page goes on instead
        onward = client.get("/hub/ticket", params={"next": wanted}, headers={"Sec-Fetch-Site": "cross-site"})
        assert onward.status_code == 200
        assert 'http-equiv="refresh"' in onward.text


@pytest.mark.clause("H-1")
@pytest.mark.parametrize("size", [65, 20_000, 10_000_000])
def test_an_endless_user_name_is_refused_in_words(hub: RunningHub, size: int) -> None:
    with hub.visitor() as client:
        answer = hub.try_login(client, "a" * size, "x")
        assert answer.status_code == 413
        assert "过长" in problem_of(answer)
    assert hub.is_well("/hub/health")


@pytest.mark.clause("H-1")
def test_an_old_or_foreign_form_gets_a_fresh_page(hub: RunningHub) -> None:
    account = hub.account("radiologist")
    with hub.visitor() as client:
        answer = client.post("/hub/login", data={"_xsrf": "x", "username": account["username"], "password": account["password"]})
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/hub/login?expired=1")
        assert "hub-ticket" not in client.cookies
        assert "登录页面已过期" in problem_of(client.get(answer.headers["location"]))


@pytest.mark.clause("S-9")
def test_logging_out_ends_this_session_everywhere_and_no_other(hub: RunningHub) -> None:
    here, there = hub.login_as("reviewer"), hub.login_as("reviewer")
    with here, there:
        stolen = here.cookies["hub-ticket"]
        answer = here.get("/hub/logout")
        assert answer.headers["location"] == "/hub/login?out=1"
        assert "您已安全退出" in here.get(answer.headers["location"]).text
        assert "hub-ticket" not in here.cookies
        replay = httpx.get(f"{hub.base}{API}/me", cookies={"hub-ticket": stolen}, timeout=10)
        assert replay.status_code == 401
        assert here.get("/hub/ticket").headers["location"] == "/hub/login"
        assert there.get(f"{API}/me").status_code == 200
        assert there.get("/hub/ticket").headers["location"] == "/services/pages/desk/reading"
        # a link on another site does not log anybody out
        there.get("/hub/logout", headers={"Sec-Fetch-Site": "cross-site"})
        assert there.get(f"{API}/me").status_code == 200


@pytest.mark.clause("S-9")
def test_users_have_no_power_in_the_hub_itself(hub: RunningHub) -> None:
    account = hub.account("administrator")
    with hub.login_as("administrator") as client:
        page = client.get("/hub/token")
        xsrf = re.search(r'data-xsrf="([^"]+)"', page.text)
        assert xsrf
        headers = {"X-XSRFToken": xsrf[1]} | SAME_ORIGIN
        own = f"/hub/api/users/{account['username']}"
        assert client.post(f"{own}/server", headers=headers).status_code == 403
        assert client.get("/hub/api/users").status_code == 403
        assert client.post("/hub/api/users/made.here", headers=headers).status_code == 403
        assert client.get("/hub/api/proxy").status_code == 403
        assert client.post(f"{own}/tokens", json={"scopes": ["admin:users"]}, headers=headers).status_code == 400
        assert client.post(f"{own}/tokens", json={"roles": ["admin"]}, headers=headers).status_code == 400
        assert client.post(f"{own}/tokens", json={"note": "no xsrf"}).status_code == 403
        for path in ("/hub/admin", "/hub/user-redirect/x", "/hub/accept-share"):
            assert client.get(path).status_code == 404, path
        for path in ("/hub/spawn", "/hub/spawn/x"):  # JupyterLab's links; the workbench decides by the right of ris
            assert client.get(path).headers["location"] == "/hub/lab"
        assert client.get("/hub/lab").status_code == 403


@pytest.mark.clause("S-9")
def test_a_script_trades_its_token_for_a_ticket_with_the_users_rights(hub: RunningHub) -> None:
    account = hub.account("clinician", "H01")
    with hub.login(account["username"], account["password"]) as client:
        xsrf = re.search(r'data-xsrf="([^"]+)"', client.get("/hub/token").text)
        assert xsrf
        made = client.post(f"/hub/api/users/{account['username']}/tokens", json={"note": "script"}, headers={"X-XSRFToken": xsrf[1]})
        assert made.status_code == 201
        token = {"Authorization": f"token {made.json()['token']}"}
    answer = httpx.post(f"{hub.base}{API}/tickets/script", headers=token, timeout=20)
    assert answer.status_code == 200, answer.text
    ticket = {"Authorization": f"Bearer {answer.json()['ticket']}"}
    me = httpx.get(f"{hub.base}{API}/me", headers=ticket, timeout=10).json()
    assert me["username"] == account["username"]
    again = httpx.post(f"{hub.base}/hub/api/users/{account['username']}/tokens", headers=token, timeout=10)
    assert again.status_code == 403  # a token makes no tokens


@pytest.mark.clause("S-9")
def test_a_disabled_account_is_dead_everywhere_within_a_minute(hub: RunningHub) -> None:
    account = hub.account("clinician", "H02")
    with hub.login(account["username"], account["password"]) as client, hub.login_as("administrator") as administrator:
        xsrf = re.search(r'data-xsrf="([^"]+)"', client.get("/hub/token").text)
        assert xsrf
        token = client.post(f"/hub/api/users/{account['username']}/tokens", json={}, headers={"X-XSRFToken": xsrf[1]}).json()["token"]
        studies = "/services/images/dicom-web/studies"
        wait_until("images are open to the account", lambda: client.get(studies).status_code in {200, 204}, 30)
        assert client.get(f"{API}/me").status_code == 200
        # other scopes and parts may still be on their way: the account's own addresses are what counts
        disabled = administrator.put(f"{API}/accounts/{account['username']}", json={"disabled": True}, headers=SAME_ORIGIN)
        assert disabled.status_code == 200, disabled.text
        began = time.monotonic()
        try:
            wait_until("the records refuse", lambda: client.get(f"{API}/me").status_code == 401, 5)
            wait_until("the images refuse", lambda: client.get(studies).status_code == 401, 55, 0.5)
            wait_until("the Hub asks to log in", lambda: client.get("/hub/token").status_code == 302, 55, 0.5)
            user = {"Authorization": f"token {token}"}
            wait_until("the token is dead", lambda: httpx.get(f"{hub.base}/hub/api/user", headers=user).status_code in {401, 403}, 55, 0.5)
            wait_until("desks are closed", lambda: client.get("/services/pages/desk/clinical").status_code in {302, 401, 403}, 55, 0.5)
            assert client.get("/hub/ticket").headers["location"].startswith("/hub/login")
            assert time.monotonic() - began < 60
            refused = hub.try_login(hub.visitor(), account["username"], account["password"])
            assert refused.status_code == 403
            assert "此账号已停用" in problem_of(refused)
        finally:
            administrator.put(f"{API}/accounts/{account['username']}", json={"disabled": False}, headers=SAME_ORIGIN)


@pytest.mark.clause("H-1")
def test_pages_of_the_hub_load_nothing_from_elsewhere(hub: RunningHub) -> None:
    with hub.visitor() as client:
        for path in ("/hub/login", "/hub/nothing-here"):
            page = client.get(path)
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)
            for address in re.findall(r'(?:src|href)="(/hub/front/[^"]+)"', page.text):
                assert client.get(address.replace("&amp;", "&")).status_code == 200, address


@pytest.mark.clause("S-9")
def test_logs_hold_no_password_and_no_ticket(hub: RunningHub) -> None:
    account = hub.account("technician", "H01")
    with hub.visitor() as client:
        hub.try_login(client, account["password"], account["username"])  # the password typed into the wrong field
        hub.try_login(client, account["username"], account["password"])
        secrets = [one["password"] for one in hub.accounts()] + [client.cookies["hub-ticket"]]
    files = [*(hub.data_dir / "logs").iterdir(), hub.output]
    assert len(files) >= 8
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in secrets if secret in text], file.name
