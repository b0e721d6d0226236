"""The knowledge base and report templates, found in Chinese, pinyin and initials."""

from __future__ import annotations

import pytest

from tests.ris.conftest import House


@pytest.mark.clause("R-12", "Q-17")
def test_knowledge_is_written_found_changed_removed(house: House) -> None:
    reviewer = house.as_("reviewer.c")
    body = {
        "title": "新生儿肺透明膜病",
        "body": "X 线分四级：I 级细颗粒影……",
        "body_part": "CHEST",
        "modality": "DR",
        "tags": ["新生儿", " 新生儿 ", "呼吸"],
    }
    entry = reviewer.post("/knowledge", body)
    assert (entry["version"], entry["tags"], entry["author"]["username"]) == (1, ["新生儿", "呼吸"], "reviewer.c")

    def found(typed: str, username: str = "clinician.ha") -> bool:
        rows = house.as_(username).ask("GET", "/knowledge", params={"q": typed}).json()["rows"]
        return entry["id"] in {one["id"] for one in rows}

    for typed in ("透明膜", "xinshenger", "xsef", "xse", "四级", "呼吸", "细颗粒", "新生儿 DR"):
        assert found(typed), typed
    for typed in ("骨龄", "xsezz", "新生儿 MR"):
        assert not found(typed), typed
    assert house.as_("clinician.ha").ask("POST", "/knowledge", json=body).status_code == 403
    assert house.as_("radiologist.c").ask("PUT", f"/knowledge/{entry['id']}", json={**body, "version": 1}).status_code == 403
    changed = reviewer.ask("PUT", f"/knowledge/{entry['id']}", json={**body, "body": "改为 CT 征象", "version": 1}).json()
    assert changed["version"] == 2
    assert not found("细颗粒")
    stale = reviewer.ask("PUT", f"/knowledge/{entry['id']}", json={**body, "version": 1})
    assert (stale.status_code, stale.json()["current"]["body"]) == (409, "改为 CT 征象")
    since = house.feed()[-1]["seq"]
    assert reviewer.ask("DELETE", f"/knowledge/{entry['id']}").status_code == 204
    assert house.as_("clinician.ha").ask("GET", f"/knowledge/{entry['id']}").status_code == 404
    assert not found("透明膜")
    assert [(row["kind"], row["data"]["removed"]) for row in house.feed(since)] == [("knowledge.changed", True)]
    acts = [row["action"] for row in house.as_("administrator.c").get(f"/audit?entity_type=knowledge&entity_id={entry['id']}")["rows"]]
    assert acts == ["knowledge.remove", "knowledge.change", "knowledge.add"]


@pytest.mark.clause("R-12")
def test_hostile_titles_are_only_text(house: House) -> None:
    title = "<script>alert(1)</script>' OR 1=1 --%_"
    entry = house.as_("reviewer.c").post("/knowledge", {"title": title, "body": "x\x01y"})
    answer = house.as_("nurse.ha").ask("GET", "/knowledge", params={"q": "1=1 --%_"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [one["title"] for one in answer.json()["rows"]] == [title]
    house.as_("reviewer.c").ask("DELETE", f"/knowledge/{entry['id']}")


@pytest.mark.clause("R-0")
def test_templates_are_public_or_ones_own(house: House) -> None:
    doctor, other = house.as_("radiologist.c"), house.as_("second.reviewer")
    body = {"name": "胸部平扫正常", "modality": "CT", "body_part": "CHEST", "findings": "两肺清晰。", "impression": "未见异常。"}
    own = doctor.post("/templates", body)
    shared = doctor.post("/templates", {**body, "name": "胸部增强", "public": True})
    assert own["public"] is False

    def names(person, query: str) -> set[int]:
        return {one["id"] for one in person.get(f"/templates?{query}")["rows"]}

    assert {own["id"], shared["id"]} <= names(doctor, "modality=CT&body_part=CHEST&q=xiongbu")
    assert own["id"] not in names(other, "modality=CT")
    assert shared["id"] in names(other, "modality=CT")
    assert shared["id"] not in names(doctor, "modality=MR")
    assert other.ask("PUT", f"/templates/{own['id']}", json=body).status_code == 404
    assert house.as_("radiologist.ha").ask("PUT", f"/templates/{shared['id']}", json={**body, "public": True}).status_code == 403
    assert house.as_("clinician.ha").ask("GET", "/templates").status_code == 403
    assert doctor.ask("DELETE", f"/templates/{own['id']}").status_code == 204
    assert own["id"] not in names(doctor, "")
