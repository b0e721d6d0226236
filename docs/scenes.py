"""The scenes of docs/screenshots.py: how each page is brought into the state that is pictured."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.sync_api import Page

from docs.atlas_scenes import ATLAS_SCENES, atlas
from docs.desk import CASES, RECORDS, back, by, call, list_ready, open_case, row_of
from docs.panel_scenes import PANEL_SCENES, panels
from docs.screenshots import Album
from docs.tool_scenes import TOOL_SCENES, tools

FINDINGS = (
    "双肺纹理增多、增粗，右肺下叶见大片实变影，内见支气管充气征，边界模糊；左肺散在斑片状磨玻璃影。"
    "气管及主支气管通畅。纵隔内见数枚小淋巴结，短径均小于 5 mm。右侧胸腔少量积液，深约 6 mm。心影大小正常。"
)
IMPRESSION = "1. 右肺下叶大叶性肺炎，左肺散在炎症。\n2. 右侧胸腔少量积液。建议治疗后复查。"
REASON = "右下肺病灶的位置与范围请写明，并与既往胸片对比。"


@dataclass(frozen=True)
class Scene:
    """The pictures that are made together."""

    names: tuple[str, ...]
    make: Callable[[Album], None]


# The door


def login(album: Album) -> None:
    """The login page: plain, wrong password, locked, disabled."""
    hub = album.hub
    wrong, locked, disabled = (hub.account(role)["username"] for role in ("radiologist", "researcher", "patient"))
    with hub.login_as("administrator") as chief:
        path = f"{RECORDS}/accounts/{disabled}"
        chief.put(path, json={"disabled": True}, headers={"Sec-Fetch-Site": "same-origin"}).raise_for_status()
        for lang in ("zh", "en"):
            with album.visitor(lang=lang) as page:
                for scene, username, tries in (("login", "", 0), ("login-wrong", wrong, 1), ("login-locked", locked, 6)):
                    page.goto(f"{hub.base}/hub/login")
                    for _ in range(tries):
                        page.locator("#username").fill(username)
                        page.locator("#password").fill("not the password")
                        page.locator("button[type=submit]").click()
                        page.locator(".problem").wait_for()
                    album.take(page, scene, langs=(lang,), large=("zh", "en") if scene == "login" else ())
                page.locator("#username").fill(disabled)
                page.locator("#password").fill(hub.account("patient")["password"])
                page.locator("button[type=submit]").click()
                page.get_by_text(re.compile("停用|disabled")).wait_for()
                album.take(page, "login-disabled", langs=(lang,), large=())
        chief.put(path, json={"disabled": False}, headers={"Sec-Fetch-Site": "same-origin"}).raise_for_status()


def errors(album: Album) -> None:
    """The Hub's page for an unknown address, and the proxy's while a service restarts."""
    with album.visitor() as page:
        page.goto(f"{album.hub.base}/hub/nothing-here")
        album.take(page, "error-404", langs=("zh",), large=())
        os.kill(album.hub.pids()["pages"], signal.SIGKILL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            answer = page.goto(f"{album.hub.base}/services/pages/desk/reading")
            if answer is not None and answer.status >= 500:
                album.take(page, "error-503", langs=("zh",), large=(), settle=100)
                break
        while not album.hub.is_well("/services/pages/healthz"):
            time.sleep(0.3)


# The doctor's desk


def worklist(album: Album) -> None:
    """The list: full, filtered to nothing, failed, long; and without its connection."""
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        by(page, "view-all").click()
        by(page, "worklist-row").nth(3).hover()
        page.wait_for_timeout(800)
        album.take(page, "reading-worklist")
        by(page, "search").fill("没有这个名字")
        by(page, "worklist-empty").wait_for()
        album.take(page, "reading-worklist-empty", large=())
        by(page, "clear-filters").click()
        list_ready(page)
        page.route("**/worklist?**", lambda route: route.fulfill(status=503, body="{}"))
        by(page, "view-mine").click()
        by(page, "worklist-error").wait_for()
        album.take(page, "reading-worklist-error", large=())
        page.unroute("**/worklist?**")
        page.route("**/worklist?**", long_list)
        by(page, "view-all").click()
        list_ready(page)
        album.take(page, "reading-worklist-long", large=())
        page.unroute("**/worklist?**")
        by(page, "view-to_write").click()
        list_ready(page)
        page.route("**/services/ris/**", lambda route: route.abort())
        by(page, "disconnected").wait_for()
        album.take(page, "reading-disconnected")


def long_list(route: Any) -> None:
    """What a busy day with long names looks like: the real rows many times over, every other one with the longest words there are."""
    answer = route.fetch().json()
    rows = []
    for number in range(500):
        row = {**answer["rows"][number % len(answer["rows"])], "exam_id": 100_000 + number}
        if number % 2:
            row["patient"] = {
                **row["patient"],
                "name": "欧阳阿卜杜热合曼·买买提江" if number % 4 == 1 else "Featherstonehaugh-Wellington^Maximiliane",
            }
            row["description"] = "上腹部、中腹部及盆腔 CT 平扫加三期动态增强扫描（含血管成像三维重建）"
            row["institution"] = {**row["institution"], "name": "新疆维吾尔自治区妇女儿童医疗保健中心附属第二医院"}
        rows.append(row)
    route.fulfill(json={**answer, "rows": rows, "counts": dict.fromkeys(answer["counts"], 10000)})


def cases(album: Album) -> None:
    """One case of each kind of image."""
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        for kind in ("mr", "film", "us"):
            if album.wants(f"reading-{kind}"):
                open_case(page, CASES[kind])
                album.take(
                    page,
                    f"reading-{kind}",
                    langs=("zh", "en") if kind == "us" else ("zh",),
                    large=("zh",) if kind == "mr" else (),
                    settle=900,
                )
                back(page)


def writing(album: Album) -> None:
    """The report: written, templates, knowledge, preview; and a kernel that has ended."""
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        recall(page, row_of(page, CASES["ct"]))
        open_case(page, CASES["ct"])
        by(page, "report-findings").fill(FINDINGS)
        by(page, "report-impression").fill(IMPRESSION)
        if by(page, "report-positive").get_attribute("aria-checked") != "true":
            by(page, "report-positive").click()
        page.locator('[data-testid="report-saved"][data-save="saved"]').wait_for()
        album.take(page, "reading-case", settle=900)
        by(page, "report-templates").click()
        by(page, "template").first.wait_for()
        album.take(page, "reading-templates", large=("zh",))
        by(page, "report-knowledge").click()
        by(page, "knowledge-list").locator("button").first.wait_for()
        page.mouse.move(5, 5)
        album.take(page, "reading-knowledge", large=("zh",))
        by(page, "knowledge-list").locator("button").first.click()
        by(page, "knowledge-insert").wait_for()
        album.take(page, "reading-knowledge-entry", langs=("zh",), large=())
        by(page, "report-knowledge").click()
        by(page, "report-pdf").click()
        by(page, "pdf-frame").wait_for()
        page.wait_for_timeout(3000)
        album.take(page, "reading-pdf", large=("zh",), settle=1500)
        by(page, "pdf-dialog").get_by_label(re.compile("关闭|Close")).click()
        if album.wants("reading-reopen"):
            end_kernel(page)
            by(page, "reopen").wait_for()
            album.take(page, "reading-reopen", large=())


def recall(page: Page, row: dict[str, Any]) -> None:
    """Take back what an earlier run has submitted."""
    if row["stage"] == "to_review":
        report = call(page, "GET", f"/reports/{row['report_id']}")
        body = {"action": "recall", "version": report["version"], "reason": "再改"}
        call(page, "POST", f"/reports/{report['id']}/transitions", body)


def end_kernel(page: Page) -> None:
    """Kill the kernel of a page, by the folder it works in."""
    kernel = str(page.evaluate("JSON.parse(document.getElementById('kernel').textContent).id"))
    for process in psutil.process_iter():
        try:
            if process.cwd().endswith(kernel):
                process.kill()
        except psutil.Error:
            continue


def returning(album: Album) -> None:
    """The reviewer gives a report back."""
    with album.person("radiologist", "reading") as page:
        row = row_of(page, CASES["ct"])
        if row["stage"] in {"to_write", "writing", "returned"}:
            report = call(page, "POST", "/reports", {"exam_ids": [row["exam_id"]]})
            text = {"findings": FINDINGS, "impression": IMPRESSION, "positive": True}
            saved = call(page, "PUT", f"/reports/{report['id']}/draft", {"version": report["version"], **text})
            call(page, "POST", f"/reports/{report['id']}/transitions", {"action": "submit", "version": saved["version"], **text})
    with album.person("reviewer", "reading") as page:
        list_ready(page)
        open_case(page, CASES["ct"])
        album.take(page, "reading-review", large=("zh",), settle=900)
        by(page, "report-return").click()
        by(page, "return-reason").fill(REASON)
        album.take(page, "reading-return", large=("zh",))


# The other desks


def statistics(album: Album) -> None:
    """Figures and charts, the exams behind a figure, a period without exams."""
    with album.person("administrator", "statistics") as page:
        page.locator("[data-drawn=true]").nth(3).wait_for()
        album.take(page, "statistics", settle=1200)
        page.locator('[data-testid="filter-period"] [data-preset="today"]').click()
        page.wait_for_timeout(1500)
        album.take(page, "statistics-day", large=("zh",), settle=1200)
        by(page, "figure-exams").locator("button.value").click()
        by(page, "drill-table").wait_for()
        album.take(page, "statistics-exams")
        by(page, "drill-back").click()
        empty_period(page)
        page.wait_for_timeout(1500)
        album.take(page, "statistics-empty", large=())


def empty_period(page: Page) -> None:
    """Choose a day long before the first exam."""
    page.locator('[data-testid="filter-period"] [data-preset="this_year"]').click()
    by(page, "filter-to").click()
    panel = page.locator(".n-date-panel")
    panel.locator(".n-date-panel-month__fast-prev").click()
    panel.locator(".n-date-panel-date:not(.n-date-panel-date--excluded)").first.click()


def knowledge(album: Album) -> None:
    """The knowledge base: list, entry, editing, nothing found."""
    with album.person("reviewer", "knowledge") as page:
        entries = by(page, "knowledge-list").locator("button")
        entries.first.wait_for()
        album.take(page, "knowledge")
        entries.first.click()
        by(page, "knowledge-edit").wait_for()
        album.take(page, "knowledge-entry")
        by(page, "knowledge-edit").click()
        page.wait_for_timeout(500)
        album.take(page, "knowledge-editing")
        by(page, "knowledge-search").fill("没有这个词")
        page.wait_for_timeout(800)
        album.take(page, "knowledge-nothing", large=())


def coming(album: Album) -> None:
    """The page of a desk that is not built yet."""
    with album.person("registrar", institution="H01") as page:
        by(page, "kernel-answer").get_by_text(re.compile("毫秒|ms")).wait_for()
        album.take(page, "coming")


SCENES = (
    Scene(("login", "login-wrong", "login-locked", "login-disabled"), login),
    Scene(
        ("reading-worklist", "reading-worklist-empty", "reading-worklist-error", "reading-worklist-long", "reading-disconnected"), worklist
    ),
    Scene(("reading-mr", "reading-film", "reading-us"), cases),
    Scene(("reading-case", "reading-templates", "reading-knowledge", "reading-knowledge-entry", "reading-pdf", "reading-reopen"), writing),
    Scene(TOOL_SCENES, tools),
    Scene(PANEL_SCENES, panels),
    Scene(ATLAS_SCENES, atlas),
    Scene(("reading-review", "reading-return"), returning),
    Scene(("statistics", "statistics-day", "statistics-exams", "statistics-empty"), statistics),
    Scene(("knowledge", "knowledge-entry", "knowledge-editing", "knowledge-nothing"), knowledge),
    Scene(("coming",), coming),
    Scene(("error-404", "error-503"), errors),
)
"""In the order in which they leave the hub: the restart of a service comes last."""
