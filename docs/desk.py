"""What the scenes of docs/scenes.py and docs/tool_scenes.py do with an open desk."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

RECORDS = "/services/ris/api/v1"
CASES = {
    "ct": "YA24111207",
    "mr": "YA24110903",
    "film": "HZ24-0893",
    "us": "HZ24-0896",
    "chest": "HZ24-0899",
    "hand": "HZ24-0901",
    "belly": "HZ24-0905",
}
"""The demo's accession numbers by what they show; chest, hand and belly are sent by `docs.panel_scenes` and `docs.atlas_scenes` when they are wanted."""


def by(page: Page, name: str) -> Any:
    """The element of a test id."""
    return page.get_by_test_id(name)


def call(page: Page, method: str, path: str, body: object = None) -> Any:
    """A request of the signed-in person, made by the page itself."""
    return page.evaluate(
        """async ([method, url, body]) => {
            const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }
            const answer = await fetch(url, { method, headers, body: body === null ? undefined : JSON.stringify(body) })
            if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`)
            return answer.status === 204 ? null : answer.json()
        }""",
        [method, f"{RECORDS}{path}", body],
    )


def row_of(page: Page, accession: str) -> dict[str, Any]:
    """The worklist row of an accession number."""
    return next(row for row in call(page, "GET", f"/worklist?view=all&q={accession}")["rows"] if row["accession"] == accession)


def list_ready(page: Page) -> None:
    """The worklist is painted."""
    page.locator('[data-testid="worklist"][data-status="ready"]').wait_for()


def open_case(page: Page, accession: str) -> None:
    """Open a case from the list and wait for its picture and report."""
    by(page, "view-all").click()
    page.locator(f'[data-testid="worklist-row"][data-accession="{accession}"]').click()
    page.locator('[data-testid="viewer"][data-shown]:not([data-phase="loading"])').wait_for()
    by(page, "report").locator("textarea, .read-only").first.wait_for()
    page.wait_for_timeout(1500)


def back(page: Page) -> None:
    """Return to the list."""
    by(page, "back-to-list").evaluate("button => button.click()")


def speak_in(page: Page, lang: str) -> None:
    """Switch the desk's language; also while a dialog covers the button."""
    shown = "English" if lang == "zh" else "中文"
    if by(page, "language").inner_text().strip() != shown:
        by(page, "language").evaluate("button => button.click()")
