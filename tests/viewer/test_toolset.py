"""Functions of the viewer that a user has not got: no key reaches them and no call of a page has an effect; with all, all are there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ris.access.licence import HOSPITAL

from .conftest import Bench
from .server import ROOT
from .test_reading import stack

TABLE = {
    name: (clause, re.findall(r"'([\w-]+)'", commands))
    for name, clause, commands in re.findall(
        r"^  (\w+): \['([\w-]*)', (\[.*?\]|keysOfPresets)\],$", (ROOT / "apps/viewer/toolset.ts").read_text(encoding="utf-8"), re.MULTILINE
    )
}
"""Function → clause and commands, as the viewer has them."""
THEIRS = [name for name, (clause, _) in TABLE.items() if clause in HOSPITAL]
OTHERS = [name for name in TABLE if name not in THEIRS]
CALLS: dict[str, list[tuple[str, list[Any]]]] = {
    "gamma": [("setGamma", [2.0]), ("stepGamma", [1])],
    "filter": [("setFilter", [{"name": "smooth", "strength": 5}])],
    "curve": [("setCurve", [[[0, 0, 0], [0, 0, 5]]]), ("finishCurve", []), ("setCpr", [{"angle": 30}])],
    "projection": [("setSlab", [{"mode": "max", "thickness": 10}])],
    "slab": [("setSlab", [{"mode": "mean", "thickness": 10}])],
    "proportion": [("trueSize", [])],
}
"""Calls of a page for functions that hospitals have not got."""


def told(bench: Bench) -> dict[str, Any]:
    return {name: value for name, value in bench.state().items() if name != "loaded"}


@pytest.mark.clause("S-8", "V-3", "V-10", "V-12", "V-16", "V-17", "V-18", "V-21", "V-29", "V-30", "V-31")
def test_a_hospital_reaches_nothing_else_by_key_or_call(bench: Bench) -> None:
    assert len(THEIRS) == 22
    assert len(OTHERS) > 15
    bench.mount(tools=THEIRS)
    bench.show(stack(5))
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("s")
    before = told(bench)
    keys = bench.run("bench.keys")
    assert before["tool"] == "scroll"
    for name in OTHERS:
        for command in TABLE[name][1]:
            if command.startswith("tool-"):
                bench.call("setTool", command.removeprefix("tool-"))
                assert told(bench) == before, (name, command)
            for key in keys[command]:
                # one with Shift is no other tool's instead: Shift+A of the arrow is not the angle's A
                bench.page.keyboard.press(re.sub(r"Shift\+(\w)$", lambda m: f"Shift+{m[1].upper()}", key))
                bench.settle()
                assert told(bench) == before, (name, command, key)
                assert "此功能未开通" in bench.page.locator("#a .px-refusal").inner_text(), (name, command, key)
        for method, arguments in CALLS.get(name, []):
            bench.call(method, *arguments)
            assert told(bench) == before, (name, method)
    excluded = {command.removeprefix("tool-") for name in OTHERS for command in TABLE[name][1] if command.startswith("tool-")}
    for letter in "abcdefghijklmnopqrstuvwxyz":
        bench.page.keyboard.press(f"Shift+{letter.upper()}")
        assert bench.state()["tool"] not in excluded, letter
    assert bench.page.locator("#a .px-dialog").count() == 0  # true size would have asked


@pytest.mark.clause("S-8")
def test_the_centre_reaches_all_and_what_is_taken_away_is_put_down(bench: Bench) -> None:
    bench.mount(tools=["*"])
    bench.show(stack(5))
    bench.page.locator("#a .px-viewer").focus()
    keys = bench.run("bench.keys")
    for name, (_, commands) in TABLE.items():
        for command in commands:
            if command.startswith("tool-") and name != "curve":
                bench.page.keyboard.press("s")
                bench.page.keyboard.press(re.sub(r"Shift\+(\w)$", lambda m: f"Shift+{m[1].upper()}", keys[command][0]))
                assert bench.state()["tool"] == command.removeprefix("tool-"), command
    bench.page.keyboard.press(".")
    assert bench.state()["gamma"] > 1
    bench.call("setFilter", {"name": "smooth", "strength": 5})
    assert bench.state()["filter"] == {"name": "smooth", "strength": 5}
    bench.call("setTool", "cobb")
    bench.call("setTools", THEIRS)
    assert bench.state()["tool"] == "window"
    bench.call("setTools", [])
    assert bench.state()["tool"] == "scroll"
    assert bench.state()["presets"] == []
