"""Reports: states, rights, versions, idempotency, delivery."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ris.reports.rules import EDITABLE, IN_FORCE, OPERATION, STATES, TRANSITIONS, Standing, after, allowed, refusal
from tests.ris.conftest import COUNTER, House, Person

TEXT = {"findings": "两肺纹理清晰，未见实变。", "impression": "胸部 CT 未见异常。", "positive": False}


def written(house: House, author: str = "radiologist.c", place: str = "HA") -> tuple[Person, dict[str, Any]]:
    """A report that waits for review."""
    doctor = house.as_(author)
    exam = house.exam_with_images(place)
    report = doctor.post("/reports", {"exam_ids": [exam["exam_id"]]})
    return doctor, doctor.post(f"/reports/{report['id']}/transitions", {"action": "submit", "version": report["version"], **TEXT})


def act(person: Person, report: dict[str, Any], action: str, **more: Any) -> Any:
    return person.ask("POST", f"/reports/{report['id']}/transitions", json={"action": action, "version": report["version"], **more})


@pytest.mark.clause("R-0", "R-6", "R-9")
def test_write_return_rewrite_sign_deliver(house: House) -> None:
    doctor, report = written(house)
    assert report["state"] == "written"
    exam_id = report["exam_ids"][0]
    reviewer = house.as_("reviewer.c")
    assert reviewer.get(f"/exams/{exam_id}")["stage"] == "to_review"
    report = act(reviewer, report, "review").json()
    assert report["state"] == "in_review"
    assert report["actions"] == ["return", "sign"]
    missing = act(reviewer, report, "return")
    assert (missing.status_code, missing.json()["code"]) == (422, "report.reason")
    report = act(reviewer, report, "return", reason="请描述纵隔").json()
    assert (report["state"], report["return_reason"]) == ("returned", "请描述纵隔")
    assert doctor.get(f"/exams/{exam_id}")["stage"] == "returned"
    mine = doctor.get("/worklist?view=mine")["rows"]
    assert [row["mine"] for row in mine if row["exam_id"] == exam_id] == [True]
    report = act(doctor, report, "submit", findings="两肺清晰。纵隔居中。", impression="未见异常。").json()
    report = act(reviewer, report, "sign").json()
    assert report["state"] == "signed"
    assert report["signed_at"]
    assert [one["action"] for one in report["history"]] == ["submit", "review", "return", "submit", "sign"]
    assert [one["reason"] for one in report["history"] if one["reason"]] == ["请描述纵隔"]
    versions = doctor.get(f"/reports/{report['id']}/versions")["rows"]
    assert versions[0]["findings"] == TEXT["findings"]
    assert versions[-1]["findings"] == "两肺清晰。纵隔居中。"
    # The centre's own look delivers nothing; the hospital's first look does.
    assert doctor.get(f"/reports/{report['id']}")["state"] == "signed"
    seen = house.as_("clinician.ha").get(f"/reports/{report['id']}")
    assert (seen["state"], seen["findings"], seen["actions"]) == ("delivered", "两肺清晰。纵隔居中。", [])
    assert doctor.get(f"/exams/{exam_id}")["stage"] == "signed"


@pytest.mark.clause("S-9")
def test_hospital_sees_no_text_before_signing(house: House) -> None:
    _, report = written(house)
    answer = house.as_("clinician.ha").ask("GET", f"/reports/{report['id']}")
    assert (answer.status_code, answer.json()["code"]) == (403, "report.not_signed")
    assert TEXT["findings"] not in answer.text
    assert house.as_("clinician.ha").ask("GET", f"/reports/{report['id']}/pdf").status_code == 403
    assert house.as_("clinician.ha").ask("GET", f"/reports/{report['id']}/versions").status_code == 403
    assert house.as_("clinician.hb").ask("GET", f"/reports/{report['id']}").status_code == 404


@pytest.mark.clause("R-1", "S-8", "S-9")
def test_who_may_not_sign(house: House) -> None:
    doctor = house.as_("reviewer.c")  # a reviewer may write, but not review what he wrote
    exam = house.exam_with_images()
    report = doctor.post("/reports", {"exam_ids": [exam["exam_id"]]})
    report = doctor.post(f"/reports/{report['id']}/transitions", {"action": "submit", "version": report["version"], **TEXT})
    for action in ("review", "sign", "return"):
        refused = act(doctor, report, action, reason="x")
        assert (refused.status_code, refused.json()["code"]) == (403, "report.own")
    for username in ("technician.c", "technician.ha", "radiologist.c", "registrar.ha", "clinician.ha", "nurse.ha", "administrator.c"):
        assert act(house.as_(username), report, "sign").status_code == 403, username
    for username in ("reviewer.hb", "administrator.hb"):
        assert act(house.as_(username), report, "sign").status_code == 404, username
    for username in ("operator", "researcher", "patient"):
        assert act(house.as_(username), report, "sign").status_code == 403, username
    stale = report
    report = act(house.as_("second.reviewer"), report, "review").json()
    late = act(house.as_("reviewer.ha"), stale, "sign")
    assert (late.status_code, late.json()["code"]) == (409, "report.version")  # he has not seen that somebody took it
    other = act(house.as_("reviewer.ha"), report, "sign")
    assert (other.status_code, other.json()["code"]) == (403, "report.reviewer")
    assert act(house.as_("second.reviewer"), report, "sign").json()["state"] == "signed"


@pytest.mark.clause("R-9")
def test_drafts_versions_and_lost_answers(house: House) -> None:
    doctor = house.as_("radiologist.c")
    exam = house.exam_with_images()
    report = doctor.post("/reports", {"exam_ids": [exam["exam_id"]]})
    assert doctor.post("/reports", {"exam_ids": [exam["exam_id"]]})["id"] == report["id"]
    path = f"/reports/{report['id']}/draft"
    before = house.feed()[-1]["seq"]
    body = {"version": report["version"], **TEXT}
    saved = doctor.ask("PUT", path, json=body).json()
    assert saved["version"] == report["version"] + 1
    again = doctor.ask("PUT", path, json=body)  # the answer was lost, the page sends it again
    assert (again.status_code, again.json()["version"]) == (200, saved["version"])
    stale = doctor.ask("PUT", path, json={**body, "findings": "另一个窗口"})
    assert (stale.status_code, stale.json()["code"]) == (409, "report.version")
    assert stale.json()["current"]["findings"] == TEXT["findings"]
    assert house.feed(before) == []  # drafts are not events
    assert house.as_("second.reviewer").ask("PUT", path, json={**body, "version": saved["version"]}).json()["code"] == "report.author"
    taken = house.as_("second.reviewer").ask("POST", "/reports", json={"exam_ids": [exam["exam_id"]]})
    assert (taken.status_code, taken.json()["code"]) == (409, "report.taken")
    assert doctor.get(f"/reports/{report['id']}/versions")["rows"] == []
    empty = doctor.ask(
        "POST", f"/reports/{report['id']}/transitions", json={"action": "submit", "version": saved["version"], "impression": " "}
    )
    assert empty.json()["code"] == "report.empty"


@pytest.mark.clause("R-1")
def test_a_click_that_arrives_twice_signs_once(house: House) -> None:
    _, report = written(house)
    reviewer = house.as_("reviewer.c")
    body = {"action": "sign", "version": report["version"]}
    key = f"key-{next(COUNTER)}"
    first = reviewer.ask("POST", f"/reports/{report['id']}/transitions", json=body, key=key)
    second = reviewer.ask("POST", f"/reports/{report['id']}/transitions", json=body, key=key)
    assert first.json() == second.json()
    assert first.json()["state"] == "signed"
    assert [one["action"] for one in second.json()["history"]].count("sign") == 1
    reused = reviewer.ask("POST", f"/reports/{report['id']}/transitions", json={**body, "action": "return", "reason": "x"}, key=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "request.key_reused")
    without = reviewer.ask("POST", f"/reports/{report['id']}/transitions", json=body)
    assert without.status_code == 409


@pytest.mark.clause("R-6")
def test_recall_after_signing_and_addendum(house: House) -> None:
    doctor, report = written(house)
    reviewer = house.as_("reviewer.c")
    report = act(reviewer, report, "sign").json()
    assert act(doctor, report, "recall", reason="错").status_code == 403
    report = act(doctor, report, "addendum").json()
    assert report["state"] == "addendum"
    # While the addendum is written the hospital goes on reading what was signed.
    saved = doctor.ask(
        "PUT", f"/reports/{report['id']}/draft", json={"version": report["version"], **TEXT, "impression": "补充：肋骨"}
    ).json()
    seen = house.as_("clinician.ha").get(f"/reports/{report['id']}")
    assert (seen["impression"], seen["in_force"]) == (TEXT["impression"], True)
    report = act(doctor, {**report, "version": saved["version"]}, "submit").json()
    report = act(reviewer, report, "sign").json()
    assert house.as_("clinician.ha").get(f"/reports/{report['id']}")["impression"] == "补充：肋骨"
    report = reviewer.get(f"/reports/{report['id']}")
    assert act(reviewer, report, "recall").json()["code"] == "report.reason"
    report = act(reviewer, report, "recall", reason="左右写反").json()
    assert report["state"] == "recalled"
    assert house.as_("clinician.ha").ask("GET", f"/reports/{report['id']}").status_code == 403


@pytest.mark.clause("R-9")
def test_kept_versions_and_audit_cannot_be_altered(house: House) -> None:
    written(house)
    for statement in (
        "UPDATE report_version SET findings = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET username = 'x'",
        "DELETE FROM feed",
    ):
        with pytest.raises(DBAPIError, match="only added"), house.database.write() as session:
            session.execute(text(statement))


@pytest.mark.clause("R-0")
def test_no_report_without_images_and_one_patient_per_report(house: House) -> None:
    from tests.ris.conftest import book

    doctor = house.as_("radiologist.c")
    booked = book(house)["exams"][0]["exam_id"]
    assert doctor.ask("POST", "/reports", json={"exam_ids": [booked]}).json()["code"] == "exam.no_images"
    two = [house.exam_with_images()["exam_id"], house.exam_with_images()["exam_id"]]
    assert doctor.ask("POST", "/reports", json={"exam_ids": two}).json()["code"] == "exam.institutions"


@pytest.mark.clause("R-1")
@given(
    st.sampled_from(STATES),
    st.sampled_from(sorted(TRANSITIONS)),
    st.sampled_from(["author", "reviewer", "other"]),
    st.booleans(),
    st.booleans(),
)
def test_rules_never_let_the_author_review(state: str, action: str, who: str, write: bool, review: bool) -> None:
    operations = frozenset({"report.view"} | ({"report.write"} if write else set()) | ({"report.review"} if review else set()))
    report = Standing(state, "author", "reviewer" if state == "in_review" else None)
    refused = refusal(action, report, who, operations)
    if refused is None:
        assert after(action, state) in STATES
        assert action != "deliver"
        if action in {"review", "sign", "return"}:
            assert who != "author"
            assert review
        if OPERATION.get(action) == "report.write":
            assert write
            assert who == "author"
    assert (action in allowed(report, who, operations)) == (refused is None)


@pytest.mark.clause("R-1")
def test_every_state_is_reached_and_left() -> None:
    reached = {"drafting"} | {target for moves in TRANSITIONS.values() for target in moves.values()}
    assert reached == set(STATES)
    assert {state for moves in TRANSITIONS.values() for state in moves} == set(STATES)
    assert not set(EDITABLE) & set(IN_FORCE)
    assert after("sign", "in_review", level=1, levels=2) == "written"
    assert after("sign", "in_review", level=2, levels=2) == "signed"
