"""A researcher's first hour as he sees it: from the Hub's login page through JupyterLab to another cohort in the viewer."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.lab.workbench import Workbench
from tests.running_hub import RunningHub, wait_until

PICTURES = os.environ.get("HUB_TEST_PICTURES")
QUERY, VIEWER = 5, 11  # places of these cells in the first notebook


def picture(page: Page, name: str) -> None:
    """Kept for a person to look at, where a folder is named."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def cell(page: Page, index: int) -> Locator:
    """A cell by its place in the notebook, scrolled into sight: JupyterLab holds only what is near."""
    found = page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"]')
    for _ in range(60):
        if found.count():
            found.scroll_into_view_if_needed()
            break
        first = page.locator(".jp-Notebook .jp-Cell").first.get_attribute("data-windowed-list-index")
        page.locator(".jp-WindowedPanel-outer").first.hover()
        page.mouse.wheel(0, 400 if int(first or 0) < index else -400)
        page.wait_for_timeout(100)
    return found


def run_all(page: Page) -> None:
    page.locator(".lm-MenuBar-item", has_text=re.compile("^运行$")).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()


def table(page: Page) -> list[list[str]]:
    """The rows below the query."""
    return [row.locator("th, td").all_text_contents() for row in cell(page, QUERY).locator(".jp-OutputArea table tbody tr").all()]


@pytest.mark.clause("H-4", "H-8", "S-7")
@pytest.mark.timeout(420)
def test_from_the_login_to_another_cohort_in_the_viewer(hub: RunningHub, bench: Workbench, browser: Browser) -> None:
    """The demo's device makes a CT of 120 images of a chest and an MR of 24 of a head."""
    wait_until("the demo's images", (hub.data_dir / "demo-done").exists, 180, 0.5)
    both = "import hub_research as hub\nprint()\nprint(hub.cohort(\"SELECT DISTINCT modality FROM series WHERE modality IN ('CT', 'MR')\").shape[0])"
    wait_until("series of both kinds", lambda: bench.run(both).splitlines()[-1] == "2", 120, 2)
    assert bench.api("DELETE", "lab/api/workspaces/default").status_code in {204, 404}  # what a test before had open would come back
    account = hub.account("researcher")
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        streams: list[str] = []
        page.on("response", lambda answer: streams.append(answer.url) if answer.url.endswith("/stream") and answer.ok else None)
        page.goto(f"{hub.base}/hub/login")
        page.locator("input[name=username]").fill(account["username"])
        page.locator("input[name=password]").fill(account["password"])
        page.keyboard.press("Enter")
        for name in ("示例", "01_cohort_and_viewer"):  # by the key: a double click on a busy page may open a file twice
            page.locator(".jp-DirListing-item", has_text=name).click()
            page.keyboard.press("Enter")
        expect(page.locator(".jp-Toolbar-kernelName")).to_contain_text("Python 3")

        run_all(page)
        wait_until("images of the first cohort", lambda: page.wait_for_timeout(200) or streams, 120)
        expect(cell(page, VIEWER)).to_contain_text("61/120")
        expect(cell(page, VIEWER)).to_contain_text("W 1500", timeout=60_000)  # the last cell that changes it has run
        picture(page, "first-cohort")
        first = table(page)
        chosen = first[0][2]
        assert f"/series/{first[0][1]}/{chosen}/stream" in streams[0], "the viewer shows another series than the table begins with"

        query = cell(page, QUERY).locator(".cm-content")
        text = query.inner_text()
        assert "'CT'" in text
        query.click()
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        page.keyboard.insert_text(text.replace("'CT'", "'MR'"))
        streams.clear()
        run_all(page)
        wait_until("images of the other cohort", lambda: page.wait_for_timeout(200) or streams, 120)
        shown = cell(page, VIEWER)
        expect(shown).to_contain_text("13/24")
        expect(shown).to_contain_text("MR")
        picture(page, "other-cohort")
        other = table(page)
        assert other and not {row[2] for row in other} & {row[2] for row in first}
        assert all(chosen not in url for url in streams), "the former cohort is fetched again"
        assert f"/series/{other[0][1]}/{other[0][2]}/stream" in streams[0]
        expect(page.locator('.jp-Notebook [data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)
    finally:
        context.close()
