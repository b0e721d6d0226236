"""`GET /status` as a person sees it, and the retry of quarantined files: the index after it is the one a rebuild gives."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page
from rawscu import EXPLICIT, RawSCU
from running_node import CT, ROOT, RunningNode, encoded, image

from dicom_node.index import schema
from dicom_node.index.database import Database

pytestmark = pytest.mark.clause("O-2")


def operator(node: RunningNode) -> str:
    return node.ticket([], ["system.operate"])


def page(node: RunningNode, lang: str = "en") -> str:
    answer = node.get("/status", operator(node), headers={"Accept-Language": lang})
    assert answer.status_code == 200
    return answer.text


def retry(node: RunningNode, arrival: int, ticket: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {ticket or operator(node)}", "Accept-Language": "en"}
    return node.http.post(f"{node.url}/quarantine/{arrival}/retry", headers=headers)


def faults(text: str) -> list[str]:
    return re.findall(r'data-fault="(\w+)"', text)


def raw(node: RunningNode, aet: str = "CT_A") -> RawSCU:
    return RawSCU(node.dicom_port, aet, [(CT, [EXPLICIT])])


def arrivals(node: RunningNode) -> list[int]:
    """Arrival numbers of the quarantine, as the page shows them, oldest first."""
    return sorted(int(number) for number in re.findall(r"quarantine/(\d+)/retry", page(node)))


class Hidden:
    """The index is held while images arrive, and some of their files are away until it has looked: a disk that was not mounted."""

    def __init__(self, node: RunningNode) -> None:
        self.node, self.away = node, node.data / "away"
        self.away.mkdir()

    def receive(self, sent: list[tuple[str, object, bool]]) -> None:
        """Store (AE title, data set, away?) in this order; return when the index has dealt with all."""
        index = self.node.child("index")
        index.send_signal(signal.SIGSTOP)
        try:
            for aet, ds, away in sent:
                before = set((self.node.data / "files").rglob("*.dcm"))
                scu = raw(self.node, aet)
                assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
                scu.close()
                (new,) = set((self.node.data / "files").rglob("*.dcm")) - before
                if away:
                    new.rename(self.away / new.name)
        finally:
            index.send_signal(signal.SIGCONT)
        last = image()
        scu = raw(self.node)
        assert scu.store(1, CT, last.SOPInstanceUID, encoded(last))[0] == 0
        scu.close()
        self.node.wait_instances(last.StudyInstanceUID, 1)

    def bring_back(self) -> None:
        for path in self.away.iterdir():
            path.rename(self.node.data / "files" / path.name[:2] / path.name)


def tables(node: RunningNode) -> dict[str, list[str]]:
    """Every row of the stopped node's index, in an order that says nothing."""
    database = Database(node.data / "index" / "index.duckdb")
    found = {
        name: sorted(json.dumps(row, default=str, sort_keys=True) for row in database.rows(f"SELECT * FROM {name}"))
        for name in schema.TABLES
    }
    database.close()
    return found


def same_as_a_rebuild(node: RunningNode) -> dict[str, list[str]]:
    """Stop the node and compare; returns the index as it was."""
    assert node.stop() == 0
    before = tables(node)
    subprocess.run([sys.executable, "-m", "dicom_node", "reindex"], cwd=ROOT, env=node.environment, check=True, capture_output=True)
    after = tables(node)
    for name in schema.TABLES:
        assert before[name] == after[name], name
    return before


@pytest.mark.clause("X-3")
def test_a_retry_indexes_what_can_be_read_now(own_node: RunningNode) -> None:
    node, study = own_node, image().StudyInstanceUID
    place = Hidden(node)
    early, hidden, late = (image(study, "2.25.5", InstanceNumber=n) for n in (1, 2, 3))
    hidden.StudyDescription = "Abdomen"
    alone = image(PatientID="P9")
    known = image()
    mixed = image(known.StudyInstanceUID, PatientID="P2")  # indexed with a conflict, as it would have been at first
    place.receive([
        ("CT_A", early, False), ("CT_A", hidden, True), ("CT_B", alone, True), ("CT_A", late, False), ("CT_A", known, False),
        ("CT_A", mixed, True),
    ])  # fmt: skip
    node.wait_instances(study, 2)
    found = arrivals(node)
    assert len(found) == 3
    answer = retry(node, found[0])
    assert (answer.status_code, answer.json()["code"]) == (409, "quarantine.unreadable")
    assert answer.json()["words"]["zh"]["action"]
    assert arrivals(node) == found
    assert "quarantine" in faults(page(node))
    place.bring_back()
    for arrival in found:
        assert retry(node, arrival).json() == {"arrival": arrival, "outcome": "indexed"}
        assert retry(node, arrival).status_code == 404
    node.wait_instances(study, 3)
    node.wait_instances(alone.StudyInstanceUID, 1)
    assert node.get(f"/dicom-web/studies/{alone.StudyInstanceUID}/instances", node.ticket(["H01"])).json() == []  # scope as ever
    rows = [r for r in node.feed() if r["kind"] == "instance.stored" and r["sop_uid"] in {hidden.SOPInstanceUID, alone.SOPInstanceUID}]
    assert [(r["sop_uid"], r["institution"], r["data"]["instances"]) for r in rows] == [
        (hidden.SOPInstanceUID, "H01", 3), (alone.SOPInstanceUID, "H02", 1)
    ]  # fmt: skip
    node.wait_for(lambda: any(r["kind"] == "series.quiet" and r["study_uid"] == alone.StudyInstanceUID for r in node.feed()))
    found_conflicts = [(r["sop_uid"], r["data"]["reason"]) for r in node.feed() if r["kind"] == "conflict.found"]
    assert found_conflicts == [(mixed.SOPInstanceUID, "patient_differs")]
    assert faults(page(node)) == ["conflict"]
    before = same_as_a_rebuild(node)
    assert len(before["instance"]) == 7
    assert len(before["conflict"]) == 1
    assert before["quarantine"] == []
    count = len(rows)
    node.start()
    again = [r for r in node.feed() if r["kind"] == "instance.stored"]
    assert len([r for r in again if r["sop_uid"] in {hidden.SOPInstanceUID, alone.SOPInstanceUID}]) == count


@pytest.mark.clause("X-3", "S-8")
def test_what_only_a_rebuild_can_place_is_left_to_it(own_node: RunningNode) -> None:
    """Later decisions that would have been others: another institution's study, the same UID, another patient."""
    node, place = own_node, Hidden(own_node)
    first, second = image(), image()
    of_other = image(first.StudyInstanceUID)  # H02 would not own this study, had the first image been readable
    twin = image(second.StudyInstanceUID, second.SeriesInstanceUID, SOPInstanceUID=second.SOPInstanceUID, InstanceNumber=7)
    base, third, stranger = image(), image(), image()
    third.StudyInstanceUID = stranger.StudyInstanceUID = base.StudyInstanceUID
    third.PatientID, stranger.PatientID = "P2", "P2"
    place.receive([
        ("CT_A", first, True), ("CT_B", of_other, False), ("CT_A", second, True), ("CT_A", twin, False),
        ("CT_A", base, False), ("CT_A", third, True), ("CT_A", stranger, False),
    ])  # fmt: skip
    found = arrivals(node)
    assert len(found) == 3
    place.bring_back()
    for arrival in found:
        answer = retry(node, arrival)
        assert (answer.status_code, answer.json()["code"]) == (409, "quarantine.entangled")
    assert arrivals(node) == found
    assert node.stop() == 0
    subprocess.run([sys.executable, "-m", "dicom_node", "reindex"], cwd=ROOT, env=node.environment, check=True, capture_output=True)
    node.start()
    # the rebuild has placed them, and those who follow the feed learn of it
    for ds in (first, second, third):
        node.wait_for(lambda: [r for r in node.feed() if r["sop_uid"] == ds.SOPInstanceUID and r["kind"] == "instance.stored"])
    assert node.get(f"/dicom-web/studies/{first.StudyInstanceUID}/instances", node.ticket(["H02"])).json() == []


@pytest.mark.clause("S-8")
def test_other_reasons_cannot_be_retried_away(own_node: RunningNode) -> None:
    node, ds = own_node, image()
    theirs = image(ds.StudyInstanceUID)
    for aet, one in (("CT_A", ds), ("CT_B", theirs)):
        scu = raw(node, aet)
        assert scu.store(1, CT, one.SOPInstanceUID, encoded(one))[0] == 0
        scu.close()
    node.wait_for(lambda: "belongs to another institution" in page(node))
    assert arrivals(node) == []
    (number,) = re.findall(r'<td class="n">(\d+)</td>\n<td></td></tr>', page(node))
    answer = retry(node, int(number))
    assert (answer.status_code, answer.json()["code"]) == (409, "quarantine.decided")
    assert retry(node, 3).json()["code"] == "quarantine.unknown"
    assert retry(node, 10**9).json()["code"] == "quarantine.unknown"
    assert node.http.post(f"{node.url}/quarantine/x/retry", headers={"Authorization": f"Bearer {operator(node)}"}).status_code == 400


@pytest.mark.clause("S-9")
def test_the_page_is_for_operators_and_tells_nothing_of_patients(node: RunningNode) -> None:
    ds = image(PatientName="Secret^Person", PatientID="SECRET-77", AccessionNumber="SECRET-ACC")
    scu = raw(node)
    assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds))[0] == 0
    node.wait_instances(ds.StudyInstanceUID, 1)
    for rights in ([], ["image.view", "feed.follow", "node.annotate"]):
        for answer in (
            node.get("/status", node.ticket(operations=rights)), node.get("/metrics", node.ticket(operations=rights)),
            retry(node, 0, node.ticket(operations=rights)),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")
    answer = node.get("/status", operator(node))
    for text in (answer.text, node.get("/metrics", operator(node)).text):
        for word in ("Secret", "SECRET", ds.SOPInstanceUID, ds.StudyInstanceUID, str(node.data)):
            assert word not in text
    assert answer.headers["content-language"] == "zh"  # Chinese unless asked otherwise
    assert "影像节点状态" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert "http" not in re.sub(r"\s", "", answer.text).lower()  # nothing from outside
    cookie = {"Cookie": "hub-ticket=" + node.ticket([], ["system.operate"], kind="browser")}
    assert node.http.get(node.url + "/status", headers=cookie).status_code == 200
    assert node.http.post(node.url + "/quarantine/0/retry", headers=cookie).json()["code"] == "request.cross_site"


def open_page(browser: Browser, node: RunningNode, lang: str) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale=lang)
    ticket = node.ticket([], ["system.operate"], kind="browser")
    context.add_cookies([{"name": "hub-ticket", "value": ticket, "url": node.url}])
    shown = context.new_page()
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("request", lambda request: said.append(request.url) if not request.url.startswith(node.url) else None)
    assert (shown.goto(node.url + "/status") or pytest.fail("no answer")).status == 200
    return shown, said


@pytest.mark.clause("S-9")
def test_a_person_retries_in_the_browser(own_node: RunningNode, browser: Browser, tmp_path: Path) -> None:
    node, place = own_node, Hidden(own_node)
    ds, markup = image(), {"aet": "<b>X</b>", "institution": "H04", "may": ["echo"]}
    devices = node.data / "devices.json"
    devices.write_text(json.dumps([*json.loads(devices.read_text()), markup]))
    place.receive([("CT_A", ds, True)])
    english, said = open_page(browser, node, "en-US")
    assert english.locator("html").get_attribute("lang") == "en"
    assert "Files in quarantine: 1" in english.locator(".attention").inner_text()
    english.get_by_role("button", name="Try again").click()
    english.wait_for_url("**/status?tried=unreadable")
    assert "The file still cannot be read" in english.locator(".told").inner_text()
    assert english.locator("tr", has_text="<b>X</b>").count() == 1  # markup in a name stays text
    row = english.locator("tr", has_text="CT_A").last.inner_text()
    assert "H01" in row and "store" in row
    place.bring_back()
    chinese, more = open_page(browser, node, "zh-CN")
    for shown in (english, chinese):
        assert shown.evaluate("document.documentElement.scrollWidth") <= 1366
        assert shown.evaluate("getComputedStyle(document.querySelector('.banner')).backgroundColor") == "rgb(255, 255, 255)"
        shown.screenshot(path=tmp_path / f"{shown.locator('html').get_attribute('lang')}.png", full_page=True)
    chinese.get_by_role("button", name="重试").click()
    chinese.wait_for_url("**/status?tried=indexed")
    assert "已读取并编入索引" in chinese.locator(".told").inner_text()
    assert "一切正常" in chinese.locator(".fine").inner_text()
    node.wait_instances(ds.StudyInstanceUID, 1)
    outside = [line for line in said + more if "favicon" not in line]
    assert outside == []
