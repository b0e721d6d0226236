"""Deny by default: every route declares who may come, and hospital A finds nothing of hospital B behind any of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from ris.access.guard import Needs, Public, doors_of, refuse_undeclared
from ris.access.rules import OPERATIONS
from ris.app import API
from tests.ris.conftest import House, Person, arrival, book
from tests.ris.test_markings import length_on
from tests.ris.test_reports import TEXT, act, written

PUBLIC = {"/services/ris/healthz", "/services/ris/openapi.json", "/services/ris/docs", "/services/ris/docs/{name}"}
SECRET_NAME = "欧阳乙地"


@pytest.mark.clause("S-9")
def test_every_route_declares_who_may_come(house: House) -> None:
    app: Any = house.http.app
    doors = doors_of(app)
    assert len(doors) > 50
    assert [door.path for door in doors if door.guard is None] == []
    assert {door.path for door in doors if isinstance(door.guard, Public)} == PUBLIC
    described = set(app.openapi()["paths"])
    assert {door.path for door in doors if door.path.startswith(API)} <= described

    def bare() -> FastAPI:
        return FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def undeclared() -> dict[str, str]:
        return {}

    direct, included, mounted, empty = bare(), bare(), bare(), bare()
    direct.add_api_route("/open", undeclared)
    router = APIRouter()
    router.add_api_route("/open", undeclared)
    included.include_router(router, prefix="/deep")
    mounted.mount("/open", FastAPI())
    for application in (direct, included, mounted, empty):
        with pytest.raises(RuntimeError, match="without a declared operation"):
            refuse_undeclared(application)


@pytest.mark.clause("S-9")
def test_without_a_ticket_every_route_says_401(house: House) -> None:
    app: Any = house.http.app
    house.http.cookies.clear()  # a test before may have logged in with this client
    asked = 0
    for door in doors_of(app):
        if isinstance(door.guard, Public):
            continue
        path = re.sub(r"\{[^}]+\}", "1", door.path)
        for method in door.methods:
            answer = house.http.request(method, path, json={})
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            asked += 1
    assert asked > 45


@pytest.mark.clause("S-8", "S-9")
def test_a_right_less_account_gets_403_everywhere(house: House) -> None:
    app: Any = house.http.app
    for username in ("patient", "researcher", "operator"):
        for door in doors_of(app):
            if isinstance(door.guard, Needs) and door.guard.operation not in {"self", *OPERATIONS[username]}:
                path = re.sub(r"\{[^}]+\}", "1", door.path)
                for method in door.methods:
                    answer = house.as_(username).ask(method, path.removeprefix(API), json={})
                    assert answer.status_code == 403, (username, method, path)


def _things_of_b(house: House) -> dict[str, Any]:
    """An order, a booked exam, images, a report of hospital B, all of one child with a name nobody else has."""
    ordered = book(house, "HB", patient={"name": SECRET_NAME})
    accession = ordered["exams"][0]["accession"]
    patient_id = ordered["patient"]["patient_id"]
    seen = arrival(
        institution="HB", accession=accession, patient_id=patient_id, patient_name=SECRET_NAME, birth_date="20240506", quiet=True
    )
    house.arrive(**seen)
    waiting = house.arrive(institution="HB", patient_name=SECRET_NAME)
    doctor = house.as_("radiologist.c")
    report = doctor.post("/reports", {"exam_ids": [ordered["exams"][0]["exam_id"]]})
    report = act(doctor, report, "submit", **TEXT).json()
    report = act(house.as_("reviewer.c"), report, "sign").json()
    return {
        "order": ordered,
        "patient": ordered["patient"]["id"],
        "exam": ordered["exams"][0]["exam_id"],
        "report": report,
        "study": waiting["study_uid"],
        "accession": accession,
    }


@pytest.mark.clause("S-8", "S-9", "Q-15")
@pytest.mark.parametrize("role", ["radiologist", "reviewer", "technician", "registrar", "clinician", "nurse", "administrator"])
def test_hospital_a_finds_nothing_of_hospital_b(house: House, role: str) -> None:
    there = _things_of_b(house)
    one: Person = house.as_(f"{role}.ha")
    report = there["report"]["id"]
    reads = [
        "/worklist", f"/worklist?q={SECRET_NAME}", "/worklist?q=ouyang", "/worklist?institution=HB", f"/worklist?q={there['accession']}",
        "/patients", f"/patients?q={SECRET_NAME}", f"/patients/{there['patient']}", "/orders", "/orders?institution=HB", f"/orders?patient={there['patient']}",
        f"/orders/{there['order']['id']}", f"/exams/{there['exam']}", f"/exams/{there['exam']}/markings", f"/exams/{there['exam']}/key-images", f"/exams/{there['exam']}/key-images/key-image-of-b/picture", f"/reports/{report}/key-images/{'a' * 64}", "/repair", f"/reports/{report}", f"/reports/{report}/pdf", f"/reports/{report}/versions",
        "/institutions", "/departments", "/accounts", "/audit", "/audit?institution=HB", "/templates", "/knowledge", "/me",
    ]  # fmt: skip
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/patients", {"institution": "HB", "name": "x"}),
        ("POST", "/orders", {"institution": "HB", "patient_id": there["patient"]}),
        ("POST", "/orders", {"institution": "HA", "patient_id": there["patient"]}),
        ("POST", f"/orders/{there['order']['id']}/transitions", {"action": "cancel", "version": 1}),
        ("POST", "/exams", {"order_id": there["order"]["id"]}),
        ("POST", f"/exams/{there['exam']}/transitions", {"action": "cancel", "version": 1}),
        ("POST", f"/repair/{there['study']}/link", {"exam_id": there["exam"]}),
        ("POST", "/reports", {"exam_ids": [there["exam"]]}),
        ("PUT", f"/reports/{report}/draft", {"version": 1, **TEXT}),
        ("POST", f"/reports/{report}/transitions", {"action": "recall", "version": there["report"]["version"], "reason": "x"}),
        ("PUT", f"/exams/{there['exam']}/markings/marking-of-a", {"measurement": length_on(there["study"])}),
        ("DELETE", f"/exams/{there['exam']}/markings/marking-of-b", {}),
        ("PUT", f"/exams/{there['exam']}/key-images/key-image-of-a", {"caption": "x"}),
        ("DELETE", f"/exams/{there['exam']}/key-images/key-image-of-b", {}),
        ("POST", "/departments", {"institution": "HB", "code": "X", "name": "x"}),
        ("PUT", "/accounts/clinician.hb", {"disabled": True}),
    ]
    for method, path, body in [("GET", path, None) for path in reads] + writes:
        answer = one.ask(method, path, json=body)
        told = answer.text
        assert SECRET_NAME not in told, (method, path)
        assert TEXT["impression"] not in told, (method, path)
        assert '"HB"' not in told.replace(' "HB', '"HB') or path == "/me", (method, path)
        if method != "GET":
            assert answer.status_code in {403, 404}, (method, path, told)
        elif re.search(r"/\d+", path):
            assert answer.status_code in {403, 404}, (method, path)
    # The same paths work for B itself, so that the test above proves something.
    assert SECRET_NAME in house.as_("clinician.hb").ask("GET", f"/worklist?q={SECRET_NAME}").text
    assert house.as_("clinician.hb").get(f"/reports/{report}")["impression"] == TEXT["impression"]


@pytest.mark.clause("S-9")
def test_every_view_and_change_is_in_the_audit(house: House) -> None:
    doctor, report = written(house)
    house.as_("reviewer.c").get(f"/reports/{report['id']}")
    act(house.as_("reviewer.c"), report, "sign")
    house.as_("clinician.ha").get(f"/exams/{report['exam_ids'][0]}")
    rows = house.as_("administrator.c").get(f"/audit?entity_type=report&entity_id={report['id']}")["rows"]
    assert [(row["username"], row["action"]) for row in reversed(rows)] == [
        ("radiologist.c", "report.begin"),
        ("radiologist.c", "report.submit"),
        ("reviewer.c", "report.view"),
        ("reviewer.c", "report.sign"),
    ]
    assert {row["institution"] for row in rows} == {"HA"}
    exam = house.as_("administrator.ha").get(f"/audit?entity_type=exam&entity_id={report['exam_ids'][0]}&action=exam.view")["rows"]
    assert "clinician.ha" in {row["username"] for row in exam}
    assert house.as_("administrator.hb").get(f"/audit?entity_type=report&entity_id={report['id']}")["rows"] == []
    assert doctor.ask("GET", "/audit").status_code == 403
    entry = {
        "key": f"images:{report['id']}",
        "at": "2026-11-23T01:02:03Z",
        "username": "nurse.ha",
        "action": "study.opened",
        "entity": {"type": "study", "id": "1.2"},
        "institution": "HA",
    }
    assert house.service("followers", "POST", "/audit/entries", json={"entries": [entry, entry]}).json() == {"added": 1}
    assert house.service("followers", "POST", "/audit/entries", json={"entries": [entry]}).json() == {"added": 0}
    assert house.as_("administrator.c").get("/audit?action=study.opened")["rows"][0]["username"] == "nurse.ha"


@pytest.mark.clause("S-9")
def test_reading_functions_take_the_scope() -> None:
    """A function that reads rows takes the reader's scope (or the caller, who carries it); there is no unscoped variant."""
    import importlib
    import inspect

    checked = 0
    for concept in ("catalogue", "patients", "orders", "exams", "reports", "templates", "keyimages", "knowledge", "markings", "audit"):
        modules = [f"ris.{concept}.service"] + (["ris.exams.worklist", "ris.exams.linking"] if concept == "exams" else [])
        for module in map(importlib.import_module, modules + (["ris.reports.reading"] if concept == "reports" else [])):
            for name, function in inspect.getmembers(module, inspect.isfunction):
                reads = name.startswith(("list_", "read_", "open_", "count_")) or name.endswith("_in")
                if function.__module__ == module.__name__ and reads and not name.startswith("_"):
                    assert {"scope", "caller"} & set(inspect.signature(function).parameters), f"{module.__name__}.{name}"
                    checked += 1
    assert checked >= 14
