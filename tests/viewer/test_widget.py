"""The viewer as a Jupyter widget: traits of the Python class, and the browser's half on a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import traitlets

from apps.viewer import DicomViewer

from .conftest import Bench
from .test_reading import stack


@pytest.mark.clause("H-2")
def test_traits_are_synced_and_checked() -> None:
    viewer = DicomViewer(study="1.2", series="1.2.3", bundle="/services/pages/static/viewer-x.js")
    state: dict[str, Any] = viewer.get_state()
    for name in ("study", "series", "index", "window", "tool", "measurements", "lang", "bundle"):
        assert name in state
    viewer.window = {"center": 40, "width": 400}
    with pytest.raises(traitlets.TraitError, match="窗宽"):
        viewer.window = {"center": "x"}
    with pytest.raises(traitlets.TraitError):
        viewer.tool = "scalpel"
    assert len(state["_esm"]) < 2000, "the bundle itself does not travel in the widget's state"
    assert "import(url)" in state["_esm"]


@pytest.mark.clause("H-2", "H-4")
def test_python_knows_every_tool_of_the_browser() -> None:
    # Every tool has a key, so that the list of commands names each of them.
    source = (Path(__file__).resolve().parents[2] / "apps" / "viewer" / "commands.ts").read_text(encoding="utf-8")
    tools = re.findall(r"^  tool\('([a-z_]+)'", source, re.MULTILINE)
    assert len(tools) > 20
    assert set(tools) == set(DicomViewer.tool.values)


@pytest.mark.clause("H-4")
def test_measurements_are_a_table() -> None:
    viewer = DicomViewer(bundle="x")
    assert list(viewer.table().columns[:3]) == ["id", "kind", "study"]
    assert viewer.table().empty
    viewer.measurements = [
        {"id": "a", "kind": "length", "series": "1.2", "index": 3, "points": [[1, 2], [4, 6]], "value": 5.0, "unit": "mm", "stats": None},
        {"id": "b", "kind": "ellipse", "value": 12.5, "unit": "mm²", "stats": {"mean": 40, "sd": 3, "min": 30, "max": 52}},
    ]
    table = viewer.table()
    assert table.loc[0, ["kind", "value", "unit", "index"]].tolist() == ["length", 5.0, "mm", 3]
    assert table.loc[0, "points"] == [[1, 2], [4, 6]]
    assert table.loc[1, ["mean", "sd", "min", "max"]].tolist() == [40, 3, 30, 52]
    assert table["mean"].isna().tolist() == [True, False]


MODEL = """
(given) => {
  const values = {study: 's', series: 'x', index: -1, window: {}, tool: 'window', measurements: [],
    lang: 'zh', author: 'py', height: '400px', base: '', ...given};
  const handlers = new Map();
  window.model = {
    values, saves: 0,
    get: name => structuredClone(values[name]),
    set(name, value) { values[name] = value; for (const one of handlers.get('change:' + name) ?? []) one(); },
    save_changes() { this.saves += 1; },
    on(event, one) { handlers.set(event, [...(handlers.get(event) ?? []), one]); },
    off(event, one) { handlers.set(event, (handlers.get(event) ?? []).filter(each => each !== one)); },
    listening: () => [...handlers.values()].flat().length,
  };
  return import(JSON.parse(document.getElementById('desk-config').textContent).viewer)
    .then(bundle => { window.leave = bundle.render({model: window.model, el: document.getElementById('a')}); });
}
"""


@pytest.mark.clause("H-2")
def test_browser_and_python_follow_each_other(bench: Bench) -> None:
    bench.server.streams["x"] = stack(7)
    kept = {
        "id": "m1", "kind": "length", "study": "s", "series": "x", "sop_uid": "1.2.5", "frame": 0, "index": 5,
        "points": [[10, 10], [10, 60]], "value": 50, "unit": "mm", "author": "earlier", "created": "2026-11-23T09:00:00.000Z",
    }  # fmt: skip
    bench.run(MODEL, {"index": 5, "window": {"center": 700, "width": 900}, "measurements": [kept]})
    bench.until("model.values.index === 5 && model.values.count === 7")
    bench.until("model.values.window.center === 700 && model.values.window.width === 900")
    bench.wait_text(".px-stage svg", "50.0 mm")
    # From Python to the browser.
    bench.run("model.set('index', 2)")
    bench.wait_text(".px-bottomLeft", "3/7")
    bench.run("model.set('window', {center: 100, width: 200})")
    bench.wait_text(".px-bottomRight", "W 200  L 100")
    bench.run("model.set('layout_name', '1x2')")
    bench.until("document.querySelectorAll('#a .px-cell').length === 2")
    bench.run("model.set('lang', 'en')")
    bench.wait_text(".px-bottomLeft", "Image 3/7")
    # From the browser to Python, once: no echo that never ends.
    bench.page.locator(".px-viewer").focus()
    bench.page.keyboard.press("ArrowDown")
    bench.until("model.values.index === 3")
    bench.settle()
    saves = bench.run("model.saves")
    bench.settle()
    assert bench.run("model.saves") == saves
    assert bench.run("model.values.measurements") == [kept]
    bench.run("model.set('measurements', [])")
    bench.run("model.set('index', 5)")
    bench.wait_text(".px-bottomLeft", "6/7")
    assert "mm" not in bench.text(".px-stage svg")
    bench.run("leave()")
    assert bench.run("[model.listening(), document.querySelectorAll('#a *').length]") == [0, 0]
    assert bench.run("bench.facts()") == {"series": 0, "bytes": 0, "images": 0, "cached": 0, "viewers": 0}
