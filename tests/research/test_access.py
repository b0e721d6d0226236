"""Who comes in, for which project, until when; how much; and that each release stands in the audit."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from pipelines.research.limits import Limits
from pipelines.research.store import ResearchStore
from tests.research.in_process import ENDS, Lab, project, token

pytestmark = pytest.mark.clause("H-4", "S-7")
PATHS = ("/projects/{p}/tables", "/projects/{p}/tables/studies", "/projects/{p}/studies", "/projects/{p}/studies/2.25.1",
         "/projects/{p}/results", "/projects/{p}/results/2.25.1")  # fmt: skip


def statuses(lab: Lab, bearer: str, code: str) -> set[tuple[int, str]]:
    answers = [lab.ask(bearer, path.format(p=code)) for path in PATHS]
    answers.append(lab.ask(bearer, f"/projects/{code}/results", "POST", content=b"DICM"))
    return {(one.status_code, one.json()["code"] if one.status_code >= 400 else "") for one in answers}


def test_a_member_of_an_approved_project_comes_in(lab: Lab) -> None:
    lab.again()
    assert [one["code"] for one in lab.ask("fellow", "/projects").json()["projects"]] == ["chest", "narrow", "short"]
    assert [one["code"] for one in lab.ask("stranger", "/projects").json()["projects"]] == ["other"]
    assert lab.ask("fellow", "/projects/chest/tables").status_code == 200
    assert lab.ask(lab.ticket("fellow", "script", None), "/projects/chest/tables").status_code == 200
    assert lab.ask("rt_good", "/projects/chest/studies").status_code == 200
    assert [one["code"] for one in lab.ask("rt_good", "/projects").json()["projects"]] == ["chest"]


def test_everybody_else_stays_outside(lab: Lab) -> None:
    lab.again()
    unknown = {(404, "project.unknown")}
    for bearer, code in (("stranger", "chest"), ("fellow", "other"), ("fellow", "sketch"), ("fellow", "gone"), ("fellow", "no-such"),
                         ("fellow", "..%2Fkeys"), ("rt_foreign", "chest"), ("rt_good", "other"), ("rt_good", "short"), ("rt_gone", "gone")):  # fmt: skip
        found = statuses(lab, bearer, code)
        assert found == unknown or (code.startswith("..") and found <= {(404, "request.unknown"), (405, "request.method")}), (
            bearer,
            code,
            found,
        )
    for bearer in ("rt_old", "rt_dead", "rt_never"):
        assert statuses(lab, bearer, "chest") == {(401, "token.invalid")}, bearer
        assert lab.ask(bearer, "/projects").status_code == 401
    for bearer in (
        lab.ticket("fellow", operations=()),
        lab.ticket("fellow", desk="reading"),
        lab.ticket("fellow", operations=("image.view", "project.manage")),
        lab.ticket("research", "service", None, ("image.view", "feed.follow", "research.use")),
    ):
        assert statuses(lab, bearer, "chest") == {(403, "right.missing")}
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic rt_good"}, {"Authorization": "Bearer eyJ.x.y"}):
        assert {lab.http.get(f"/services/research/api/v1{path.format(p='chest')}", headers=headers).status_code for path in PATHS} == {401}
    cookie = {"hub-ticket": lab.ticket("fellow", "browser", None)}
    assert lab.http.get("/services/research/api/v1/projects/chest/tables", cookies=cookie).status_code == 403, "only out of the room"
    lab.http.cookies.clear()


def test_a_project_that_is_over_is_shut_and_its_data_are_gone(lab: Lab) -> None:
    lab.again()
    folder = lab.service.library.folder("short")
    assert lab.ask("fellow", "/projects/short/tables").status_code == 200
    before = lab.ask("fellow", "/projects/short/tables/studies").content
    lab.pass_days(4)  # 1 December: its last day
    assert lab.ask("fellow", "/projects/short/tables").status_code == 200
    lab.pass_days(1)
    assert statuses(lab, "fellow", "short") == {(404, "project.unknown")}
    assert statuses(lab, "rt_short", "short") == {(404, "project.unknown")}
    lab.service.library.look()
    assert not folder.exists()
    lab.put(project("short", expires_on=ENDS.isoformat()))  # a new approval
    lab.service.library.look()
    assert lab.ask("fellow", "/projects/short/tables/studies").content == before, "the same key, the same pseudonyms, the same bytes"
    lab.put(project("short", state="closed"))
    assert statuses(lab, "fellow", "short") == {(404, "project.unknown")}, "at once, not at the next look"


def test_a_member_who_leaves_or_whose_session_ends_is_out(lab: Lab) -> None:
    lab.again()
    shown = lab.ticket("passing")
    lab.put(project("chest", members=["fellow", "passing"]))
    assert lab.ask(shown, "/projects/chest/tables").status_code == 200
    lab.put(project("chest"))
    assert lab.ask(shown, "/projects/chest/tables").status_code == 404
    lab.put(project("chest", members=["fellow", "passing"]))
    lab.service.follower.apply([{"seq": 1, "kind": "session.ended", "data": {"sid": "s-passing"}}])
    assert lab.ask(shown, "/projects/chest/tables").json()["code"] == "ticket.invalid"


def test_only_the_tables_that_are_approved(lab: Lab) -> None:
    lab.again()
    assert [one["name"] for one in lab.ask("fellow", "/projects/narrow/tables").json()["tables"]] == ["exams"]
    for path in ("tables/studies", "tables/series", "tables/identities", "studies"):
        assert lab.ask("fellow", f"/projects/narrow/{path}").json()["code"] == "table.unknown", path


def test_a_table_of_other_rules_is_not_given_out(lab: Lab) -> None:
    lab.again()
    lab.put(project("chest", least=9))
    answer = lab.ask("fellow", "/projects/chest/tables/studies")
    assert (answer.status_code, answer.json()["code"]) == (503, "table.not_ready")
    assert answer.headers["retry-after"]
    lab.service.library.look()
    assert lab.ask("fellow", "/projects/chest/tables/studies").status_code == 200


def test_one_project_that_fails_does_not_hold_up_the_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.again()
    key = lab.folder / "data" / "keys" / "chest"
    whole = key.read_bytes()
    key.write_bytes(whole[:9])
    monkeypatch.setattr(lab.service.library, "_again", {})
    try:
        for code in ("chest", "narrow", "short"):
            lab.put(project(code, least=7))
        lab.service.library.look()
        assert lab.ask("fellow", "/projects/chest/tables").status_code >= 500
        assert lab.ask("fellow", "/projects/short/tables").status_code == 200
    finally:
        key.write_bytes(whole)


def test_what_one_has_already_is_no_release(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.again()
    etag = lab.ask("rt_good", "/projects/chest/tables/studies").headers["etag"]
    released: list[object] = []
    monkeypatch.setattr(lab.service, "release", lambda *about, **_: released.append(about))
    assert lab.ask("rt_good", "/projects/chest/tables/studies", headers={"If-None-Match": etag}).status_code == 304
    assert released == []
    assert lab.ask("rt_good", "/projects/chest/tables/studies", headers={"If-None-Match": '"another"'}).status_code == 200
    assert len(released) == 1


def test_downloads_go_on_where_they_stopped(lab: Lab, tmp_path: Path) -> None:
    lab.again()
    path = "/projects/chest/tables/studies"
    whole = lab.ask("rt_good", path)
    etag, size = whole.headers["etag"], len(whole.content)
    assert etag == f'"{hashlib.sha256(whole.content).hexdigest()}"'
    first = lab.ask("rt_good", path, headers={"Range": "bytes=0-999"})
    rest = lab.ask("rt_good", path, headers={"Range": "bytes=1000-", "If-Range": etag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.headers["content-range"] == f"bytes 0-999/{size}" and first.content + rest.content == whole.content
    assert lab.ask("rt_good", path, headers={"If-None-Match": etag}).status_code == 304
    changed = lab.ask("rt_good", path, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert lab.ask("rt_good", path, headers={"Range": f"bytes={size}-"}).status_code == 416
    assert lab.ask("rt_good", path, headers={"Range": "bytes=0-9,20-29"}).content == whole.content, "one range or all"
    assert lab.ask("rt_good", path, "HEAD").headers["content-length"] == str(size)
    (tmp_path / "t.parquet").write_bytes(whole.content)
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path / 't.parquet'}'").fetchall()[0][0] > 300


def test_studies_by_pages_and_filters(lab: Lab) -> None:
    lab.again()
    seen: list[dict[str, Any]] = []
    after, pages = "", 0
    while after is not None:
        body = lab.ask("fellow", "/projects/chest/studies", params={"limit": 90, "after": after}).json()
        seen, after, pages = seen + body["studies"], body["next"], pages + 1
    told = lab.ask("fellow", "/projects/chest/tables").json()["told"]
    assert len(seen) == len({one["study_uid"] for one in seen}) == told["shown"] and pages == len(seen) // 90 + 1
    chests = lab.ask("fellow", "/projects/chest/studies", params={"modality": "CT", "body_part": "CHEST", "limit": 1000}).json()["studies"]
    assert (
        {one["study_uid"] for one in chests}
        == {one["study_uid"] for one in seen if (one["modality"], one["body_part"]) == ("CT", "CHEST")}
        != set()
    )
    child = seen[0]["patient"]
    assert {one["patient"] for one in lab.ask("fellow", f"/projects/chest/studies?patient={child}").json()["studies"]} == {child}
    for query in ("modalty=CT", "limit=0", "limit=5000", "after=x%27", "from=yesterday"):
        assert lab.ask("fellow", f"/projects/chest/studies?{query}").status_code == 422, query
    study = lab.ask("fellow", f"/projects/chest/studies/{seen[0]['study_uid']}").json()
    assert len(study["series"]) == 2 and study["patient"]["name"] == child
    elsewhere = lab.ask("stranger", "/projects/other/studies").json()["studies"]
    assert not {one["study_uid"] for one in elsewhere} & {one["study_uid"] for one in seen}, "projects cannot be laid side by side"
    assert lab.ask("fellow", f"/projects/chest/studies/{elsewhere[0]['study_uid']}").status_code == 404


def test_too_much_is_told_to_wait(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.again()
    lab.put(project("chest", members=["hungry"], tokens=[token("hungry")]))
    monkeypatch.setattr(lab.service, "limits", Limits(lab.service.store, 6, 60_000, ZoneInfo("Asia/Shanghai")))
    size = len(lab.ask("hungry", "/projects/chest/tables/studies").content)
    assert 20_000 > size > 0
    codes = [lab.ask("rt_hungry", "/projects/chest/tables").status_code for _ in range(7)]
    assert codes == [200] * 6 + [429]
    refused = lab.ask("rt_hungry", "/projects")
    assert refused.json()["code"] == "limit.requests" and 1 <= int(refused.headers["retry-after"]) <= 11
    assert lab.ask("hungry", "/projects/chest/tables").status_code == 200, "another caller has his own"
    # a restart forgets no byte
    again = ResearchStore(lab.folder / "data" / "research.sqlite")
    monkeypatch.setattr(lab.service, "limits", Limits(again, 10_000, 60_000, ZoneInfo("Asia/Shanghai")))
    answers = [lab.ask("hungry", "/projects/chest/tables/studies") for _ in range(60_000 // size)]
    assert {one.status_code for one in answers[:-1]} == {200}
    assert answers[-1].status_code == 429 and answers[-1].json()["code"] == "limit.bytes"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 86_400
    again.close()


def test_each_release_is_one_entry_of_the_audit_for_an_hour(lab: Lab) -> None:
    lab.again()
    lab.put(project("chest", members=["counted"], tokens=[token("counted")]))
    for _ in range(3):
        assert lab.ask("counted", "/projects/chest/tables/series").status_code == 200
    lab.ask("rt_counted", "/projects/chest/tables/series")
    entries = [entry for _, entry in lab.service.store.waiting(1000) if "counted" in entry["username"]]
    assert [(one["username"], one["action"], one["entity"]["id"], one["detail"]["project"]) for one in entries] == [
        ("counted", "research.released", "series", "chest"),
        ("token:chest/counted", "research.released", "series", "chest"),
    ]


def test_folders_and_files_are_closed(lab: Lab) -> None:
    lab.again()
    data = lab.folder / "data"
    for folder in (data, data / "keys", *(data / "projects").iterdir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for file in (*(data / "keys").iterdir(), *(data / "projects").rglob("*.sqlite"), *(data / "projects").rglob("*.parquet")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert {one.name for one in (data / "keys").iterdir()} == {"chest", "other", "short", "narrow"}, "a key is made at the approval"


def test_the_api_describes_itself_in_both_languages(lab: Lab) -> None:
    shown = lab.http.get("/services/research/openapi.json").json()
    assert "去标识化" in shown["info"]["description"] and "De-identified" in shown["info"]["description"]
    for path, ways in shown["paths"].items():
        for way in ways.values():
            assert "/" in way["summary"] and any("\u4e00" <= one <= "\u9fff" for one in way["summary"]), path
    assert "application/dicom" in shown["paths"]["/services/research/api/v1/projects/{code}/results"]["post"]["requestBody"]["content"]
