"""The report as PDF: Chinese text that can be read back, drafts marked, hostile text harmless."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import unicodedata

import pytest
from pypdf import PdfReader

from ris.problems import Problem
from ris.reports.paper import html_of
from ris.reports.press import Press
from tests.ris.conftest import House
from tests.ris.test_reports import TEXT, act, written


def words(pdf: bytes) -> str:
    """The text of a PDF by pdftotext where it is, else by pypdf; without spaces, one form of each character."""
    try:
        text = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True, timeout=30).stdout.decode()
    except FileNotFoundError:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return one_form(text)


def one_form(text: str) -> str:
    """Without spaces, one form of each character (the comma of a Chinese text, too)."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def press() -> Press:
    """A press of these tests."""
    made = Press()
    yield made
    made.close()


@pytest.mark.clause("R-0")
def test_preview_then_signed_pdf(house: House) -> None:
    doctor, report = written(house)
    first = doctor.ask("GET", f"/reports/{report['id']}/pdf")
    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == "application/pdf"
    assert "no-store" in first.headers["cache-control"]
    draft = words(first.content)
    assert "预览/草稿notsigned" in draft
    assert "未经审核签发" in draft
    for part in (
        "甲县医院",
        "王小明",
        "男",
        "3岁3月",
        "2023-08-01",
        "2026-11-2008:30",
        TEXT["findings"],
        "胸部CT未见异常。",
        "Cradiologist",
        "第1页/共1页",
    ):
        assert one_form(part) in draft, part
    report = act(house.as_("reviewer.c"), report, "sign").json()
    signed = house.as_("clinician.ha").ask("GET", f"/reports/{report['id']}/pdf")
    text = words(signed.content)
    assert "草稿" not in text
    assert "Creviewer" in text
    assert doctor.get(f"/reports/{report['id']}")["state"] == "delivered"
    size = PdfReader(io.BytesIO(signed.content)).pages[0].mediabox
    assert (round(size.width), round(size.height)) == (595, 842)  # A4


def facts(**changes: object) -> dict:
    row = {
        "institution": {"name": "甲县医院"},
        "patient": {"name": "王小明", "patient_id": "1", "sex": "M", "birth_date": "2026-11-01", "age": {"value": 5, "unit": "D", "months": 0, "days": 5}},
        "accession": "A1", "modality": "CT", "body_part": None, "description": None, "images": 3,
    }  # fmt: skip
    base = {"rows": [row], "report_id": 1, "version": 2, "findings": "f", "impression": "i", "author": "a", "reviewer": None}
    return {**base, "performed_at": None, "signed_at": None, "draft": True, **changes}


@pytest.mark.clause("R-0", "S-9")
def test_hostile_text_stays_text(press: Press, tmp_path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP-SECRET-CONTENT")
    hostile = f'</div><img src="file://{secret}"><link rel=attachment href="file://{secret}"><style>@import "http://evil.example/x"</style>{{{{ 7*7 }}}}<script>'
    html = html_of(facts(findings=hostile, impression="<b>粗</b>", author='"><object data="file:///etc/passwd">'))
    assert "<img" not in html
    assert "<object" not in html
    pdf = press.print(html)
    text = words(pdf)
    assert "<imgsrc=" in text
    assert "{{7*7}}" in text
    assert b"TOP-SECRET" not in pdf
    assert "TOP-SECRET" not in text
    assert len(PdfReader(io.BytesIO(pdf)).attachments) == 0
    # even if something slipped through the escaping, nothing is fetched
    for leak in (
        f'<img src="file://{secret}">',
        f'<link rel=attachment href="file://{secret}">',
        '<style>@import "http://127.0.0.1:9/x"</style>',
    ):
        with contextlib.suppress(Problem):
            assert b"TOP-SECRET" not in press.print(f"<p>x</p>{leak}")
    assert press.print("<p>the press still works</p>").startswith(b"%PDF")


@pytest.mark.clause("R-0")
def test_long_reports_have_numbered_pages(press: Press) -> None:
    pdf = press.print(html_of(facts(findings="右肺中叶见斑片状影，镕喆堃䶮㛃。" * 300)))
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) >= 3
    text = words(pdf)
    assert f"第1页/共{len(pages)}页" in text
    assert one_form("镕喆堃䶮㛃") in text
    assert "5天" in text


@pytest.mark.clause("R-0")
def test_a_press_that_died_is_started_again(press: Press) -> None:
    press.print("<p>a</p>")
    assert press._process is not None
    press._process.kill()
    press._process.wait(5)
    assert press.print("<p>b</p>").startswith(b"%PDF")


@pytest.mark.clause("R-0")
def test_without_pango_the_problem_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bare = Press()
    try:
        with pytest.raises(Problem) as raised:
            bare.print("<p>x</p>")
    finally:
        bare.close()
    assert (raised.value.code, raised.value.status) == ("pdf.pango", 503)
    from ris.problem_words import WORDS

    assert "apt-get install -y libpango-1.0-0" in WORDS["pdf.pango"][2]
