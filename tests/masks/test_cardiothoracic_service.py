"""The proposed cardiothoracic ratio asked of the masks service beside a real node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.cardiothoracic.dicom import radiograph_image
from tests.cardiothoracic.no_chests import abdomen
from tests.cardiothoracic.phantom import Body, Device, Radiograph, chest
from tests.dicom_node.running_node import uid

from .conftest import House, slices


@dataclass
class Sent:
    """A series that was sent: chest from the front (MONOCHROME1), the same said to be from the side, an abdomen."""

    radiograph: Radiograph
    study: str
    series: str
    images: list[Dataset]

    def path(self, house: House, series: str | None = None, study: str | None = None) -> str:
        return house.path(series or self.series, study or self.study).removesuffix("masks") + "cardiothoracic"

    def wish(self, number: int = 0) -> dict[str, Any]:
        return {"json": {"sop_uid": self.images[number].SOPInstanceUID}}


@pytest.fixture(scope="module")
def sent(house: House) -> Sent:
    device, study, series = Device(inverse=True), uid(), uid()
    front = chest(Body(), device)
    images = [
        radiograph_image(front, device, study, series, InstanceNumber=1),
        radiograph_image(front, device, study, series, InstanceNumber=2, ViewPosition="LL"),
        radiograph_image(abdomen(device), device, study, series, InstanceNumber=3, ViewPosition="AP"),
    ]
    house.store(images)
    return Sent(front, study, series, images)


@pytest.mark.clause("V-18")
def test_the_lines_of_the_image_that_was_asked_about(house: House, sent: Sent) -> None:
    answer = house.call("POST", sent.path(house), **sent.wish())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    (left, row), (right, same) = told["heart"]
    (start, _), (end, _) = told["thorax"]
    assert row == same
    assert (right - left) / (end - start) == pytest.approx(sent.radiograph.ratio, abs=0.03)
    assert end - start == pytest.approx(sent.radiograph.reach["thorax"], rel=0.03)
    assert told["ratio"] == pytest.approx((right - left) / (end - start), abs=1e-3)
    assert 0.5 <= told["confidence"] <= 1
    before = house.log.read_text().count("cardiothoracic.asked")
    assert house.call("POST", sent.path(house), **sent.wish()).json() == told
    assert house.log.read_text().count("cardiothoracic.asked") == before, "computed once for each image"


@pytest.mark.clause("V-18")
def test_it_refuses_with_the_reason_in_words(house: House, sent: Sent) -> None:
    def refused(answer: httpx.Response, status: int, *codes: str) -> None:
        assert (answer.status_code, answer.json()["code"] in {f"cardiothoracic.{code}" for code in codes}) == (status, True), answer.text
        for language in ("zh", "en"):
            assert all(answer.json()["words"][language].values())

    refused(house.call("POST", sent.path(house), **sent.wish(1)), 422, "lateral")
    refused(house.call("POST", sent.path(house), **sent.wish(2)), 422, "no_lungs", "one_lung", "contrast")
    refused(house.call("POST", sent.path(house), json={"sop_uid": uid()}), 404, "image_unknown")
    refused(house.call("POST", sent.path(house), json={"sop_uid": sent.images[0].SOPInstanceUID, "frame": 7}), 404, "image_unknown")
    study, series = uid(), uid()
    (ct,) = slices(np.zeros((1, 200, 200), np.int16), (2.0, 1.0, 1.0), study, series)
    house.store([ct])
    refused(house.call("POST", sent.path(house, series, study), json={"sop_uid": ct.SOPInstanceUID}), 422, "not_radiograph")
    for wrong in ({}, {"sop_uid": "x"}, {"sop_uid": "1.2", "frame": -1}, {"sop_uid": "1.2", "more": 1}):
        assert house.call("POST", sent.path(house), json=wrong).json()["code"] == "request.invalid"


@pytest.mark.clause("S-9", "V-18")
def test_nobody_gets_a_proposal_for_an_image_he_may_not_see(house: House, sent: Sent) -> None:
    path, wish = sent.path(house), sent.wish()
    assert house.call("POST", path, **wish).status_code == 200, "it is kept now, and asked for by others"
    assert house.http.post(path, **wish).json()["code"] == "ticket.missing"
    assert house.call("POST", path, "a.b.c", **wish).status_code == 401
    wrong_role = house.call("POST", path, house.ticket(operations=["statistics.view"]), **wish)
    assert (wrong_role.status_code, wrong_role.json()["code"]) == (403, "right.missing")
    unlicensed = house.call("POST", path, house.ticket(functions=["V-8", "V-34"]), **wish)
    assert (unlicensed.status_code, unlicensed.json()["code"]) == (403, "function.missing")
    elsewhere = house.call("POST", path, house.ticket(("H02",)), **wish)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "series.unknown")
    cookie = {"Cookie": f"hub-ticket={house.ticket(kind='browser')}"}
    assert house.http.post(path, headers=cookie, **wish).json()["code"] == "request.cross_site"
    assert house.http.post(path, headers=cookie | {"Sec-Fetch-Site": "same-origin"}, **wish).status_code == 200
    # an image of one series is not to be had under the name of another
    assert house.call("POST", sent.path(house, house.series, house.study), **wish).status_code == 404


@pytest.mark.clause("V-18", "S-8")
def test_the_log_of_proposals_names_nobody(house: House, sent: Sent) -> None:
    house.call("POST", sent.path(house), **sent.wish())
    written = house.log.read_text()
    assert "Wang" not in written
    assert sent.study not in written
