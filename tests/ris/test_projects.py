"""Research projects: their states, who may manage them, what a member sees, and their tokens."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.__main__ import main
from ris.projects.model import ProjectToken, ResearchProject
from ris.projects.rules import STATES, TRANSITIONS, after, is_open
from tests.ris.conftest import COUNTER, PASSWORD, House

pytestmark = pytest.mark.clause("H-4", "S-7")
TODAY = datetime.now(ZoneInfo("Asia/Shanghai")).date()
APPROVAL = {"number": "伦审 2026-18", "by": "医院伦理委员会", "day": "2026-11-01"}


def draft(**changes: Any) -> dict[str, Any]:
    return {
        "code": f"dose-{next(COUNTER)}",
        "title": "儿童胸部 CT 剂量",
        "title_en": "Dose of chest CT in children",
        "purpose": "比较各年龄段的剂量",
        "expires_on": (TODAY + timedelta(days=200)).isoformat(),
        "members": ["Researcher "],
        "tables": ["series", "studies"],
        **changes,
    }


def approved(house: House, **changes: Any) -> dict[str, Any]:
    admin = house.as_("administrator.c")
    made = admin.post("/projects", draft(**changes))
    return dict(
        admin.post(f"/projects/{made['code']}/transitions", {"action": "approve", "version": made["version"], "approval": APPROVAL})
    )


@given(st.lists(st.sampled_from([*TRANSITIONS, "open", "draft"]), max_size=12))
def test_nothing_leads_out_of_closed_and_nobody_is_approved_twice(actions: list[str]) -> None:
    state, approvals, seen = "draft", 0, ["draft"]
    for action in actions:
        new = after(action, state)
        if new is None:
            continue
        assert new in STATES
        approvals += new == "approved"
        assert state != "closed", "closed is the end"
        assert STATES.index(new) > STATES.index(state), "never back"
        state = new
        seen.append(state)
    assert approvals <= 1
    assert is_open(state, TODAY, TODAY) == (state == "approved")
    assert not is_open(state, TODAY - timedelta(days=1), TODAY)


def test_a_member_sees_only_what_is_approved_and_not_over(house: House) -> None:
    admin, member = house.as_("administrator.c"), house.as_("researcher")

    def seen() -> dict[str, Any]:
        return {one["code"]: one for one in member.get("/me/projects")["projects"]}

    since = (house.feed() or [{"seq": 0}])[-1]["seq"]
    made = admin.post("/projects", draft())
    code = made["code"]
    assert (made["state"], made["members"], made["tables"], made["least"]) == ("draft", ["researcher"], ["studies", "series"], 5)
    assert code not in seen()
    move = {"action": "approve", "version": made["version"]}
    unfounded = admin.ask("POST", f"/projects/{code}/transitions", json=move)
    assert (unfounded.status_code, unfounded.json()["code"]) == (422, "project.approval")
    done = admin.post(f"/projects/{code}/transitions", {**move, "approval": APPROVAL})
    assert done["state"] == "approved" and done["approval"] == APPROVAL
    assert seen()[code]["title"] == "儿童胸部 CT 剂量"
    assert not {"members", "tokens", "approval"} & set(seen()[code])
    other = approved(house, members=[])
    assert other["code"] not in seen()
    with house.database.write() as session:  # its last day is over
        session.get_one(ResearchProject, code).expires_on = TODAY - timedelta(days=3)
    assert code not in seen()
    closed = admin.post(f"/projects/{code}/transitions", {"action": "close", "version": done["version"]})
    assert closed["state"] == "closed"
    again = admin.ask("POST", f"/projects/{code}/transitions", json={**move, "version": closed["version"], "approval": APPROVAL})
    assert (again.status_code, again.json()["code"]) == (409, "project.transition")
    told = [row["data"]["state"] for row in house.feed(since) if row["kind"] == "project.changed" and row["entity"]["id"] == code]
    assert told == ["draft", "approved", "closed"]
    acts = [row["action"] for row in admin.get(f"/audit?entity_type=project&entity_id={code}")["rows"]]
    assert acts == ["project.close", "project.approve", "project.add"]


def test_only_an_administrator_of_the_centre_manages(house: House) -> None:
    code = approved(house)["code"]
    wishes: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/projects", None), ("GET", f"/projects/{code}", None), ("POST", "/projects", draft()),
        ("PUT", f"/projects/{code}", {**draft(), "version": 2}),
        ("POST", f"/projects/{code}/transitions", {"action": "close", "version": 2}),
        ("POST", f"/projects/{code}/tokens", {"label": "x", "expires_on": TODAY.isoformat()}), ("DELETE", f"/projects/{code}/tokens/1", None),
    ]  # fmt: skip
    for username in ("administrator.ha", "researcher", "reviewer.c", "operator"):
        for method, path, body in wishes:
            assert house.as_(username).ask(method, path, json=body).status_code == 403, (username, method, path)
    for username in ("administrator.c", "radiologist.c", "patient"):
        assert house.as_(username).ask("GET", "/me/projects").status_code == 403, username


def test_what_is_approved_changes_only_with_a_new_approval(house: House) -> None:
    admin, project = house.as_("administrator.c"), approved(house)
    body = {
        name: project[name] for name in ("title", "title_en", "purpose", "expires_on", "members", "tables", "pixels", "least", "version")
    }
    path = f"/projects/{project['code']}"
    for name, value in (("pixels", True), ("tables", ["studies"]), ("least", 3), ("purpose", "另一个目的"), ("cut_on", "2026-01-01")):
        refused = admin.ask("PUT", path, json={**body, name: value})
        assert (refused.status_code, refused.json()["code"], refused.json()["changed"]) == (422, "project.approval", [name])
        same = admin.ask("PUT", path, json={**body, name: value, "approval": APPROVAL})
        assert same.status_code == 422, "the old approval says nothing of it"
    renamed = admin.ask("PUT", path, json={**body, "title": "儿童 CT 剂量", "members": []}).json()
    assert (renamed["title"], renamed["members"], renamed["approval"]) == ("儿童 CT 剂量", [], APPROVAL)
    assert admin.ask("PUT", path, json=body).json()["code"] == "row.version"
    widened = admin.ask(
        "PUT", path, json={**body, "version": renamed["version"], "pixels": True, "approval": {**APPROVAL, "number": "伦审 2027-1"}}
    )
    assert widened.json()["pixels"] is True and widened.json()["approval"]["number"] == "伦审 2027-1"


def test_bad_projects_are_refused_in_words(house: House) -> None:
    admin = house.as_("administrator.c")
    for change, code in (
        ({"members": ["radiologist.c", "researcher"]}, "project.member"),
        ({"members": ["nobody-at-all"]}, "project.member"),
        ({"expires_on": (TODAY - timedelta(days=2)).isoformat()}, "project.expiry"),
        ({"expires_on": (TODAY + timedelta(days=4000)).isoformat()}, "project.expiry"),
        ({"tables": ["names"]}, "request.invalid"),
        ({"tables": []}, "request.invalid"),
        ({"least": 0}, "request.invalid"),
        ({"code": "../keys"}, "request.invalid"),
    ):
        answer = admin.ask("POST", "/projects", json=draft(**change))
        assert (answer.status_code, answer.json()["code"]) == (422, code), change
    refused = admin.ask("POST", "/projects", json=draft(members=["radiologist.c", "researcher"])).json()
    assert refused["members"] == ["radiologist.c"] and "科研人员" in refused["words"]["zh"]["title"]


def test_a_token_is_told_once_and_kept_as_its_hash(house: House) -> None:
    admin, project = house.as_("administrator.c"), approved(house)
    path = f"/projects/{project['code']}/tokens"
    late = admin.ask("POST", path, json={"label": "平台", "expires_on": (TODAY + timedelta(days=201)).isoformat()})
    assert late.json()["code"] == "project.expiry", "not longer than its project"
    made = admin.post(path, {"label": "平台", "expires_on": (TODAY + timedelta(days=100)).isoformat()})
    assert made["token"].startswith("rt_") and len(made["token"]) > 40
    whole = json.dumps([admin.get("/projects"), admin.get(f"/projects/{project['code']}"), house.feed(), admin.get("/audit")])
    assert made["token"] not in whole and made["id"] in whole
    with house.database.read() as session:
        assert session.get_one(ProjectToken, made["id"]).digest == hashlib.sha256(made["token"].encode()).hexdigest()
    told = house.feed()[-1]["data"]["tokens"]
    assert [(one["id"], one["revoked"], len(one["digest"])) for one in told] == [(made["id"], False, 64)]
    revoked = admin.ask("DELETE", f"{path}/{made['id']}").json()
    assert revoked["tokens"][0]["revoked"] is True
    assert house.feed()[-1]["data"]["tokens"][0]["revoked"] is True
    assert admin.ask("DELETE", f"{path}/other").status_code == 404
    unapproved = admin.post("/projects", draft())
    answer = admin.ask("POST", f"/projects/{unapproved['code']}/tokens", json={"label": "x", "expires_on": TODAY.isoformat()})
    assert answer.json()["code"] == "project.transition"


def test_the_command_does_what_an_administrator_does(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m ris project …`, until there is a page for it."""
    monkeypatch.setenv("RIS_DATABASE", house.settings.database)

    def command(*words: str) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["ris", "project", *words])
        code = main()
        said = capsys.readouterr()
        return code, json.loads(said.out.splitlines()[-1]) if code == 0 else None, said.err

    body = draft()
    code = body["code"]
    _, made, _ = command("add", code, "--title", body["title"], "--purpose", body["purpose"], "--expires-on", body["expires_on"],
                         "--member", "researcher", "--table", "studies", "--table", "series", "--pixels")  # fmt: skip
    assert (made["state"], made["pixels"], made["tables"]) == ("draft", True, ["studies", "series"])
    _, approved_one, _ = command("approve", code, "--number", "伦审 9", "--by", "伦理委员会", "--day", "2026-11-02")
    assert approved_one["state"] == "approved"
    assert {one["code"] for one in house.as_("researcher").get("/me/projects")["projects"]} >= {code}
    _, token, _ = command("token", code, "--label", "平台", "--expires-on", TODAY.isoformat())
    assert token["token"].startswith("rt_")
    assert command("revoke", code, token["id"])[1]["tokens"][0]["revoked"] is True
    assert code in {one["code"] for one in command("list")[1]}
    assert command("close", code)[1]["state"] == "closed"
    status, _, words = command("close", code)
    assert status == 1 and "关闭的项目不能再打开" in words
    status, _, words = command("add", "../keys", "--title", "x", "--purpose", "x", "--expires-on", body["expires_on"])
    assert status == 1 and "code" in words
    acts = [
        (row["username"], row["action"]) for row in house.as_("administrator.c").get(f"/audit?entity_type=project&entity_id={code}")["rows"]
    ]
    assert acts[0] == ("installer", "project.close") and len(acts) == 5


def test_a_researcher_needs_the_role_still(house: House) -> None:
    """Who has lost the role is a member on paper only."""
    admin, username = house.as_("administrator.c"), f"fellow{next(COUNTER)}"
    roles = [{"role": "researcher", "institution": "C"}]
    admin.post("/accounts", {"username": username, "name": "研", "password": PASSWORD, "assignments": roles})
    project = approved(house, members=[username])
    assert [one["code"] for one in house.login(username).get("/me/projects")["projects"]] == [project["code"]]
    admin.ask("PUT", f"/accounts/{username}", json={"assignments": [{"role": "clinician", "institution": "HA"}]})
    assert house.login(username).ask("GET", "/me/projects").status_code == 403
