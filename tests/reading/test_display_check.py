"""The display check: its greys exact in device pixels, its answers recorded, its reminder calm and kept by the workstation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.reading.test_reading_page import by

Open = Callable[..., Page]
ITEMS = ("patches", "steps", "gradients", "lines", "letters", "geometry", "uniformity")
LOOK = """() => {
  const c = document.querySelector('[data-testid="display-canvas"]'); const box = c.parentElement.getBoundingClientRect();
  const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
  const runs = new Map(); let coloured = 0; let gradient = 0; let fine = 0;
  for (let y = 0; y < c.height; y += 1) {
    let length = 1; let rising = 1;
    for (let x = 1; x <= c.width; x += 1) {
      const at = 4 * (y * c.width + x); const now = x < c.width ? data[at] : -1; const before = data[at - 4];
      if (x < c.width && (data[at] !== data[at + 1] || data[at] !== data[at + 2])) coloured += 1;
      if (now === before) length += 1; else { runs.set(before, Math.max(runs.get(before) ?? 0, length)); length = 1; }
      rising = now - before === 0 || now - before === 1 ? rising + 1 : 1;
      if (rising > gradient && now === 255) gradient = rising;
      if (x > 1 && before === 255 && data[at - 8] === 0 && now === 0) fine += 1;
    }
  }
  return { size: [c.width, c.height], box: [box.width * devicePixelRatio, box.height * devicePixelRatio], runs: [...runs], coloured, gradient, fine };
}"""


@pytest.mark.clause("V-1")
def test_the_pattern_is_exact_and_what_was_seen_is_recorded(open_desk: Open) -> None:
    page = open_desk("hanger")
    expect(by(page, "display-reminder")).to_contain_text("还没有检查过")
    page.screenshot(path="/tmp/w/hang_reminder.png")
    by(page, "display-now").click()
    expect(by(page, "display-check")).to_be_visible()
    look = page.evaluate(LOOK)
    assert look["size"] == look["box"]  # one pixel of the canvas is one of the display
    assert look["coloured"] == 0
    runs = dict(map(tuple, look["runs"]))
    for step in range(0, 256, 15):  # 18 steps of TG18, each a field of its own
        assert runs.get(step, 0) >= 20, step
    assert runs[13] >= 20  # 5 % of 255
    assert runs[242] >= 20  # 95 %
    assert look["gradient"] >= 256  # every value from black to white, one after the other
    assert look["fine"] > 1000  # lines of a single pixel
    page.screenshot(path="/tmp/w/hang_display.png")
    for name, grey in (("dark", 26), ("bright", 204)):
        by(page, f"display-{name}").click()
        expect(by(page, "display-canvas")).to_have_attribute("data-page", name)
        assert [one[0] for one in page.evaluate(LOOK)["runs"]] == [grey]
    expect(by(page, "display-finish")).to_be_disabled()
    for item in ITEMS:
        by(page, f"display-item-{item}").get_by_label("否" if item == "lines" else "是").check()
    by(page, "display-name").fill("阅片室 3")
    by(page, "display-name").press("Tab")
    with page.expect_response("**/display-checks") as answer:
        by(page, "display-finish").click()
    assert answer.value.status == 201
    told = answer.value.request.post_data_json
    assert (told["name"], told["width"], told["height"], told["seen"]["lines"]) == ("阅片室 3", 1366, 768, False)
    expect(by(page, "notice")).to_contain_text("未通过，已记录")
    expect(by(page, "display-reminder")).to_contain_text("上次检查未通过")


@pytest.mark.clause("V-1")
def test_the_reminder_comes_after_thirty_days_and_goes_for_today(open_desk: Open) -> None:
    page = open_desk("hanger", lang="en")
    expect(by(page, "display-reminder")).to_contain_text("was never checked")

    def checked(days: int) -> None:
        page.evaluate(
            """(days) => { const one = JSON.parse(localStorage.getItem('hub.workstation') ?? '{}');
            localStorage.setItem('hub.workstation', JSON.stringify({ ...one, id: one.id ?? crypto.randomUUID(), later: null, last: { at: new Date(Date.now() - days * 864e5).toISOString(), passed: true } })); }""",
            days,
        )
        page.reload()
        by(page, "worklist").wait_for()

    checked(29)
    expect(by(page, "display-reminder")).to_have_count(0)
    checked(31)
    expect(by(page, "display-reminder")).to_contain_text("not checked for 31 days")
    by(page, "display-later").click()
    expect(by(page, "display-reminder")).to_have_count(0)
    page.reload()
    by(page, "worklist").wait_for()
    expect(by(page, "display-reminder")).to_have_count(0)
    by(page, "user-menu").click()
    page.get_by_role("menuitem", name="Shortcuts").click()
    by(page, "check-display").click()
    page.screenshot(path="/tmp/w/hang_display_en.png")
    by(page, "display-close").click()
    expect(by(page, "display-check")).to_have_count(0)
