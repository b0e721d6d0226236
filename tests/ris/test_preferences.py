"""Preference documents: one's own, in their shape, and never over somebody's newer one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.ris.conftest import House, Person

pytestmark = pytest.mark.clause("V-4")
PATH = "/me/preferences/window-presets"
LUNG: dict[str, Any] = {
    "name": "肺尖",
    "modality": "CT",
    "pattern": "*lung*",
    "window": {"center": -600, "width": 1600, "function": "SIGMOID"},
    "gamma": 1.4,
    "automatic": True,
}


def put(person: Person, version: int, *presets: dict[str, Any]) -> Any:
    return person.ask("PUT", PATH, json={"version": version, "document": {"presets": list(presets)}})


def test_a_document_is_kept_read_again_and_versioned(house: House) -> None:
    doctor = house.as_("radiologist.ha")
    assert doctor.get(PATH) == {"key": "window-presets", "version": 0, "document": {"presets": []}, "changed_at": None}
    answer = put(doctor, 0, LUNG | {"modality": " ct "})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    again = house.login("radiologist.ha").get(PATH)
    assert again["document"] == {"presets": [LUNG]}
    assert put(doctor, 1, LUNG, {"name": "短"}).json()["version"] == 2
    stale = put(doctor, 1)
    assert (stale.status_code, stale.json()["code"]) == (409, "preference.version")
    assert len(stale.json()["current"]["document"]["presets"]) == 2
    assert "另一个窗口" in stale.json()["words"]["zh"]["title"]
    assert put(doctor, 0).status_code == 409  # not as if it were new
    assert put(doctor, 7).status_code == 409
    assert doctor.get(PATH)["document"]["presets"][1] == {
        "name": "短", "modality": "", "pattern": "", "window": None, "gamma": 1, "automatic": False,
    }  # fmt: skip
    assert doctor.get("/me")["preferences"].get("window-presets") is None  # documents do not load with every page


def test_documents_are_ones_own(house: House) -> None:
    put(house.as_("reviewer.c"), 0, LUNG)
    for username in ("reviewer.ha", "reviewer.hb", "technician.c", "patient"):
        assert house.as_(username).get(PATH)["version"] == 0
    assert put(house.as_("reviewer.hb"), 1, LUNG).status_code == 409  # nothing of his to replace
    assert house.as_("reviewer.c").get(PATH)["version"] == 1
    for path in ("/me/preferences/window-presets/reviewer.c", "/accounts/reviewer.c/preferences/window-presets"):
        assert house.as_("reviewer.hb").ask("GET", path).status_code in {404, 405}
    for service in ("followers", "pages"):
        assert house.service(service, "GET", PATH).status_code == 403
    assert (
        house.as_("reviewer.c").ask("PUT", PATH, json={}, headers={"Sec-Fetch-Site": "cross-site"}).json()["code"] == "request.cross_site"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "x" * 41}, {"gamma": 0.1}, {"gamma": 5.1}, {"window": {"center": 0, "width": 0}}, {"modality": "C/T"},
        {"window": {"center": 1e10, "width": 1}}, {"window": {"center": 0, "width": 1, "function": "CUBIC"}}, {"pattern": "x" * 65}, {"more": 1},
    ],
)  # fmt: skip
def test_what_has_not_the_shape_is_refused_in_words(house: House, wrong: dict[str, Any]) -> None:
    person = house.as_("technician.ha")
    answer = put(person, 0, LUNG | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "preference.invalid")
    assert answer.json()["fields"][0]["at"][:2] == ["presets", 0]
    assert person.get(PATH)["version"] == 0


def test_unknown_keys_and_large_documents(house: House) -> None:
    person = house.as_("technician.ha")
    for key in ("other", "window-presets%20", "..%2f"):
        answer = person.ask("GET", f"/me/preferences/{key}")
        assert answer.status_code == 404
    answer = person.ask("PUT", "/me/preferences/other", json={"version": 0, "document": {}})
    assert (answer.status_code, answer.json()["code"]) == (404, "preference.unknown")
    many = [LUNG | {"name": "长" * 40, "pattern": "长" * 64} for _ in range(200)]
    assert put(person, 0, *many[:101]).status_code == 422
    assert put(person, 0, *many).status_code == 413
    assert put(person, 0, *many[:100]).status_code == 200


@pytest.mark.parametrize("start", [0, 1])
def test_of_writers_at_once_one_wins(house: House, start: int) -> None:
    username = ("clinician.ha", "nurse.ha")[start]
    person = house.as_(username)
    if start:
        assert put(person, 0).status_code == 200
    codes: list[int] = []

    def write(i: int) -> None:
        codes.append(put(person, start, LUNG | {"name": str(i)}).status_code)

    threads = [threading.Thread(target=write, args=[i]) for i in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(codes) == [200] + [409] * 5
    assert person.get(PATH)["version"] == start + 1


KEYS = "/me/preferences/viewer-keys"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mpr": ["m"], "cine": ["m"]}, {"mpr": ["m", "m"]}, {"MPR!": ["m"]}, {"mpr": ["a b"]}, {"mpr": [""]}, {"mpr": list("abcdefg")},
        {"mpr": ["x" * 25]}, {"mpr": "m"}, {f"c{n}": [] for n in range(201)},
    ],
)  # fmt: skip
def test_keys_mean_one_command(house: House, wrong: dict[str, Any]) -> None:
    person = house.as_("technician.hb")
    before = person.get(KEYS)
    answer = person.ask("PUT", KEYS, json={"version": before["version"], "document": {"keys": wrong}})
    assert (answer.status_code, answer.json()["code"]) == (422, "preference.invalid")
    assert person.get(KEYS) == before


def test_keys_are_kept_as_they_are_named(house: House) -> None:
    person = house.as_("technician.hb")
    keys = {"tool-length": ["d", "Ctrl+Shift+l", " ", "?", "+"], "mpr": []}
    version = person.get(KEYS)["version"]
    assert person.ask("PUT", KEYS, json={"version": version, "document": {"keys": keys}}).status_code == 200
    assert person.get(KEYS)["document"] == {"keys": keys}
    assert house.as_("reviewer.hb").get(KEYS)["document"] == {"keys": {}}


HANGING = "/me/preferences/hanging-protocols"
VIEW: dict[str, Any] = {
    "series": {"description": "头颅 5.0 H30s", "number": 3, "position": 1},
    "prior": 0,
    "view": "images",
    "window": {"center": 35, "width": 80, "function": "LINEAR"},
    "gamma": 1,
    "inverted": False,
    "rotation": 0,
    "mirrored": False,
}
PROTOCOL: dict[str, Any] = {
    "name": "头颅两窗", "modality": "CT", "body_part": "HEAD", "words": "平扫, plain*", "age_from": 29, "age_below": 366, "layout": "1x2", "linked": True,
    "active": 0, "cells": [VIEW | {"rotation": 270, "mirrored": True}, VIEW | {"prior": 1, "view": "coronal", "window": None}],
}  # fmt: skip


@pytest.mark.clause("V-1", "C-2")
def test_hanging_protocols_are_kept_as_they_were_saved(house: House) -> None:
    person = house.as_("technician.c")
    assert person.get(HANGING)["document"] == {"protocols": [], "automatic": True}
    document = {
        "protocols": [PROTOCOL, PROTOCOL | {"layout": "4x4", "cells": [VIEW | {"view": "curved"}] + [None] * 15}],
        "automatic": False,
    }
    assert person.ask("PUT", HANGING, json={"version": 0, "document": document}).status_code == 200
    assert house.login("technician.c").get(HANGING)["document"] == document
    assert house.as_("reviewer.hb").get(HANGING)["version"] == 0
    many = {"protocols": [PROTOCOL] * 51, "automatic": True}
    assert person.ask("PUT", HANGING, json={"version": 1, "document": many}).status_code == 422


@pytest.mark.clause("V-1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "}, {"age_from": 366}, {"age_from": -1}, {"layout": "5x1"}, {"layout": "2x2"}, {"active": 2}, {"cells": [None, None]}, {"cells": []},
        {"cells": [VIEW | {"prior": 1}, None]}, {"cells": [VIEW | {"view": "cpr"}, None]}, {"cells": [VIEW | {"gamma": 9}, None]}, {"body_part": "HEAD!"}, {"more": 1},
        {"cells": [VIEW | {"series": {"description": "x" * 65}}, None]}, {"cells": [VIEW | {"rotation": 7.5}, None]}, {"cells": [VIEW | {"rotation": 360}, None]},
    ],
)  # fmt: skip
def test_a_screen_that_cannot_be_hung_is_refused(house: House, wrong: dict[str, Any]) -> None:
    person = house.as_("technician.ha")
    answer = person.ask("PUT", HANGING, json={"version": 0, "document": {"protocols": [PROTOCOL | wrong]}})
    assert (answer.status_code, answer.json()["code"]) == (422, "preference.invalid")
    assert answer.json()["fields"][0]["at"][:2] == ["protocols", 0]
