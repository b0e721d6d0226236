"""Checks of displays: who may report one, what it must say, and that the administrator finds it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ris.conftest import House

pytestmark = pytest.mark.clause("V-1", "S-9")
CHECK: dict[str, Any] = {
    "workstation": "0a6d9f52-1b7e-4c3f-9d31-5a1f0c2b7e44", "name": "阅片室 3", "width": 2048, "height": 1536, "ratio": 1.0,
    "seen": {"patches": True, "steps": False},
}  # fmt: skip


def test_a_check_is_kept_and_the_administrator_finds_it(house: House) -> None:
    answer = house.as_("radiologist.ha").ask("POST", "/display-checks", json=CHECK)
    assert (answer.status_code, answer.json()["passed"]) == (201, False)
    assert house.as_("radiologist.ha").ask("POST", "/display-checks", json=CHECK | {"seen": {"patches": True}}).json()["passed"] is True
    found = house.as_("administrator.c").get("/audit?action=display.check")["rows"]
    assert [(one["username"], one["institution"], one["entity"]["id"], one["detail"]["passed"]) for one in found] == [
        ("radiologist.ha", "HA", CHECK["workstation"], True), ("radiologist.ha", "HA", CHECK["workstation"], False),
    ]  # fmt: skip
    assert found[1]["detail"] == {key: value for key, value in CHECK.items() if key != "workstation"} | {"passed": False}
    assert house.as_("radiologist.ha").ask("GET", "/audit?action=display.check").status_code == 403


def test_who_looks_at_no_images_reports_no_display(house: House) -> None:
    for username in ("patient", "researcher", "operator"):
        assert house.as_(username).ask("POST", "/display-checks", json=CHECK).status_code == 403
    assert house.service("followers", "POST", "/display-checks", json=CHECK).status_code == 403
    cross = house.as_("reviewer.c").ask("POST", "/display-checks", json=CHECK, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.json()["code"] == "request.cross_site"


@pytest.mark.parametrize(
    "wrong",
    [{"workstation": "x"}, {"width": 0}, {"ratio": -1}, {"seen": {}}, {"seen": {"colour": True}}, {"name": "x" * 61}, {"passed": True}],
)  # fmt: skip
def test_what_is_no_check_is_refused(house: House, wrong: dict[str, Any]) -> None:
    answer = house.as_("reviewer.c").ask("POST", "/display-checks", json=CHECK | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
