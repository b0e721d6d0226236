"""Arriving studies: linked only when institution, accession number and identity agree; else shown at once with the reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.exams.rules import STATES, TRANSITIONS, Candidate, after, dicom_date, dicom_time, linking, study_moment
from ris.patients.rules import Identity, age_at, age_words, agrees, display_name, id_key, name_keys
from tests.conftest import ROOT
from tests.ris.conftest import COUNTER, House, arrival, book
from tests.ris.test_reports import TEXT, act

CHILD = {"patient_name": "Li^Xiaohong=李^小红", "birth_date": "20240506", "sex": "F"}


def ids(ordered: dict) -> dict:
    return {"accession": ordered["exams"][0]["accession"], "patient_id": ordered["patient"]["patient_id"]}


@pytest.mark.clause("D-2")
def test_images_of_an_order_are_linked_and_grow(house: House) -> None:
    ordered = book(house)
    exam_id = ordered["exams"][0]["exam_id"]
    study = arrival(**CHILD, **ids(ordered), instances=3)
    since = house.feed()[-1]["seq"]
    first = house.arrive(**study)
    assert first == {"study_uid": study["study_uid"], "linked": True, "exam_id": exam_id, "reason": None}
    reader = house.as_("radiologist.c")
    row = reader.get(f"/exams/{exam_id}")
    assert (row["stage"], row["exam_state"], row["images"], row["report_state"]) == ("arriving", "in_progress", 3, None)
    assert row["performed_at"] == "2026-11-20T00:30:15.000Z"  # 08:30:15 in Xi'an
    assert row["patient"]["age"] == {"value": 2, "unit": "Y", "months": 6, "days": 928}
    house.arrive(**{**study, "images_seq": 5, "instances": 120})
    assert reader.get(f"/exams/{exam_id}")["images"] == 120
    version = reader.get(f"/exams/{exam_id}")["version"]
    assert house.arrive(**{**study, "images_seq": 5, "instances": 120}) == first  # the same again
    assert house.arrive(**{**study, "images_seq": 2, "instances": 1}) == first  # an old one, late
    assert (reader.get(f"/exams/{exam_id}")["images"], reader.get(f"/exams/{exam_id}")["version"]) == (120, version)
    house.arrive(**{**study, "images_seq": 9, "instances": 120, "quiet": True})
    row = reader.get(f"/exams/{exam_id}")
    assert (row["stage"], row["exam_state"]) == ("to_write", "images_complete")
    assert list(row["state_times"]) and {"booked", "in_progress", "images_complete"} <= set(row["state_times"])
    house.arrive(**{**study, "images_seq": 12, "instances": 121})  # a late image does not take the exam away from the readers
    row = reader.get(f"/exams/{exam_id}")
    assert (row["stage"], row["images"]) == ("to_write", 121)
    linked = [one for one in house.feed(since) if one["kind"] == "study.linked"]
    assert [(one["data"]["exam_id"], one["data"]["linked"], one["institution"]) for one in linked] == [(exam_id, True, "HA")]


@pytest.mark.clause("D-2")
def test_unscheduled_with_the_reason_and_readable_at_once(house: House) -> None:
    ordered = book(house)
    number = ids(ordered)
    cases = {
        "no_accession": arrival(accession=" "),
        "accession_unknown": arrival(accession=f"NONE{next(COUNTER)}"),
        "identity_differs": arrival(accession=number["accession"], patient_id="SOMEBODY-ELSE", patient_name="Zhao^Liu=赵^六"),
    }
    for code, study in cases.items():
        result = house.arrive(**study)
        assert (result["linked"], result["reason"]["code"]) == (False, code)
        row = house.as_("radiologist.c").get(f"/exams/{result['exam_id']}")
        assert (row["scheduled"], row["unscheduled_reason"]["code"], row["study_uids"]) == (False, code, [study["study_uid"]])
        assert row["unscheduled_reason"]["zh"]
        report = house.as_("radiologist.c").post("/reports", {"exam_ids": [result["exam_id"]]})
        assert report["state"] == "drafting"
    assert house.as_("radiologist.c").get(f"/exams/{ordered['exams'][0]['exam_id']}")["studies"] == []
    waiting = {one["study_uid"]: one["reason"]["code"] for one in house.as_("technician.ha").get("/repair")["rows"]}
    assert {study["study_uid"]: code for code, study in cases.items()}.items() <= waiting.items()
    # The same accession number in the other hospital is another exam.
    other = house.arrive(**{**arrival(**CHILD, **number), "institution": "HB"})
    assert (other["linked"], other["reason"]["code"]) == (False, "accession_unknown")


@pytest.mark.clause("S-9", "D-2")
def test_a_study_uid_of_another_institution_changes_nothing(house: House) -> None:
    study = arrival(institution="HA", instances=7)
    mine = house.arrive(**study)
    stolen = house.arrive(**{**study, "institution": "HB", "images_seq": 99, "instances": 1})
    assert (stolen["linked"], stolen["exam_id"], stolen["reason"]["code"]) == (False, None, "other_institution")
    assert house.as_("radiologist.c").get(f"/exams/{mine['exam_id']}")["images"] == 7
    assert house.as_("clinician.hb").ask("GET", f"/exams/{mine['exam_id']}").status_code == 404
    nowhere = house.arrive(institution="NOWHERE")
    assert (nowhere["exam_id"], nowhere["reason"]["code"]) == (None, "institution_unknown")


@pytest.mark.clause("D-2")
def test_repair_moves_images_and_report_to_the_right_exam(house: House) -> None:
    ordered = book(house)
    target = ordered["exams"][0]["exam_id"]
    study = arrival(accession=None, quiet=True)
    stray = house.arrive(**study)["exam_id"]
    doctor = house.as_("radiologist.c")
    report = doctor.post("/reports", {"exam_ids": [stray]})
    report = act(doctor, report, "submit", **TEXT).json()
    assert house.as_("clinician.ha").ask("POST", f"/repair/{study['study_uid']}/link", json={"exam_id": target}).status_code == 403
    elsewhere = book(house, "HB")["exams"][0]["exam_id"]
    wrong = house.as_("registrar.c").ask("POST", f"/repair/{study['study_uid']}/link", json={"exam_id": elsewhere})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "study.institution")
    row = house.as_("technician.ha").post(f"/repair/{study['study_uid']}/link", {"exam_id": target})
    assert (row["exam_id"], row["study_uids"], row["scheduled"], row["stage"]) == (target, [study["study_uid"]], True, "to_review")
    assert row["report_id"] == report["id"]
    assert doctor.get(f"/exams/{stray}")["stage"] == "cancelled"
    assert study["study_uid"] not in {one["study_uid"] for one in house.as_("technician.ha").get("/repair")["rows"]}
    # What arrives later of this study goes to the right exam.
    assert house.arrive(**{**study, "images_seq": 3, "instances": 44})["exam_id"] == target
    assert doctor.get(f"/exams/{target}")["images"] == 44
    again = house.as_("technician.ha").ask("POST", f"/repair/{study['study_uid']}/link", json={"exam_id": target})
    assert again.status_code == 200


@pytest.mark.clause("D-2")
def test_images_that_came_before_the_registration_are_claimed(house: House) -> None:
    accession = f"LATE{next(COUNTER)}"
    mine = arrival(**CHILD, accession=accession, quiet=True)
    other = arrival(accession=accession, patient_id="NOT-HIM", patient_name="Sun^Qi", birth_date="20200101")
    stray, wrong = house.arrive(**mine)["exam_id"], house.arrive(**other)["exam_id"]
    ordered = book(house, patient={"patient_id": mine["patient_id"]}, exam={"accession": accession})
    row = house.as_("radiologist.c").get(f"/exams/{ordered['exams'][0]['exam_id']}")
    assert (row["study_uids"], row["stage"]) == ([mine["study_uid"]], "to_write")
    assert house.as_("radiologist.c").get(f"/exams/{stray}")["stage"] == "cancelled"
    assert house.as_("radiologist.c").get(f"/exams/{wrong}")["study_uids"] == [other["study_uid"]]


@pytest.mark.clause("D-2")
def test_unreadable_headers_are_taken_with_a_note(house: House) -> None:
    odd = {
        "study_date": "2026-13-45",
        "study_time": "99",
        "birth_date": "kind",
        "sex": "?",
        "patient_name": None,
        "patient_id": None,
        "modality": None,
    }
    result = house.arrive(**arrival(**odd))
    row = house.as_("radiologist.c").get(f"/exams/{result['exam_id']}")
    assert row["performed_at"] is None
    assert row["patient"]["age"] is None
    assert {note.split(":")[0] for note in row["studies"][0]["notes"]} == {"study_date", "study_time", "birth_date"}


@pytest.mark.clause("D-2")
def test_a_known_patient_id_never_merges_two_children(house: House) -> None:
    first = house.arrive(**arrival(patient_id="SAME", patient_name="Ma^Yi=马^一", birth_date="20200101"))
    second = house.arrive(**arrival(patient_id="SAME", patient_name="Niu^Er=牛^二", birth_date="20210202"))
    third = house.arrive(**arrival(patient_id="ＳＡＭＥ ", patient_name="MA YI", birth_date="20200101"))
    rows = [house.as_("radiologist.c").get(f"/exams/{one['exam_id']}") for one in (first, second, third)]
    assert rows[0]["patient"]["id"] == rows[2]["patient"]["id"] != rows[1]["patient"]["id"]
    assert [one["exam_id"] for one in rows[0]["priors"]] == [third["exam_id"]]


NAMES = st.sampled_from(["李^小红", "王^小明", "Li^Xiaohong", "Wang^Xiaoming=王^小明", "单^于", "ZHANG^SAN", "", None])
DATES = st.sampled_from([None, date(2024, 5, 6), date(2024, 6, 5)])
IDENTITIES = st.builds(Identity, st.sampled_from([None, "1", "P 2", "ｐ２", "3"]), NAMES, DATES)


@given(IDENTITIES, IDENTITIES)
@pytest.mark.clause("D-2")
def test_agreement_is_symmetric_and_needs_a_reason(one: Identity, two: Identity) -> None:
    assert agrees(one, two) == agrees(two, one)
    if agrees(one, two):
        same_id = id_key(one.patient_id) is not None and id_key(one.patient_id) == id_key(two.patient_id)
        same_person = bool(name_keys(one.name) & name_keys(two.name)) and one.birth_date is not None and one.birth_date == two.birth_date
        assert same_id or same_person


@given(
    st.sampled_from([None, "", " ", "A1", "a１"]),
    st.one_of(st.none(), st.builds(Candidate, st.sampled_from(STATES), IDENTITIES)),
    IDENTITIES,
)
@pytest.mark.clause("D-2")
def test_linking_never_links_somebody_else(accession: str | None, candidate: Candidate | None, arrived: Identity) -> None:
    if linking(accession, candidate, arrived) is None:
        assert candidate is not None
        assert candidate.state != "cancelled"
        assert agrees(candidate.identity, arrived)
        assert (accession or "").strip()


@pytest.mark.clause("D-2")
def test_names_agree_whatever_device_wrote_them() -> None:
    born = date(2024, 5, 6)
    known = Identity("1", "王小明", born)
    for name in ("王^小明", "Wang^Xiaoming=王^小明", "WANG^XIAOMING", "Ｗａｎｇ　Ｘｉａｏｍｉｎｇ", "wang^xiao^ming", "=王^小明"):
        assert agrees(known, Identity(None, name, born)), name
    for name in ("王^小亮", "Wang^Xiaolan", "", None, "^"):
        assert not agrees(known, Identity(None, name, born)), name
    assert not agrees(known, Identity(None, "王^小明", None))
    assert agrees(Identity(None, "单^雄信", born), Identity(None, "SHAN^XIONGXIN", born))  # a surname that is read otherwise
    assert not agrees(known, Identity("1", "李^四", date(2019, 1, 1)))
    assert agrees(known, Identity("1", None, None))
    assert display_name("Wang^Xiaoming=王^小明") == "王小明"
    assert display_name("SMITH^JOHN^^^") == "SMITH JOHN"


@pytest.mark.clause("D-2")
@given(st.text(max_size=20), st.text(max_size=20))
def test_dates_of_devices_never_break_anything(day: str, clock: str) -> None:
    moment, faults = study_moment(day, clock, ZoneInfo("Asia/Shanghai"))
    assert moment is None or moment.tzinfo is UTC
    assert isinstance(faults, list)
    dicom_time(clock)


def test_known_dates_and_ages() -> None:
    assert [dicom_date(text)[0] for text in ("20240229", "2024.02.29", "2024-02-29", " 20240229 ")] == [date(2024, 2, 29)] * 4
    assert [dicom_date(text)[0] for text in ("20230229", "2023", "00000000", "٢٠٢٤٠٢٢٩", "")] == [None] * 5
    assert study_moment("20261123", "0905", ZoneInfo("Asia/Shanghai"))[0] == datetime(2026, 11, 23, 1, 5, tzinfo=UTC)
    for case in json.loads((ROOT / "tests" / "ages.json").read_text(encoding="utf-8")):
        born, day = date.fromisoformat(case["birth"]), date.fromisoformat(case["day"])
        age = age_at(born, day)
        assert age is not None
        assert (age_words(age), age["days"]) == (case["zh"], (day - born).days)
    born = date(2024, 1, 31)
    assert age_at(born, date(2024, 1, 30)) is None
    assert age_at(None, date(2024, 1, 30)) is None
    assert age_words(None) is None


@given(st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=12))
@pytest.mark.clause("R-5")
def test_exam_states_stay_in_the_table(actions: list[str]) -> None:
    state = "booked"
    for action in actions:
        state = after(action, state) or state
        assert state in STATES
        if state == "cancelled":
            assert all(after(one, state) is None for one in TRANSITIONS)
