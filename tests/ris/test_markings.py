"""Markings: kept with author and version, by whom and where they may be changed, told to other desks, lost never."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import inspect, text

from ris.database import make_engine
from ris.markings.rules import MOST_OF_STUDY
from ris.migrate import downgrade, upgrade
from tests.ris import test_server
from tests.ris.conftest import House, Person, book
from tests.ris.test_reports import TEXT, act
from tests.ris.test_server import Server, Stream

server = test_server.server
PLANE = {"origin": [1.5, -2, 3], "row": [1, 0, 0], "column": [0, 0, -1], "spacing": [0.7, 0.7]}


def length_on(study: str, **changes: Any) -> dict[str, Any]:
    """A length as the viewer says it."""
    return {
        "id": "what-the-page-says",
        "kind": "length",
        "study": study,
        "series": f"{study}.1",
        "sop_uid": f"{study}.1.7",
        "frame": 0,
        "index": 6,
        "points": [[10.5, 20.25], [60.125, 20.25]],
        "value": 34.737,
        "unit": "mm",
        "author": "somebody.else",
        "created": "1999-01-01T00:00:00Z",
        **changes,
    }


def put(person: Person, exam: int, measurement: dict[str, Any], marking_id: str = "", version: int | None = None) -> Any:
    address = f"/exams/{exam}/markings/{marking_id or uuid.uuid4()}"
    # as bytes: a test may send what a careful client never would
    body = json.dumps({"version": version, "measurement": measurement})
    return person.ask("PUT", address, content=body, headers={"Content-Type": "application/json"})


def rows(person: Person, exam: int, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get(f"/exams/{exam}/markings{more}")["rows"]
    return found


@pytest.fixture
def case(house: House) -> tuple[int, str]:
    """Exam and study of hospital A."""
    row = house.exam_with_images("HA")
    return row["exam_id"], row["study_uids"][0]


@pytest.mark.clause("V-9", "V-18")
def test_a_marking_is_kept_changed_removed_and_brought_back(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor, other = house.as_("radiologist.c"), house.as_("radiologist.ha")
    key = str(uuid.uuid4())
    since = house.feed()[-1]["seq"]
    first = put(doctor, exam, length_on(study), key)
    assert first.status_code == 200, first.text
    made = first.json()
    assert (made["id"], made["version"], made["removed"], made["changeable"]) == (key, 1, False, True)
    # who and when are of the record, whatever the page says
    assert made["author"] == {"username": "radiologist.c", "name": "Cradiologist"}
    assert made["measurement"]["author"] == "radiologist.c"
    assert made["measurement"]["id"] == key
    assert made["measurement"]["created"] == made["created_at"] > "2020"
    # the other hospital's own doctor finds the same numbers
    (seen,) = rows(other, exam)
    assert seen == {**made, "changeable": False}
    assert (seen["measurement"]["points"], seen["measurement"]["value"], seen["measurement"]["unit"]) == (
        [[10.5, 20.25], [60.125, 20.25]], 34.737, "mm",
    )  # fmt: skip

    moved = length_on(study, points=[[10.5, 20.25], [70, 20.25]], value=41.65)
    changed = put(doctor, exam, moved, key, 1).json()
    assert (changed["version"], changed["measurement"]["value"]) == (2, 41.65)
    assert changed["created_at"] == made["created_at"]
    gone = doctor.ask("DELETE", f"/exams/{exam}/markings/{key}?version=2").json()
    assert (gone["version"], gone["removed"], gone["changed_by"]["username"]) == (3, True, "radiologist.c")
    assert rows(other, exam) == []
    assert [(one["id"], one["removed"]) for one in rows(other, exam, "?removed=true")] == [(key, True)]
    back = put(doctor, exam, moved, key, 3).json()
    assert (back["version"], back["removed"]) == (4, False)
    assert [one["id"] for one in rows(other, exam)] == [key]

    told = [row for row in house.feed(since) if row["kind"] == "marking.changed"]
    assert [(row["institution"], row["data"]["version"], row["data"]["removed"]) for row in told] == [
        ("HA", 1, False), ("HA", 2, False), ("HA", 3, True), ("HA", 4, False),
    ]  # fmt: skip
    kept = house.as_("administrator.ha").get(f"/audit?entity_type=marking&entity_id={key}")["rows"]
    assert [(one["username"], one["action"]) for one in reversed(kept)] == [
        ("radiologist.c", f"marking.{act}") for act in ("add", "change", "remove", "restore")
    ]
    # what it said before the change is not lost
    assert kept[2]["detail"]["before"]["value"] == 34.737
    viewed = house.as_("administrator.ha").get(f"/audit?entity_type=exam&entity_id={exam}&action=marking.view")["rows"]
    assert {one["username"] for one in viewed} == {"radiologist.ha"}


@pytest.mark.clause("V-9")
def test_a_repeated_delivery_is_one_act_and_an_old_version_a_conflict(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor, reviewer = house.as_("radiologist.c"), house.as_("reviewer.c")
    key = str(uuid.uuid4())
    made = put(doctor, exam, length_on(study), key).json()
    assert put(doctor, exam, length_on(study), key).json() == made, "the answer to the first one was lost"
    again = put(doctor, exam, length_on(study, author="x", created="2001-01-01T00:00:00Z"), key)
    assert again.json() == made, "what only the record says is no change"
    second = put(doctor, exam, length_on(study, value=1), key, 1).json()
    assert put(doctor, exam, length_on(study, value=1), key, 1).json() == second
    stale = put(doctor, exam, length_on(study, value=2), key, 1)
    assert (stale.status_code, stale.json()["code"]) == (409, "row.version")
    assert (stale.json()["current"]["version"], stale.json()["current"]["measurement"]["value"]) == (2, 1)
    assert put(doctor, exam, length_on(study, value=2), key).status_code == 409, "a page that thinks it is new"
    late = doctor.ask("DELETE", f"/exams/{exam}/markings/{key}?version=1")
    assert (late.status_code, late.json()["code"]) == (409, "row.version")
    gone = reviewer.ask("DELETE", f"/exams/{exam}/markings/{key}?version=2").json()
    assert reviewer.ask("DELETE", f"/exams/{exam}/markings/{key}?version=2").json() == gone
    assert doctor.ask("DELETE", f"/exams/{exam}/markings/{key}").json()["version"] == 3
    # drawn offline before the reviewer removed it: that is to be seen, not undone
    assert put(doctor, exam, length_on(study, value=3), key, 2).json()["current"]["removed"] is True
    assert put(doctor, exam, length_on(study, sop_uid=f"{study}.1.8"), key, 3).json()["code"] == "marking.image"
    assert doctor.ask("DELETE", f"/exams/{exam}/markings/{uuid.uuid4()}").status_code == 404
    kept = house.as_("administrator.c").get(f"/audit?entity_type=marking&entity_id={key}")["rows"]
    assert [one["action"] for one in reversed(kept)] == ["marking.add", "marking.change", "marking.remove"]


@pytest.mark.clause("V-18", "S-8", "S-9")
def test_another_ones_marking_is_changed_only_by_a_reviewer(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    key = str(uuid.uuid4())
    put(house.as_("radiologist.c"), exam, length_on(study), key)
    for colleague in ("radiologist.ha",):
        for answer in (
            put(house.as_(colleague), exam, length_on(study, value=9), key, 1),
            house.as_(colleague).ask("DELETE", f"/exams/{exam}/markings/{key}?version=1"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "marking.author")
            assert answer.json()["words"]["zh"]["title"] == "只有标注者或审核医生可以修改此标注"
    assert rows(house.as_("radiologist.ha"), exam)[0]["measurement"]["value"] == 34.737
    changed = put(house.as_("reviewer.ha"), exam, length_on(study, value=9), key, 1).json()
    assert (changed["author"]["username"], changed["changed_by"]["username"]) == ("radiologist.c", "reviewer.ha")
    assert house.as_("reviewer.c").ask("DELETE", f"/exams/{exam}/markings/{key}?version=2").json()["removed"] is True


@pytest.mark.clause("V-18", "S-8", "S-9")
@pytest.mark.parametrize("role", ["technician", "registrar", "clinician", "nurse", "administrator"])
def test_who_does_not_read_changes_nothing_and_sees_markings_with_the_signed_report(house: House, case: tuple[int, str], role: str) -> None:
    exam, study = case
    doctor, person = house.as_("radiologist.c"), house.as_(f"{role}.ha")
    key = str(uuid.uuid4())
    put(doctor, exam, length_on(study), key)
    for answer in (put(person, exam, length_on(study)), person.ask("DELETE", f"/exams/{exam}/markings/{key}")):
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")
    early = person.ask("GET", f"/exams/{exam}/markings")
    assert (early.status_code, early.json()["code"]) == (403, "report.not_signed")
    report = doctor.post("/reports", {"exam_ids": [exam]})
    report = act(doctor, report, "submit", **TEXT).json()
    assert person.ask("GET", f"/exams/{exam}/markings").status_code == 403
    act(house.as_("reviewer.c"), report, "sign")
    assert [(one["id"], one["changeable"]) for one in rows(person, exam)] == [(key, False)]


@pytest.mark.clause("S-8", "S-9")
@pytest.mark.parametrize("role", ["radiologist", "reviewer", "clinician"])
def test_another_hospital_finds_no_marking(house: House, case: tuple[int, str], role: str) -> None:
    exam, study = case
    key = str(uuid.uuid4())
    put(house.as_("radiologist.c"), exam, length_on(study), key)
    stranger = house.as_(f"{role}.hb")
    assert stranger.ask("GET", f"/exams/{exam}/markings").status_code == 404
    refused = 403 if role == "clinician" else 404
    assert put(stranger, exam, length_on(study), key, 1).status_code == refused
    assert stranger.ask("DELETE", f"/exams/{exam}/markings/{key}").status_code == refused
    # through an exam of its own neither, nor does the same id there touch it
    own = house.exam_with_images("HB")
    through = put(house.as_("radiologist.hb"), own["exam_id"], length_on(study), key)
    assert (through.status_code, through.json()["code"]) == (422, "marking.study")
    assert house.as_("radiologist.hb").ask("DELETE", f"/exams/{own['exam_id']}/markings/{key}").status_code == 404
    theirs = put(house.as_("radiologist.hb"), own["exam_id"], length_on(own["study_uids"][0], value=5), key)
    assert (theirs.status_code, theirs.json()["version"]) == (200, 1)
    assert [one["measurement"]["value"] for one in rows(house.as_("radiologist.c"), exam)] == [34.737]


@pytest.mark.clause("V-9")
def test_a_frame_of_another_exam_is_refused_and_markings_go_with_their_images(house: House) -> None:
    doctor = house.as_("radiologist.c")
    one, two = house.exam_with_images("HA"), house.exam_with_images("HA")
    wrong = put(doctor, one["exam_id"], length_on(two["study_uids"][0]))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "marking.study")
    assert rows(doctor, one["exam_id"]) == rows(doctor, two["exam_id"]) == []
    key = str(uuid.uuid4())
    put(doctor, one["exam_id"], length_on(one["study_uids"][0]), key)
    right = book(house, "HA")["exams"][0]["exam_id"]
    house.as_("registrar.ha").post(f"/repair/{one['study_uids'][0]}/link", {"exam_id": right})
    assert [found["id"] for found in rows(doctor, right)] == [key]
    assert rows(doctor, one["exam_id"]) == []
    assert put(doctor, one["exam_id"], length_on(one["study_uids"][0], value=1), key, 1).json()["code"] == "marking.study"


@pytest.mark.clause("V-8", "V-11", "V-12", "V-13", "V-14", "V-27")
def test_known_kinds_have_their_form_and_later_ones_are_kept_as_they_are(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    four = [[1, 1], [5, 1], [5, 5], [1, 5]]
    stats = {"mean": 40.5, "sd": 3, "min": 1, "max": 99, "count": 12}
    good: list[dict[str, Any]] = [
        {"kind": "probe", "points": [[3, 4]], "value": [10, 20, 30], "unit": ""},
        {"kind": "angle", "points": four[:3], "value": 90.0, "unit": "°"},
        {"kind": "cobb", "points": four, "value": None, "unit": "°"},
        {"kind": "ellipse", "points": four, "value": 12.5, "unit": "mm²", "stats": stats},
        {"kind": "rectangle", "points": four, "value": 12.5, "unit": "mm²", "stats": {**stats, "mean": None}},
        {"sop_uid": "", "plane": PLANE},
        {
            "kind": "free-pen",
            "points": [[n / 3, n / 7] for n in range(500)],
            "value": None,
            "text": "右肺结节\n请看",
            "style": {"colour": [1, 2]},
        },
    ]
    for changes in good:
        answer = put(doctor, exam, length_on(study, **changes))
        assert answer.status_code == 200, (changes, answer.text)
        sent = {name: part for name, part in length_on(study, **changes).items() if name not in {"id", "author", "created"}}
        found = next(one for one in rows(doctor, exam) if one["id"] == answer.json()["id"])["measurement"]
        assert {name: found[name] for name in sent} == sent
    assert len(rows(doctor, exam)) == len(good)


DEEP: Any = 1
for _ in range(9):
    DEEP = [DEEP]
VERY_DEEP: Any = 1
for _ in range(700):
    VERY_DEEP = [VERY_DEEP]

BAD: dict[str, dict[str, Any]] = {
    "three points of a length": {"points": [[1, 1], [2, 2], [3, 3]]},
    "no point": {"kind": "new", "points": []},
    "a point of three": {"points": [[1, 1, 1], [2, 2, 2]]},
    "not a number": {"points": [[float("nan"), 1], [2, 2]]},
    "infinite": {"value": float("inf")},
    "infinite inside": {"stats": {"mean": float("-inf")}},
    "not a number inside": {"note": [{"x": float("nan")}]},
    "beyond any image": {"points": [[1e9, 1], [2, 2]]},
    "an integer no browser can hold": {"note": 2**80},
    "half a character": {"note": "\ud800"},
    "half a character as a name": {"note": {"\udfff": 1}},
    "a zero byte": {"note": "a\x00b"},
    "too deep": {"note": DEEP},
    "far too deep": {"note": VERY_DEEP},
    "too large": {"note": "字" * 30_000},
    "too many points": {"kind": "new", "points": [[1, 1]] * 2001},
    "no image": {"sop_uid": ""},
    "a plane without spacing": {"sop_uid": "", "plane": {**PLANE, "spacing": [0, 1]}},
    "a plane of words": {"sop_uid": "", "plane": "axial"},
    "a plane of two numbers": {"sop_uid": "", "plane": {**PLANE, "row": [1, 0]}},
    "no kind": {"kind": ""},
    "markup as a kind": {"kind": "<b>"},
    "a frame below 0": {"frame": -1},
    "a long unit": {"unit": "m" * 33},
}


@pytest.mark.clause("V-9", "S-9")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_measurement_is_refused_in_words(house: House, case: tuple[int, str], name: str) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    answer = put(doctor, exam, length_on(study, **BAD[name]))
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), answer.text
    assert answer.json()["fields"][0]["where"]
    assert rows(doctor, exam, "?removed=true") == []


@pytest.mark.clause("V-9", "S-9")
def test_ids_and_their_number_have_limits(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    for bad in ("short", "x" * 65, "with%20space", "<script>alert(1)"):
        assert put(doctor, exam, length_on(study), bad).status_code in {404, 422}, bad
    put(doctor, exam, length_on(study), "first-one")
    with house.database.write() as session:
        copy = "INSERT INTO marking SELECT study, :id, series_uid, sop_uid, frame, kind, data, author, author_name, changed_by, changed_by_name, version, created_at, updated_at, removed_at FROM marking WHERE id = 'first-one' AND study = :study"
        session.execute(text(copy), [{"id": f"copy-{number:05}", "study": study} for number in range(MOST_OF_STUDY - 1)])
    full = put(doctor, exam, length_on(study))
    assert (full.status_code, full.json()["code"]) == (409, "marking.too_many")
    assert put(doctor, exam, length_on(study, value=1), "first-one", 1).status_code == 200, "those that are there can be changed"
    doctor.ask("DELETE", f"/exams/{exam}/markings/copy-00001")
    assert put(doctor, exam, length_on(study)).status_code == 200


@pytest.mark.clause("V-9")
def test_another_desk_is_told_at_once_and_who_does_not_read_is_not(server: Server) -> None:
    arrivals = server.service("followers")
    uid = f"1.2.826.0.9.{uuid.uuid4().int % 10**9}"
    seen = {
        "images_seq": 1,
        "study_uid": uid,
        "institution": "HA",
        "patient_id": "M1",
        "patient_name": "A^B",
        "instances": 3,
        "quiet": True,
    }
    exam = arrivals.arrivals([seen])[0]["exam_id"]
    streams = {name: Stream(server, name) for name in ("reviewer.c", "radiologist.ha", "radiologist.hb", "clinician.ha")}
    doctor = server.kernel("radiologist.c", "reading")
    key = str(uuid.uuid4())
    doctor.call("PUT", f"/exams/{exam}/markings/{key}", json={"measurement": length_on(uid)})
    # what everybody of hospital A is told comes behind it: who has that, would have the marking
    seen["images_seq"], seen["instances"] = 2, 4
    arrivals.arrivals([seen])
    assert streams["reviewer.c"].wait_for(lambda event, data: event == "marking" and data["id"] == key) < 3
    (told,) = [data for event, data, _ in streams["reviewer.c"].events if event == "marking"]
    assert (told["changeable"], told["measurement"]["value"], told["author"]["username"]) == (True, 34.737, "radiologist.c")
    streams["radiologist.ha"].wait_for(lambda event, data: event == "marking" and data["changeable"] is False)
    streams["clinician.ha"].wait_for(lambda event, data: event == "exam" and data["exam_id"] == exam and data["images"] == 4)
    for name in ("clinician.ha", "radiologist.hb"):
        assert "marking" not in {event for event, _, _ in streams[name].events}


@pytest.fixture
def before(empty_url: str) -> Iterator[Any]:
    """A database of the first shape with one study of one exam."""
    engine = make_engine(empty_url)
    upgrade(engine, "0001")
    at = "'2026-01-01 00:00:00'"
    with engine.begin() as connection:
        for statement in (
            f"INSERT INTO institution (code, name, kind, version, changed_at) VALUES ('H', '甲', 'hospital', 1, {at})",
            f"INSERT INTO study (study_uid, institution, images_seq, headers, notes, quiet, instances, first_at, changed_at) VALUES ('1.2.3', 'H', 7, '{{}}', '[]', '1', 9, {at}, {at})",
            f"INSERT INTO audit_entry (id, at, username, action, entity_type, entity_id) VALUES (1, {at}, 'x', 'exam.view', 'exam', '1')",
        ):
            connection.execute(text(statement))
    yield engine
    engine.dispose()


@pytest.mark.clause("H-7")
def test_a_database_of_the_first_shape_gets_markings_and_loses_nothing(before: Any) -> None:
    tables = sorted(set(inspect(before).get_table_names()) - {"alembic_version"})

    def whole() -> dict[str, list[Any]]:
        with before.connect() as connection:
            return {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in tables}

    assert "marking" not in inspect(before).get_table_names()
    kept = whole()
    assert (len(kept["study"]), len(kept["audit_entry"]), len(kept["institution"])) == (1, 1, 1)
    upgrade(before)
    assert whole() == kept
    assert [column["name"] for column in inspect(before).get_columns("marking")][:2] == ["study", "id"]
    assert inspect(before).get_pk_constraint("marking")["constrained_columns"] == ["study", "id"]
    downgrade(before, "0001")
    assert "marking" not in inspect(before).get_table_names()
    assert whole() == kept
