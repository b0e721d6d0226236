"""The desk object in the kernel as a plain object: template placeholders, comparison with the prior exam, untrusted messages."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import nbformat
import pytest

from apps.reading.case import UnreadableCaseError, read_case
from apps.reading.desk import ReadingDesk
from ris.patients.rules import age_at
from tests.reading.desk_stack import ROOT

ROW: dict[str, Any] = {
    "exam_id": 7,
    "accession": "A001",
    "modality": "CT",
    "description": "头颅平扫",
    "body_part": "HEAD",
    "arrived_at": "2026-11-23T04:05:00.000Z",
    "institution": {"code": "H01", "name": "长安区妇幼保健院", "name_en": "Chang'an Maternity Hospital"},
    "patient": {"name": "王小明", "sex": "M", "birth_date": "2023-09-12", "age": {"value": 3, "unit": "Y", "months": 2, "days": 1168}},
}
PRIORS = [
    {"modality": "CT", "description": "头颅平扫", "performed_at": "2026-10-02T03:00:00.000Z"},
    {"modality": "DX", "description": "胸部正位", "performed_at": "2025-01-05T03:00:00.000Z"},
]


def ask(content: dict[str, Any], lang: str = "zh") -> list[dict[str, Any]]:
    """What the desk answers to a message of the page."""
    desk = ReadingDesk(lang=lang)
    said: list[dict[str, Any]] = []
    desk.send = lambda answer, _buffers=None: said.append(answer)
    desk._receive(desk, content, [])
    return said


def expanded(text: str, row: dict[str, Any] = ROW, priors: list[dict[str, Any]] = PRIORS, lang: str = "zh") -> dict[str, Any]:
    (answer,) = ask({"type": "expand", "id": 3, "template": {"findings": text, "impression": ""}, "row": row, "priors": priors}, lang)
    assert answer["type"] == "expanded"
    assert answer["id"] == 3
    return answer


@pytest.mark.clause("R-3")
def test_placeholders_are_filled_in_both_languages() -> None:
    text = "{{性别}}, {{年龄}}, {{部位}}; 与 {{上次日期}} {{上次检查}} 对比 ({{ 间隔天数 }} 天), {{检查日期}}"
    assert expanded(text)["findings"] == "男, 3岁2月, 头颅; 与 2026-10-02 CT 头颅平扫 对比 (52 天), 2026-11-23"
    english = expanded("{{sex}}, {{Age}}, {{body_part}}, {{institution}}", lang="en")
    assert english["findings"] == "male, 3 y 2 mo, head, Chang'an Maternity Hospital"
    assert english["unknown"] == []


@pytest.mark.clause("R-3")
def test_what_is_not_known_becomes_a_blank_to_fill_in_and_is_named() -> None:
    answer = expanded("与 {{上次日期}} 比较, {{体重}} kg, {{部位}}", priors=[])
    assert answer["findings"] == "与 ____ 比较, {{体重}} kg, 头颅"
    assert answer["unknown"] == ["上次日期", "体重"]


@pytest.mark.clause("R-3")
def test_words_of_a_patient_are_never_taken_for_placeholders() -> None:
    row = {**ROW, "patient": {**ROW["patient"], "name": "{{检查号}}"}}
    assert expanded("{{姓名}}", row)["findings"] == "{{检查号}}"


@pytest.mark.clause("R-3")
def test_ages_are_said_as_everywhere() -> None:
    for case in json.loads((ROOT / "tests" / "ages.json").read_text(encoding="utf-8")):
        age = age_at(date.fromisoformat(case["birth"]), date.fromisoformat(case["day"]))
        row = {**ROW, "patient": {**ROW["patient"], "age": age}}
        assert expanded("{{年龄}}", row)["findings"] == case["zh"]
        assert read_case(row, []).age_words("en") == case["en"]


@pytest.mark.clause("R-4")
def test_the_latest_prior_before_the_exam_is_the_one_to_compare_with() -> None:
    later = {"modality": "MR", "description": "头颅", "performed_at": "2027-01-01T00:00:00Z"}
    (answer,) = ask({"type": "context", "id": 9, "row": ROW, "priors": [later, *PRIORS]})
    assert answer["comparison"] == "可与 2026-10-02 CT 头颅平扫 对比，相隔 52 天"
    assert answer["heading"] == "男, 3岁2月, CT 头颅平扫"
    (without,) = ask({"type": "context", "id": 9, "row": ROW, "priors": []})
    assert without["comparison"] == ""


@pytest.mark.clause("H-2")
def test_messages_are_untrusted() -> None:
    assert ask({"type": "ping"}) == [{"type": "pong"}]
    assert ask({"type": "unheard of"}) == []
    for broken in ({}, {"row": 5}, {"row": {"patient": []}}):
        (answer,) = ask({"type": "expand", "id": 1, "template": {}, **broken})
        assert answer["type"] == "problem"
        assert "请重新打开检查" in answer["problem"]
        assert answer["id"] == 1
    (answer,) = ask({"type": "expand", "id": 1, "row": ROW})
    assert "模板" in answer["problem"]
    with pytest.raises(UnreadableCaseError):
        read_case(None, None)
    odd = {"patient": {"age": {"value": "x", "unit": "Y", "months": 1}, "sex": 7, "birth_date": "soon", "name": None}, "institution": 3}
    assert read_case(odd, "no list").age_words("zh") == ""


@pytest.mark.clause("H-2")
def test_the_notebook_is_one_cell_that_shows_the_desk() -> None:
    notebook = nbformat.read(ROOT / "apps/reading/desk.ipynb", as_version=4)
    (cell,) = notebook.cells
    assert cell.outputs == []
    scope: dict[str, Any] = {}
    exec(compile(cell.source.removesuffix("ReadingDesk()") + "desk = ReadingDesk()", "desk.ipynb", "exec"), scope)  # noqa: S102
    assert isinstance(scope["desk"], ReadingDesk)
